package io.kith.istio.doctor;

import io.kith.istio.doctor.MeshPod.Container;
import io.kith.istio.doctor.MeshPod.Start;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What is wrong with a pod, by what the API server has of it.
 *
 * @param withUnknownUsers takes workloads that leave a user or group to their image, which nobody
 *     tells
 */
record PodRules(
    MeshObjects objects, MeshText mesh, Findings findings, Set<String> withUnknownUsers) {
  /** User and group of Istio's proxy. */
  private static final long PROXY_USER = 1337;

  private static final String TRAFFIC = "traffic.sidecar.istio.io/";

  /** Annotations that take something out of the redirection whenever they say anything. */
  private static final List<String> EXCLUDING =
      List.of(
          TRAFFIC + "excludeOutboundPorts",
          TRAFFIC + "excludeOutboundIPRanges",
          TRAFFIC + "excludeInterfaces");

  private static final String INCLUDED = TRAFFIC + "includeOutboundIPRanges";

  /** Capabilities over packets, the redirection, the kernel or other processes. */
  static final Set<String> STRONG =
      Set.of(
          "ALL", "NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "BPF", "PERFMON");

  /** Volumes of the sidecar, with its keys, its sockets and its configuration. */
  static final Set<String> VOLUMES =
      Set.of(
          "workload-socket",
          "credential-socket",
          "workload-certs",
          "gke-workload-certificate",
          "istio-envoy",
          "istio-data",
          "istio-token",
          "istio-certs");

  /** Volumes of the sidecar that nobody can write. */
  private static final Set<String> READ_ONLY =
      Set.of("istio-podinfo", "istiod-ca-cert", "istio-ca-crl");

  private static final List<String> SHARED = List.of("hostPID", "hostIPC", "shareProcessNamespace");

  /** Of a pod with a sidecar. */
  void judgeMeshed(MeshPod pod) {
    capture(pod);
    families(pod);
    beforeProxy(pod);
    ownUsers(pod);
    withinReach(pod);
    otherSidecar(pod);
    for (var container : pod.applications()) {
      proxyUser(pod, container);
      capabilities(pod, container);
    }
  }

  /** Of a pod without one, in a namespace whose pods get one. */
  void judgeUnmeshed(MeshPod pod) {
    if (pod.isOnHostNetwork()) {
      findings.add(
          Rule.HOST_NETWORK,
          pod,
          "hostNetwork: true",
          "take hostNetwork out of its template; or move it to a namespace without injection, and"
              + " list it as not covered");
    } else if (MeshObjects.isOptedOut(pod)) {
      findings.add(
          Rule.OPTED_OUT,
          pod,
          "sidecar.istio.io/inject: \"false\"",
          "take the label sidecar.istio.io/inject out of its template, then\n"
              + Commands.restart(pod));
    } else {
      findings.add(
          Rule.NOT_INJECTED,
          pod,
          "no container " + MeshPod.PROXY,
          Commands.restart(pod)
              + "   # the injector adds it; else 'istioctl analyze -n "
              + pod.namespace()
              + "'");
    }
  }

  // ---- the sidecar

  private void ownUsers(MeshPod pod) {
    var hostUsers = pod.object().spec().at("hostUsers");
    if (hostUsers.present() && !hostUsers.isTrue()) {
      inTemplate(Rule.OWN_USERS, pod, List.of("hostUsers: false"));
    }
  }

  private void withinReach(MeshPod pod) {
    var found = new ArrayList<String>();
    SHARED.stream()
        .filter(field -> pod.object().spec().at(field).isTrue())
        .forEach(field -> found.add(field + ": true"));
    var ofSidecar = mountedBySidecar(pod.object().spec());
    for (var container : pod.applications()) {
      container.spec().at("volumeMounts").stream()
          .map(mount -> mount.at("name").text())
          .filter(ofSidecar::contains)
          .distinct()
          .forEach(volume -> found.add("container " + container.name() + " mounts " + volume));
      if (container.spec().at("targetContainerName").is(MeshPod.PROXY)) {
        found.add("container " + container.name() + " is within " + MeshPod.PROXY);
      }
    }
    inTemplate(Rule.SIDECAR_WITHIN_REACH, pod, found);
  }

  /** Volumes that are the sidecar's: by their names, or because it mounts them. */
  static Set<String> mountedBySidecar(Tree spec) {
    return Stream.concat(
            VOLUMES.stream(),
            Stream.of("initContainers", "containers")
                .flatMap(key -> spec.at(key).stream())
                .filter(container -> MeshPod.OF_ISTIO.contains(container.at("name").text()))
                .flatMap(container -> container.at("volumeMounts").stream())
                .filter(mount -> !OtherSidecar.isOfAccount(mount))
                .map(mount -> mount.at("name").text())
                .filter(name -> !READ_ONLY.contains(name)))
        .collect(Collectors.toSet());
  }

  private void otherSidecar(MeshPod pod) {
    inTemplate(Rule.OTHER_SIDECAR, pod, OtherSidecar.of(pod, mesh.proxyImage()));
  }

  private void inTemplate(Rule rule, MeshPod pod, List<String> found) {
    if (!found.isEmpty()) {
      findings.add(
          rule,
          pod,
          String.join(", ", found),
          "take that out of its template, then\n" + Commands.restart(pod));
    }
  }

  // ---- what is redirected

  private void capture(MeshPod pod) {
    if (!pod.isCaptured()) {
      findings.add(
          Rule.NOT_CAPTURED,
          pod,
          "interception mode NONE",
          "take the annotation "
              + MeshPod.MODE
              + " out of its template, then\n"
              + Commands.restart(pod));
      return;
    }
    var arguments = pod.captureArguments();
    var nothing =
        arguments.contains("--skip-rule-apply")
            ? "istio-init --skip-rule-apply"
            : !arguments.isEmpty() && !arguments.contains("-i") ? "istio-init without -i" : "";
    if (!nothing.isEmpty()) {
      findings.add(
          Rule.NOT_CAPTURED,
          pod,
          nothing,
          "take its own istio-init out of its template, then\n" + Commands.restart(pod));
      return;
    }
    var excluded = new ArrayList<String>();
    for (var annotation : EXCLUDING) {
      var value = pod.object().annotation(annotation);
      if (!value.isEmpty()) {
        excluded.add(annotation + ": \"" + value + "\"");
      }
    }
    var included = pod.object().annotation(INCLUDED);
    if (pod.object().tree().at("metadata", "annotations", INCLUDED).present()
        && !included.equals("*")) {
      excluded.add(INCLUDED + ": \"" + included + "\"");
    }
    if (excluded.isEmpty()) {
      excluded.addAll(byHand(arguments));
    }
    if (!excluded.isEmpty()) {
      findings.add(
          Rule.EXCLUDED_TRAFFIC,
          pod,
          String.join(", ", excluded),
          "take that out of its template, then\n"
              + Commands.restart(pod)
              + "\nwhere it must stay: "
              + Commands.APPROVED_TCP);
    }
  }

  /** Arguments that take something out, and that neither an annotation nor the mesh explains. */
  private List<String> byHand(List<String> arguments) {
    var found = new ArrayList<String>();
    for (var i = 0; i + 1 < arguments.size(); i++) {
      var option = arguments.get(i);
      var value = arguments.get(i + 1);
      var isExcluding =
          switch (option) {
            case "-x" -> !value.isEmpty() && !value.equals(mesh.excludedBlocks());
            case "-o" -> !value.isEmpty() && !value.equals(mesh.excludedPorts());
            case "-i" -> !value.equals("*") && !value.equals(mesh.includedBlocks());
            case "-c" -> !value.isEmpty();
            default -> false;
          };
      if (isExcluding) {
        found.add("istio-init " + option + " " + value);
      }
    }
    return found;
  }

  private void families(MeshPod pod) {
    var addresses = pod.addresses();
    if (!addresses.isEmpty()
        && !addresses.getFirst().contains(":")
        && addresses.stream().anyMatch(address -> address.contains(":"))
        && !pod.capturesBothFamilies()) {
      findings.add(
          Rule.IPV6,
          pod,
          "addresses of both families, and no ISTIO_DUAL_STACK",
          "istioctl upgrade --set values.pilot.env.ISTIO_DUAL_STACK=true --set"
              + " meshConfig.defaultConfig.proxyMetadata.ISTIO_DUAL_STACK=true\n"
              + Commands.restart(pod));
    }
  }

  private void beforeProxy(MeshPod pod) {
    var before = new ArrayList<String>();
    var proxyIsInit = false;
    for (var container : pod.containers()) {
      if (container.start() == Start.INIT && container.name().equals(MeshPod.PROXY)) {
        proxyIsInit = true;
        break;
      }
      if (container.start() == Start.INIT && !container.isIstio()) {
        before.add(container.name());
      }
    }
    if (!before.isEmpty()) {
      findings.add(
          Rule.INIT_BEFORE_PROXY,
          pod,
          "init containers " + String.join(", ", before),
          proxyIsInit
              ? "move them behind " + MeshPod.PROXY + " in the template's initContainers"
              : "istioctl upgrade --set values.pilot.env.ENABLE_NATIVE_SIDECARS=true\n"
                  + Commands.restart(pod));
    }
  }

  // ---- what containers may

  private void proxyUser(MeshPod pod, Container container) {
    var ofPod = pod.object().spec().at("securityContext");
    var own = container.spec().at("securityContext");
    var found = new TreeSet<String>();
    for (var field : List.of("runAsUser", "runAsGroup")) {
      var said = own.at(field).present() ? own.at(field) : ofPod.at(field);
      if (said.number(-1) == PROXY_USER) {
        found.add(field + (own.at(field).present() ? "" : " of the pod") + " 1337");
      }
    }
    var user = container.status().at("user", "linux");
    if (!user.present()
        && !Stream.of("runAsUser", "runAsGroup")
            .allMatch(field -> own.at(field).present() || ofPod.at(field).present())) {
      withUnknownUsers.add(pod.owner());
    }
    if (found.isEmpty()) {
      Stream.of("uid", "gid")
          .filter(field -> user.at(field).number(-1) == PROXY_USER)
          .forEach(field -> found.add("its image's own " + field + " is 1337"));
    }
    if (!found.isEmpty()) {
      findings.add(
          Rule.PROXY_USER,
          pod,
          "container " + container.name() + ": " + String.join(", ", found),
          """
          # in its template, container %s: a user and a group that are not the proxy's
          securityContext: {runAsUser: 10001, runAsGroup: 10001}\
          """
              .formatted(container.name()));
    }
  }

  private void capabilities(MeshPod pod, Container container) {
    var own = container.spec().at("securityContext");
    var added =
        own.at("capabilities", "add").stream()
            .map(PodRules::capability)
            .filter(STRONG::contains)
            .sorted()
            .toList();
    if (own.at("privileged").isTrue() || !added.isEmpty()) {
      findings.add(
          Rule.RAW_PACKETS,
          pod,
          "container "
              + container.name()
              + (own.at("privileged").isTrue() ? ": privileged" : ": " + String.join(", ", added)),
          drop(container));
    } else if (own.at("capabilities", "drop").stream()
            .map(PodRules::capability)
            .noneMatch(one -> one.equals("ALL") || one.equals("NET_RAW"))
        && mayBeRoot(pod, container)) {
      findings.add(
          Rule.DEFAULT_CAPABILITIES,
          pod,
          "container " + container.name() + ": no capabilities.drop",
          drop(container));
    }
  }

  private static String capability(Tree name) {
    var text = name.text();
    return text.startsWith("CAP_") ? text.substring("CAP_".length()) : text;
  }

  private static String drop(Container container) {
    return """
    # in its template, container %s
    securityContext: {privileged: false, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\
    """
        .formatted(container.name());
  }

  /** Whoever is another user, and cannot become root by a program, has no capabilities. */
  private static boolean mayBeRoot(MeshPod pod, Container container) {
    var ofPod = pod.object().spec().at("securityContext");
    var own = container.spec().at("securityContext");
    var user = own.at("runAsUser").present() ? own.at("runAsUser") : ofPod.at("runAsUser");
    var nonRoot =
        own.at("runAsNonRoot").present() ? own.at("runAsNonRoot") : ofPod.at("runAsNonRoot");
    var isOther = user.number(0) > 0 || nonRoot.isTrue();
    var staysSo =
        own.at("allowPrivilegeEscalation").present()
            && !own.at("allowPrivilegeEscalation").isTrue();
    return !(isOther && staysSo);
  }
}
