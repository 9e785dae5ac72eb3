package io.kith.load.istio;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A pod as istiod's webhook left it in the API server: with a sidecar, and with the container that
 * lays the redirection. It runs, says its status; the lab's processes are what runs.
 */
final class InjectedPod {
  private static final String SIDECAR = "istio-proxy";

  private static final Duration LIMIT = Duration.ofMinutes(1);

  private final Pod pod;

  private InjectedPod(Pod pod) {
    this.pod = pod;
  }

  /**
   * Creates the pod of a workload in a namespace whose pods are injected, and says that it runs.
   *
   * @param app also its label
   * @param owner its controller
   * @param address of the lab's pod
   */
  static InjectedPod create(
      ControlPlane plane,
      String namespace,
      String app,
      String account,
      OwnerReference owner,
      InetAddress address)
      throws InterruptedException {
    var wanted =
        new PodBuilder()
            .withNewMetadata()
            .withNamespace(namespace)
            .withName(app + "-0")
            .addToLabels("app", app)
            .withOwnerReferences(owner)
            .endMetadata()
            .withNewSpec()
            .withServiceAccountName(account)
            .withNodeName("node-1")
            .addNewContainer()
            .withName(app)
            .withImage("registry.invalid/" + app)
            .withNewSecurityContext()
            .withRunAsUser(1000L)
            .withAllowPrivilegeEscalation(false)
            .withNewCapabilities()
            .addToDrop("ALL")
            .endCapabilities()
            .endSecurityContext()
            .endContainer()
            .endSpec()
            .build();
    createInjected(plane, wanted);
    var running =
        plane
            .client()
            .resource(wanted)
            .editStatus(
                pod ->
                    new PodBuilder(pod)
                        .withNewStatus()
                        .withPhase("Running")
                        .withPodIP(address.getHostAddress())
                        .addNewPodIP(address.getHostAddress())
                        .withHostIP(plane.host().v4().getHostAddress())
                        .addNewCondition()
                        .withType("Ready")
                        .withStatus("True")
                        .endCondition()
                        .endStatus()
                        .build());
    return new InjectedPod(running);
  }

  /** The webhook is refused for the moment that istiod needs to prove it. */
  static void createInjected(ControlPlane plane, Pod wanted) throws InterruptedException {
    for (var end = System.nanoTime() + LIMIT.toNanos(); ; ) {
      try {
        plane.client().resource(wanted).create();
        return;
      } catch (KubernetesClientException e) {
        if (System.nanoTime() > end || e.getCode() != 500) {
          throw e;
        }
        Thread.sleep(50);
      }
    }
  }

  String namespace() {
    return pod.getMetadata().getNamespace();
  }

  String account() {
    return pod.getSpec().getServiceAccountName();
  }

  /** Labels as the kubelet hands them to the sidecar: a line each. */
  String labels() {
    return lines(pod.getMetadata().getLabels());
  }

  /** The same of its annotations. */
  String annotations() {
    return lines(pod.getMetadata().getAnnotations());
  }

  private static String lines(Map<String, String> map) {
    return map.entrySet().stream()
        .map(entry -> entry.getKey() + "=\"" + escaped(entry.getValue()) + "\"\n")
        .sorted()
        .collect(Collectors.joining());
  }

  private static String escaped(String text) {
    return text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }

  /** Arguments of pilot-agent with which it redirects what the pod sends. */
  List<String> captureArguments() {
    return containers()
        .filter(container -> container.getName().equals("istio-init"))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("the pod has no istio-init: " + pod))
        .getArgs();
  }

  /** Arguments of pilot-agent beside the workload. */
  List<String> sidecarArguments() {
    var environment = sidecarEnvironment();
    return sidecar().getArgs().stream().map(argument -> expanded(argument, environment)).toList();
  }

  private static String expanded(String argument, Map<String, String> environment) {
    var result = argument;
    for (var variable : environment.entrySet()) {
      result = result.replace("$(" + variable.getKey() + ")", variable.getValue());
    }
    return result;
  }

  /** Its environment, with what the kubelet would fill in. */
  Map<String, String> sidecarEnvironment() {
    var environment = new HashMap<String, String>();
    for (var variable : sidecar().getEnv()) {
      var value = value(variable);
      if (!value.isEmpty()) {
        environment.put(variable.getName(), value);
      }
    }
    return environment;
  }

  /** Of limits of resources, which nobody sets here, there is no value. */
  private String value(EnvVar variable) {
    if (variable.getValueFrom() == null) {
      return variable.getValue() == null ? "" : variable.getValue();
    }
    var field = variable.getValueFrom().getFieldRef();
    if (field == null) {
      return "";
    }
    return switch (field.getFieldPath()) {
      case "metadata.name" -> pod.getMetadata().getName();
      case "metadata.namespace" -> pod.getMetadata().getNamespace();
      case "spec.nodeName" -> pod.getSpec().getNodeName();
      case "spec.serviceAccountName" -> pod.getSpec().getServiceAccountName();
      case "status.podIP" -> pod.getStatus().getPodIP();
      case "status.hostIP" -> pod.getStatus().getHostIP();
      default ->
          throw new IllegalStateException(
              variable.getName() + " is of " + field.getFieldPath() + ", which is not known here");
    };
  }

  private Container sidecar() {
    return containers()
        .filter(container -> container.getName().equals(SIDECAR))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("the pod was not injected: " + pod));
  }

  /** A sidecar is a container of either kind. */
  private Stream<Container> containers() {
    return Stream.concat(
        pod.getSpec().getInitContainers().stream(), pod.getSpec().getContainers().stream());
  }
}
