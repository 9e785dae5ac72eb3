package io.kith.baselines.export;

import static io.kith.baselines.export.Manifests.map;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.yaml.YamlText;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code networking.k8s.io/v1}: pods and address blocks, no names and no processes. */
public final class KubernetesNetworkPolicy implements BaselineExporter {
  private static final Map<String, Object> DNS =
      map(
          "to",
          List.of(
              map(
                  "namespaceSelector",
                  map("matchLabels", map("kubernetes.io/metadata.name", "kube-system")),
                  "podSelector",
                  map("matchLabels", map("k8s-app", "kube-dns")))),
          "ports",
          List.of(map("port", 53, "protocol", "UDP"), map("port", 53, "protocol", "TCP")));

  @Override
  public String export(List<Baseline> baselines, Placement placement) {
    var losses = new Losses();
    var documents = new java.util.ArrayList<Object>();
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
        var peer = peer(target.to(), placement, reason -> losses.add(baseline, edge, reason));
        if (peer != null) {
          egress.add(map("to", List.of(peer), "ports", Manifests.ports(target, false)));
        }
      }
      documents.add(
          Manifests.of(
              "networking.k8s.io/v1",
              "NetworkPolicy",
              Manifests.metadata(baseline.owner(), placed),
              map(
                  "podSelector",
                  Manifests.labels(placed),
                  "policyTypes",
                  List.of("Egress"),
                  "egress",
                  List.copyOf(egress))));
    }
    return YamlText.write(
        losses.comment(
            "NetworkPolicies",
            baselines,
            List.of(
                "the process: every process of the pods may do what one of them may",
                "hashes, ancestors and ends of rules",
                "DNS to kube-dns was added; without it names do not resolve")),
        documents);
  }

  private static @Nullable Object peer(
      Target.To to, Placement placement, java.util.function.Consumer<String> lost) {
    return switch (to) {
      case Target.To.Workload(var owner) -> {
        var placed = placement.of(owner);
        if (placed == null) {
          lost.accept("LEFT OUT, AND SO DENIED: the destination's pods are not known here");
          yield null;
        }
        yield map(
            "namespaceSelector",
            map("matchLabels", map("kubernetes.io/metadata.name", placed.namespace())),
            "podSelector",
            Manifests.labels(placed));
      }
      case Target.To.Block(var cidr) -> map("ipBlock", map("cidr", cidr));
      case Target.To.Everything() -> map("ipBlock", map("cidr", "0.0.0.0/0"));
      case Target.To.Service _, Target.To.Name _, Target.To.Wildcard _ -> {
        lost.accept("LEFT OUT, AND SO DENIED: a NetworkPolicy knows no names");
        yield null;
      }
    };
  }
}
