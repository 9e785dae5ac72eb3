package io.kith.load.fleet;

import com.google.protobuf.ByteString;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.EntryKind;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.Origin;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.ServerMessage;
import io.kith.load.mesh.Mesh;
import io.kith.spiffe.SpiffeTls;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * The pods of a fleet at one server: Checks as their Envoys send them, and the stream of the bridge
 * that knows which program opened which socket. Both over mutual TLS; programs are of the image.
 */
public final class PodsAt implements AutoCloseable {
  private static final Duration CHECK_LIMIT = Duration.ofMinutes(3);

  private static final int DENIED = 7;
  private static final int UNAVAILABLE = 14;

  private final Fleet fleet;
  private final int checkPort;
  private final SpiffeId server;
  private final Map<SpiffeId, ManagedChannel> channels = new ConcurrentHashMap<>();
  private final Map<String, String> programs = new ConcurrentHashMap<>();
  private final AtomicInteger ports = new AtomicInteger();
  private final AtomicInteger undecided = new AtomicInteger();
  private final ManagedChannel bridgeChannel;
  private volatile String failure = "";
  private volatile Bridge bridge;
  private volatile boolean closed;

  /**
   * What a Check was answered.
   *
   * @param reason why it was denied, or why it was let pass undecided, else empty
   * @param edge id of the edge that allowed it, else empty
   * @param fingerprint id of the process, or empty when it was not known
   */
  public record Verdict(
      boolean allowed, String reason, String decisionId, String edge, String fingerprint) {
    /** Whether Kith knew the process, or says why it should not have to. */
    private boolean isDecided() {
      return !fingerprint.isEmpty() || !(reason.isEmpty() || Mesh.NOT_DECIDED.contains(reason));
    }
  }

  /** Attaches the bridge and waits until its pods are known. */
  public PodsAt(Fleet fleet, ServerProcess server) throws InterruptedException {
    this.fleet = fleet;
    this.server = server.id();
    this.checkPort = server.port("checks");
    bridgeChannel = channel(server.port("bridges"), Fleet.BRIDGE);
    bridge = new Bridge();
    bridge.attach();
    Mesh.await(
        "the pods are registered at " + server.name(),
        Mesh.PATIENCE,
        () -> server.hasPods(fleet.members().size()));
  }

  private ManagedChannel channel(int port, SpiffeId client) {
    return Grpc.newChannelBuilder(
            "127.0.0.1:" + port, SpiffeTls.channelCredentials(fleet.source(client), server::equals))
        .build();
  }

  /**
   * Has every Check say from now on what the sidecar's filter does while Kith cannot be asked.
   *
   * @param mode {@code open} or {@code closed}; empty to say nothing
   */
  public void failure(String mode) {
    failure = mode;
  }

  /** Has the bridge say what its guard saw past the sidecars. */
  public void report(GuardReport guard) {
    bridge.report(guard);
  }

  /** Answers so far that came without a decision, since the machine was too busy. */
  public int undecided() {
    return undecided.get();
  }

  /**
   * Asks whether a program of a pod may open a new connection, and again with another connection
   * while that is not decided.
   *
   * @param program absolute path
   * @throws StatusRuntimeException when the server does not answer, or made a mistake
   */
  public Verdict check(Member member, String program, Destination to) {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    for (var attempts = 1; ; attempts++) {
      var verdict = checkOnce(member, program, to);
      if (verdict.isDecided()) {
        return verdict;
      }
      undecided.incrementAndGet();
      LockSupport.parkNanos(20_000_000);
      if (System.nanoTime() > end) {
        throw new AssertionError(
            "%s of %s to %s: no decision in %d attempts within %d s, the last: %s"
                .formatted(
                    program, member.owner(), to, attempts, Mesh.PATIENCE.toSeconds(), verdict));
      }
    }
  }

  private Verdict checkOnce(Member member, String program, Destination to) {
    var number = ports.incrementAndGet();
    var port = 1_024 + Math.floorMod(number, 64_000);
    programs.put(member.address() + ":" + port, program);
    var headers = new Metadata();
    put(headers, "x-kith-direction", "outbound");
    put(headers, "x-kith-node", "node-1");
    put(headers, "x-kith-conn", Integer.toString(number));
    if (!failure.isEmpty()) {
      put(headers, "x-kith-failure", failure);
    }
    var response =
        AuthorizationGrpc.newBlockingStub(
                channels.computeIfAbsent(member.spiffeId(), id -> channel(checkPort, id)))
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
            .withDeadlineAfter(CHECK_LIMIT.toMillis(), TimeUnit.MILLISECONDS)
            .check(request(member.address(), port, to));
    var code = response.getStatus().getCode();
    var reason = said(response, "reason");
    if (code != 0
        && code != DENIED
        && !(code == UNAVAILABLE && Mesh.NOT_DECIDED.contains(reason))) {
      throw io.grpc.Status.INTERNAL.withDescription(response.toString()).asRuntimeException();
    }
    return new Verdict(
        code == 0,
        reason,
        said(response, "decision_id"),
        said(response, "edge"),
        said(response, "fingerprint"));
  }

  private static void put(Metadata headers, String name, String value) {
    headers.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
  }

  private static CheckRequest request(String source, int port, Destination to) {
    return CheckRequest.newBuilder()
        .setAttributes(
            AttributeContext.newBuilder()
                .setSource(peer(source, port))
                .setDestination(peer(to.address(), to.port())))
        .build();
  }

  private static AttributeContext.Peer peer(String address, int port) {
    return AttributeContext.Peer.newBuilder()
        .setAddress(
            Address.newBuilder()
                .setSocketAddress(
                    SocketAddress.newBuilder().setAddress(address).setPortValue(port)))
        .build();
  }

  private static String said(CheckResponse response, String field) {
    var value = response.getDynamicMetadata().getFieldsMap().get(field);
    return value == null ? "" : value.getStringValue();
  }

  @Override
  public void close() {
    closed = true;
    bridgeChannel.shutdownNow();
    channels.values().forEach(ManagedChannel::shutdownNow);
  }

  /** The stream of the bridge, which answers for every socket that a Check was sent about. */
  private final class Bridge implements StreamObserver<ServerMessage> {
    private final StreamObserver<BridgeMessage> out =
        BridgeServiceGrpc.newStub(bridgeChannel).attach(this);
    private final Set<String> described = new HashSet<>();

    synchronized void attach() {
      out.onNext(
          BridgeMessage.newBuilder()
              .setHello(
                  Hello.newBuilder()
                      .setProtocolVersion(1)
                      .setNode("node-1")
                      .setBridgeVersion("test"))
              .build());
      var pods = PodUpdate.newBuilder();
      for (var member : fleet.members()) {
        pods.addPods(
            Pod.newBuilder()
                .setId("net:[" + member.address() + "]")
                .addAddresses(ByteString.copyFrom(IpAddress.parse(member.address()).bytes()))
                .addSpiffeIds(member.spiffeId().toString()));
      }
      out.onNext(BridgeMessage.newBuilder().setPodUpdate(pods).build());
    }

    @Override
    public synchronized void onNext(ServerMessage message) {
      if (message.hasQuery()) {
        answer(message.getQuery());
      }
    }

    private synchronized void report(GuardReport guard) {
      out.onNext(BridgeMessage.newBuilder().setGuardReport(guard).build());
    }

    private void answer(Query query) {
      var answer = Answer.newBuilder().setQueryId(query.getId()).setRung(Rung.RUNG_KERNEL_EXACT);
      var source = IpAddress.of(query.getSourceAddress().toByteArray());
      var program = programs.get(source + ":" + query.getSourcePort());
      if (program != null) {
        describe(program);
        answer.addCandidates(
            Candidate.newBuilder()
                .setFingerprintId("fp:" + program)
                .setQuality(Quality.QUALITY_EXACT));
      }
      out.onNext(BridgeMessage.newBuilder().setAnswer(answer).build());
    }

    private void describe(String program) {
      if (described.add(program)) {
        out.onNext(
            BridgeMessage.newBuilder()
                .setFingerprint(
                    Fingerprint.newBuilder()
                        .setId("fp:" + program)
                        .setPath(program)
                        .setProgram(program.substring(program.lastIndexOf('/') + 1))
                        .setEntryKind(EntryKind.ENTRY_KIND_NATIVE)
                        .setUid(1_000)
                        .setOrigin(Origin.ORIGIN_IMAGE))
                .build());
      }
    }

    /** The server is gone, as the Checks will say, or took us for dead and is told otherwise. */
    @Override
    public void onError(Throwable thrown) {
      if (!closed) {
        CompletableFuture.delayedExecutor(200, TimeUnit.MILLISECONDS)
            .execute(
                () -> {
                  bridge = new Bridge();
                  bridge.attach();
                });
      }
    }

    @Override
    public void onCompleted() {
      // the server ends
    }
  }
}
