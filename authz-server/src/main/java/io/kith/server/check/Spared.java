package io.kith.server.check;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.process.Attribution.Attributed;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What the requests of a connection may be without a Check of their own: where Envoy routes them,
 * and the hosts that they name. Those are hosts for which a request's Check would say the very same
 * destination, so that its answer is known already.
 *
 * <p>Nothing is spared unless the recipe asks for it, and only under enforce, where nothing is
 * learned from requests; never by a permission that ends, since a spared request would not notice;
 * not towards a workload that asks for proof of where requests are from; and not in front of a
 * floor, which would refuse them.
 *
 * @param cluster the only one that they may be routed to
 * @param hosts as a client writes them, with the port unless it is that of HTTP
 * @param destination of these requests: by the name of the service too, which the connection's
 *     Check may not say; null where nothing is spared
 */
record Spared(String cluster, List<String> hosts, @Nullable Resolved destination) {
  /** As many as a recipe looks at. */
  static final int MOST_HOSTS = 5;

  /** What the recipe of a sidecar sends in place of a cluster. */
  static final String OF_ISTIO = "istio";

  /** The filter behind this one lets pass what a Check allowed, and of the rest a short list. */
  private static final String FLOOR = "floor";

  private static final int LONGEST_CLUSTER = 512;
  private static final int HTTP_PORT = 80;
  static final Spared NOTHING = new Spared("", List.of(), null);

  private static final AnswerWriter.Name CLUSTER = AnswerWriter.Name.of("spare_cluster");
  private static final List<AnswerWriter.Name> HOSTS =
      IntStream.rangeClosed(1, MOST_HOSTS)
          .mapToObj(number -> AnswerWriter.Name.of("spare_host_" + number))
          .toList();

  Spared {
    hosts = List.copyOf(hosts);
  }

  /** What the answer to a Check may spare; often nothing. */
  static Spared by(CheckCall check, Outcome outcome, WorkloadDirectory directory, Policy policy) {
    var flow = outcome.flow();
    var snapshot = outcome.snapshot();
    if (check.metadata.spare().isEmpty() // first: it nearly always is
        || check.metadata.spare().length() > LONGEST_CLUSTER
        || check.metadata.failure().equals(FLOOR)
        || !(check.facts instanceof CheckFacts.Connection connection)
        || flow == null
        || snapshot == null
        || outcome.failure() != null
        || !isLasting(outcome.decision(), flow)) {
      return NOTHING;
    }
    var cluster = cluster(check.metadata.spare(), connection, directory);
    return cluster == null || asksForProof(connection, cluster, directory, policy)
        ? NOTHING
        : of(
            connection,
            cluster,
            flow,
            directory,
            request ->
                isLasting(
                    Decider.decide(
                        snapshot,
                        new Flow(flow.spiffeId(), flow.attribution(), request),
                        check.read),
                    flow));
  }

  /**
   * Where the proxy may route the requests. A sidecar knows that only at each request, so it says
   * which mesh it is of, and the name is that which Istio gives the service called as the owner of
   * the address. If it has another, nothing is spared.
   */
  static @Nullable String cluster(
      String asked, CheckFacts.Connection connection, WorkloadDirectory directory) {
    if (!asked.equals(OF_ISTIO)) {
      return asked;
    }
    var there = directory.at(connection.destination().address());
    return there == null
        ? null
        : "outbound|%d||%s"
            .formatted(connection.destination().port(), names(there.owner()).getLast());
  }

  /** As Kubernetes names the service that is called as its owner, the whole name last. */
  private static List<String> names(Owner owner) {
    var service = owner.name() + "." + owner.namespace();
    return List.of(owner.name(), service, service + ".svc", service + ".svc.cluster.local");
  }

  /**
   * An edge allows it under enforce, now and in the next revision, and without an end. Of several
   * processes that it may be, the answer has the edge of one only.
   */
  private static boolean isLasting(Decision decision, Flow flow) {
    return flow.attribution() instanceof Attributed(var candidates, _, _)
        && candidates.size() == 1
        && decision.mode() == Mode.ENFORCE
        && decision.applied() instanceof Verdict.Allow(var edge)
        && edge != null
        && edge.provenance().until() == null
        && !(decision.shadow() instanceof Verdict.Deny);
  }

  /** What proves where a request is from, only its own Check gives. */
  private static boolean asksForProof(
      CheckFacts.Connection connection,
      String cluster,
      WorkloadDirectory directory,
      Policy policy) {
    var service = DestinationFacts.serviceOf(cluster);
    return asksForProof(directory.at(connection.destination().address()), policy)
        || (service != null && asksForProof(directory.named(service), policy));
  }

  private static boolean asksForProof(@Nullable Workload callee, Policy policy) {
    return callee != null && policy.inbound(callee) == Inbound.REQUIRE;
  }

  /**
   * The same, of an answer that lasts.
   *
   * @param passes whether a request's Check would say so too, where that has one more name of the
   *     destination
   */
  static Spared of(
      CheckFacts.Connection connection,
      String cluster,
      Flow flow,
      WorkloadDirectory directory,
      Predicate<Resolved> passes) {
    if (connection.layer() != CheckFacts.Layer.L4 || connection.sni() != null) {
      return NOTHING;
    }
    var hosts = new ArrayList<String>();
    Resolved destination = null;
    for (var name : names(connection, directory)) {
      var facts =
          new DestinationFacts(
              connection.destination().address(),
              connection.destination().port(),
              connection.protocol(),
              cluster,
              null,
              name,
              Set.of());
      var request = facts.resolve(directory);
      if (destination == null ? request.includes(flow.resolved()) : request.equals(destination)) {
        destination = request;
        var port = connection.destination().port();
        hosts.add(port == HTTP_PORT ? name : name + ":" + port);
      }
    }
    return destination != null && (destination.equals(flow.resolved()) || passes.test(destination))
        ? new Spared(cluster, hosts, destination)
        : NOTHING;
  }

  /** The address, unless it is of IPv6 and has many spellings, and the names of who has it. */
  private static List<String> names(CheckFacts.Connection connection, WorkloadDirectory directory) {
    var address = connection.destination().address();
    var text = address.toString();
    var names = new ArrayList<String>();
    if (!text.contains(":")) {
      names.add(text);
    }
    var there = directory.at(address);
    if (there != null) {
      for (var name : names(there.owner())) {
        var named = directory.named(name);
        if (named != null && named.owner().equals(there.owner())) {
          names.add(name);
        }
      }
    }
    return names;
  }

  /** Adds it to an answer's metadata. */
  void write(AnswerWriter answer) {
    if (hosts.isEmpty()) {
      return;
    }
    answer.field(CLUSTER, cluster);
    for (var i = 0; i < hosts.size(); i++) {
      answer.field(HOSTS.get(i), hosts.get(i));
    }
  }
}
