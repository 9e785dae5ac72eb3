package io.kith.istio.doctor;

import static io.kith.istio.doctor.Commands.some;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BinaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What is wrong with a mesh as a whole, and with Kith in it. */
record MeshRules(
    MeshObjects objects, Recipe recipe, MeshText mesh, KithStatus status, Findings findings) {
  /** What is so where a policy does not say its mode. */
  private static final String MODE = "REGISTRY_ONLY";

  private static final String PROXY = "egressProxy";
  private static final int DNS = 53;

  /** Container of the chart's pods on nodes. */
  private static final String BRIDGE = "bridge";

  /** What an image's name ends with that is followed by a digest in place of a tag. */
  private static final String DIGEST = "@sha256";

  private static final String SEEN = "kith_guard_seen_total";
  private static final String REFUSED = "kith_guard_refused_total";
  private static final String AS_PROXY = "{reason=\"proxy_user\"}";

  void judge(Set<String> injected) {
    captureModes();
    excludedByMesh();
    datagrams(injected);
  }

  private void captureModes() {
    for (var sidecar : objects.of("Sidecar")) {
      var without =
          sidecar.spec().at("egress").stream()
              .filter(egress -> egress.at("captureMode").is("NONE"))
              .map(egress -> "port " + egress.at("port", "number").text())
              .toList();
      if (!without.isEmpty()) {
        findings.add(
            Rule.SIDECAR_WITHOUT_CAPTURE,
            sidecar.subject(),
            "captureMode NONE: " + some(without),
            "kubectl edit " + sidecar.kubectl() + "   # captureMode: IPTABLES, or without it");
      }
    }
  }

  private void excludedByMesh() {
    var excluded = mesh.excluded();
    if (!excluded.isEmpty()) {
      var said = new ArrayList<String>();
      var changes = new ArrayList<String>();
      excluded.forEach(
          (key, value) -> {
            said.add("global.proxy." + key + ": \"" + value + "\"");
            changes.add(
                "--set values.global.proxy." + key + "=" + (key.startsWith("in") ? "'*'" : ""));
          });
      findings.add(
          Rule.EXCLUDED_BY_MESH,
          objects.rootNamespace() + "/configmap/istio-sidecar-injector",
          String.join(", ", said),
          "istioctl upgrade "
              + String.join(" ", changes)
              + "   # then restart the pods; what must stay: "
              + Commands.APPROVED_TCP);
    }
  }

  private void datagrams(Set<String> injected) {
    for (var kind : List.of("Service", "ServiceEntry")) {
      for (var object : objects.of(kind)) {
        var ports =
            object.spec().at("ports").stream()
                .filter(port -> port.at("protocol").is("UDP"))
                .map(port -> port.at(kind.equals("Service") ? "port" : "number").number(0))
                .filter(port -> port != DNS)
                .toList();
        if (!ports.isEmpty() && injected.contains(object.namespace())) {
          findings.add(
              Rule.UDP,
              object.subject(),
              "UDP " + some(ports.stream().map(String::valueOf).toList()),
              "# where workloads under enforce need it: values of the chart; in kith.yaml below"
                  + " server\nguard: {approvedUdp: ["
                  + ports.stream()
                      .map(port -> "\"" + address(object) + ":" + port + "\"")
                      .collect(Collectors.joining(", "))
                  + "]}");
        }
      }
    }
  }

  /** Where its clients connect to; a word in capitals where the object does not say it. */
  private static String address(MeshObject service) {
    return Stream.concat(
            Stream.of(service.spec().at("clusterIP")), service.spec().at("addresses").stream())
        .map(Tree::text)
        .filter(one -> one.matches("[0-9a-fA-F:./]*[0-9][0-9a-fA-F:./]*"))
        .map(one -> one.contains(":") ? "[" + one + "]" : one)
        .findFirst()
        .orElse("ADDRESS");
  }

  /** Which sidecars connect where somebody wants none, or another way. */
  void judgeGate(MeshPod pod) {
    var sidecar = objects.sidecarOf(pod);
    var policy = sidecar == null ? Tree.NOTHING : sidecar.spec().at("outboundTrafficPolicy");
    if (sidecar == null || !policy.present()) {
      if (mesh.isRegistryOnly()) {
        replaced(
            objects.rootNamespace() + "/configmap/istio", MODE, "the mesh", pod, meshCommand());
      }
      return;
    }
    var what =
        !policy.at("mode").is("ALLOW_ANY") && !policy.at("mode").is("ALLOW_ANY_DYNAMIC_DNS")
            ? MODE
            : policy.at(PROXY).present() ? PROXY : "";
    if (!what.isEmpty()) {
      replaced(
          sidecar.subject(),
          what,
          "this Sidecar",
          pod,
          "kubectl edit "
              + sidecar.kubectl()
              + "   # without outboundTrafficPolicy; or "
              + recipe.baseline());
    }
  }

  private String meshCommand() {
    return "istioctl upgrade --set meshConfig.outboundTrafficPolicy.mode=ALLOW_ANY\nor "
        + recipe.baseline();
  }

  private void replaced(String subject, String what, String whose, MeshPod pod, String change) {
    findings.addOf(
        Rule.REGISTRY_ONLY_WITH_STRICT,
        subject,
        pod.name(),
        "outboundTrafficPolicy " + what + " of " + whose + ", and a gate in the sidecar",
        change);
  }

  // ---- Kith

  /** Looks at bridges, where this server knows them. */
  void judgeBridges(List<MeshPod> meshed, List<String> notJudged) {
    var bridges = status.bridges();
    if (!status.isKnown() || (status.hasCheckServers() && !status.tellsNodes())) {
      notJudged.add(
          status.isKnown()
              ? "bridges: they are connected to check servers, of which the server that was asked,"
                  + " of an older version, does not tell it"
              : "bridges and versions of Kith: no status of its server was asked (--server, or"
                  + " --status FILE)");
      return;
    }
    var without = new TreeMap<String, TreeSet<String>>();
    for (var pod : meshed) {
      if (!pod.node().isEmpty()
          && bridges.stream().noneMatch(bridge -> bridge.node().equals(pod.node()))) {
        without.computeIfAbsent(pod.node(), _ -> new TreeSet<>()).add(pod.name());
      }
    }
    without.forEach(
        (node, pods) ->
            pods.forEach(
                pod ->
                    findings.addOf(
                        Rule.NO_BRIDGE,
                        "node " + node,
                        pod,
                        "no bridge of this name is connected",
                        "kubectl get pods -A -o wide --field-selector spec.nodeName="
                            + node
                            + "   # does Kith's DaemonSet run there? its log says why it is not"
                            + " connected")));
    for (var bridge : bridges) {
      if (!bridge.problems().isEmpty() || !bridge.findsItself()) {
        findings.add(
            Rule.BRIDGE_UNWELL,
            "node " + bridge.node(),
            bridge.problems().isEmpty()
                ? "it does not find its own connections"
                : some(bridge.problems()),
            askBridge(bridge.node()) + "; it says what to do");
      }
    }
  }

  /** How the bridge of a node says more, in its pod where that is found. */
  private String askBridge(String node) {
    return objects.pods().stream()
        .filter(pod -> pod.node().equals(node) && !pod.isOver() && isOfKith(pod.object()))
        .filter(pod -> pod.containers().stream().anyMatch(one -> one.name().equals(BRIDGE)))
        .findFirst()
        .map(
            pod ->
                "kubectl -n %s exec %s -c %s -- kith bridge status   # on %s"
                    .formatted(pod.namespace(), pod.name(), BRIDGE, node))
        .orElse(
            "kith bridge status   # on %s, or in the container %s of Kith's pod there"
                .formatted(node, BRIDGE));
  }

  static boolean isOfKith(MeshObject pod) {
    return pod.label("app.kubernetes.io/name").equals("kith");
  }

  /** Whether a line of metrics says what guards counted, or that they count. */
  static boolean isOfGuards(String line) {
    return Stream.of(SEEN, REFUSED)
        .anyMatch(name -> line.startsWith(name + "{") || line.startsWith("# TYPE " + name + " "));
  }

  /** Looks at what servers counted, all of them together. */
  void judgeCounts(@Nullable String metrics, List<String> notJudged) {
    if (metrics == null || metrics.lines().noneMatch(MeshRules::isOfGuards)) {
      notJudged.add(
          "guard counts: "
              + (metrics == null
                  ? "no metrics of Kith's servers were read (--kith NAME, or --metrics URL)"
                  : "no server that was asked has "
                      + SEEN
                      + ", which those have that bridges are connected to"));
      return;
    }
    // what is only seen may be a sidecar that starts: it is not known as the proxy before it
    // listens
    var refused = asProxy(REFUSED, metrics);
    var seen = asProxy(SEEN, metrics);
    if (refused > 0) {
      findings.add(
          Rule.PROXY_USER_SEEN,
          "mesh",
          REFUSED + AS_PROXY + " is " + refused,
          "kubectl logs -n kith -l app.kubernetes.io/name=kith --tail=-1 | grep 'went past the"
              + " sidecar'   # names process and pod: give its image another user");
    } else if (seen > 0) {
      notJudged.add(
          "who went past sidecars as the proxy's user: "
              + SEEN
              + AS_PROXY
              + " is "
              + seen
              + ", and none was refused; sidecars that start are among them, and only under enforce"
              + " the guard tells others from these");
    }
  }

  /** The sum of what servers counted of the proxy's user. */
  private static long asProxy(String name, String metrics) {
    return Pattern.compile("(?m)^" + Pattern.quote(name + AS_PROXY) + " (\\d+)")
        .matcher(metrics)
        .results()
        .mapToLong(one -> Long.parseLong(one.group(1)))
        .sum();
  }

  void judgeVersions() {
    var images = images();
    var wanted =
        images.entrySet().stream()
            .map(one -> value(one.getKey(), youngest(one.getValue())))
            .toList();
    status
        .checkServers()
        .forEach(
            (name, version) -> {
              if (!version.equals(status.version())) {
                findings.add(
                    Rule.KITH_SKEW,
                    "check server " + name,
                    "version " + version + ", and the server that was asked is " + status.version(),
                    recipe.oneVersion(wanted.size() == 1 ? wanted.getFirst() : value("", "")));
              }
            });
    images.forEach(
        (image, tags) -> {
          if (tags.size() > 1) {
            var youngest = youngest(tags);
            findings.add(
                Rule.KITH_SKEW,
                "image " + image.substring(image.lastIndexOf('/') + 1),
                "pods of Kith run "
                    + some(List.copyOf(tags.keySet()))
                    + (youngest.isEmpty() ? "" : ", the youngest " + youngest),
                recipe.oneVersion(value(image, youngest)));
          }
        });
  }

  /**
   * What containers of Kith's own run: by the image's name each tag, or each digest, with when the
   * last of its pods was made.
   */
  private TreeMap<String, TreeMap<String, String>> images() {
    var images = new TreeMap<String, TreeMap<String, String>>();
    for (var pod : objects.pods()) {
      if (isOfKith(pod.object()) && !pod.isOver()) {
        var created = pod.object().tree().at("metadata", MeshObjects.CREATED).text();
        for (var container : pod.containers()) {
          var image = container.spec().at("image").text();
          var mark = Math.max(image.lastIndexOf(':'), image.lastIndexOf('@'));
          if (container.start() == MeshPod.Start.MAIN && mark > image.lastIndexOf('/')) {
            images
                .computeIfAbsent(image.substring(0, mark), _ -> new TreeMap<>())
                .merge(
                    image.substring(mark + 1),
                    created,
                    BinaryOperator.maxBy(Comparator.naturalOrder()));
          }
        }
      }
    }
    return images;
  }

  /** What the pod runs that was made last, as whoever changed the image wants it; or empty. */
  private static String youngest(TreeMap<String, String> tags) {
    return tags.entrySet().stream()
        .filter(one -> !one.getValue().isEmpty())
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElse("");
  }

  /** The chart's value for that. */
  private static String value(String image, String tag) {
    return image.endsWith(DIGEST)
        ? "image.digest=sha256:" + (tag.isEmpty() ? "DIGEST" : tag)
        : "image.tag=" + (tag.isEmpty() ? "TAG" : tag);
  }
}
