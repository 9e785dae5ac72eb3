package io.kith.load.istio;

import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import io.fabric8.kubernetes.api.model.apps.ReplicaSetBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Objects in a real API server, as controllers and kubelets would make and keep them. */
final class ClusterObjects {
  private static final Path DOCS = Path.of("../docs/kubernetes.md");
  private static final Pattern RIGHTS = Pattern.compile("```yaml rbac\n(.*?)```", Pattern.DOTALL);

  private final ControlPlane plane;
  private final String namespace;

  ClusterObjects(ControlPlane plane, String namespace) {
    this.plane = plane;
    this.namespace = namespace;
  }

  /** Gives the server's account the rights that the documentation names, and no others. */
  static void grantRights(ControlPlane plane) throws IOException {
    plane.apply(rights());
  }

  /** What gives them, to {@code kith-server}. */
  static String rights() throws IOException {
    var rights = RIGHTS.matcher(Files.readString(DOCS));
    if (!rights.find()) {
      throw new IllegalStateException(DOCS + " names no rights");
    }
    return rights.group(1);
  }

  /** A Deployment with a ReplicaSet: what owns a pod of it. */
  OwnerReference deployment(String name) {
    var labels = Map.of("app", name);
    var deployment =
        plane
            .client()
            .resource(
                new DeploymentBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName(name)
                    .endMetadata()
                    .withNewSpec()
                    .withNewSelector()
                    .withMatchLabels(labels)
                    .endSelector()
                    .withNewTemplate()
                    .withNewMetadata()
                    .withLabels(labels)
                    .endMetadata()
                    .withNewSpec()
                    .addNewContainer()
                    .withName(name)
                    .withImage("registry.invalid/" + name)
                    .endContainer()
                    .endSpec()
                    .endTemplate()
                    .endSpec()
                    .build())
            .create();
    var set =
        plane
            .client()
            .resource(
                new ReplicaSetBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName(name + "-6d4f")
                    .withOwnerReferences(
                        controller(
                            "apps/v1", "Deployment", name, deployment.getMetadata().getUid()))
                    .endMetadata()
                    .withNewSpec()
                    .withNewSelector()
                    .withMatchLabels(labels)
                    .endSelector()
                    .withTemplate(deployment.getSpec().getTemplate())
                    .endSpec()
                    .build())
            .create();
    return controller(
        "apps/v1", "ReplicaSet", set.getMetadata().getName(), set.getMetadata().getUid());
  }

  /** Of a controller that nobody looks up. */
  static OwnerReference statefulSet(String name) {
    return controller("apps/v1", "StatefulSet", name, UUID.randomUUID().toString());
  }

  private static OwnerReference controller(
      String apiVersion, String kind, String name, String uid) {
    return new OwnerReferenceBuilder()
        .withApiVersion(apiVersion)
        .withKind(kind)
        .withName(name)
        .withUid(uid)
        .withController(true)
        .build();
  }

  /** A pod with a sidecar and its account as the label {@code app}, which runs. */
  Pod pod(String name, String account, @Nullable OwnerReference owner, String... addresses)
      throws InterruptedException {
    return pod(name, account, owner, List.of("app", "istio-proxy"), addresses);
  }

  /** A pod without, which runs. */
  Pod podWithoutSidecar(String name, String account, OwnerReference owner, String... addresses)
      throws InterruptedException {
    return pod(name, account, owner, List.of("app"), addresses);
  }

  private Pod pod(
      String name,
      String account,
      @Nullable OwnerReference owner,
      List<String> containers,
      String... addresses)
      throws InterruptedException {
    var wanted =
        new PodBuilder()
            .withNewMetadata()
            .withNamespace(namespace)
            .withName(name)
            .addToAnnotations("sidecar.istio.io/inject", "false")
            .addToLabels("app", account)
            .endMetadata()
            .withNewSpec()
            .withServiceAccountName(account)
            .withNodeName("node-1")
            .withContainers(
                containers.stream()
                    .map(
                        container ->
                            new ContainerBuilder()
                                .withName(container)
                                .withImage("registry.invalid/" + container)
                                .build())
                    .toList())
            .endSpec()
            .build();
    if (owner != null) {
      wanted.getMetadata().setOwnerReferences(List.of(owner));
    }
    InjectedPod.createInjected(plane, wanted);
    return says(wanted, "Running", addresses);
  }

  /** As a kubelet would. */
  Pod says(Pod pod, String phase, String... addresses) {
    return plane
        .client()
        .resource(pod)
        .editStatus(
            now -> {
              var status =
                  new PodBuilder(now)
                      .withNewStatus()
                      .withPhase(phase)
                      .withPodIP(addresses.length == 0 ? null : addresses[0]);
              Arrays.stream(addresses).forEach(status::addNewPodIP);
              return status.endStatus().build();
            });
  }

  /** The object is gone at once. */
  void delete(Pod pod) {
    plane.client().resource(pod).withGracePeriod(0).delete();
  }

  void delete(String yaml) {
    plane.delete(yaml.replace("NAMESPACE", namespace));
  }

  void apply(String yaml) {
    plane.apply(yaml.replace("NAMESPACE", namespace));
  }
}
