package io.kith.baselines.destination;

import static java.util.stream.Collectors.toUnmodifiableSet;

import io.kith.baselines.identity.IpAddress;
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
          "169.254.170.2", // tasks of ECS
          "169.254.170.23", // Pod Identity of EKS
          "169.254.0.23", // Tencent
          "100.100.100.200", // Alibaba
          "fd00:ec2:0:0:0:0:0:254",
          "fe80:0:0:0:0:0:a9fe:a9fe", // OpenStack
          "metadata.google.internal",
          "instance-data.ec2.internal");
  private static final Set<IpAddress> METADATA_ADDRESSES =
      METADATA.stream()
          .filter(name -> name.indexOf(':') >= 0 || Character.isDigit(name.charAt(0)))
          .map(IpAddress::parse)
          .collect(toUnmodifiableSet());

  /**
   * Those of private networks that came later. What a learner alone may sign they do not change: a
   * log of changes in which it did would be refused from there on.
   */
  private static final Set<IpAddress> LATER =
      Set.of(
          IpAddress.parse("fd00:ec2::23"), // Pod Identity of EKS
          IpAddress.parse("fd20:ce::254"), // Google
          IpAddress.parse("fd00:c1::a9fe:a9fe")); // Oracle

  /** WireServer of Azure: public, so that without a name it needs a person in any case. */
  private static final IpAddress WIRE_SERVER = IpAddress.parse("168.63.129.16");

  /** The reach of a destination. */
  public static Reach of(Destination destination) {
    if (isSensitive(destination)) {
      return SENSITIVE;
    }
    var address = destination.address();
    if (isNamedByTheMesh(destination) || (address != null && address.isPrivate())) {
      return INTERNAL;
    }
    return destination.evidence() == Evidence.ADDRESS ? PUBLIC_ADDRESS : EXTERNAL_NAME;
  }

  /**
   * Whether a name that is not the metadata service's own leads to it: whoever answers for an
   * approved name outside could have a workload ask for its own credentials.
   */
  public static boolean isMetadataUnder(String name, IpAddress address) {
    return (isMetadata(address) || address.equals(WIRE_SERVER)) && !METADATA.contains(name);
  }

  /** Whether it is a service of the mesh and opens no other door. */
  public static boolean isPlainMesh(Destination destination) {
    return isNamedByTheMesh(destination) && !isSensitive(destination);
  }

  /**
   * Whether a routed name is of the mesh. One that is not was declared as a door in its wall (a
   * ServiceEntry), and leads outside though the proxy routes to it.
   */
  public static boolean isOfTheMesh(String name) {
    return name.indexOf('.') < 0 || name.endsWith(".svc") || name.endsWith(".cluster.local");
  }

  private static boolean isNamedByTheMesh(Destination destination) {
    return switch (destination.evidence()) {
      case OWNER -> true;
      case MESH_SERVICE -> isOfTheMesh(destination.name());
      case ADDRESS, DNS, CLIENT_NAME -> false;
    };
  }

  /** Whether one of these ports of a name is sensitive, whatever its address. */
  public static boolean isSensitive(String name, Evidence evidence, Ports ports) {
    if (METADATA.contains(name)) {
      return true;
    }
    return evidence == Evidence.ADDRESS
        ? isKubelet(ports)
        : name.equals("kubernetes")
            || name.startsWith("kubernetes.default.")
            || name.equals("kubernetes.default");
  }

  /** Whether a block of addresses has a sensitive one, or one of these ports of it is sensitive. */
  public static boolean isSensitive(Cidr block, Ports ports) {
    return isKubelet(ports) || METADATA_ADDRESSES.stream().anyMatch(block::contains);
  }

  private static boolean isMetadata(IpAddress address) {
    return METADATA_ADDRESSES.contains(address) || LATER.contains(address);
  }

  private static boolean isKubelet(Ports ports) {
    return ports.contains(10_250) || ports.contains(10_255);
  }

  private static boolean isSensitive(Destination destination) {
    var address = destination.address();
    return (address != null && isMetadata(address))
        || isSensitive(
            destination.name(),
            destination.evidence(),
            new Ports(destination.port(), destination.port()));
  }
}
