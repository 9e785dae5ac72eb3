package io.kith.bridge.container;

import static java.util.Objects.requireNonNull;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a runtime says of a container, cross-checked with the kernel.
 *
 * @param id 64 hex digits
 * @param firstPid of its first process, as the host counts; 0 while it has none
 * @param name in Kubernetes that of the pod's specification, else the runtime's
 * @param image what it was made of, or null for a pod's sandbox
 * @param pod null outside Kubernetes
 * @param sandbox it holds a pod's namespaces and runs nothing of the workload
 * @param defaultContainer name of the pod's main container, where the pod's annotations say; null
 *     when they do not or are not known
 */
public record ContainerFacts(
    String id,
    int firstPid,
    String name,
    @Nullable Image image,
    @Nullable PodName pod,
    boolean sandbox,
    @Nullable String defaultContainer,
    Map<String, String> labels) {
  public ContainerFacts {
    requireNonNull(id, "id");
    requireNonNull(name, "name");
    labels = Map.copyOf(labels);
  }

  /** A pod of Kubernetes. */
  public record PodName(String namespace, String name) {
    @Override
    public String toString() {
      return namespace + "/" + name;
    }
  }

  /**
   * An image.
   *
   * @param digest {@code sha256:} and 64 hex digits
   * @param ofManifest the digest of the manifest, which is the same on every node; else the
   *     runtime's own id of it, which an image that came from no registry has only
   */
  public record Image(String digest, boolean ofManifest) {
    public Image {
      requireNonNull(digest, "digest");
    }
  }
}
