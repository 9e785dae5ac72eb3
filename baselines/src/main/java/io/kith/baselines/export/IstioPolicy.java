package io.kith.baselines.export;

import static io.kith.baselines.export.Manifests.map;

import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.YamlText;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A {@code Sidecar} for each workload (which hosts its proxy knows) and an {@code
 * AuthorizationPolicy} for each destination of the mesh (who may call it).
 */
public final class IstioPolicy implements BaselineExporter {
  @Override
  public String export(List<Baseline> baselines, Placement placement) {
    var losses = new Losses();
    var documents = new ArrayList<Object>();
    var callers = new TreeMap<Owner, Map<String, Set<String>>>();
    for (var baseline : baselines) {
      var placed = placement.of(baseline.owner());
      if (placed == null) {
        baseline.edges().forEach(edge -> losses.add(baseline, edge, "the workload is not here"));
        continue;
      }
      var hosts = new TreeSet<String>();
      for (var edge : baseline.edges()) {
        var target = Target.of(edge.destination());
        Consumer<String> lost = reason -> losses.add(baseline, edge, reason);
        var host = host(target.to(), placement, lost);
        if (host != null) {
          hosts.add(host);
        }
        if (target.to() instanceof Target.To.Workload(var owner)) {
          calls(callers, owner, target, placed.principal(), lost);
        }
      }
      documents.add(
          Manifests.of(
              "networking.istio.io/v1",
              "Sidecar",
              Manifests.metadata(baseline.owner(), placed),
              map(
                  "workloadSelector",
                  map("labels", new TreeMap<>(placed.labels())),
                  "outboundTrafficPolicy",
                  map("mode", "REGISTRY_ONLY"),
                  "egress",
                  List.of(map("hosts", hosts.isEmpty() ? List.of("~/*") : List.copyOf(hosts))))));
    }
    callers.forEach(
        (owner, rules) -> {
          var placed = placement.of(owner);
          if (placed != null) {
            documents.add(authorization(owner, placed, rules));
          }
        });
    return YamlText.write(
        losses.comment(
            "Istio Sidecars and AuthorizationPolicies",
            baselines,
            List.of(
                "the process: every process of the pods may do what one of them may",
                "hashes, ancestors and ends of rules",
                "ports of a Sidecar's hosts: a known host may be reached on every port it has",
                "a Sidecar is no wall: REGISTRY_ONLY binds only what goes through the proxy",
                "an AuthorizationPolicy refuses every caller that is not among these "
                    + baselines.size()
                    + (baselines.size() == 1 ? " baseline" : " baselines")
                    + "; export all callers of a destination together",
                "workloads that share a SPIFFE ID may do what one of them may")),
        documents);
  }

  private static @Nullable String host(Target.To to, Placement placement, Consumer<String> lost) {
    return switch (to) {
      case Target.To.Workload(var owner) -> {
        var placed = placement.of(owner);
        var host = placed == null ? null : placed.host();
        if (placed == null || host == null) {
          lost.accept("LEFT OUT, AND SO DENIED: the destination has no service here");
          yield null;
        }
        yield placed.namespace() + "/" + host;
      }
      case Target.To.Service(var host) -> "*/" + host;
      case Target.To.Name(var host) -> {
        lost.accept("needs a ServiceEntry for its host");
        yield "*/" + host;
      }
      case Target.To.Wildcard(var parent) -> {
        lost.accept("needs a ServiceEntry for its host, and covers more than one label");
        yield "*/*." + parent;
      }
      case Target.To.Block _, Target.To.Everything _ -> {
        lost.accept("LEFT OUT, AND SO DENIED: a Sidecar knows no addresses");
        yield null;
      }
    };
  }

  private static void calls(
      Map<Owner, Map<String, Set<String>>> callers,
      Owner owner,
      Target target,
      @Nullable String principal,
      Consumer<String> lost) {
    if (principal == null) {
      lost.accept("LEFT OUT, AND SO DENIED: the caller has no SPIFFE ID");
    } else if (target.protocol() == Protocol.UDP) {
      lost.accept("LEFT OUT: an AuthorizationPolicy does not see UDP");
    } else if (target.ports().size() > 1) {
      lost.accept("an AuthorizationPolicy has no port ranges: this caller may use every port");
      callers
          .computeIfAbsent(owner, _ -> new TreeMap<>())
          .computeIfAbsent(principal, _ -> new TreeSet<>())
          .add("*");
    } else {
      callers
          .computeIfAbsent(owner, _ -> new TreeMap<>())
          .computeIfAbsent(principal, _ -> new TreeSet<>())
          .add(String.valueOf(target.ports().first()));
    }
  }

  private static Map<String, Object> authorization(
      Owner owner, Placement.Placed placed, Map<String, Set<String>> callers) {
    var rules = new ArrayList<Object>();
    callers.forEach(
        (principal, ports) -> {
          var rule = new LinkedHashMap<String, Object>();
          rule.put("from", List.of(map("source", map("principals", List.of(principal)))));
          if (!ports.contains("*")) {
            rule.put("to", List.of(map("operation", map("ports", List.copyOf(ports)))));
          }
          rules.add(rule);
        });
    return Manifests.of(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        Manifests.metadata(owner, placed),
        map(
            "selector",
            map("matchLabels", new TreeMap<>(placed.labels())),
            "action",
            "ALLOW",
            "rules",
            rules));
  }
}
