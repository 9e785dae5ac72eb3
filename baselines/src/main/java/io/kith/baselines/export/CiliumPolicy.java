package io.kith.baselines.export;

import static io.kith.baselines.export.Manifests.map;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.yaml.YamlText;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** {@code CiliumNetworkPolicy}: pods, address blocks, and names by {@code toFQDNs}. */
public final class CiliumPolicy implements BaselineExporter {
  private static final String NAMESPACE = "k8s:io.kubernetes.pod.namespace";

  /** toFQDNs knows a name only from an answer that passed Cilium's own proxy. */
  private static final Map<String, Object> DNS =
      map(
          "toEndpoints",
          List.of(map("matchLabels", map(NAMESPACE, "kube-system", "k8s:k8s-app", "kube-dns"))),
          "toPorts",
          List.of(
              map(
                  "ports",
                  List.of(map("port", "53", "protocol", "ANY")),
                  "rules",
                  map("dns", List.of(map("matchPattern", "*"))))));

  @Override
  public String export(List<Baseline> baselines, Placement placement) {
    var losses = new Losses();
    var documents = new ArrayList<Object>();
    for (var baseline : baselines) {
      var placed = placement.of(baseline.owner());
      if (placed == null) {
        baseline.edges().forEach(edge -> losses.add(baseline, edge, "the workload is not here"));
        continue;
      }
      var egress = new LinkedHashSet<Object>();
      egress.add(DNS);
      for (var edge : baseline.edges()) {
        var target = Target.of(edge.destination());
        var rule = rule(target.to(), placement, reason -> losses.add(baseline, edge, reason));
        if (rule != null) {
          rule.put("toPorts", List.of(map("ports", Manifests.ports(target, true))));
          egress.add(rule);
        }
      }
      documents.add(
          Manifests.of(
              "cilium.io/v2",
              "CiliumNetworkPolicy",
              Manifests.metadata(baseline.owner(), placed),
              map("endpointSelector", Manifests.labels(placed), "egress", List.copyOf(egress))));
    }
    return YamlText.write(
        losses.comment(
            "CiliumNetworkPolicies",
            baselines,
            List.of(
                "the process: every process of the pods may do what one of them may",
                "hashes, ancestors and ends of rules",
                "a name is the addresses that DNS gave for it: other names at the same address pass",
                "DNS to kube-dns was added; without it toFQDNs knows no address")),
        documents);
  }

  private static @Nullable Map<String, Object> rule(
      Target.To to, Placement placement, Consumer<String> lost) {
    return switch (to) {
      case Target.To.Workload(var owner) -> {
        var placed = placement.of(owner);
        if (placed == null) {
          lost.accept("LEFT OUT, AND SO DENIED: the destination's pods are not known here");
          yield null;
        }
        var labels = new TreeMap<String, Object>(placed.labels());
        labels.put(NAMESPACE, placed.namespace());
        yield map("toEndpoints", List.of(map("matchLabels", labels)));
      }
      case Target.To.Service(var host) -> service(host, lost);
      case Target.To.Name(var host) -> map("toFQDNs", List.of(map("matchName", host)));
      case Target.To.Wildcard(var parent) ->
          map("toFQDNs", List.of(map("matchPattern", "*." + parent)));
      case Target.To.Block(var cidr) -> map("toCIDR", List.of(cidr));
      case Target.To.Everything() -> map("toEntities", List.of("all"));
    };
  }

  private static @Nullable Map<String, Object> service(String host, Consumer<String> lost) {
    var parts = host.split("\\.", -1);
    if (host.endsWith(".svc.cluster.local") && parts.length == 5) {
      return map(
          "toServices",
          List.of(map("k8sService", map("serviceName", parts[0], "namespace", parts[1]))));
    }
    if (parts.length == 1) {
      lost.accept("LEFT OUT, AND SO DENIED: a service without a namespace");
      return null;
    }
    return map("toFQDNs", List.of(map("matchName", host)));
  }
}
