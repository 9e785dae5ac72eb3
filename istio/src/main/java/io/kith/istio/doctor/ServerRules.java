package io.kith.istio.doctor;

import static io.kith.istio.doctor.Commands.some;

import io.kith.istio.MeshNames;
import io.kith.istio.doctor.SidecarConfig.Filter;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What is wrong with Kith's server as a sidecar sees it. */
record ServerRules(MeshObjects objects, Recipe recipe, Findings findings) {
  void judge(MeshPod pod, SidecarConfig sidecar, Map<String, Long> counters) {
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
        recipe.again()
            + (hiding.isEmpty() ? "" : "   # asks a cluster of its own, which no Sidecar hides"));
  }

  /** Only clusters of services can be hidden. */
  private List<MeshObject> hiding(MeshPod pod, String cluster) {
    var parts = cluster.split("\\|", -1);
    if (!parts[0].equals("outbound")) {
      return List.of();
    }
    var host = parts[parts.length - 1];
    var sidecar = objects.sidecarOf(pod);
    return sidecar == null
            || hosts(sidecar).isEmpty()
            || hosts(sidecar).stream()
                .anyMatch(
                    one ->
                        one.endsWith("/" + host)
                            || one.equals("*/*")
                            || one.equals(namespaceOf(host) + "/*"))
        ? List.of()
        : List.of(sidecar);
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
              ? recipe.serverId()
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
      var names = KithFilter.pinned(cluster);
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
          recipe.again());
    }
  }
}
