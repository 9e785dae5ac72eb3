package io.kith.istio.doctor;

import static io.kith.istio.doctor.Commands.some;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What is wrong with the Envoy of a sidecar, and what its counters tell.
 *
 * @param istiod its version, or null where that is not known
 */
record EnvoyRules(Recipe recipe, @Nullable Version istiod, Findings findings) {
  private static final String TLS_INSPECTOR = "envoy.filters.listener.tls_inspector";
  private static final int OLDEST_MINOR = 40;

  void judge(MeshPod pod, SidecarConfig sidecar, Map<String, Long> counters) {
    admin(pod, sidecar);
    rejected(pod, sidecar, counters);
    serverNames(pod, sidecar);
    envoy(pod, sidecar);
  }

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
          recipe.again() + "   # the recipe of this version; then look at others'");
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
