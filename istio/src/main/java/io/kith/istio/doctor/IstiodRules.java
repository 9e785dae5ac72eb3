package io.kith.istio.doctor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What is wrong by what istiod says. */
record IstiodRules(Map<String, MeshPod> meshed, Findings findings) {
  private static final String SENT = "_sent";
  private static final List<String> KINDS = List.of("listener", "cluster", "route", "endpoint");

  void judge(IstiodDump dump) {
    for (var sidecar : dump.sidecars()) {
      var one = new Tree(sidecar);
      var name = one.at("proxy").text(); // cart-0.shop
      var dot = name.lastIndexOf('.');
      var pod = meshed.get(name.substring(dot + 1) + "/" + name.substring(0, Math.max(0, dot)));
      var kinds = unacknowledged(one);
      if (pod != null && !kinds.isEmpty()) {
        findings.add(
            Rule.NOT_SYNCED,
            pod,
            "istiod " + dump.pod() + " sent " + String.join(", ", kinds),
            "istioctl proxy-status "
                + pod.name()
                + " -n "
                + pod.namespace()
                + "   # what it says it rejected; if it says nothing, the sidecar is stuck:\n"
                + Commands.restart(pod));
      }
    }
  }

  /** Kinds of configuration of which a sidecar has not what istiod sent last. */
  static List<String> unacknowledged(Tree sidecar) {
    var kinds = new ArrayList<String>();
    for (var kind : KINDS) {
      var sent = sidecar.at(kind + SENT).text();
      if (!sent.isEmpty() && !sent.equals(sidecar.at(kind + "_acked").text())) {
        kinds.add(kind + "s");
      }
    }
    return kinds;
  }
}
