package io.kith.istio.doctor;

import static io.kith.istio.doctor.Commands.some;

import io.kith.istio.MeshNames;
import io.kith.istio.doctor.SidecarConfig.Filter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What is wrong with EnvoyFilters, by themselves and by what became of them in a sidecar. */
record FilterRules(MeshObjects objects, Recipe recipe, Findings findings) {
  private static final Set<String> OURS =
      Stream.of(MeshNames.FILTERS, MeshNames.CLUSTERS, MeshNames.GATES)
          .flatMap(Set::stream)
          .collect(Collectors.toUnmodifiableSet());

  /** Words for what is so anyway, which Envoy's dump leaves out. */
  private static final Set<String> LEFT_OUT = Set.of("", "false", "0", "ALLOW");

  // ---- by themselves

  void judge() {
    for (var filter : objects.of("EnvoyFilter")) {
      if (!recipe.isOne(filter)) {
        var harm = new TreeSet<String>();
        filter.spec().at("configPatches").stream().flatMap(this::harm).forEach(harm::add);
        if (!harm.isEmpty()) {
          findings.add(
              Rule.TENANT_FILTER,
              filter.subject(),
              some(List.copyOf(harm)),
              "kubectl delete "
                  + filter.kubectl()
                  + "   # and let admission reserve EnvoyFilters for the root namespace and Kith");
        }
      }
    }
  }

  /** What a patch does to Kith's part; nothing where it is as an overlay of Kith's. */
  private Stream<String> harm(Tree patch) {
    var operation = patch.at("patch", "operation").text();
    var value = patch.at("patch", "value");
    var target = target(patch);
    if (operation.equals("ADD") && MeshNames.CLUSTERS.contains(value.at("name").text())) {
      return Stream.of("ADD of a second " + value.at("name").text());
    }
    if (!OURS.contains(target)) {
      return SidecarConfig.byRoutes(value).stream()
          .map(name -> operation + " of routes that alter " + name);
    }
    var isHarm =
        switch (operation) {
          case "REMOVE" -> !target.equals(MeshNames.FLOOR);
          case "REPLACE" -> !isCheck(target, value);
          case "MERGE" ->
              !(target.equals(MeshNames.LEADS_TO_GATE)
                  && MeshNames.GATES.contains(Filter.of(value).config().at("cluster").text()));
          default -> false;
        };
    return isHarm ? Stream.of(operation + " of " + target) : Stream.empty();
  }

  /** Whether a patch is about Kith's part, or brings some of it. */
  static boolean concernsKith(Tree patch) {
    var value = patch.at("patch", "value");
    return OURS.contains(target(patch))
        || OURS.contains(value.at("name").text())
        || Filter.of(value).asks().equals(MeshNames.SERVER)
        || value.holds(MeshNames.PROVENANCE)
        || !SidecarConfig.byRoutes(value).isEmpty();
  }

  /** The innermost thing that a patch is about. */
  private static String target(Tree patch) {
    var match = patch.at("match");
    var filter = match.at("listener", "filterChain", "filter");
    return switch (patch.at("applyTo").text()) {
      case "HTTP_FILTER" -> filter.at("subFilter", "name").text();
      case "NETWORK_FILTER" -> filter.at("name").text();
      case "CLUSTER" -> match.at("cluster", "name").text();
      case "LISTENER" -> match.at("listener", "name").text();
      default -> "";
    };
  }

  private boolean isCheck(String target, Tree value) {
    var filter = Filter.of(value);
    return filter.name().equals(target)
        && filter.asks().equals(MeshNames.SERVER)
        && filter.config().at("shadow_mode").isTrue() == target.equals(MeshNames.HTTP_CONNECTION)
        && !filter.isDisabled()
        && (!filter.matcher().present() || isOfRecipe(filter));
  }

  /** Whether the recipe skips the same requests: the short cut. */
  private boolean isOfRecipe(Filter filter) {
    return recipe.recipes().stream()
        .flatMap(one -> one.spec().at("configPatches").stream())
        .map(patch -> Filter.of(patch.at("patch", "value")))
        .anyMatch(
            other ->
                other.name().equals(filter.name()) && other.matcher().equals(filter.matcher()));
  }

  // ---- by what became of them

  /** A patch and whose it is. */
  private record Applied(MeshObject filter, Tree patch) {}

  /** Whether all that Kith's EnvoyFilters say is in a sidecar. */
  void judge(MeshPod pod, SidecarConfig sidecar) {
    var dropped = new LinkedHashMap<MeshObject, TreeSet<String>>();
    for (var one : lasting(pod)) {
      dropped(one.patch(), sidecar)
          .forEach(path -> dropped.computeIfAbsent(one.filter(), _ -> new TreeSet<>()).add(path));
    }
    dropped.forEach(
        (filter, paths) ->
            findings.addOf(
                Rule.DROPPED_FIELD,
                filter.subject(),
                pod.name(),
                some(List.copyOf(paths)),
                recipe.again(filter)
                    + "   # wraps what istiod may not know; or update istiod, if it is older than"
                    + " Envoy's API 1.35"));
  }

  /** Patches of Kith's for a sidecar, without those in whose place a more specific one put its. */
  private Collection<Applied> lasting(MeshPod pod) {
    var lasting = new LinkedHashMap<String, Applied>();
    objects.of("EnvoyFilter").stream()
        .filter(filter -> filter.tree().holds(MeshNames.CONNECTION) && isFor(pod, filter))
        .sorted(
            Comparator.comparingLong((MeshObject filter) -> filter.spec().at("priority").number(0))
                .thenComparing(filter -> filter.namespace().equals(pod.namespace())))
        .forEach(
            filter ->
                filter.spec().at("configPatches").stream()
                    .filter(patch -> patch.at("patch", "value").present())
                    .forEach(patch -> lasting.put(place(patch), new Applied(filter, patch))));
    return lasting.values();
  }

  private static String place(Tree patch) {
    var isMerged = patch.at("patch", "operation").is("MERGE");
    return patch.at("applyTo").text()
        + "/"
        + patch.at("patch", "value", "name").text()
        + (isMerged ? "/" + patch.at("match", "context").text() : "");
  }

  private boolean isFor(MeshPod pod, MeshObject filter) {
    return (filter.namespace().equals(objects.rootNamespace())
            || filter.namespace().equals(pod.namespace()))
        && pod.isSelectedBy(filter.spec().at("workloadSelector", "labels").entries());
  }

  /** Paths that are in none of the places where the value went; where it went nowhere, no paths. */
  private static Stream<String> dropped(Tree patch, SidecarConfig sidecar) {
    var value = patch.at("patch", "value");
    var name = value.at("name").text();
    return switch (patch.at("applyTo").text()) {
      case "CLUSTER" ->
          missing(name, value, Stream.ofNullable(sidecar.clusters().get(name)).toList());
      case "LISTENER" ->
          missing(
              name,
              value,
              sidecar.listeners().stream()
                  .filter(listener -> listener.name().equals(name))
                  .map(SidecarConfig.Listener::tree)
                  .toList());
      case "NETWORK_FILTER", "HTTP_FILTER" ->
          Filter.of(value).type().endsWith(".TcpProxy")
              ? Stream.empty() // what leads to a gate, which is counted by chains
              : missing(
                  name,
                  Filter.of(value).config(),
                  sidecar.named(name).map(Filter::config).toList());
      default -> Stream.empty();
    };
  }

  private static Stream<String> missing(String path, Tree wanted, List<Tree> there) {
    if (there.isEmpty()) {
      return Stream.empty();
    }
    @Nullable List<String> fewest = null;
    for (var one : there) {
      var paths = new ArrayList<String>();
      compare(path, wanted, one, paths);
      if (fewest == null || paths.size() < fewest.size()) {
        fewest = paths;
      }
    }
    return fewest == null ? Stream.empty() : fewest.stream();
  }

  private static void compare(String path, Tree wanted, Tree there, List<String> to) {
    if (isLeftOut(wanted)) {
      return;
    }
    if (!there.present()) {
      to.add(path);
    } else if (wanted.value() instanceof Map) {
      wanted.entries().entrySet().stream()
          .filter(entry -> !entry.getKey().equals("@type"))
          .forEach(
              entry ->
                  compare(
                      path + "." + entry.getKey(), entry.getValue(), there.at(entry.getKey()), to));
    } else {
      var all = there.list();
      var index = 0;
      for (var one : wanted.list()) {
        compare(
            path + "[" + index + "]", one, index < all.size() ? all.get(index) : Tree.NOTHING, to);
        index++;
      }
    }
  }

  private static boolean isLeftOut(Tree value) {
    return switch (value.value()) {
      case null -> true;
      case Map<?, ?> _ -> false;
      case List<?> list -> list.isEmpty();
      default -> LEFT_OUT.contains(value.text());
    };
  }
}
