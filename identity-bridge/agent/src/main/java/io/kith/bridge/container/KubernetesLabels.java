package io.kith.bridge.container;

import io.kith.bridge.container.ContainerFacts.PodName;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The labels that the kubelet puts on every container. */
final class KubernetesLabels {
  static final String CONTAINER = "io.kubernetes.container.name";
  static final String DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";
  private static final String POD = "io.kubernetes.pod.name";
  private static final String NAMESPACE = "io.kubernetes.pod.namespace";
  private static final String DOCKER_TYPE = "io.kubernetes.docker.type";

  private KubernetesLabels() {}

  static @Nullable PodName pod(Map<String, String> labels) {
    var name = labels.get(POD);
    var namespace = labels.get(NAMESPACE);
    return name == null || namespace == null ? null : new PodName(namespace, name);
  }

  /** Of a container that the kubelet had Docker make. */
  static boolean isSandbox(Map<String, String> labels) {
    return "podsandbox".equals(labels.get(DOCKER_TYPE));
  }
}
