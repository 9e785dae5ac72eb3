package io.kith.load.attribution;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.Endpoint;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.process.FingerprintId;
import io.kith.bridge.process.ProcessKey;
import io.kith.bridge.stream.BridgeStream;
import io.kith.bridge.stream.NodeView;
import io.kith.server.bridge.BridgeHub;
import io.kith.server.check.Deadlines;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import io.kith.server.net.SocketFile;
import io.kith.server.net.UnixServer;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.dev.DevIdentity;
import io.kith.spiffe.frames.FrameStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A bridge whose certificate lives for four seconds, at the real server's end of its stream, over
 * mutual TLS: renewals are not noticed by those who ask.
 */
@Timeout(600)
class HandOverTest {
  private static final SpiffeId SERVER =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/authz-server");
  private static final SpiffeId BRIDGE =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/identity-bridge");
  private static final SpiffeId CHECKOUT =
      SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout");
  private static final IpAddress POD = IpAddress.parse("10.88.1.2");
  private static final Duration TTL = Duration.ofSeconds(8);
  private static final int RENEWALS = 4;

  /** Generous: what is counted are lost questions, not those that a busy machine delays. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir private static Path root;

  /** All ways at once, since each mostly waits until a certificate is renewed. */
  private static final Map<Way, Future<?>> RUNNING = new EnumMap<>(Way.class);

  enum Way {
    PORT,
    UNIX_SOCKET,
    /** A server that came after one with frames left its place in a hurry. */
    UNIX_SOCKET_BESIDE_A_LEFT_ONE,
    /** Beside a Unix socket where nobody listens. */
    FRAMES
  }

  @BeforeAll
  static void begin() throws IOException {
    for (var way : Way.values()) {
      var folder = Files.createDirectory(root.resolve(Integer.toString(RUNNING.size())));
      var running =
          new FutureTask<>(
              () -> {
                ask(way, folder);
                return way;
              });
      RUNNING.put(way, running);
      Thread.ofPlatform().daemon().start(running);
    }
  }

  @ParameterizedTest
  @EnumSource
  void ask_whileTheCertificateIsRenewedFourTimes_isAlwaysAnswered(Way way) throws Exception {
    assertThat(requireNonNull(RUNNING.get(way)).get()).isEqualTo(way);
  }

  private static void ask(Way way, Path folder) throws Exception {
    var clock = Clock.systemUTC();
    try (var authority =
            DevIdentity.start(
                new DevIdentity.Settings(folder, "dev.kith.local", TTL, Set.of(SERVER, BRIDGE)),
                clock);
        var own = WorkloadApiSource.start(authority.socketOf(SERVER), SERVER, clock);
        var bridges = WorkloadApiSource.start(authority.socketOf(BRIDGE), BRIDGE, clock);
        var deadlines = new Deadlines()) {
      assertThat(own.awaitReady(PATIENCE)).isTrue();
      assertThat(bridges.awaitReady(PATIENCE)).isTrue();
      var hub = new BridgeHub(deadlines, new NodeBridges(), InstantSource.system());
      var socket = folder.resolve("bridges.sock");
      var frames = way == Way.FRAMES ? HubServer.frames(socket, hub, own, BRIDGE) : null;
      var unix =
          way == Way.UNIX_SOCKET || way == Way.UNIX_SOCKET_BESIDE_A_LEFT_ONE
              ? UnixServer.start(
                  "server.bridges.listen",
                  socket,
                  SocketFile.Access.OWNER,
                  (at, _) -> HubServer.builder(at, hub, own, BRIDGE))
              : null;
      var server =
          unix == null
              ? HubServer.builder(
                      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), hub, own, BRIDGE)
                  .build()
                  .start()
              : unix.server();
      if (way == Way.UNIX_SOCKET_BESIDE_A_LEFT_ONE) {
        leave(requireNonNull(FrameStream.socketBeside(socket)));
      }
      var events = new LinkedBlockingQueue<BridgeStream.Event>();
      try (var stream =
          BridgeStream.start(
              way == Way.PORT
                  ? new Endpoint.Tcp("127.0.0.1", server.getPort())
                  : new Endpoint.Unix(socket),
              BridgeStream.Credentials.of(bridges, SERVER::equals),
              "node-1",
              "test",
              new OneProcess(),
              (_, task) -> task.run(),
              events::add)) {
        bridges.addListener(_ -> stream.renew());
        if (way == Way.UNIX_SOCKET_BESIDE_A_LEFT_ONE) {
          assertThat(events.poll(120, TimeUnit.SECONDS))
              .isInstanceOf(BridgeStream.Event.Detached.class);
        }
        var attached = events.poll(120, TimeUnit.SECONDS);
        assertThat(attached).isInstanceOf(BridgeStream.Event.Attached.class);
        awaitPods(hub);

        var streams = new HashSet<Instant>();
        var answered = 0;
        while (streams.size() <= RENEWALS) {
          var answer = hub.ask(question(answered), _ -> {}).get(60, TimeUnit.SECONDS);
          assertThat(answer)
              .as("question %s, in stream %s; %s", answered, streams.size(), events)
              .isInstanceOf(Attribution.Attributed.class);
          answered++;
          hub.statuses().forEach(status -> streams.add(status.attachedSince()));
        }

        System.out.println(
            "[hand-over] %s: %d questions over %d renewals, all answered"
                .formatted(way, answered, RENEWALS));
        assertThat(answered).isGreaterThan(100);
        assertThat(events).allMatch(BridgeStream.Event.Attached.class::isInstance);
      } finally {
        server.shutdownNow().awaitTermination();
        if (unix != null) {
          unix.close();
        }
        if (frames != null) {
          frames.close();
        }
      }
    }
  }

  /** A socket whose server was killed. */
  private static void leave(Path socket) throws IOException {
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
    }
    assertThat(socket).exists();
  }

  private static void awaitPods(BridgeHub hub) {
    var end = System.nanoTime() + PATIENCE.toNanos();
    while (hub.statuses().stream().noneMatch(status -> status.pods() == 1)) {
      assertThat(System.nanoTime()).as("%s", hub.statuses()).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  private static SocketQuery question(int number) {
    return new SocketQuery(
        "node-1",
        Protocol.TCP,
        new SocketEnd(POD, 1_024 + number % 60_000),
        new SocketEnd(IpAddress.parse("10.88.2.10"), 5_432),
        CHECKOUT,
        "",
        PATIENCE);
  }

  /** A node with one pod and one process. */
  private static final class OneProcess implements NodeView {
    private static final ProcessFingerprint CURL =
        new ProcessFingerprint(
            "/usr/bin/curl",
            null,
            Origin.IMAGE,
            0,
            EntryKind.NATIVE,
            "curl",
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);

    @Override
    public Answer answer(Question question) {
      var candidate =
          new Candidate(
              FingerprintId.of(CURL),
              CURL,
              Quality.EXACT,
              new ProcessKey(7, 8, 9),
              Set.of(CHECKOUT),
              IdentitySource.DEV_UNATTESTED);
      return new Answer(List.of(candidate), Rung.KERNEL_EXACT, List.of(), question.sourcePort());
    }

    @Override
    public List<Pod> pods() {
      return List.of(
          new Pod(
              "net:[1]", Set.of(POD), Set.of(CHECKOUT), IdentitySource.DEV_UNATTESTED, null, null));
    }

    @Override
    public long podChanges() {
      return 0;
    }

    @Override
    public Status status() {
      return new Status(Rung.KERNEL_EXACT, List.of(), true, 0, 65_536, Containers.NONE, "");
    }
  }
}
