package io.kith.load.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Rung;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.Resolution;
import io.kith.bridge.capture.SocketOwners;
import io.kith.bridge.ffm.Tuple;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.tools.Command;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Who opened this connection? In a pod whose connections are redirected as Istio does it, with a
 * listener in the proxy's place. Each client sends its pid and where it connected to, so every
 * answer can be checked.
 */
class AttributionTest {
  private static final Duration LIMIT = Duration.ofMinutes(3);

  /** Connects, sends, closes at once, many times. Arguments: how many times, to which network. */
  private static final String SHORT_LIVED =
      """
      use strict; use Socket;
      my ($times, $network) = @ARGV;
      for my $i (1 .. $times) {
        my $host = "$network." . (1 + $i % 200);
        socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
        connect($s, sockaddr_in(443, inet_aton($host))) or die "connect: $!";
        syswrite $s, "$$ $host 443\\n";
        close $s;
      }
      """;

  /** Holds a thousand connections to as many addresses until its input ends. */
  private static final String HOLDER =
      """
      use strict; use Socket;
      my @held;
      for my $i (0 .. 999) {
        my $host = "198.18." . int($i / 250) . "." . (1 + $i % 250);
        socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
        connect($s, sockaddr_in(443, inet_aton($host))) or die "connect: $!";
        syswrite $s, "$$ $host 443\\n";
        push @held, $s;
      }
      select undef, undef, undef, 2;
      """;

  /** Leaves closed entries towards one address behind, on every source port. */
  private static final String ALIAS_A =
      """
      use strict; use Socket;
      my $here = inet_aton($ARGV[0]);
      my $d = sockaddr_in(443, inet_aton("198.18.9.9"));
      for my $port (1100 .. 59999) {
        socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
        setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($s, sockaddr_in($port, $here)) or next;
        setsockopt($s, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0)); # close with RST
        connect($s, $d);
        close $s;
      }
      """;

  /** Takes a port towards E, and the same port towards D: NAT moves the second to another port. */
  private static final String ALIAS_B =
      """
      use strict; use Socket;
      my $here = inet_aton($ARGV[0]);
      my @held;
      for my $i (1 .. 300) {
        my $port = 20000 + 7 * $i;
        for my $host ("198.18.8.8", "198.18.9.9") {
          socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
          setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
          bind($s, sockaddr_in($port, $here)) or die "bind: $!";
          connect($s, sockaddr_in(443, inet_aton($host))) or die "connect: $!";
          syswrite $s, "$$ $host 443\\n";
          push @held, $s;
        }
      }
      select undef, undef, undef, 2;
      """;

  private static Lab lab;
  private static Pod pod;
  private static SocketOwners owners;
  private StandIn proxy;

  @BeforeAll
  static void open() throws Exception {
    lab = Lab.open("ka", System.out::println);
    pod = lab.addPod("client", Image.of(Map.of(), System.out::println));
    owners =
        SocketOwners.open(new SocketOwners.Settings(List.of(15_001, 15_006), 1_337, 1 << 17, null));
    assertThat(owners.rung())
        .as("these tests need root and BPF; the bridge says: %s", owners.problems())
        .isEqualTo(Rung.KERNEL_EXACT);
  }

  @AfterAll
  static void close() {
    if (owners != null) {
      owners.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  @BeforeEach
  void listen() throws Exception {
    proxy = new StandIn(pod.namespace().call(AttributionTest::listener));
  }

  @AfterEach
  void stop() throws Exception {
    proxy.close();
  }

  @Test
  void resolve_tenShortLivedProcesses_allTwoThousandConnectionsHaveTheirProcess() throws Exception {
    for (var i = 0; i < 10; i++) {
      run(SHORT_LIVED, "200", "198.18.20").orFail();
    }

    var answers = proxy.awaitAnswers(2_000);
    assertThat(answers).hasSize(2_000).allMatch(Answer::isRight);
    assertThat(answers).allMatch(answer -> answer.resolution.rung() == Rung.KERNEL_EXACT);
    assertThat(answers).allMatch(answer -> answer.resolution.natVerified());
    assertThat(answers.stream().map(answer -> answer.pid).distinct()).hasSize(10);
  }

  @Test
  void resolve_thousandHeldConnections_portsThatNatRewroteAreTurnedBack() throws Exception {
    run(HOLDER).orFail();

    var answers = proxy.awaitAnswers(1_000);
    assertThat(answers).hasSize(1_000).allMatch(Answer::isRight);
    assertThat(answers.stream().filter(Answer::hadItsPortRewritten).count())
        .as("without a rewritten port this test shows nothing")
        .isPositive();
  }

  /** A naive join on the port that the proxy sees charges most of these to a dead process. */
  @Test
  void resolve_portsThatPointToAnotherProcess_allThreeHundredAreRight() throws Exception {
    var here = pod.v4().getHostAddress();
    run(ALIAS_A, here).orFail();
    awaitNoTrackedConnectionTo("198.18.9.9");
    proxy.forget();

    run(ALIAS_B, here).orFail();

    var answers =
        proxy.awaitAnswers(600).stream()
            .filter(answer -> answer.seen.destination().toString().equals("198.18.9.9"))
            .toList();
    assertThat(answers).hasSize(300).allMatch(Answer::isRight);
    assertThat(answers.stream().filter(Answer::hadItsPortRewritten).count())
        .as("without rewritten ports this test shows nothing")
        .isGreaterThan(250);
  }

  @Test
  void resolve_connectionsMadeWhileTheBridgeWasAway_haveTheirProcess() throws Exception {
    var files = Files.createDirectories(lab.folder().resolve("bpf"));
    Command.run(LIMIT, List.of("mount", "-t", "bpf", "bpf", files.toString())).orFail();
    var pin = files.resolve("kith");
    var settings =
        new SocketOwners.Settings(List.of(15_001, 15_006), 1_337, 1 << 17, null, false, pin);
    var bridge = SocketOwners.open(settings);
    try {
      assertThat(bridge.problems()).isEmpty();
      proxy.askNobody();
      proxy.ask(bridge);
      var client = CompletableFuture.supplyAsync(AttributionTest::underLoad);
      for (var restart = 1; restart <= 3; restart++) {
        proxy.awaitAnswers(restart * 500);
        proxy.askNobody();
        bridge.close();
        proxy.awaitWaiting(500);
        bridge = SocketOwners.open(settings);
        proxy.ask(bridge);
      }
      assertThat(client.get().succeeded()).isTrue();

      var answers = proxy.awaitAnswers(10_000);
      System.out.println(
          "[restart] 3 restarts in 10,000 connections, " + proxy.away.get() + " made while away");
      assertThat(proxy.away.get()).isGreaterThan(1_000);
      assertThat(answers).hasSize(10_000).allMatch(Answer::isRight);
      assertThat(answers).allMatch(answer -> answer.resolution.rung() == Rung.KERNEL_EXACT);
    } finally {
      bridge.close();
      assertThat(SocketOwners.unpin(pin)).isTrue();
      Command.run(LIMIT, List.of("umount", files.toString())).orFail();
    }
  }

  @Test
  void resolve_anotherPodFloodsTheTable_thePodsOwnConnectionsAreStillKnown() throws Exception {
    var flooder = lab.addPod("flooder", Image.of(Map.of(), System.out::println));
    var settings = new SocketOwners.Settings(List.of(15_001, 15_006), 1_337, 1_024, null);
    try (var small = SocketOwners.open(settings)) {
      proxy.askNobody();
      run(SHORT_LIVED, "300", "198.18.40").orFail();
      proxy.awaitWaiting(300);
      var other = new StandIn(flooder.namespace().call(AttributionTest::listener));
      try {
        other.ask(small);
        runIn(flooder, SHORT_LIVED, "5000", "198.18.41").orFail();
      } finally {
        other.close();
      }

      proxy.ask(small);

      var answers = proxy.awaitAnswers(300);
      var seen = small.connectsSeen();
      var evicted = small.evicted();
      System.out.println("[flood] " + seen + " connections, " + evicted + " evicted");
      assertThat(seen).isGreaterThanOrEqualTo(5_300);
      // Somebody else of this machine may connect in between.
      assertThat(evicted).isBetween(seen - 1_024, small.connectsSeen() - 1_024);
      assertThat(answers).hasSize(300).allMatch(Answer::isRight);
      assertThat(answers).allMatch(answer -> answer.resolution.rung() == Rung.KERNEL_EXACT);
    } finally {
      flooder.close();
    }
  }

  private static Command.Outcome underLoad() {
    try {
      return run(SHORT_LIVED, "10000", "198.18.30");
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  @Test
  void resolve_whatNobodyOpened_isNobody() throws Exception {
    var nothing =
        owners.resolve(new Tuple(IpAddress.of(pod.v4()), 1, IpAddress.parse("198.18.1.1"), 443));

    assertThat(nothing.owners()).isEmpty();
    assertThat(nothing.reasons()).contains("there is no such socket any more");
  }

  @Test
  void resolve_addressOfNoPod_saysSo() throws Exception {
    var nothing =
        owners.resolve(
            new Tuple(IpAddress.parse("192.0.2.1"), 1, IpAddress.parse("198.18.1.1"), 443));

    assertThat(nothing.rung()).isEqualTo(Rung.WORKLOAD_ONLY);
    assertThat(nothing.reasons()).containsExactly("no pod here has 192.0.2.1");
  }

  /** The script runs in the pod's network, and counts its pid as the host does. */
  private static Command.Outcome run(String script, String... arguments) throws Exception {
    return runIn(pod, script, arguments);
  }

  private static Command.Outcome runIn(Pod where, String script, String... arguments)
      throws Exception {
    var file = lab.folder().resolve("client.pl");
    Files.writeString(file, script);
    var argv =
        new ArrayList<>(
            List.of("nsenter", "--net=" + where.namespace().handle(), "perl", file.toString()));
    argv.addAll(List.of(arguments));
    return Command.run(LIMIT, argv);
  }

  /** Conntrack forgets a reset connection after ten seconds. */
  private static void awaitNoTrackedConnectionTo(String address) throws Exception {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (pod.namespace().call(() -> tracked().contains("dst=" + address + " "))) {
      assertThat(System.nanoTime()).as("still tracked: %s", address).isLessThan(end);
      Thread.sleep(Duration.ofMillis(200));
    }
  }

  private static String tracked() throws IOException {
    return Files.readString(Path.of("/proc/thread-self/net/nf_conntrack"));
  }

  private static ServerSocket listener() throws IOException {
    var socket = new ServerSocket();
    socket.bind(new InetSocketAddress(15_001), 4_096);
    return socket;
  }

  private record Answer(long pid, Tuple seen, Resolution resolution) {
    boolean isRight() {
      return resolution.owners().stream().map(Owner::pid).toList().equals(List.of((int) pid));
    }

    boolean hadItsPortRewritten() {
      return resolution.originalSourcePort() != seen.sourcePort();
    }
  }

  /** Accepts what is redirected, and asks who it is, as a proxy would. */
  private static final class StandIn {
    private final ServerSocket server;
    private final ConcurrentLinkedQueue<Answer> answers = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicInteger away = new AtomicInteger();
    private final ReentrantReadWriteLock asking = new ReentrantReadWriteLock();
    private final Thread acceptor;
    private volatile CompletableFuture<SocketOwners> bridge;

    StandIn(ServerSocket server) {
      this.server = server;
      bridge = CompletableFuture.completedFuture(owners);
      acceptor = Thread.ofPlatform().start(this::accept);
    }

    private void accept() {
      while (!closed.get()) {
        try {
          var socket = server.accept();
          Thread.ofVirtual().start(() -> ask(socket));
        } catch (IOException _) {
          // closed, or the client reset before it was accepted
        }
      }
    }

    private void ask(Socket socket) {
      try (socket;
          var lines =
              new BufferedReader(
                  new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))) {
        var line = lines.readLine();
        if (line == null) {
          return;
        }
        var words = line.split(" ", -1);
        var peer = (InetSocketAddress) socket.getRemoteSocketAddress();
        var seen =
            new Tuple(
                IpAddress.of(peer.getAddress()),
                peer.getPort(),
                IpAddress.parse(words[1]),
                Integer.parseInt(words[2]));
        answers.add(new Answer(Long.parseLong(words[0]), seen, resolve(seen)));
        lines.readLine();
      } catch (IOException _) {
        // reset by a client that sent nothing
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    }

    private Resolution resolve(Tuple seen) throws InterruptedException {
      waiting.incrementAndGet();
      if (!bridge.isDone()) {
        away.incrementAndGet();
      }
      for (; ; ) {
        bridge.join();
        asking.readLock().lock();
        try {
          var now = bridge.getNow(null);
          if (now != null) {
            waiting.decrementAndGet();
            return now.resolve(seen);
          }
        } finally {
          asking.readLock().unlock();
        }
      }
    }

    /** From now on questions wait; when it returns none is being answered. */
    void askNobody() {
      asking.writeLock().lock();
      try {
        bridge = new CompletableFuture<>();
      } finally {
        asking.writeLock().unlock();
      }
    }

    void ask(SocketOwners next) {
      bridge.complete(next);
    }

    void awaitWaiting(int count) throws InterruptedException {
      var end = System.nanoTime() + LIMIT.toNanos();
      while (waiting.get() < count && System.nanoTime() < end) {
        Thread.sleep(Duration.ofMillis(5));
      }
      assertThat(waiting.get()).isGreaterThanOrEqualTo(count);
    }

    List<Answer> awaitAnswers(int count) throws InterruptedException {
      var end = System.nanoTime() + LIMIT.toNanos();
      while (answers.size() < count && System.nanoTime() < end) {
        Thread.sleep(Duration.ofMillis(20));
      }
      return List.copyOf(answers);
    }

    void forget() {
      answers.clear();
    }

    void close() throws IOException, InterruptedException {
      closed.set(true);
      server.close();
      acceptor.join();
    }
  }
}
