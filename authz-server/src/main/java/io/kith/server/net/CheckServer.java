package io.kith.server.net;

import static java.util.Objects.requireNonNull;

import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.bridge.BridgeHub;
import io.kith.server.bridge.BridgeService;
import io.kith.server.bridge.BridgeStatus;
import io.kith.server.bridge.GuardDesk;
import io.kith.server.bridge.OpenFlows;
import io.kith.server.check.Answered;
import io.kith.server.check.CheckObserver;
import io.kith.server.check.CheckSettings;
import io.kith.server.check.Deadlines;
import io.kith.server.check.ExtAuthzService;
import io.kith.server.check.PeerFilter;
import io.kith.server.check.Policy;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.rpc.CheckListener;
import io.kith.server.rpc.EventLoops;
import io.kith.server.rpc.TransportAdmission;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.server.telemetry.HealthServer;
import io.kith.server.telemetry.Metrics;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.frames.FrameServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The running server of Checks and bridges: three addresses, mutual TLS on two of them.
 *
 * <p>It is ready when it is warm, its identity is usable and there is what it decides by. What it
 * is given stays the caller's to close.
 */
public final class CheckServer implements AutoCloseable {
  /*
   * Limits of a Check. Envoy's default for request headers is 60 KiB and its most 8 MiB; all of them
   * are in the message. One of a megabyte is read and answered, a longer one than the limit is
   * malformed. Initial metadata is what our own recipes write: names of nodes and clusters.
   */
  private static final int MAX_CHECK = 4 * 1024 * 1024;
  private static final int MAX_METADATA = 64 * 1024;
  // A list of some thousand pods.
  private static final int MAX_BRIDGE_MESSAGE = 4 * 1024 * 1024;
  private static final Duration AGE_GRACE = Duration.ofSeconds(30);
  // Envoy does not wait as long for the answer.
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(10);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration CLOSE_GRACE = Duration.ofSeconds(5);

  private static final int WARM_UPS = 2;
  // Who waited for this server connects within the first, and has its first answer within the
  // other.
  private static final Duration KNOCKING = Duration.ofMillis(100);
  private static final Duration LET_IN = Duration.ofMillis(400);
  // Of the port where it asks itself, over a few connections.
  private static final KithConfig.Connections WARM_UP_LIMITS =
      new KithConfig.Connections(WarmUp.CHECKS, WarmUp.CHECKS);

  private static final PeerFilter PEERS =
      new PeerFilter(session -> SpiffeTls.peerOf(session, Clock.systemUTC()));
  private static final Logger LOG = Logger.getLogger(CheckServer.class.getName());

  private final KithConfig.Server settings;
  private final X509Source identity;
  private final Policy policy;
  private final CheckTelemetry telemetry;
  private final Deadlines deadlines = new Deadlines();
  private final BridgeHub bridges;
  private final ExtAuthzService checkService;
  private final BridgeService bridgeService;
  private final GuardDesk guardDesk;
  private final EventLoops loops = EventLoops.ofChecks();
  private volatile @Nullable CheckListener checks;
  private @Nullable SocketFile checkFile;
  private final TransportAdmission bridgeAdmission;
  private @Nullable Server bridgePort;
  private @Nullable UnixServer bridgeSocket;
  private @Nullable FramesSocket bridgeFrames;
  private @Nullable HealthServer health;
  private @Nullable HealthServer ownHealth;
  private volatile boolean warm;
  private volatile boolean cold = true;

  private CheckServer(
      KithConfig.Server settings,
      X509Source identity,
      WorkloadDirectory directory,
      MeshKeys keys,
      Policy policy,
      CheckTelemetry telemetry,
      String version) {
    this.settings = settings;
    this.identity = requireNonNull(identity, "identity");
    this.policy = requireNonNull(policy, "policy");
    this.telemetry = requireNonNull(telemetry, "telemetry");
    this.bridges =
        new BridgeHub(
            deadlines, policy.nodeBridges(), directory, InstantSource.system(), Level.INFO);
    var flows = new OpenFlows(InstantSource.system());
    this.guardDesk = new GuardDesk(settings.guard(), directory, policy, bridges, flows);
    bridges
        .guardReports()
        .tellRefusals(
            refusal ->
                telemetry.refused(refusal, guardDesk.workload(refusal.node(), refusal.pod())));
    this.checkService =
        new ExtAuthzService(
            CheckSettings.of(settings),
            directory,
            keys,
            policy,
            bridges,
            heardBy(telemetry, flows),
            deadlines,
            InstantSource.system());
    this.bridgeService =
        new BridgeService(bridges, settings.bridgeIds(), version, InstantSource.system());
    this.bridgeAdmission =
        new TransportAdmission(
            peer ->
                bridgeService.mayAttach(peer) ? Integer.MAX_VALUE : TransportAdmission.OF_STRANGER,
            "see server.bridgeIds",
            TransportAdmission.HANDSHAKES,
            "as so many are at the port of server.bridges.listen");
    var metrics = telemetry.metrics();
    metrics.gauge("kith_checks_waiting", "Checks that wait for a bridge.", checkService::waiting);
    metrics.gauge("kith_bridges_attached", "Bridges attached.", () -> bridges.statuses().size());
    metrics.gauges(
        "kith_bridges",
        "Bridges attached, by the best rung that their node can do.",
        "rung",
        () ->
            bridges.statuses().stream()
                .collect(
                    Collectors.groupingBy(
                        status -> status.rung().letter(), Collectors.counting())));
    metrics.facts(
        "kith_bridge_problem",
        "What an attached bridge says it cannot do, in words: why its node is not on a better"
            + " rung.",
        () ->
            bridges.statuses().stream()
                .flatMap(
                    status ->
                        status.problems().stream()
                            .map(words -> Map.of("node", status.node(), "problem", words)))
                .toList());
    metrics.counter(
        "kith_bridge_timeouts_total",
        "Questions that a bridge did not answer in time.",
        bridges.counts()::timedOutTotal);
    metrics.counter(
        "kith_bridge_late_answers_total",
        "Answers of bridges that came too late.",
        bridges.counts()::lateTotal);
    metrics.counter(
        "kith_bridge_answers_reused_total",
        "Checks of a connection that its bridge had been asked about a moment ago.",
        bridges.counts()::reusedTotal);
    metrics.counter(
        "kith_bridge_answers_table_total",
        "Checks whose connection the kernel's table has under a process that its bridge described a"
            + " moment ago, and about which it was not asked itself.",
        bridges.counts()::byTableTotal);
    metrics.counter(
        "kith_pod_facts_doubted_total",
        "Start times and image digests of pods that were not believed: the clock of a node is"
            + " wrong, or its bridge is.",
        bridges.counts()::podFactsDoubtedTotal);
    metrics.gauge(
        "kith_server_cold",
        "1 while the server has not warmed itself up, also when that failed twice or it had no"
            + " identity then: its first Checks are slow.",
        () -> cold ? 1 : 0);
    measureConnections(metrics);
    measureContainers(metrics);
    measureGuards(metrics, flows);
    metrics.gauge(
        "kith_identity_seconds_to_expiry",
        "Until the server's own SVID ends.",
        () -> identity.secondsToExpiry().orElse(0));
  }

  private void measureConnections(Metrics metrics) {
    metrics.gauges(
        "kith_check_connections",
        "Connections to the port of Checks, by whether the peer has proved who it is.",
        "state",
        () -> Map.of("open", connections().open(), "handshake", connections().handshakes()));
    metrics.counters(
        "kith_check_connections_refused_total",
        "Connections to the port of Checks that were ended at a limit of server.connections, or"
            + " since answers to their Checks were not taken (answers).",
        "limit",
        () -> {
          var listening = checks;
          return listening == null ? Map.of() : listening.endedByLimit();
        });
    metrics.counters(
        "kith_bridge_connections_refused_total",
        "Connections to the port of bridges that were ended: of strangers beyond 100 of a SPIFFE"
            + " ID, and of unfinished handshakes beyond 10,000.",
        "limit",
        () -> bridgeAdmission.connections().endedByLimit());
  }

  private CheckListener.Connections connections() {
    var listening = checks;
    return listening == null ? new CheckListener.Connections(0, 0, 0, 0) : listening.connections();
  }

  private void measureContainers(Metrics metrics) {
    metrics.gauges(
        "kith_containers",
        "Containers on the nodes of attached bridges, by whether a runtime describes them.",
        "state",
        () ->
            Map.of(
                "described", ofContainers(BridgeStatus.Containers::described),
                "not_described", ofContainers(BridgeStatus.Containers::notDescribed)));
    metrics.gauge(
        "kith_container_runtime_failures",
        "Questions of attached bridges that no container runtime answered, since each started.",
        () -> ofContainers(BridgeStatus.Containers::failures));
    metrics.gauge(
        "kith_container_runtime_contradictions",
        "Answers of container runtimes that the kernel contradicts, since each bridge started.",
        () -> ofContainers(BridgeStatus.Containers::contradictions));
  }

  private long ofContainers(ToLongFunction<BridgeStatus.Containers> part) {
    return bridges.statuses().stream().map(BridgeStatus::containers).mapToLong(part).sum();
  }

  private void measureGuards(Metrics metrics, OpenFlows flows) {
    var guards = bridges.guardReports();
    metrics.counters(
        "kith_guard_seen_total",
        "What went past the sidecars, by reason: connects of TCP, packets of everything else.",
        "reason",
        guards::seen);
    metrics.counters(
        "kith_guard_refused_total",
        "What went past the sidecars and was refused, by reason.",
        "reason",
        guards::refused);
    metrics.gauges("kith_guard_pods", "Pods by how they are guarded.", "state", guards::pods);
    metrics.gauge(
        "kith_guard_raw_pods",
        "Guarded pods with a process that may send packets unseen (CAP_NET_RAW).",
        guards::rawPods);
    metrics.counter(
        "kith_guard_destroyed_total",
        "Connections that were ended since they were not allowed any more.",
        guards::destroyed);
    metrics.gauge(
        "kith_flows_open",
        "Connections remembered to decide again, or until their bridge says that they are ended.",
        flows::size);
    metrics.counter(
        "kith_flows_forgotten_total",
        "Connections forgotten after a day or for later ones: one that is open still is not ended"
            + " when its permission goes.",
        flows::forgotten);
    metrics.counter(
        "kith_names_untold_total",
        "Checks with a name of the client's choice that its pod was never told the address for.",
        bridges.counts()::namesUntoldTotal);
  }

  /** Telemetry and the memory of what is open, both. */
  static CheckObserver heardBy(CheckTelemetry telemetry, OpenFlows flows) {
    return new CheckObserver() {
      @Override
      public void answered(Answered answered) {
        flows.answered(answered);
        telemetry.answered(answered);
      }

      @Override
      public void late(Answered known) {
        flows.answered(known);
      }

      @Override
      public void cancelled() {
        telemetry.cancelled();
      }
    };
  }

  /**
   * Listens on all ports, then warms itself up, which takes a few seconds; answers Checks
   * meanwhile.
   *
   * @param identity usable, or {@link #notReady} says so
   * @param keys what it says of requests that it allows, and believes of those that come in
   * @param version of the server, for people
   * @throws ListenException when an address cannot be listened on
   */
  public static CheckServer start(
      KithConfig.Server settings,
      X509Source identity,
      WorkloadDirectory directory,
      MeshKeys keys,
      Policy policy,
      CheckTelemetry telemetry,
      String version)
      throws ListenException, InterruptedException {
    return start(settings, identity, directory, keys, policy, telemetry, version, null);
  }

  /**
   * The same.
   *
   * @param health which serves already, and says from now on whether this server is ready; null for
   *     one at the address of the settings, which ends with this server
   */
  public static CheckServer start(
      KithConfig.Server settings,
      X509Source identity,
      WorkloadDirectory directory,
      MeshKeys keys,
      Policy policy,
      CheckTelemetry telemetry,
      String version,
      @Nullable HealthServer health)
      throws ListenException, InterruptedException {
    var server = new CheckServer(settings, identity, directory, keys, policy, telemetry, version);
    try {
      server.listen(health);
      server.guardDesk.start();
      server.warmUp();
      return server;
    } catch (ListenException | InterruptedException | RuntimeException e) {
      server.close();
      throw e;
    }
  }

  private void listen(@Nullable HealthServer there) throws ListenException {
    var anybody = SpiffeTls.serverCredentials(identity, _ -> true);
    listenToChecks();
    listenToBridges(anybody);
    if (there == null) {
      ownHealth =
          bound(
              "server.health.listen",
              settings.health(),
              address -> new HealthServer(address, this::notReady, telemetry.metrics()));
      health = ownHealth;
    } else {
      health = there;
      there.says(this::notReady);
    }
  }

  /**
   * At a port, or at a Unix socket of the node, which every user may open as every address may a
   * port: who asks is known by its certificate at either.
   */
  private void listenToChecks() throws ListenException {
    var key = "server.checks.listen";
    var tls = SpiffeTls.grpcServerContext(identity, _ -> true);
    if (settings.checks() instanceof Endpoint.Unix(var path)) {
      try {
        var file = SocketFile.prepare(key, path, SocketFile.Access.EVERYBODY);
        checks = file.listen(at -> checks(at, tls), CheckListener::close);
        checkFile = file;
      } catch (IOException e) {
        throw ListenException.of(e);
      }
    } else {
      checks = bound(key, settings.checks(), address -> checks(address, tls));
    }
  }

  /**
   * At a port, or at a Unix socket of the node, which the server's group may open: a bridge that is
   * root without the capability to pass by modes has it. Both sides prove who they are at either.
   *
   * <p>The bridge of the node is served by the threads that answer Checks: a new connection is
   * asked about, and answered, without waking another. Those of many nodes have threads of their
   * own, so that a thousand handshakes hold up no Check, and limits for who is none. It is asked in
   * frames, at a socket beside that of gRPC, which is there first: who finds that one finds both.
   */
  private void listenToBridges(ServerCredentials anybody) throws ListenException {
    var key = "server.bridges.listen";
    if (settings.bridges() instanceof Endpoint.Unix(var path)) {
      try {
        bridgeFrames =
            FramesSocket.start(
                loops.lent(),
                key,
                path,
                SpiffeTls.framesServerContext(identity, _ -> true),
                MAX_BRIDGE_MESSAGE,
                PEERS,
                bridgeService);
        bridgeSocket =
            UnixServer.start(
                loops.lent(),
                key,
                path,
                SocketFile.Access.GROUP,
                (address, _) -> bridges(address, anybody, bridgeService));
      } catch (IOException e) {
        throw ListenException.of(e);
      }
    } else {
      bridgePort =
          bound(
              key,
              settings.bridges(),
              address ->
                  bridges(
                          address,
                          bridgeAdmission.credentials(
                              SpiffeTls.grpcServerContext(identity, _ -> true)),
                          bridgeService)
                      .addTransportFilter(bridgeAdmission)
                      .build()
                      .start());
    }
  }

  static NettyServerBuilder bridges(
      SocketAddress address, ServerCredentials credentials, BridgeService service) {
    return server(address, credentials)
        .addService(service.definition())
        .addService(ProtoReflectionServiceV1.newInstance()) // so that grpcurl needs no file
        .maxInboundMessageSize(MAX_BRIDGE_MESSAGE)
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
  }

  private CheckListener checks(SocketAddress address, SslContext tls) throws IOException {
    return CheckListener.start(
        loops.lent(), address, tls, PEERS::peer, limits(settings.connections()), checkService);
  }

  private CheckListener.Limits limits(KithConfig.Connections connections) {
    return new CheckListener.Limits(
        MAX_CHECK,
        MAX_METADATA,
        settings.connectionAge(),
        AGE_GRACE,
        PATIENCE,
        connections.perId(),
        connections.handshakes());
  }

  /** Nothing that runs on its threads blocks, so calls run on those of the network. */
  static NettyServerBuilder server(SocketAddress address, ServerCredentials credentials) {
    return NettyServerBuilder.forAddress(address, credentials)
        .directExecutor()
        .addTransportFilter(PEERS)
        .maxInboundMetadataSize(MAX_METADATA)
        .permitKeepAliveTime(KEEP_ALIVE.toMillis() / 2, TimeUnit.MILLISECONDS)
        .permitKeepAliveWithoutCalls(true);
  }

  @FunctionalInterface
  private interface Binding<T> {
    T bind(InetSocketAddress address) throws IOException;
  }

  private static <T> T bound(String key, Endpoint endpoint, Binding<T> binding)
      throws ListenException {
    return switch (endpoint) {
      case Endpoint.Unix _, Endpoint.Folder _ -> throw ListenException.noUnixSocket(key, endpoint);
      case Endpoint.Tcp(var host, var port) -> {
        try {
          yield binding.bind(new InetSocketAddress(host, port));
        } catch (IOException | RuntimeException e) {
          throw ListenException.of(key, endpoint, e);
        }
      }
    };
  }

  /** Tries once more when it fails: the first Checks of a cold server are refused under enforce. */
  private void warmUp() throws InterruptedException {
    SpiffeId self = settings.spiffeId();
    if (self != null && identity.state().usable()) {
      letIn();
      for (var left = WARM_UPS; cold && left > 0; left--) {
        cold = !warmsUp(self);
      }
    }
    System.gc(); // what starting left behind would stay in the heap for hours
    warm = true;
  }

  /**
   * Whoever waits already is answered first: there may be one processor for that and the warm-up.
   */
  private void letIn() throws InterruptedException {
    Thread.sleep(KNOCKING);
    var now = connections();
    if (now.open() + now.handshakes() > 0) {
      Thread.sleep(LET_IN);
    }
  }

  private boolean warmsUp(SpiffeId self) throws InterruptedException {
    try {
      if (new WarmUp(identity, self)
              .run(
                  (address, tls, service) -> // on threads of its own: real Checks come meanwhile
                  CheckListener.start(
                          EventLoops.ofChecks(),
                          address,
                          tls,
                          PEERS::peer,
                          limits(WARM_UP_LIMITS),
                          service),
                  settings.bridges() instanceof Endpoint.Unix
                      ? CheckServer::attachInFrames
                      : CheckServer::attachByGrpc)
          > 0) {
        return true;
      }
      LOG.log(Level.WARNING, "server not warm: its own Checks were not answered");
    } catch (IOException | RuntimeException e) {
      LOG.log(Level.WARNING, "server not warm: the first Checks will be slow", e);
    }
    return false;
  }

  static WarmUp.Attached attachByGrpc(
      InetSocketAddress here, BridgeService service, WarmUp.Bridge bridge) throws IOException {
    var credentials = SpiffeTls.serverCredentials(bridge.identity(), bridge.self()::equals);
    var server = bridges(here, credentials, service).build().start();
    return new WarmUp.Attached(
        RehearsedBridge.attach(
            server.getPort(), bridge.identity(), bridge.self(), bridge.pod(), bridge.self()),
        server::shutdownNow);
  }

  static WarmUp.Attached attachInFrames(
      InetSocketAddress here, BridgeService service, WarmUp.Bridge bridge) throws IOException {
    var own = EventLoops.ofChecks();
    var tls = SpiffeTls.framesServerContext(bridge.identity(), bridge.self()::equals);
    FrameServer server;
    try {
      server = FramedBridge.listen(own, here, tls, MAX_BRIDGE_MESSAGE, PEERS, service, null);
    } catch (IOException e) {
      own.close();
      throw e;
    }
    return new WarmUp.Attached(
        RehearsedBridge.inFrames(
            new InetSocketAddress(here.getAddress(), server.port()),
            bridge.identity(),
            bridge.self(),
            bridge.pod(),
            bridge.self()),
        () -> {
          server.close();
          own.close();
        });
  }

  /** Why it should not get Checks yet, in words; empty when it is ready. */
  public String notReady() {
    if (!warm) {
      return "warming up";
    }
    var state = identity.state();
    return state.usable() ? policy.notReady() : "no usable identity: " + state.words();
  }

  /** Why its first Checks are slow, in words, with what to do; empty when it warmed itself up. */
  public String cold() {
    return cold
        ? "it could not warm itself up when it started (its log says why), so its first Checks are"
            + " slow, and refused under enforce where they are too slow; see that its identity is"
            + " usable and restart it, one server at a time"
        : "";
  }

  /** The bridges attached to it. */
  public BridgeHub bridges() {
    return bridges;
  }

  /** Where Checks are answered; -1 when that is a Unix socket. */
  public int checkPort() {
    return requireNonNull(checks, "listening").port();
  }

  /** Where bridges attach; -1 when that is a Unix socket. */
  public int bridgePort() {
    return bridgePort == null ? -1 : bridgePort.getPort();
  }

  /** Where health and metrics are. */
  public InetSocketAddress healthAddress() {
    return requireNonNull(health, "listening").address();
  }

  /** Answers what was asked, for at most five seconds, and takes nothing more. */
  @Override
  public void close() {
    warm = false;
    if (checkFile != null) {
      checkFile.remove();
    }
    var listening = checks;
    if (listening != null) {
      listening.close(CLOSE_GRACE);
    }
    if (bridgePort != null) {
      UnixServer.stop(bridgePort, Duration.ZERO);
    }
    if (bridgeSocket != null) {
      bridgeSocket.close(); // first: who finds it looks for the other beside it
    }
    if (bridgeFrames != null) {
      bridgeFrames.close();
    }
    if (ownHealth != null) {
      ownHealth.close();
    }
    guardDesk.close();
    loops.close();
    deadlines.close();
  }
}
