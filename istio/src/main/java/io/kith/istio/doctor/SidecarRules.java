package io.kith.istio.doctor;

import static io.kith.istio.MeshNames.SERVER;
import static io.kith.istio.doctor.Commands.some;

import io.kith.istio.MeshNames;
import io.kith.istio.doctor.SidecarConfig.Chain;
import io.kith.istio.doctor.SidecarConfig.Filter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What is wrong in the configuration of a sidecar, and what its counters tell.
 *
 * @param istiod its version, or null where that is not known
 */
record SidecarRules(
    MeshObjects objects, KithStatus status, @Nullable Version istiod, Findings findings) {
  private static final String ROUTER = "envoy.filters.http.router";
  private static final String TLS_INSPECTOR = "envoy.filters.listener.tls_inspector";
  private static final int OLDEST_MINOR = 40;

  /** Fields with which a check is not always made. */
  private static final List<String> CONDITIONS =
      List.of("filter_enabled", "filter_enabled_metadata");

  void judge(MeshPod pod, SidecarConfig sidecar, Map<String, Long> counters) {
    chains(pod, sidecar);
    gate(pod, sidecar);
    requests(pod, sidecar);
    weakened(pod, sidecar);
    failureMode(pod, sidecar);
    server(pod, sidecar, counters);
    admin(pod, sidecar);
    rejected(pod, sidecar, counters);
    serverNames(pod, sidecar);
    envoy(pod, sidecar);
  }

  // ---- chains

  private void chains(MeshPod pod, SidecarConfig sidecar) {
    var all =
        sidecar.listeners().stream()
            .filter(listener -> listener.isOutbound() && !listener.isInternal())
            .flatMap(listener -> listener.chains().stream())
            .toList();
    report(Rule.UNGUARDED_CHAIN, pod, "outbound chain", all, chain -> !asksAbout(chain));
  }

  private static boolean asksAbout(Chain chain) {
    return chain.filters().stream()
        .anyMatch(
            filter ->
                (filter.checksConnections() && filter.asks().equals(SERVER))
                    || filter.leadsToGate());
  }

  /** The recipe finds the chains of the gate by Istio's names for them, which may change. */
  private void gate(MeshPod pod, SidecarConfig sidecar) {
    if (!sidecar.listensAtGate() && !Commands.isStrict(objects)) {
      return;
    }
    var past =
        sidecar
            .outbound()
            .filter(chain -> chain.filters().stream().anyMatch(Filter::passesThrough))
            .map(Chain::name)
            .toList();
    var why =
        !sidecar.listensAtGate()
            ? "the recipe is strict, and the sidecar has no gate"
            : !past.isEmpty()
                ? "past the gate: " + some(past)
                : sidecar.hasGate() ? "" : "no outbound chain leads to the gate";
    if (!why.isEmpty()) {
      findings.add(
          Rule.NOT_GATED,
          pod,
          why,
          Commands.recipe(objects)
              + "   # if it stays so, this Istio has other names for its chains: update Kith; until"
              + " then strict is as baseline");
    }
  }

  private void requests(MeshPod pod, SidecarConfig sidecar) {
    var all = sidecar.outbound().filter(chain -> chain.managers().findAny().isPresent()).toList();
    report(
        Rule.UNGUARDED_REQUESTS,
        pod,
        "outbound HTTP manager",
        all,
        chain -> !chain.managers().allMatch(SidecarRules::asksBeforeItRoutes));
  }

  private static boolean asksBeforeItRoutes(Filter manager) {
    for (var filter : manager.httpFilters()) {
      if (filter.checksRequests() && filter.asks().equals(SERVER)) {
        return true;
      }
      if (filter.name().equals(ROUTER)) {
        return false;
      }
    }
    return false;
  }

  private void report(
      Rule rule, MeshPod pod, String what, List<Chain> all, Predicate<Chain> isBad) {
    var bad = all.stream().filter(isBad).map(Chain::name).toList();
    if (!bad.isEmpty()) {
      findings.add(
          rule,
          pod,
          bad.size() == all.size()
              ? "all " + all.size() + " " + what + "s"
              : bad.size() + " of " + all.size() + " " + what + "s: " + some(bad),
          Commands.recipe(objects));
    }
  }

  private void weakened(MeshPod pod, SidecarConfig sidecar) {
    var wrong = new TreeSet<String>();
    for (var name : MeshNames.FILTERS) {
      sidecar
          .named(name)
          .filter(filter -> filter.checksConnections() || filter.checksRequests())
          .forEach(filter -> wrong.addAll(weaknesses(filter, sidecar)));
    }
    sidecar
        .switchedByRoutes()
        .forEach(name -> wrong.add(name + " is altered by a route (typed_per_filter_config)"));
    if (!wrong.isEmpty()) {
      findings.add(
          Rule.WEAKENED_CHECK,
          pod,
          some(List.copyOf(wrong)),
          "kubectl get envoyfilters -A -o yaml   # find what alters it, and delete that\n"
              + Commands.recipe(objects));
    }
  }

  private static List<String> weaknesses(Filter filter, SidecarConfig sidecar) {
    var wrong = new ArrayList<String>();
    if (!filter.asks().equals(SERVER)) {
      wrong.add(filter.name() + " asks '" + filter.asks() + "'");
    }
    if (MeshNames.DECIDING.contains(filter.name()) && filter.config().at("shadow_mode").isTrue()) {
      wrong.add(filter.name() + " has shadow_mode");
    }
    if (filter.isDisabled()) {
      wrong.add(filter.name() + " is disabled");
    }
    if (filter.matcher().present() && sidecar.named(MeshNames.SPARED).findAny().isEmpty()) {
      wrong.add(filter.name() + " has a matcher, and the recipe no short cut");
    }
    for (var condition : CONDITIONS) {
      if (filter.config().at(condition).present()) {
        wrong.add(filter.name() + " has " + condition);
      }
    }
    return wrong;
  }

  // ---- the mode, and what becomes of it without Kith

  private void failureMode(MeshPod pod, SidecarConfig sidecar) {
    var mode = status.mode(pod, objects);
    if (mode.isEmpty()) {
      return;
    }
    var open = new TreeSet<String>();
    var closed = new TreeSet<String>();
    for (var name : List.of(MeshNames.CONNECTION, MeshNames.REQUEST)) {
      sidecar
          .named(name)
          .filter(filter -> filter.checksConnections() || filter.checksRequests())
          .forEach(
              filter ->
                  (filter.config().at("failure_mode_allow").isTrue() ? open : closed).add(name));
    }
    sidecar
        .named(MeshNames.LEADS_TO_GATE)
        .map(filter -> filter.config().at("cluster").text())
        .forEach(gate -> (gate.equals(MeshNames.OPEN_GATE) ? open : closed).add(gate));
    var floor = sidecar.named(MeshNames.FLOOR).findAny().isPresent();
    if (mode.equals("enforce") && !open.isEmpty() && !floor) {
      findings.add(
          Rule.OPEN_UNDER_ENFORCE,
          pod,
          "mode enforce, and failure_mode_allow in " + String.join(", ", open),
          Commands.overlay(pod, sidecar, "closed", objects));
    }
    if (!mode.equals("enforce") && !closed.isEmpty()) {
      findings.add(
          Rule.CLOSED_UNDER_OBSERVE,
          pod,
          "mode " + mode + ", and no failure_mode_allow in " + String.join(", ", closed),
          Commands.overlay(pod, sidecar, "open", objects));
    }
  }

  // ---- the server

  private void server(MeshPod pod, SidecarConfig sidecar, Map<String, Long> counters) {
    var asked = new TreeSet<String>();
    MeshNames.FILTERS.forEach(name -> sidecar.named(name).map(Filter::asks).forEach(asked::add));
    asked.remove("");
    for (var name : asked) {
      var cluster = sidecar.clusters().get(name);
      if (cluster == null) {
        missing(pod, name);
      } else {
        unhealthy(pod, name, sidecar.endpoints().get(name), counters);
        pinned(pod, cluster);
      }
    }
  }

  private void missing(MeshPod pod, String cluster) {
    var hiding = hiding(pod, cluster).stream().map(MeshObject::subject).toList();
    findings.add(
        Rule.SERVER_MISSING,
        pod,
        "no cluster "
            + cluster
            + (hiding.isEmpty() ? "" : ", which " + some(hiding) + " does not import"),
        Commands.recipe(objects)
            + (hiding.isEmpty() ? "" : "   # asks a cluster of its own, which no Sidecar hides"));
  }

  /** Only clusters of services can be hidden. */
  private List<MeshObject> hiding(MeshPod pod, String cluster) {
    var parts = cluster.split("\\|", -1);
    if (!parts[0].equals("outbound")) {
      return List.of();
    }
    var host = parts[parts.length - 1];
    return objects.of("Sidecar").stream()
        .filter(
            sidecar ->
                sidecar.namespace().equals(pod.namespace())
                    || sidecar.namespace().equals(objects.rootNamespace()))
        .filter(
            sidecar -> pod.isSelectedBy(sidecar.spec().at("workloadSelector", "labels").entries()))
        .filter(
            sidecar ->
                !hosts(sidecar).isEmpty()
                    && hosts(sidecar).stream()
                        .noneMatch(
                            one ->
                                one.endsWith("/" + host)
                                    || one.equals("*/*")
                                    || one.equals(namespaceOf(host) + "/*")))
        .toList();
  }

  private static String namespaceOf(String host) {
    var labels = host.split("\\.", -1);
    return labels.length > 1 ? labels[1] : "";
  }

  private static List<String> hosts(MeshObject sidecar) {
    return sidecar.spec().at("egress").stream()
        .flatMap(egress -> egress.at("hosts").stream())
        .map(Tree::text)
        .toList();
  }

  private void unhealthy(
      MeshPod pod, String cluster, @Nullable List<Tree> endpoints, Map<String, Long> counters) {
    var counted = "cluster." + cluster + ".";
    var refused = counters.getOrDefault(counted + "ssl.fail_verify_san", 0L);
    var why = "";
    if (endpoints != null && endpoints.isEmpty()) {
      why = "cluster " + cluster + " has no address: its name does not resolve";
    } else if (endpoints != null
        && endpoints.stream().noneMatch(one -> one.at("health_status").is("HEALTHY"))) {
      why = "cluster " + cluster + " has no healthy address of " + endpoints.size();
    } else if (counters.getOrDefault(counted + "membership_healthy", 1L) == 0) {
      why = "cluster " + cluster + " has no healthy address";
    } else if (counters.getOrDefault(counted + "upstream_cx_active", 1L) == 0 && refused > 0) {
      why = "what answered did not prove the SPIFFE ID that it must have";
    } else if (counters.getOrDefault(counted + "upstream_cx_active", 1L) == 0
        && counters.getOrDefault(counted + "upstream_cx_connect_fail", 0L) > 0) {
      why = "cluster " + cluster + " has no connection, and could not open one";
    }
    if (!why.isEmpty()) {
      findings.add(
          Rule.SERVER_UNHEALTHY,
          pod,
          why,
          refused > 0
              ? Commands.serverId(objects)
              : "kith status   # does the server run? then whether a NetworkPolicy, or DNS, keeps"
                  + " sidecars from it");
    }
  }

  private void pinned(MeshPod pod, Tree cluster) {
    var config = cluster.at("transport_socket", "typed_config");
    var why = "";
    if (!config.at("@type").text().endsWith(".UpstreamTlsContext")) {
      why = "no TLS";
    } else {
      var names = Commands.pinned(cluster);
      if (names.isEmpty()) {
        why = "no match_typed_subject_alt_names";
      } else if (!names.stream().allMatch(name -> name.startsWith("spiffe://"))) {
        why = "match_typed_subject_alt_names that more than one identity fits";
      }
    }
    if (!why.isEmpty()) {
      findings.add(
          Rule.SERVER_NOT_PINNED,
          pod,
          "cluster " + cluster.at("name").text() + ": " + why,
          Commands.recipe(objects));
    }
  }

  // ---- Envoy

  private void admin(MeshPod pod, SidecarConfig sidecar) {
    var address = sidecar.bootstrap().at("admin", "address", "socket_address", "address").text();
    if (!address.isEmpty()
        && !address.startsWith("127.")
        && !address.equals("::1")
        && !address.equals("localhost")) {
      findings.add(
          Rule.ADMIN_EXPOSED,
          pod,
          "it listens on "
              + address
              + ":"
              + sidecar.bootstrap().at("admin", "address", "socket_address", "port_value").text(),
          "take the bootstrap override away (annotation sidecar.istio.io/bootstrapOverride, or a"
              + " template of the injector), then\n"
              + Commands.restart(pod));
    }
  }

  private void rejected(MeshPod pod, SidecarConfig sidecar, Map<String, Long> counters) {
    var rejected = new ArrayList<>(sidecar.rejected());
    if (rejected.isEmpty()) {
      for (var counter :
          List.of("listener_manager.lds.update_rejected", "cluster_manager.cds.update_rejected")) {
        positive(counter, counters).forEach(rejected::add);
      }
    }
    if (!rejected.isEmpty()) {
      findings.add(
          Rule.REJECTED_UPDATE,
          pod,
          some(rejected),
          "istioctl proxy-status   # then 'istioctl analyze -A', and take back the EnvoyFilter that"
              + " it is from");
    }
    var unknown =
        Stream.of("server.dynamic_unknown_fields", "server.static_unknown_fields")
            .flatMap(counter -> positive(counter, counters))
            .toList();
    if (!unknown.isEmpty()) {
      findings.add(
          Rule.UNKNOWN_FIELDS,
          pod,
          some(unknown),
          Commands.recipe(objects) + "   # the recipe of this version; then look at others'");
    }
  }

  private static Stream<String> positive(String counter, Map<String, Long> counters) {
    var value = counters.getOrDefault(counter, 0L);
    return value > 0 ? Stream.of(counter + ": " + value) : Stream.of();
  }

  private void serverNames(MeshPod pod, SidecarConfig sidecar) {
    var outbound = sidecar.listeners().stream().filter(listener -> listener.isOutbound()).toList();
    if (!outbound.isEmpty()
        && outbound.stream()
            .flatMap(listener -> listener.tree().at("listener_filters").stream())
            .noneMatch(filter -> filter.at("name").is(TLS_INSPECTOR))) {
      findings.addOf(
          Rule.NO_SERVER_NAMES,
          "namespace " + pod.namespace(),
          pod.name(),
          "no outbound listener has " + TLS_INSPECTOR,
          """
          apiVersion: networking.istio.io/v1
          kind: ServiceEntry
          metadata: {name: api-example-com, namespace: %s}
          spec:
            hosts: [api.example.com]   # an external name that was approved
            location: MESH_EXTERNAL
            resolution: DNS
            ports: [{number: 443, name: tls, protocol: TLS}]\
          """
              .formatted(pod.namespace()));
    }
  }

  private void envoy(MeshPod pod, SidecarConfig sidecar) {
    var version = Version.parse(sidecar.envoyVersion());
    if (version != null
        && (version.major() < 1 || (version.major() == 1 && version.minor() < OLDEST_MINOR))) {
      findings.add(
          Rule.OLD_ENVOY,
          pod,
          "Envoy " + sidecar.envoyVersion(),
          "update Istio to a version whose proxy is Envoy 1.40 or newer, then\n"
              + Commands.restart(pod));
    }
    var agent = Version.parse(sidecar.istioVersion());
    if (agent != null
        && istiod != null
        && (agent.major() != istiod.major()
            || agent.minor() > istiod.minor()
            || istiod.minor() - agent.minor() > 1)) {
      findings.add(
          Rule.ISTIO_SKEW,
          pod,
          "sidecar " + sidecar.istioVersion() + ", istiod " + istiod.text(),
          Commands.restart(pod) + "   # so that the injector gives it istiod's version");
    }
  }
}
