package io.kith.istio.doctor;

import static io.kith.istio.MeshNames.SERVER;
import static io.kith.istio.doctor.Commands.some;

import io.kith.istio.MeshNames;
import io.kith.istio.doctor.SidecarConfig.Chain;
import io.kith.istio.doctor.SidecarConfig.Filter;
import io.kith.istio.doctor.SidecarConfig.Listener;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Whether what leaves a sidecar is asked about, and whether the answer counts. */
record ChainRules(Recipe recipe, Findings findings) {
  private static final String ROUTER = "envoy.filters.http.router";

  /** Fields with which a check is not always made. */
  private static final List<String> CONDITIONS =
      List.of("filter_enabled", "filter_enabled_metadata");

  void judge(MeshPod pod, SidecarConfig sidecar) {
    chains(pod, sidecar);
    gate(pod, sidecar);
    requests(pod, sidecar);
    weakened(pod, sidecar);
    programs(pod, sidecar);
    mirrors(pod, sidecar);
  }

  private void chains(MeshPod pod, SidecarConfig sidecar) {
    var all =
        sidecar.listeners().stream()
            .filter(listener -> listener.isOutbound() && !listener.isInternal())
            .flatMap(listener -> listener.chains().stream())
            .toList();
    if (pod.isCaptured() && sidecar.listeners().stream().noneMatch(ChainRules::takesWhatLeaves)) {
      findings.add(
          Rule.UNGUARDED_CHAIN,
          pod,
          "no outbound chain at all",
          "istioctl proxy-status   # what istiod sent to it, and what it took; then\n"
              + Commands.restart(pod));
    }
    report(Rule.UNGUARDED_CHAIN, pod, "outbound chain", all, chain -> !asksAbout(chain));
  }

  private static boolean takesWhatLeaves(Listener listener) {
    return listener.isOutbound()
        && !listener.isStatic()
        && !listener.isInternal()
        && !listener.chains().isEmpty();
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
    if (!sidecar.listensAtGate() && !recipe.isStrict()) {
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
          recipe.again()
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
        chain -> !chain.managers().allMatch(ChainRules::asksBeforeItRoutes));
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
          recipe.again());
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
              + recipe.again());
    }
  }

  private void programs(MeshPod pod, SidecarConfig sidecar) {
    var found =
        sidecar
            .outbound()
            .flatMap(chain -> Stream.concat(chain.filters().stream(), chain.httpFilters()))
            .filter(Filter::isProgram)
            .map(Filter::name)
            .distinct()
            .sorted()
            .toList();
    if (!found.isEmpty()) {
      findings.add(
          Rule.PROGRAM_IN_SIDECAR,
          pod,
          some(found),
          "kubectl get trafficextensions,wasmplugins,envoyfilters -A   # whose it is; who may write"
              + " these decides what leaves unchecked");
    }
  }

  private void mirrors(MeshPod pod, SidecarConfig sidecar) {
    var clusters =
        sidecar.mirrors().stream()
            .map(cluster -> cluster.isEmpty() ? "what a header says" : cluster)
            .toList();
    if (!clusters.isEmpty()) {
      findings.add(
          Rule.MIRRORED_REQUESTS,
          pod,
          "copies go to " + some(clusters),
          "kubectl get virtualservices,httproutes -A -o yaml   # find 'mirror' in it, and take it"
              + " out; who may write these decides where copies go");
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
}
