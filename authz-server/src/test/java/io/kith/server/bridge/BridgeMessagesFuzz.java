package io.kith.server.bridge;

import io.grpc.Attributes;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.check.Deadlines;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Peer;
import io.kith.server.check.Samples;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * Whatever a bridge says: no exception comes of it, only what it was asked is answered, with
 * processes that it described, and the pods of another bridge stay that one's.
 *
 * <p>An input is an octet, and messages of a bridge with their lengths before them. Where the octet
 * is odd, the bridge has said who it is, has a pod, and was asked twice about it (1 and 2).
 */
public final class BridgeMessagesFuzz {
  private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");
  private static final Duration LONG = Duration.ofHours(1);
  private static final String POD = "10.88.1.2";
  private static final String ITS_POD = "10.88.1.3";
  private static final IpAddress ELSEWHERE = IpAddress.parse(Samples.DATABASE);

  private BridgeMessagesFuzz() {}

  /** One input, as Jazzer calls it. */
  public static void fuzzerTestOneInput(byte[] data) {
    if (data.length == 0) {
      return;
    }
    try (var deadlines = new Deadlines()) {
      var hub =
          new BridgeHub(
              deadlines,
              new NodeBridges(),
              new StaticWorkloadDirectory(List.of()),
              () -> NOW,
              Level.FINE);
      var mesh = new Mesh(hub);
      if ((data[0] & 1) != 0) {
        mesh.begin();
      }
      var in = new ByteArrayInputStream(data, 1, data.length - 1);
      for (var next = next(in); next != null; next = next(in)) {
        mesh.hear(next);
      }
      mesh.end();
    }
  }

  private static @Nullable BridgeMessage next(ByteArrayInputStream in) {
    try {
      return BridgeMessage.parseDelimitedFrom(in);
    } catch (IOException _) {
      return null; // gRPC ends such a stream
    }
  }

  private static SocketQuery about(String source, int port) {
    return new SocketQuery(
        "",
        Protocol.TCP,
        new SocketEnd(IpAddress.parse(source), port),
        new SocketEnd(ELSEWHERE, 5432),
        Samples.CHECKOUT,
        "7",
        LONG);
  }

  /** A bridge that is as it should be, and one that says what the input says. */
  private static final class Mesh {
    private final BridgeHub hub;
    private final Stream honest;
    private final Stream other;
    private final CompletableFuture<Attribution> ofHonest;
    private final List<CompletableFuture<Attribution>> ofOther = new ArrayList<>();
    private final Set<Long> answered = new HashSet<>();
    private final Set<String> described = new HashSet<>();
    private long destroyed;

    Mesh(BridgeHub hub) {
      this.hub = hub;
      var service =
          new BridgeService(
              hub, List.of(SpiffeIdPattern.parse(Samples.CHECKOUT.toString())), "test", () -> NOW);
      honest = new Stream(service, "10.1.0.1");
      honest.begin("node-1", POD);
      ofHonest = hub.ask(about(POD, 1), _ -> unasked());
      other = new Stream(service, "10.1.0.2");
    }

    void begin() {
      other.begin("node-2", ITS_POD);
      other.hear(
          BridgeMessage.newBuilder()
              .setFingerprint(FakeBridge.fingerprint("fp:1", "/usr/bin/checkout"))
              .build());
      described.add("fp:1");
      ofOther.add(hub.ask(about(ITS_POD, 1), _ -> unasked()));
      ofOther.add(hub.ask(about(ITS_POD, 2), _ -> unasked()));
    }

    void hear(BridgeMessage message) {
      if (message.hasAnswer()) {
        answered.add(message.getAnswer().getQueryId());
      } else if (message.hasFingerprint()) {
        described.add(message.getFingerprint().getId());
      }
      other.hear(message);
      require(!ofHonest.isDone(), "answered for another bridge");
      for (var i = 0; i < ofOther.size(); i++) {
        require(!ofOther.get(i).isDone() || answered.contains(i + 1L), "answered what it did not");
        if (ofOther.get(i).getNow(null) instanceof Attributed attributed) {
          require(
              attributed.candidates().stream()
                  .allMatch(candidate -> described.contains(candidate.fingerprintId())),
              "attributed to what nobody described");
        }
      }
      require(hub.guardReports().destroyed() >= destroyed, "counted backwards");
      destroyed = hub.guardReports().destroyed();
      require(
          hub.guardReports().seen().values().stream().allMatch(count -> count > 0)
              && hub.guardReports().refused().values().stream().allMatch(count -> count > 0),
          "counted below nothing");
    }

    void end() {
      // What is shown of them.
      var _ = hub.statuses();
      var _ = hub.running();
      var _ = hub.guardReports().pods();
      var _ = hub.guardReports().rawPods();

      honestIsAsBefore();
      other.end();
      honestIsAsBefore();
      require(
          hub.statuses().stream().allMatch(status -> status.node().equals("node-1")),
          "attached without a stream");
      require(hub.running(IpAddress.parse(ITS_POD)) == null, "a pod that nobody has");
    }

    private void honestIsAsBefore() {
      var pod = hub.running(IpAddress.parse(POD));
      require(
          pod != null && pod.attested().equals(Set.of(Samples.CHECKOUT)), "another pod: " + pod);
      require(hub.names(IpAddress.parse(POD), ELSEWHERE, Set.of()).isEmpty(), "named by another");
      require(hub.known(about(POD, 1), System.nanoTime()) == null, "remembered of another");
      var before = honest.sent.size();
      var _ = hub.ask(about(POD, 3), _ -> unasked());
      require(honest.sent.size() == before + 1, "not asked any more");
    }

    private static void unasked() {
      throw new AssertionError("an answer after its time, and no time is up");
    }
  }

  /** A stream as gRPC would run it, on this thread. */
  private static final class Stream extends ServerCall<BridgeMessage, ServerMessage> {
    final List<ServerMessage> sent = new ArrayList<>();
    private final Peer peer;
    private final Listener<BridgeMessage> listener;
    private boolean isClosed;

    Stream(BridgeService service, String address) {
      this.peer = Samples.peer(Samples.CHECKOUT, address);
      this.listener = listener(service);
      listener.onReady();
    }

    @SuppressWarnings("unchecked") // of the method that is asked for
    private Listener<BridgeMessage> listener(BridgeService service) {
      var method = service.definition().getMethod(getMethodDescriptor().getFullMethodName());
      return ((ServerMethodDefinition<BridgeMessage, ServerMessage>) method)
          .getServerCallHandler()
          .startCall(this, new Metadata());
    }

    void begin(String node, String pod) {
      hear(
          BridgeMessage.newBuilder()
              .setHello(Hello.newBuilder().setProtocolVersion(1).setNode(node))
              .build());
      hear(
          BridgeMessage.newBuilder()
              .setPodUpdate(
                  PodUpdate.newBuilder().addPods(FakeBridge.pod(pod, Samples.CHECKOUT.toString())))
              .build());
    }

    void hear(BridgeMessage message) {
      if (!isClosed) {
        listener.onMessage(message);
      }
    }

    void end() {
      if (isClosed) {
        listener.onComplete();
      } else {
        listener.onHalfClose();
      }
    }

    @Override
    public void request(int messages) {}

    @Override
    public void sendHeaders(Metadata headers) {}

    @Override
    public void sendMessage(ServerMessage message) {
      sent.add(message);
    }

    @Override
    public void close(Status status, Metadata trailers) {
      isClosed = true;
    }

    @Override
    public boolean isCancelled() {
      return false;
    }

    @Override
    public MethodDescriptor<BridgeMessage, ServerMessage> getMethodDescriptor() {
      return BridgeServiceGrpc.getAttachMethod();
    }

    @Override
    public Attributes getAttributes() {
      return Attributes.newBuilder().set(Peer.KEY, peer).build();
    }
  }

  private static void require(boolean fact, String otherwise) {
    if (!fact) {
      throw new AssertionError("it is " + otherwise);
    }
  }
}
