package io.kith.istio.doctor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Judges a mesh: what is known of it first, then one sidecar after another, which are not kept. Not
 * thread-safe.
 */
public final class Doctor {
  private final MeshState state;
  private final MeshObjects objects;
  private final Recipe recipe;
  private final MeshText mesh;
  private final KithStatus status;
  private @Nullable Version istiod;
  private final Findings findings = new Findings();
  private final List<String> notJudged = new ArrayList<>();
  private final Map<String, MeshPod> meshed = new HashMap<>();
  private final Set<String> seen = new HashSet<>();
  private final Set<String> modeless = new HashSet<>();
  private final Set<String> withUnknownUsers = new TreeSet<>();
  private int sidecars;
  private @Nullable Examination examination;

  public Doctor(MeshState state) {
    this.state = state;
    objects = state.sorted();
    recipe = Recipe.of(objects);
    mesh = MeshText.of(objects, notJudged::add);
    status = KithStatus.of(state.status());
    istiod = objects.istiod();
    for (var pod : objects.pods()) {
      if (pod.isMeshed()) {
        meshed.put(key(pod.namespace(), pod.name()), pod);
      }
    }
  }

  private static String key(String namespace, String pod) {
    return namespace + "/" + pod;
  }

  /** Pods with a sidecar that runs, as {@code NAMESPACE/POD}. */
  public Set<String> sidecars() {
    var running = new HashSet<String>();
    meshed.forEach(
        (key, pod) -> {
          if (!pod.isStarting()) {
            running.add(key);
          }
        });
    return running;
  }

  /** Judges what an istiod says; before its sidecars, which are compared with its version. */
  public void judge(IstiodDump dump) {
    var version = Version.parse(dump.version());
    if (version != null) {
      istiod = version;
    }
    new IstiodRules(meshed, findings).judge(dump);
  }

  /** Says that something could not be looked at, which is no finding. */
  public void notJudged(String what) {
    notJudged.add(what);
  }

  /** Judges what a sidecar says; of a pod that is not known, or is over, nothing. */
  public void judge(SidecarDump dump) {
    var key = key(dump.namespace(), dump.pod());
    var pod = meshed.get(key);
    if (pod == null) {
      notJudged.add("sidecar " + key + ": the API server has no such pod with a sidecar");
      return;
    }
    if (!new Tree(dump.config()).at("configs").present()) {
      unread(key, "what it answered is no config_dump: there are no configs in it");
      return;
    }
    seen.add(key);
    sidecars++;
    var sidecar = SidecarConfig.of(new Tree(dump.config()));
    new ChainRules(recipe, findings).judge(pod, sidecar);
    new FailureModeRules(objects, recipe, status, findings).judge(pod, sidecar);
    new ServerRules(objects, recipe, findings).judge(pod, sidecar, dump.counters());
    new EnvoyRules(recipe, istiod, findings).judge(pod, sidecar, dump.counters());
    new FilterRules(objects, recipe, findings).judge(pod, sidecar);
    new TimeRules(state.now(), findings).judge(pod, sidecar, dump.clock(), dump.asked());
    if (sidecar.hasGate()) {
      new MeshRules(objects, recipe, mesh, status, findings).judgeGate(pod);
    }
    if (status.mode(pod, objects).isEmpty()) {
      modeless.add(pod.owner());
    }
  }

  /**
   * Says that a sidecar could not be read.
   *
   * @param key {@code NAMESPACE/POD}
   */
  public void unread(String key, String why) {
    var pod = meshed.get(key);
    seen.add(key);
    findings.addOf(
        Rule.UNREAD_SIDECAR,
        pod == null ? key : pod.owner(),
        key.substring(key.indexOf('/') + 1),
        why,
        "kubectl auth can-i create pods --subresource=portforward -n "
            + key.substring(0, Math.max(0, key.indexOf('/')))
            + "   # then once more; or by hand: istioctl proxy-config all "
            + key.substring(key.indexOf('/') + 1)
            + " -n "
            + key.substring(0, Math.max(0, key.indexOf('/')))
            + " -o json");
  }

  /**
   * Says that something beside a sidecar could not be read.
   *
   * @param what a file of a dump, or a kind of objects
   * @param change what would make it readable
   */
  public void unread(String what, String why, String change) {
    findings.add(Rule.UNREAD, what, why, change);
  }

  /**
   * What came out; pods whose sidecar nobody judged are among the findings. Nothing is judged any
   * more once it was asked for.
   */
  public Examination examination() {
    if (examination == null) {
      finish();
      examination = new Examination(findings.sorted(), sidecars, notJudged);
    }
    return examination;
  }

  /** Judges what all of it is needed for. */
  private void finish() {
    unseen();
    new FilterRules(objects, recipe, findings).judge();
    var injected = objects.injected();
    pods(injected);
    var rules = new MeshRules(objects, recipe, mesh, status, findings);
    rules.judge(injected);
    rules.judgeBridges(List.copyOf(meshed.values()), notJudged);
    rules.judgeVersions();
    new AdmissionRules(objects, status, findings).judge(meshed.values(), injected, notJudged);
    rules.judgeCounts(state.metrics(), notJudged);
    if (istiod == null) {
      notJudged.add("version of istiod: no pod labelled app=istiod");
    }
    if (mesh.injection().present() && mesh.proxyImage().isEmpty()) {
      notJudged.add("images of sidecars: the injector's values have no global.hub");
    }
    if (!withUnknownUsers.isEmpty()) {
      notJudged.add(
          "users of images of "
              + Commands.some(List.copyOf(withUnknownUsers))
              + ": their pods leave user or group to the image, and the nodes do not say which it"
              + " is (status.containerStatuses[].user); what the guard counted tells it, once they"
              + " sent something");
    }
    if (!modeless.isEmpty()) {
      notJudged.add(
          "failure mode of "
              + Commands.some(modeless.stream().sorted().toList())
              + ": neither Kith's server nor a Scope says their mode");
    }
  }

  /** Says which sidecars nobody judged. */
  private void unseen() {
    var starting = 0;
    for (var pod : meshed.entrySet()) {
      if (pod.getValue().isStarting()) {
        starting++;
      } else if (!seen.contains(pod.getKey())) {
        unread(pod.getKey(), "no config_dump of it");
      }
    }
    if (starting > 0) {
      notJudged.add("sidecars that do not run yet: " + starting);
    }
  }

  private void pods(Set<String> injected) {
    var pods = new PodRules(objects, mesh, findings, withUnknownUsers);
    meshed.values().forEach(pods::judgeMeshed);
    objects.pods().stream()
        .filter(pod -> injected.contains(pod.namespace()) && !pod.hasProxy())
        .forEach(pods::judgeUnmeshed);
  }
}
