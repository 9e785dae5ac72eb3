package io.kith.load.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AckRequest;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.ApproveRequest;
import io.kith.admin.v1.AuditRecord;
import io.kith.admin.v1.DenyRequest;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListRulesRequest;
import io.kith.admin.v1.QuarantineRequest;
import io.kith.admin.v1.RejectRequest;
import io.kith.admin.v1.RemoveRuleRequest;
import io.kith.admin.v1.RollbackRequest;
import io.kith.admin.v1.Rule;
import io.kith.admin.v1.SetModeRequest;
import io.kith.load.mesh.Mesh;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A person who changes one workload by every verb there is, one change after the other, and
 * remembers what was acknowledged: what the workload may do follows from that alone.
 */
final class Operator {
  /*
   * A change that was sent and not answered may have happened or not. The log of changes tells, by
   * the note; whichever it was, from then on it is as if it had been answered.
   */

  private final Member member;
  private final List<Destination> destinations;
  private final Destination outside;
  private final Random random;

  /** Notes of the changes that were acknowledged, in order. */
  private final List<String> acknowledged = new ArrayList<>();

  /** Notes of all that was ever sent. */
  private final Set<String> sent = new HashSet<>();

  // what should be so
  private final Deque<Set<Flow>> enforced = new ArrayDeque<>();
  private final Map<String, Ruled> rules = new LinkedHashMap<>();
  private final Set<Flow> seen = new LinkedHashSet<>();
  private @Nullable Set<Flow> waiting;
  private boolean enforcing;

  private int changes;
  private int strangers;
  private @Nullable Change inDoubt;

  /** A program and where it goes. */
  record Flow(String program, Destination to) {}

  /** A rule by hand. */
  private record Ruled(String action, Flow flow) {}

  /** A change on its way. */
  private record Change(String note, Runnable effect) {}

  Operator(Fleet fleet, Member member, long seed) {
    this.member = member;
    this.destinations = fleet.destinations();
    this.outside = fleet.outside();
    this.random = new Random(seed);
  }

  Member member() {
    return member;
  }

  int acknowledgements() {
    return acknowledged.size();
  }

  boolean isInDoubt() {
    return inDoubt != null;
  }

  /** Teaches the workload its own flows and enforces them. */
  void begin(ServerProcess server, PodsAt pods) {
    var own = new LinkedHashSet<Flow>();
    for (var i = 0; i < 4; i++) {
      own.add(new Flow(i % 2 == 0 ? "/app/shop" : "/app/till", destinations.get(i / 2)));
    }
    for (var flow : own) {
      learned(server, pods, flow);
    }
    change(
        "test run",
        note ->
            server
                .admin()
                .finishTestRun(
                    FinishTestRunRequest.newBuilder()
                        .setOwner(member.owner())
                        .setNote(note)
                        .build()),
        _ -> waiting = own);
    mode(server, "enforce");
    seen.addAll(own);
  }

  private void change(String what, Consumer<String> call, Consumer<String> effect) {
    var note = member.owner() + " #" + ++changes + " " + what;
    sent.add(note);
    inDoubt = new Change(note, () -> effect.accept(note));
    call.accept(note);
    settle(true);
  }

  /** The change in doubt is known to have happened, or not. */
  private void settle(boolean happened) {
    var change = Objects.requireNonNull(inDoubt);
    inDoubt = null;
    if (happened) {
      acknowledged.add(change.note());
      change.effect().run();
    }
  }

  /** Changes something; false when the server is gone. */
  boolean changeSomething(ServerProcess server, PodsAt pods) {
    try {
      changeAtRandom(server, pods);
      return true;
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.UNAVAILABLE
          || e.getStatus().getCode() == Status.Code.CANCELLED) {
        return false;
      }
      if (e.getStatus().getCode() == Status.Code.NOT_FOUND
          && String.valueOf(e.getStatus().getDescription()).contains("is not among the latest")) {
        settle(false); // so many pods connected meanwhile that the decision is forgotten
        return true;
      }
      throw new AssertionError("refused, although it may be done: " + inDoubt + " with " + this, e);
    }
  }

  private void changeAtRandom(ServerProcess server, PodsAt pods) {
    switch (random.nextInt(10)) {
      case 0, 1 -> allow(server, pods, stranger(random.nextInt(4) == 0 ? outside : anywhere()));
      case 2 -> deny(server, pods);
      case 3 -> quarantine(server, pods);
      case 4, 5 -> remove(server);
      case 6, 7 -> approve(server, pods);
      case 8 -> otherMode(server);
      default -> back(server, pods);
    }
  }

  private Destination anywhere() {
    return destinations.get(random.nextInt(destinations.size()));
  }

  /** A flow that nobody has seen before. */
  private Flow stranger(Destination to) {
    var flow = new Flow("/app/" + word(++strangers), to);
    seen.add(flow);
    return flow;
  }

  /** Another word for each number: a process class leaves digits out, which might be a version. */
  static String word(int number) {
    return Integer.toString(number, 20)
        .chars()
        .mapToObj(digit -> String.valueOf((char) ('g' + Character.digit(digit, 20))))
        .collect(Collectors.joining());
  }

  private PodsAt.Verdict check(PodsAt pods, Flow flow) {
    return pods.check(member, flow.program(), flow.to());
  }

  private void allow(ServerProcess server, PodsAt pods, Flow flow) {
    var decision = check(pods, flow).decisionId();
    change(
        "allow",
        note ->
            server
                .admin()
                .allow(
                    AllowRequest.newBuilder()
                        .setOwner(member.owner())
                        .setDecisionId(decision)
                        .setNote(note)
                        .build()),
        note -> rules.put(note, new Ruled("allow", flow)));
  }

  /*
   * Not one of the baseline: a server proposes by itself what is left of a baseline of which somebody
   * took an edge away, and then two people would change the workload.
   */
  /** A flow that is allowed by hand and by hand only, or null. */
  private @Nullable Flow unruled() {
    var flows =
        rules.values().stream()
            .map(Ruled::flow)
            .filter(
                flow ->
                    rules.values().stream()
                        .allMatch(one -> one.action().equals("allow") || !one.flow().equals(flow)))
            .toList();
    return flows.isEmpty() ? null : flows.get(random.nextInt(flows.size()));
  }

  private void deny(ServerProcess server, PodsAt pods) {
    var flow = unruled();
    if (flow != null) {
      var decision = check(pods, flow).decisionId();
      change(
          "deny",
          note ->
              server
                  .admin()
                  .deny(
                      DenyRequest.newBuilder()
                          .setOwner(member.owner())
                          .setDecisionId(decision)
                          .setNote(note)
                          .build()),
          note -> rules.put(note, new Ruled("deny", flow)));
    }
  }

  private void quarantine(ServerProcess server, PodsAt pods) {
    var flow = unruled();
    if (flow != null) {
      var edge = learned(server, pods, flow);
      change(
          "quarantine",
          note ->
              server
                  .admin()
                  .quarantine(
                      QuarantineRequest.newBuilder()
                          .setOwner(member.owner())
                          .setEdgeId(edge.getId())
                          .setNote(note)
                          .build()),
          note -> rules.put(note, new Ruled("quarantine", flow)));
    }
  }

  /** Connects as an application does, until it is seen among the edges. */
  private Edge learned(ServerProcess server, PodsAt pods, Flow flow) {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    for (var attempts = 1; ; attempts++) {
      var verdict = check(pods, flow);
      assertThat(verdict.allowed())
          .as("%s of %s: %s, by %s", flow, member.owner(), verdict, this)
          .isEqualTo(mayPass(flow));
      var edges = edges(server);
      for (var edge : edges) {
        if (edge.getProcess().equals(flow.program())
            && edge.getDestination().contains(flow.to().words())) {
          return edge;
        }
      }
      if (System.nanoTime() > end) {
        throw new AssertionError(
            "%s was not learned by %d connections within %d s, the last: %s; learned: %s"
                .formatted(flow, attempts, Mesh.PATIENCE.toSeconds(), verdict, edges));
      }
    }
  }

  private List<Edge> edges(ServerProcess server) {
    return server
        .admin()
        .listEdges(ListEdgesRequest.newBuilder().setOwner(member.owner()).build())
        .getEdgesList();
  }

  private List<Rule> rules(ServerProcess server) {
    return server
        .admin()
        .listRules(ListRulesRequest.newBuilder().setOwner(member.owner()).build())
        .getRulesList();
  }

  private void remove(ServerProcess server) {
    if (rules.isEmpty()) {
      return;
    }
    var about = List.copyOf(rules.keySet()).get(random.nextInt(rules.size()));
    var id =
        rules(server).stream()
            .filter(rule -> rule.getNote().endsWith(about))
            .map(Rule::getId)
            .findFirst()
            .orElseThrow(() -> new AssertionError("'" + about + "' is not among the rules"));
    change(
        "remove",
        note ->
            server
                .admin()
                .removeRule(
                    RemoveRuleRequest.newBuilder()
                        .setOwner(member.owner())
                        .setId(id)
                        .setNote(note)
                        .build()),
        _ -> rules.remove(about));
  }

  private void approve(ServerProcess server, PodsAt pods) {
    if (waiting != null) {
      mode(server, "enforce");
      return;
    }
    var flow = stranger(anywhere());
    var edge = learned(server, pods, flow);
    var next = new LinkedHashSet<>(enforced.getLast());
    next.add(flow);
    change(
        "approve",
        note ->
            server
                .admin()
                .approve(
                    ApproveRequest.newBuilder()
                        .setOwner(member.owner())
                        .addEdgeIds(edge.getId())
                        .setNote(note)
                        .build()),
        _ -> waiting = next);
  }

  private void otherMode(ServerProcess server) {
    mode(server, enforcing ? random.nextBoolean() ? "observe" : "shadow" : "enforce");
  }

  private void mode(ServerProcess server, String mode) {
    change(
        "mode " + mode,
        note ->
            server
                .admin()
                .setMode(
                    SetModeRequest.newBuilder()
                        .setScope(member.owner())
                        .setMode(mode)
                        .setNote(note)
                        .build()),
        _ -> {
          enforcing = mode.equals("enforce");
          if (enforcing && waiting != null) {
            enforced.addLast(waiting);
            waiting = null;
          }
        });
  }

  /** Takes back the newest revision, or says that something was seen. */
  private void back(ServerProcess server, PodsAt pods) {
    if (waiting != null) {
      change(
          "reject",
          note ->
              server
                  .admin()
                  .reject(
                      RejectRequest.newBuilder().setOwner(member.owner()).setNote(note).build()),
          _ -> waiting = null);
    } else if (enforced.size() > 1) {
      change(
          "rollback",
          note ->
              server
                  .admin()
                  .rollback(
                      RollbackRequest.newBuilder().setOwner(member.owner()).setNote(note).build()),
          _ -> {
            enforced.removeLast();
            // how far one may go back again is bounded, so this model goes back once only
            var now = enforced.getLast();
            enforced.clear();
            enforced.addLast(now);
          });
    } else {
      var decision = check(pods, stranger(anywhere())).decisionId();
      change(
          "ack",
          note ->
              server
                  .admin()
                  .ack(
                      AckRequest.newBuilder()
                          .setOwner(member.owner())
                          .setId(decision)
                          .setNote(note)
                          .build()),
          _ -> {});
    }
  }

  /** Whether a flow may pass by what was acknowledged. */
  private boolean mayPass(Flow flow) {
    if (!enforcing) {
      return true;
    }
    var about = rules.values().stream().filter(rule -> rule.flow().equals(flow)).toList();
    if (about.stream().anyMatch(rule -> !rule.action().equals("allow"))) {
      return false;
    }
    return !about.isEmpty() || enforced.getLast().contains(flow);
  }

  /**
   * After a restart: what was acknowledged is there and nothing that was never sent, and Checks are
   * answered by it.
   *
   * @param log the whole log of changes, oldest first
   */
  void verify(ServerProcess server, PodsAt pods, List<AuditRecord> log) {
    var notes =
        log.stream()
            .filter(record -> record.getSubject().equals(member.owner()))
            .map(AuditRecord::getNote)
            .toList();
    if (inDoubt != null) {
      settle(notes.contains(inDoubt.note()));
    }
    assertThat(notes).as("the log of " + member.owner()).isEqualTo(acknowledged);
    assertThat(sent).containsAll(notes);
    assertThat(rules(server))
        .map(rule -> rule.getAction() + " " + rule.getNote().replace("quarantined: ", ""))
        .containsExactlyInAnyOrderElementsOf(
            rules.entrySet().stream()
                .map(rule -> rule.getValue().action() + " " + rule.getKey())
                .toList());
    verifyVerdicts(pods);
  }

  /** Checks of what is known and of some that is not. */
  void verifyVerdicts(PodsAt pods) {
    var flows = new LinkedHashSet<Flow>();
    if (!enforced.isEmpty()) {
      flows.addAll(enforced.getLast());
    }
    if (waiting != null) {
      flows.addAll(waiting);
    }
    rules.values().forEach(rule -> flows.add(rule.flow()));
    seen.stream().skip(Math.max(0, seen.size() - 5)).forEach(flows::add);
    flows.add(new Flow("/app/shop", destinations.getLast()));
    for (var flow : flows) {
      var verdict = check(pods, flow);
      assertThat(verdict.allowed())
          .as("%s of %s: %s, by %s", flow, member.owner(), verdict, this)
          .isEqualTo(mayPass(flow));
    }
  }

  @Override
  public String toString() {
    return "enforcing=%s enforced=%s waiting=%s rules=%s"
        .formatted(enforcing, enforced.isEmpty() ? null : enforced.getLast(), waiting, rules);
  }
}
