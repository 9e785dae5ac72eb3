package io.kith.baselines.config;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.process.Rung;
import io.kith.baselines.yaml.Problem;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The settings of {@code kith.yaml}; {@code docs/kith.yaml} explains each key.
 *
 * <p>What only one command needs may be absent here; {@link Server#requireId()} and its like refuse
 * when it is used.
 */
public record KithConfig(
    Server server,
    Bridge bridge,
    Identity identity,
    List<StaticWorkloadDirectory.Entry> workloads,
    List<ScopeEntry> scopes,
    LearningSettings learning,
    List<Path> allowLists,
    StoreSettings store,
    Keys keys,
    Telemetry telemetry) {
  /** Where root keeps what outlives a server. */
  public static final Path SYSTEM_STATE = Path.of("/var/lib/kith");

  public KithConfig {
    workloads = List.copyOf(workloads);
    scopes = List.copyOf(scopes);
    allowLists = List.copyOf(allowLists);
  }

  /**
   * Reads the text of a configuration.
   *
   * @param file name for messages
   * @param environment variables {@code KITH_SECTION_KEY} override keys
   * @throws ConfigException with every problem there is
   */
  public static KithConfig parse(String file, String text, Map<String, String> environment)
      throws ConfigException {
    return parse(file, text, environment, SYSTEM_STATE);
  }

  /**
   * The same for a user who may not write where root does.
   *
   * @param state folder of the store where the text names none
   */
  public static KithConfig parse(
      String file, String text, Map<String, String> environment, Path state)
      throws ConfigException {
    return new KithConfigReader(file, text, environment, state).read();
  }

  /**
   * Reads the section {@code learning} of a configuration, whatever else is in it.
   *
   * @param file name for messages
   * @throws ConfigException with every problem of that section
   */
  public static LearningSettings parseLearning(
      String file, String text, Map<String, String> environment) throws ConfigException {
    return new KithConfigReader(file, text, environment, SYSTEM_STATE).readLearning();
  }

  /**
   * The authorization server.
   *
   * @param role what it does
   * @param spiffeId its own identity, or null
   * @param control where check servers find it
   * @param admin the admin API
   * @param adminIds who is an admin over TCP, in short
   * @param reporters who may ask; empty: every SPIFFE ID under {@code workloads}
   * @param checkIds check servers that may follow it; empty: none, and it does not listen for them
   * @param deadline a Check is answered by then
   * @param connections to the port of Checks
   * @param onFailure what a late or failed Check gets under observe and shadow
   * @param guard what bridges do about traffic that goes past the sidecars
   * @param probes paths that may be asked for by GET without a certificate, also where a scope
   *     requires proof of where a request comes from
   * @param kubernetes the API server that it watches, or null
   */
  public record Server(
      ServerRole role,
      @Nullable SpiffeId spiffeId,
      Endpoint checks,
      Endpoint bridges,
      Endpoint control,
      AdminSettings admin,
      Endpoint health,
      List<SpiffeIdPattern> reporters,
      List<SpiffeIdPattern> bridgeIds,
      List<SpiffeIdPattern> adminIds,
      List<SpiffeIdPattern> checkIds,
      Duration deadline,
      Duration bridgeTimeout,
      Duration connectionAge,
      Connections connections,
      OnFailure onFailure,
      Guard guard,
      List<String> probes,
      @Nullable KubernetesSettings kubernetes) {
    /** What kubelets and metric scrapers ask for unless told otherwise. */
    public static final List<String> PROBES = List.of("/healthz", "/livez", "/readyz", "/metrics");

    public Server {
      probes = List.copyOf(probes);
      reporters = List.copyOf(reporters);
      bridgeIds = List.copyOf(bridgeIds);
      adminIds = List.copyOf(adminIds);
      checkIds = List.copyOf(checkIds);
    }

    /** The same, but for where bridges attach. */
    public Server withBridges(Endpoint place) {
      return new Server(
          role,
          spiffeId,
          checks,
          place,
          control,
          admin,
          health,
          reporters,
          bridgeIds,
          adminIds,
          checkIds,
          deadline,
          bridgeTimeout,
          connectionAge,
          connections,
          onFailure,
          guard,
          probes,
          kubernetes);
    }

    /**
     * The server's own identity.
     *
     * @throws ConfigException when the configuration has none
     */
    public SpiffeId requireId() throws ConfigException {
      return required(spiffeId, "server.spiffeId", "the server's own SPIFFE ID");
    }
  }

  /**
   * What bridges do about traffic that goes past the sidecars.
   *
   * @param proxyUid user of the sidecars, whose connections are not redirected
   * @param proxyGid their group, likewise
   * @param proxyPorts ports of a pod's own sidecar that only the sidecar may dial
   * @param redirectsV4 TCP over IPv4 is redirected to the sidecars
   * @param redirectsV6 TCP over IPv6 is
   * @param resolvers where pods ask for names; empty: nothing is refused, whatever the mode
   * @param excluded TCP that is taken out of the redirection
   * @param approvedTcp TCP that may go past the sidecars
   * @param approvedUdp UDP that may
   */
  public record Guard(
      int proxyUid,
      int proxyGid,
      List<Integer> proxyPorts,
      boolean redirectsV4,
      boolean redirectsV6,
      List<NetworkTarget> resolvers,
      List<NetworkTarget> excluded,
      List<NetworkTarget> approvedTcp,
      List<NetworkTarget> approvedUdp) {
    public Guard {
      proxyPorts = List.copyOf(proxyPorts);
      resolvers = List.copyOf(resolvers);
      excluded = List.copyOf(excluded);
      approvedTcp = List.copyOf(approvedTcp);
      approvedUdp = List.copyOf(approvedUdp);
    }
  }

  /**
   * How many connections the port of Checks takes.
   *
   * @param perId of one SPIFFE ID; one more is refused
   * @param handshakes whose peers have not proved who they are; one more ends the oldest
   */
  public record Connections(int perId, int handshakes) {}

  /** Whether a Check that failed or came late passes; never under enforce. */
  public record OnFailure(boolean allowUnderObserve, boolean allowUnderShadow) {
    /** The answer for a mode. */
    public boolean allows(Mode mode) {
      return switch (mode) {
        case OBSERVE -> allowUnderObserve;
        case SHADOW -> allowUnderShadow;
        case ENFORCE -> false;
      };
    }
  }

  /**
   * The identity bridge.
   *
   * @param node name of the node, or null for the host's name
   * @param spiffeId its own identity, or null
   * @param serverId whom it expects to talk to, or null
   * @param entries sockets remembered in the kernel
   * @param proxyPorts where the proxy listens for redirected connections
   * @param proxyUid user of the proxy
   * @param proxyContainer name of the proxy's container in a pod
   * @param cgroup root of the cgroup v2 tree, or null to find it
   * @param hashMaxSize bytes; larger executables are not hashed
   * @param hostNetwork the bridge's own network is a pod too, with its loopback addresses
   * @param status Unix socket where the running bridge says how it is
   * @param lock file of the node that one bridge holds: another stands by until it is let go
   * @param serversGroup group that may put sockets into the folders among {@code servers}, which
   *     the bridge makes so; null: somebody else does
   * @param pin folder on the BPF file system where capture outlives the bridge, or null
   * @param runtime what is asked about containers
   * @param attest who says which SPIFFE IDs processes have
   */
  public record Bridge(
      @Nullable String node,
      @Nullable SpiffeId spiffeId,
      List<Endpoint> servers,
      @Nullable SpiffeId serverId,
      int entries,
      List<Integer> proxyPorts,
      int proxyUid,
      String proxyContainer,
      @Nullable Path cgroup,
      Rung minimumRung,
      long hashMaxSize,
      int hashWorkers,
      boolean hostNetwork,
      @Nullable Path pin,
      Path status,
      Path lock,
      @Nullable Integer serversGroup,
      RuntimeSetting runtime,
      Attest attest) {
    public Bridge {
      servers = List.copyOf(servers);
      proxyPorts = List.copyOf(proxyPorts);
    }

    /**
     * The bridge's own identity.
     *
     * @throws ConfigException when the configuration has none
     */
    public SpiffeId requireId() throws ConfigException {
      return required(spiffeId, "bridge.spiffeId", "the bridge's own SPIFFE ID");
    }

    /**
     * The server's identity.
     *
     * @throws ConfigException when the configuration has none
     */
    public SpiffeId requireServerId() throws ConfigException {
      return required(serverId, "bridge.serverId", "the SPIFFE ID of the server");
    }
  }

  private static <T> T required(@Nullable T value, String key, String what) throws ConfigException {
    if (value == null) {
      throw new ConfigException(
          List.of(new Problem("kith.yaml", key, "missing (expected: " + what + ")")));
    }
    return value;
  }

  /** Where Kith's own certificates come from. */
  public sealed interface Identity {
    /** The development stand-in: a socket per SPIFFE ID below a folder. */
    record Dev(Path directory, String trustDomain, Duration ttl) implements Identity {}

    /** A Workload API socket, as of a SPIRE agent. */
    record WorkloadApi(Path socket) implements Identity {}

    /** PEM files, read again when they change. */
    record Files(Path certificate, Path key, Path bundle) implements Identity {}
  }

  /**
   * What the server signs with and whose signatures count: PEM files of Ed25519 keys.
   *
   * @param directory where keys that are not named are made, and how far the log of changes was
   *     seen is kept; null: beside the store
   * @param learner key pair that signs revisions and the log of changes, or null to make one
   * @param approver key pair with which the server signs approvals, or null: to make one, unless
   *     approvers are named
   * @param approvers public keys of people who approve
   * @param bundlers public keys of those who make bundles
   * @param trusted public learner's keys of the other servers on the same store
   * @param provenance files of secrets that say where requests come from: the first makes, all
   *     count; empty: to make one
   */
  public record Keys(
      @Nullable Path directory,
      @Nullable Path learner,
      @Nullable Path approver,
      List<Path> approvers,
      List<Path> bundlers,
      List<Path> trusted,
      List<Path> provenance) {
    public Keys {
      provenance = List.copyOf(provenance);
      approvers = List.copyOf(approvers);
      bundlers = List.copyOf(bundlers);
      trusted = List.copyOf(trusted);
    }

    /** Without a secret that is named. */
    public Keys(
        @Nullable Path directory,
        @Nullable Path learner,
        @Nullable Path approver,
        List<Path> approvers,
        List<Path> bundlers,
        List<Path> trusted) {
      this(directory, learner, approver, approvers, bundlers, trusted, List.of());
    }
  }

  /**
   * A mode for a scope.
   *
   * @param scope {@code *}, {@code namespace/*} or an owner
   * @param unattributedAllowed flows of processes that are not known may pass
   * @param inbound what is asked of requests that come in; null: what the scope around it asks
   */
  public record ScopeEntry(
      ScopeName scope, Mode mode, boolean unattributedAllowed, @Nullable Inbound inbound) {
    /** One that says nothing of requests that come in. */
    public ScopeEntry(ScopeName scope, Mode mode, boolean unattributedAllowed) {
      this(scope, mode, unattributedAllowed, null);
    }
  }

  /**
   * Spans, metrics and logs.
   *
   * @param otlp where they are sent, or null
   * @param metrics whether metrics are sent there beside the spans
   * @param logs whether denials are, as log records
   * @param sampleAllows share of allowed Checks that get a span, 0 to 1
   */
  public record Telemetry(@Nullable URI otlp, boolean metrics, boolean logs, double sampleAllows) {}
}
