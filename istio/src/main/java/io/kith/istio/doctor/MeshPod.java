package io.kith.istio.doctor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A pod as the API server has it.
 *
 * @param owner as Kith names owners: {@code shop/deployment/cart}
 */
record MeshPod(MeshObject object, String owner) {
  /** Istio's sidecar, as a container of either kind. */
  static final String PROXY = "istio-proxy";

  static final String MODE = "sidecar.istio.io/interceptionMode";
  private static final String MODE_VARIABLE = "ISTIO_META_INTERCEPTION_MODE";

  /** Container that lays the redirection. */
  private static final String CAPTURE = "istio-init";

  /** What Istio puts into a pod, and runs as its own user. */
  static final List<String> OF_ISTIO = List.of(PROXY, CAPTURE, "istio-validation");

  /** How a container is started. */
  enum Start {
    INIT,
    MAIN,
    EPHEMERAL
  }

  /** A container and what is known of it while it runs. */
  record Container(Start start, String name, Tree spec, Tree status) {
    boolean isIstio() {
      return OF_ISTIO.contains(name);
    }

    /** Whether it is one of the init containers and goes on running. */
    boolean isNativeSidecar() {
      return start == Start.INIT && spec.at("restartPolicy").is("Always");
    }
  }

  String namespace() {
    return object.namespace();
  }

  String name() {
    return object.name();
  }

  String node() {
    return object.spec().at("nodeName").text();
  }

  boolean isOver() {
    var phase = object.tree().at("status", "phase");
    return phase.is("Succeeded") || phase.is("Failed");
  }

  /** Whether not all of its containers were started, its sidecar maybe among those. */
  boolean isStarting() {
    return object.tree().at("status", "phase").is("Pending");
  }

  boolean isOnHostNetwork() {
    return object.spec().at("hostNetwork").isTrue();
  }

  /** Whether it has a sidecar; a gateway's proxy is none. */
  boolean isMeshed() {
    return containers().stream()
        .anyMatch(
            container ->
                container.name().equals(PROXY) && !container.spec().at("args").holds("router"));
  }

  /** Whether it has a proxy of Istio's of any kind. */
  boolean hasProxy() {
    return containers().stream().anyMatch(container -> container.name().equals(PROXY));
  }

  /** Its containers in the order in which they start. */
  List<Container> containers() {
    var containers = new ArrayList<Container>();
    add(containers, Start.INIT, "initContainers", "initContainerStatuses");
    add(containers, Start.MAIN, "containers", "containerStatuses");
    add(containers, Start.EPHEMERAL, "ephemeralContainers", "ephemeralContainerStatuses");
    return containers;
  }

  private void add(List<Container> to, Start start, String specs, String statuses) {
    var known = object.tree().at("status", statuses);
    for (var spec : object.spec().at(specs).list()) {
      var name = spec.at("name").text();
      var status =
          known.stream().filter(one -> one.at("name").is(name)).findFirst().orElse(Tree.NOTHING);
      to.add(new Container(start, name, spec, status));
    }
  }

  /** Those that are not Istio's. */
  List<Container> applications() {
    return containers().stream().filter(container -> !container.isIstio()).toList();
  }

  /** Whether anything is redirected to its sidecar, as far as Istio was told. */
  boolean isCaptured() {
    return !object.annotation(MODE).equals("NONE") && !variable(MODE_VARIABLE).equals("NONE");
  }

  /** Arguments of the container that lays the redirection; empty where a CNI plugin does. */
  List<String> captureArguments() {
    return ofCapture().flatMap(one -> one.spec().at("args").stream()).map(Tree::text).toList();
  }

  /** Whether the redirection is for both families of addresses. */
  boolean capturesBothFamilies() {
    return variable("ISTIO_DUAL_STACK").equals("true");
  }

  /** A variable of Istio's containers; empty where none has it. */
  String variable(String name) {
    return containers().stream()
        .filter(Container::isIstio)
        .flatMap(container -> container.spec().at("env").stream())
        .filter(variable -> variable.at("name").is(name))
        .map(variable -> variable.at("value").text())
        .findFirst()
        .orElse("");
  }

  private Stream<Container> ofCapture() {
    return containers().stream().filter(container -> container.name().equals(CAPTURE));
  }

  List<String> addresses() {
    return object.tree().at("status", "podIPs").stream().map(one -> one.at("ip").text()).toList();
  }

  /** Whether a selector of labels means it; an empty one means every pod. */
  boolean isSelectedBy(Map<String, Tree> selector) {
    return selector.entrySet().stream()
        .allMatch(wanted -> object.label(wanted.getKey()).equals(wanted.getValue().text()));
  }
}
