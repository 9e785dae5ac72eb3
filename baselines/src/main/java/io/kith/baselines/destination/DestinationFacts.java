package io.kith.baselines.destination;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.WorkloadDirectory;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a Check says about where a connection goes, each fact apart from the others.
 *
 * @param address where the application connected to
 * @param cluster where the proxy routes, or null when it does not say
 * @param sni name in the TLS hello, or null; chosen by the client
 * @param authority host of the HTTP request without its port, or null; chosen by the client
 * @param authorityPort port that the host of the HTTP request has, whatever number it is; 0 when it
 *     has none; chosen by the client
 * @param answered names for which the workload received this address in a DNS answer that was seen
 *     on its way; in lower case, no final dot, may be empty
 */
public record DestinationFacts(
    IpAddress address,
    int port,
    Protocol protocol,
    @Nullable String cluster,
    @Nullable String sni,
    @Nullable String authority,
    int authorityPort,
    Set<String> answered) {
  /*
   * On passthrough Envoy connects to wherever the application asked, and the name in the hello is
   * whatever the application wrote there. An approved name with the attacker's own address behind
   * it must not pass, so such a name counts only with a DNS answer, and else the address is all
   * that is known.
   */

  /** How istiod's names of clusters begin; by others a name does not say how the cluster sends. */
  private static final String OF_ISTIOD = "outbound|";

  /**
   * Where Istio has the proxy look up the host of a request itself and send it there, whatever the
   * application connected to ({@code outboundTrafficPolicy: ALLOW_ANY_DYNAMIC_DNS}).
   */
  private static final String BY_HOST = "AllowAnyDynamicDNSCluster";

  private static final int HTTP_PORT = 80;
  private static final int LAST_PORT = 65_535;

  /** Clusters that send to what was dialled or said, or nowhere; they name nothing. */
  private static final Set<String> NAMELESS =
      Set.of(
          BY_HOST,
          "PassthroughCluster",
          "InboundPassthroughCluster",
          "BlackHoleCluster",
          "kith_passthrough",
          "kith_gate_passthrough",
          "kith_gate");

  public DestinationFacts {
    requireNonNull(address, "address");
    requireNonNull(protocol, "protocol");
    answered = Set.copyOf(answered);
  }

  /** Of a connection, or a request whose host has no port. */
  public DestinationFacts(
      IpAddress address,
      int port,
      Protocol protocol,
      @Nullable String cluster,
      @Nullable String sni,
      @Nullable String authority,
      Set<String> answered) {
    this(address, port, protocol, cluster, sni, authority, 0, answered);
  }

  /**
   * The destination, and whether the client named another one.
   *
   * @param mismatch what disagrees, in words, or null
   * @param also the same by its other name, or null: whose the routed service is, or the routed
   *     service where the destination is whose it is. What is denied by this name is denied, and
   *     nothing is allowed or learned by it
   */
  public record Resolved(
      Destination destination, @Nullable String mismatch, @Nullable Destination also) {
    /** By one name. */
    public Resolved(Destination destination, @Nullable String mismatch) {
      this(destination, mismatch, null);
    }

    /** Whether it is the same destination, by every name that the other has. */
    public boolean includes(Resolved other) {
      return destination.equals(other.destination)
          && Objects.equals(mismatch, other.mismatch)
          && (other.also == null || other.also.equals(also));
    }
  }

  /**
   * Picks the steadiest name: owner of the address, routed service, the client's name, the address.
   *
   * <p>A name that the client chose counts as a name only where nothing stronger is known and a DNS
   * answer led from it to the address, and never for the metadata service of a cloud. It is a
   * mismatch when it leads to another workload than the one that the connection reaches. Where it
   * is nobody's name, the routed service counts before the owner of the address: Envoy sends a
   * request by its host, wherever the application connected. A service that the mesh sends to
   * whatever was dialled counts only at its own addresses. Where the proxy looks up the client's
   * name itself, the address that was dialled says nothing.
   */
  public Resolved resolve(WorkloadDirectory directory) {
    if (isLookedUp(directory)) {
      return byName(directory);
    }
    var owner = directory.at(address);
    var routed = routedTo(cluster, address, directory);
    var claimed = clientName();
    var named = claimed == null ? null : directory.named(claimed);
    if (owner != null) {
      var mismatch =
          named != null && !named.owner().equals(owner.owner())
              ? "the client says "
                  + claimed
                  + ", which is "
                  + named.owner()
                  + ", and connects to "
                  + owner.owner()
              : null;
      return mismatch == null && named == null && isRoutedByName()
          ? routedByName(owner.owner(), routed, directory)
          : new Resolved(
              destination(owner.owner().toString(), Evidence.OWNER),
              mismatch,
              service(routed, address));
    }
    if (routed != null) {
      var there = directory.named(routed);
      return new Resolved(
          destination(routed, Evidence.MESH_SERVICE),
          null,
          there == null
              ? null
              : new Destination(there.owner().toString(), Evidence.OWNER, null, port, protocol));
    }
    if (named != null) {
      return new Resolved(
          destination(address.toString(), Evidence.ADDRESS),
          "the client says "
              + claimed
              + ", which is "
              + named.owner()
              + ", and connects to "
              + address);
    }
    if (claimed != null && answered.contains(claimed) && !Reach.isMetadataUnder(claimed, address)) {
      return new Resolved(destination(claimed, Evidence.CLIENT_NAME), null);
    }
    return new Resolved(destination(address.toString(), Evidence.ADDRESS), null);
  }

  private boolean isLookedUp(WorkloadDirectory directory) {
    if (cluster == null) {
      return false;
    }
    var name = plain(cluster);
    return name.equals(BY_HOST) || (isWildcard() && directory.looksUp(hostOf(name)));
  }

  /**
   * Where it goes if the proxy looks up the client's name: there, a request at the port of its
   * host. A host of the mesh has to be the one that was dialled, since a name may lead elsewhere by
   * the time it is looked up, or from another namespace.
   */
  private Resolved byName(WorkloadDirectory directory) {
    var said = sni != null && !sni.isBlank() ? sni : authority == null ? "" : authority;
    var there = said.equals(sni) ? port : authorityPort == 0 ? HTTP_PORT : authorityPort;
    if (there <= LAST_PORT) {
      if (!looksLikeAddress(said)) {
        var name = DnsName.compared(said);
        return directory.named(name) == null
            ? new Resolved(new Destination(name, Evidence.CLIENT_NAME, null, there, protocol), null)
            : new DestinationFacts(address, there, protocol, null, null, name, Set.of())
                .resolve(directory);
      }
      var literal = literal(said);
      if (literal != null) {
        return new DestinationFacts(literal, there, protocol, null, null, null, Set.of())
            .resolve(directory);
      }
    }
    return new Resolved(
        destination(address.toString(), Evidence.ADDRESS),
        "the proxy sends to the name that the client says, and '"
            + said
            + ":"
            + there
            + "' is none");
  }

  /** What is written as an address is; others are read in more ways than one. */
  private static @Nullable IpAddress literal(String host) {
    var text = host.startsWith("[") ? host.substring(1).replaceFirst("]$", "") : host;
    try {
      var address = IpAddress.parse(text);
      return address.toString().equals(text) ? address : null;
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  /** Whether the client said a name or address by which a proxy may choose where it sends. */
  private boolean isRoutedByName() {
    return (authority != null && !authority.isBlank()) || (sni != null && !sni.isBlank());
  }

  /**
   * Where a connection to an owner's address goes whose client names somebody that nobody knows:
   * the proxy sends by the name, so what it says is where, and not whose address was dialled.
   */
  private Resolved routedByName(
      Owner dialled, @Nullable String routed, WorkloadDirectory directory) {
    var ofOwner = destination(dialled.toString(), Evidence.OWNER);
    if (routed == null) {
      return new Resolved(
          ofOwner,
          isWildcard()
              ? "the proxy routes by a name to "
                  + cluster
                  + ", and the client connects to "
                  + dialled
              : null);
    }
    var there = directory.named(routed);
    if (there == null) {
      return isNameOf(dialled, routed)
          ? new Resolved(ofOwner, null, service(routed, address))
          : new Resolved(destination(routed, Evidence.MESH_SERVICE), null);
    }
    // Elsewhere, at an address that only the proxy knows: a rule for the dialled one is not for it.
    var where = there.owner().equals(dialled) ? address : null;
    return new Resolved(
        new Destination(there.owner().toString(), Evidence.OWNER, where, port, protocol),
        null,
        service(routed, where));
  }

  private @Nullable Destination service(@Nullable String routed, @Nullable IpAddress where) {
    return routed == null
        ? null
        : new Destination(routed, Evidence.MESH_SERVICE, where, port, protocol);
  }

  /** As Kubernetes and Istio name the service that is called as its owner. */
  private static boolean isNameOf(Owner owner, String service) {
    var name = (owner.name() + "." + owner.namespace()).toLowerCase(Locale.ROOT);
    return service.equals(owner.name().toLowerCase(Locale.ROOT))
        || service.equals(name)
        || service.startsWith(name + ".svc");
  }

  /** Whether the proxy sends to whatever host of a domain the client names. */
  private boolean isWildcard() {
    return cluster != null && cluster.startsWith("*", cluster.lastIndexOf('|') + 1);
  }

  private Destination destination(String name, Evidence evidence) {
    return new Destination(name, evidence, address, port, protocol);
  }

  private @Nullable String clientName() {
    var name = sni != null && !sni.isBlank() ? sni : authority;
    if (name == null || name.isBlank() || looksLikeAddress(name)) {
      return null;
    }
    return DnsName.compared(name);
  }

  private static boolean looksLikeAddress(String name) {
    if (name.startsWith("[")) {
      return true;
    }
    for (var i = 0; i < name.length(); i++) {
      var c = name.charAt(i);
      if (c != '.' && !Character.isDigit(c)) {
        return false;
      }
    }
    return true;
  }

  /**
   * The service that a cluster of the proxy sends a connection to, in lower case; null where it
   * sends to wherever the client connected.
   *
   * <p>So does a cluster that istiod makes of a headless Service, though it has the Service's name:
   * that names where the connection goes only at an address of the Service.
   *
   * @param dialled where the client connected to
   */
  public static @Nullable String routedTo(
      @Nullable String cluster, IpAddress dialled, WorkloadDirectory directory) {
    var service = serviceOf(cluster);
    return service == null
            || (cluster != null
                && cluster.startsWith(OF_ISTIOD)
                && !directory.leadsTo(service, dialled))
        ? null
        : service;
  }

  /**
   * The service that a cluster of the proxy is called by, in lower case; null for one that sends to
   * wherever the client connected.
   *
   * <p>Istio names clusters {@code outbound|80||catalog.shop.svc.cluster.local}. Their names in
   * statistics, which Envoy's {@code %UPSTREAM_CLUSTER%} gives, end with a semicolon. A wildcard is
   * matched by the client's name and sends to wherever the client connected, or with {@code
   * resolution: DYNAMIC_DNS} to that name, so it names nothing.
   */
  public static @Nullable String serviceOf(@Nullable String cluster) {
    if (cluster == null) {
      return null;
    }
    var whole = plain(cluster);
    if (NAMELESS.contains(whole)) {
      return null;
    }
    var name = hostOf(whole);
    return name.isBlank() || name.startsWith("*") ? null : name;
  }

  private static String hostOf(String plain) {
    return plain.substring(plain.lastIndexOf('|') + 1).toLowerCase(Locale.ROOT);
  }

  private static String plain(String cluster) {
    return cluster.endsWith(";") ? cluster.substring(0, cluster.length() - 1) : cluster;
  }
}
