package io.kith.baselines.destination;

import java.util.Set;

/** How far a destination is, which decides who may vouch for it. */
public enum Reach {
  /** A workload or service of the mesh, or an address or name within the site. */
  INTERNAL,
  /** What holds credentials or runs pods: cloud metadata, Kubernetes API, kubelet. */
  SENSITIVE,
  /** A name outside. */
  EXTERNAL_NAME,
  /** A public address without a name. */
  PUBLIC_ADDRESS;

  private static final Set<String> METADATA =
      Set.of(
          "169.254.169.254",
          "169.254.170.2",
          "100.100.100.200",
          "fd00:ec2:0:0:0:0:0:254",
          "metadata.google.internal",
          "instance-data.ec2.internal");
  private static final Set<Integer> KUBELET = Set.of(10_250, 10_255);

  /** The reach of a destination. */
  public static Reach of(Destination destination) {
    if (isSensitive(destination)) {
      return SENSITIVE;
    }
    var address = destination.address();
    if (destination.evidence().compareTo(Evidence.MESH_SERVICE) >= 0
        || (address != null && address.isPrivate())) {
      return INTERNAL;
    }
    return destination.evidence() == Evidence.ADDRESS ? PUBLIC_ADDRESS : EXTERNAL_NAME;
  }

  /** Whether it is a service of the mesh and opens no other door. */
  public static boolean isPlainMesh(Destination destination) {
    return destination.evidence().compareTo(Evidence.MESH_SERVICE) >= 0
        && !isSensitive(destination);
  }

  private static boolean isSensitive(Destination destination) {
    var name = destination.name();
    if (METADATA.contains(name)
        || (destination.address() != null
            && destination.address().isPrivate()
            && METADATA.contains(destination.address().toString()))) {
      return true;
    }
    return destination.evidence() == Evidence.ADDRESS
        ? KUBELET.contains(destination.port())
        : name.equals("kubernetes")
            || name.startsWith("kubernetes.default.")
            || name.equals("kubernetes.default");
  }
}
