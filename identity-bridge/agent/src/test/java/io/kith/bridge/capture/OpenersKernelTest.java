package io.kith.bridge.capture;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Rung;
import io.kith.bridge.capture.RedirectedPod.Accepted;
import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.ProgramKind;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the real kernel notes for a server of the node, as root. */
@Tag("root")
class OpenersKernelTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final int PASSIVE_ESTABLISHED = 5; // linux/bpf.h

  @TempDir private static Path folder;

  private static RedirectedPod pod;
  private static SocketOwners owners;
  private static Openers openers;

  @BeforeAll
  static void open() throws Exception {
    pod = new RedirectedPod(folder);
    owners =
        SocketOwners.open(
            new SocketOwners.Settings(
                List.of(RedirectedPod.PROXY_PORT), RedirectedPod.PROXY_UID, 4_096, null));
    owners.begin();
    openers =
        requireNonNull(owners.openers(), () -> "needs root and Linux 5.15: " + owners.problems());
  }

  @AfterAll
  static void close() {
    if (owners != null) {
      owners.close();
    }
    if (pod != null) {
      pod.close();
    }
  }

  @ParameterizedTest
  @CsvSource({"198.18.2.1", "2001:db8::2:1", "::ffff:198.18.2.2"})
  void word_connectionIsOpen_isOfItsProcess(String host) throws Exception {
    var client = pod.perl("my $s = open_to('" + host + "', 443, 0); sleep 300;");
    var connection = acceptFrom(client);
    var opener = opener(connection.seen());

    assertThat(number(opener, connection.seen())).isEqualTo(opener.number());

    client.destroy();
    await(() -> openers.word(key(opener, connection.seen())) == 0);
  }

  /** The proxy may see its port of another connection from then on. */
  @Test
  void word_onlyTheProxyHasClosed_isNobodys() throws Exception {
    var client = pod.perl("my $s = open_to('198.18.2.14', 443, 0); sleep 300;");
    var connection = acceptFrom(client);
    var opener = opener(connection.seen());
    assertThat(openers.word(key(opener, connection.seen()))).isNotZero();

    connection.socket().close();

    await(() -> openers.word(key(opener, connection.seen())) == 0);
    assertThat(client.isAlive()).isTrue();
    client.destroy();
  }

  /** Its storage is that of a far end still. */
  @Test
  void word_socketThatWasAcceptedConnects_endsWithIt() throws Exception {
    var client =
        pod.perl(
            """
            socket(my $listener, AF_INET, SOCK_STREAM, 0);
            bind($listener, pack_sockaddr_in(0, INADDR_ANY)) and listen($listener, 1) or die;
            my ($port) = unpack_sockaddr_in(getsockname($listener));
            socket(my $near, AF_INET, SOCK_STREAM, 0);
            connect($near, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die;
            accept(my $s, $listener) or die;
            connect($s, pack('S x14', AF_UNSPEC)) or die;
            connect($s, pack_sockaddr_in(443, inet_aton('198.18.2.15'))) or die;
            syswrite $s, "$$ 198.18.2.15 443\\n";
            sleep 300;
            """);
    var connection = acceptFrom(client);
    var opener = opener(connection.seen());
    assertThat(number(opener, connection.seen())).isEqualTo(opener.number());

    client.destroy();

    await(() -> openers.word(key(opener, connection.seen())) == 0);
    assertThat(owners.resolve(connection.seen()).owners())
        .extracting(Owner::closeNanos)
        .doesNotContain(0L);
    connection.socket().close();
  }

  @Test
  void word_anotherConnectionOfTheProcess_hasItsNumber() throws Exception {
    var client =
        pod.perl(
            """
            my $one = open_to('198.18.2.3', 443, 0);
            my $two = open_to('198.18.2.4', 444, 0);
            sleep 300;
            """);
    var first = acceptFrom(client);
    var second = acceptFrom(client);

    assertThat(number(opener(first.seen()), second.seen()))
        .isEqualTo(opener(first.seen()).number());
    client.destroy();
  }

  @Test
  void word_afterAnExec_isOfAnotherProgram() throws Exception {
    var client =
        pod.perl(
            """
            my $one = open_to('198.18.2.5', 443, 0);
            exec 'perl', '-MSocket', '-e', q{
              socket(my $s, AF_INET, SOCK_STREAM, 0);
              connect($s, pack_sockaddr_in(443, inet_aton('198.18.2.6'))) or die;
              syswrite $s, "$$ 198.18.2.6 443\\n";
              sleep 300;
            };
            """);
    var first = acceptFrom(client);
    var second = acceptFrom(client);

    assertThat(second.pid()).isEqualTo(first.pid());
    assertThat(number(opener(first.seen()), second.seen()))
        .isNotEqualTo(opener(first.seen()).number())
        .isEqualTo(opener(second.seen()).number());
    client.destroy();
  }

  @Test
  void word_addressesWereAnothersBefore_isNobodys() throws Exception {
    RedirectedPod.awaitEnd(pod.perl("reset_it(open_to('198.18.2.7', 443, 45100));"));
    var client =
        pod.perl(
            """
            reset_it(open_to('198.18.2.7', 443, 45100));
            select undef, undef, undef, 0.2;
            my $s = open_to('198.18.2.7', 443, 45100);
            sleep 300;
            """);
    var connection = acceptFrom(client, 2);
    var resolution = owners.resolve(connection.seen());

    assertThat(resolution.owners()).hasSize(2);
    assertThat(resolution.opener()).isNull();
    var own =
        opener(acceptFrom(pod.perl("my $s = open_to('198.18.2.8', 443, 0); sleep 300;")).seen());
    assertThat(openers.word(key(own, connection.seen()))).isZero();
    client.destroy();
  }

  /** What NAT gave another port is not found by the port that the proxy sees, and so is asked. */
  @Test
  void word_portRewrittenByNat_isNotFound() throws Exception {
    var client =
        pod.perl(
            """
            my $one = open_to('198.18.2.9', 443, 45200);
            my $two = open_to('198.18.2.10', 443, 45200);
            sleep 300;
            """);
    acceptFrom(client);
    var second = acceptFrom(client);
    var opener = opener(second.seen());

    assertThat(second.seen().sourcePort()).isNotEqualTo(45_200);
    assertThat(openers.word(key(opener, second.seen()))).isZero();
    // Nor by its own: a connection that the proxy sees with that port is another one.
    assertThat(openers.word(key(opener, from(45_200, second.seen())))).isZero();
    client.destroy();
  }

  /**
   * NAT gives an attacker's connection a port, and another program of the pod connects from just
   * that port to the same place: what the proxy sees with these addresses is the attacker's.
   */
  @Test
  void word_anotherHasThePortThatNatGave_isNotOfTheOther() throws Exception {
    var attacker =
        pod.perl(
            """
            my $one = open_to('198.18.2.11', 443, 45300);
            my $two = open_to('198.18.2.12', 443, 45300);
            sleep 300;
            """);
    acceptFrom(attacker);
    var given = acceptFrom(attacker).seen();
    var other =
        pod.perl("my $s = open_to('198.18.2.12', 443, " + given.sourcePort() + "); sleep 300;");
    var opener = opener(acceptFrom(other).seen());

    assertThat(openers.word(key(opener, given))).isZero();
    assertThat(owners.resolve(given).owners())
        .extracting(Owner::pid)
        .containsExactly((int) attacker.pid());
    attacker.destroy();
    other.destroy();
  }

  @Test
  void open_fewDescriptorsAreLeft_closesWhatItMade() throws Exception {
    var process =
        new ProcessBuilder(
                "prlimit",
                "--nofile=256",
                ProcessHandle.current().info().command().orElseThrow(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                FewDescriptors.class.getName())
            .redirectErrorStream(true)
            .start();

    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output)
        .contains("of 0: no table, 0 left")
        .contains("of 1: no table, 1 left")
        .contains("of 2: no table, 2 left")
        .contains("of 3: no table, 3 left")
        .contains("servers ask who opened each connection: make a map of kind SOCKET_STORAGE")
        .contains("of 4: a table, 1 left"); // types are not kept
  }

  /** Makes a table with as many descriptors as it needs, and with less. */
  static final class FewDescriptors {
    public static void main(String[] arguments) throws Exception {
      var problems = new ArrayList<String>();
      var _ = new KernelException("read", 1, "all classes");
      requireNonNull(Openers.open(1_024, problems)).close();
      fill().forEach(Descriptor::close);
      for (var free = 0; free <= 4; free++) {
        var others = fill();
        others.subList(0, free).forEach(Descriptor::close);
        var openers = Openers.open(1_024, problems);
        var left = fill();
        left.forEach(Descriptor::close);
        others.forEach(Descriptor::close);
        var made = openers == null ? "no table, " : "a table, ";
        System.out.println("of " + free + ": " + made + left.size() + " left " + problems);
        if (openers != null) {
          openers.close();
        }
      }
    }

    /** Takes all descriptors that there are. */
    private static List<Descriptor> fill() {
      var all = new ArrayList<Descriptor>();
      try {
        while (true) {
          all.add(Descriptor.open("/dev/null"));
        }
      } catch (KernelException _) {
        return all;
      }
    }
  }

  /** Other programs of the node may have a socket tell of nothing; the near end still does. */
  @Test
  void openers_farEndsDoNotTellThatTheyClose_areNotThere() throws Exception {
    assertThat(pod.inside(owners::checkCanary)).isTrue();
    assertThat(owners.openers()).isNotNull();

    try (var program = silence(pod.inside(NetworkNamespace::cookieHere));
        var root = CgroupRoot.open(null);
        var _ = Bpf.attach(program, ProgramKind.SOCKET_OPERATIONS, root)) {
      assertThat(pod.inside(owners::checkCanary)).isTrue();
      assertThat(owners.openers()).isNull();
      assertThat(owners.problems())
          .anyMatch(
              words ->
                  words.startsWith("servers ask who opened each connection: ")
                      && words.contains("stayed noted when its far end closed"));
    } finally {
      owners.checkCanary();
    }
  }

  /** A program that has far ends in one network tell of no states. */
  private static Descriptor silence(long network) throws KernelException {
    var a = new Assembler();
    a.move(6, 1).load32(1, 6, 0).jumpUnlessEqual(1, PASSIVE_ESTABLISHED, "out");
    a.move(1, 6).call(Programs.NETNS_COOKIE).set64(2, network).jumpUnlessSame(0, 2, "out");
    a.move(1, 6).set(2, 0).call(Programs.SOCKET_OPERATION_FLAGS);
    a.label("out").set(0, 1).exit();
    return Bpf.program("silence", ProgramKind.SOCKET_OPERATIONS, a);
  }

  /** A question with these addresses would be of another pod, whose connection is another's. */
  @Test
  void word_farEndIsInAnotherNetwork_isNobodys() throws Exception {
    try (var other = NetworkNamespace.create()) {
      var far =
          other.call(
              () -> {
                var process = new ProcessBuilder("sleep", "300").start();
                run("ip", "link", "set", "lo", "up");
                return process;
              });
      try {
        awaitEnd("ip link add kf0 type veth peer name kf1 netns " + far.pid());
        awaitEnd("ip addr add 10.99.80.1/24 dev kf0");
        awaitEnd("ip link set kf0 up");
        other.call(
            () -> {
              run("ip", "addr", "add", "10.99.80.2/24", "dev", "kf1");
              run("ip", "link", "set", "kf1", "up");
              return far;
            });
        try (var listener =
            other.call(() -> new ServerSocket(0, 1, InetAddress.ofLiteral("10.99.80.2")))) {
          var port = listener.getLocalPort();
          var client =
              pod.perl(
                  "$< = $> = 1337; my $s = open_to('10.99.80.2', " + port + ", 0); sleep 300;");
          try (var accepted = listener.accept()) {
            assertThat(accepted.getInetAddress()).isEqualTo(InetAddress.ofLiteral("10.99.80.1"));
            var seen =
                new Tuple(
                    IpAddress.parse("10.99.80.1"),
                    accepted.getPort(),
                    IpAddress.parse("10.99.80.2"),
                    port);
            var network = pod.inside(NetworkNamespace::cookieHere);
            assertThat(openers.word(OwnerRecord.key(network, seen))).isZero();
          }
          client.destroy();
        }
      } finally {
        far.destroy();
        far.onExit().join();
      }
    }
  }

  private static void awaitEnd(String command) throws Exception {
    RedirectedPod.awaitEnd(pod.start(command.split(" ", -1)));
  }

  /** The far end may come late: meanwhile another socket can have the addresses. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void word_recordIsOfAnotherSocketBeforeTheFarEndIsThere_isNobodys(boolean another)
      throws Exception {
    try (var root = CgroupRoot.open(null);
        var capture = KernelCapture.open(root, 4_096, null)) {
      var noted = requireNonNull(capture.openers());
      var client =
          pod.perl(
              """
              socket(my $listener, AF_INET, SOCK_STREAM, 0);
              setsockopt($listener, IPPROTO_TCP, 9, 60); # TCP_DEFER_ACCEPT: until data comes
              bind($listener, pack_sockaddr_in(0, INADDR_LOOPBACK)) and listen($listener, 1) or die;
              my ($far) = unpack_sockaddr_in(getsockname($listener));
              socket(my $s, AF_INET, SOCK_STREAM, 0);
              connect($s, pack_sockaddr_in($far, INADDR_LOOPBACK)) or die;
              my ($near) = unpack_sockaddr_in(getsockname($s));
              print "$near $far\\n";
              readline STDIN;
              syswrite $s, "data";
              accept(my $accepted, $listener) or die;
              print "accepted\\n";
              sleep 300;
              """);
      var output = client.inputReader();
      var ports = requireNonNull(output.readLine()).split(" ", -1);
      var loopback = IpAddress.parse("127.0.0.1");
      var tuple =
          new Tuple(loopback, Integer.parseInt(ports[0]), loopback, Integer.parseInt(ports[1]));
      var network = pod.inside(NetworkNamespace::cookieHere);
      var key = OwnerRecord.key(network, tuple);
      assertThat(noted.word(key)).isZero();
      if (another) {
        var record = requireNonNull(capture.tables().owner(network, key));
        record[OwnerRecord.COOKIE + 7]++;
        Bpf.put(capture.tables().owners(), key, record);
      }

      try (var input = client.outputWriter()) {
        input.write("go\n");
      }
      assertThat(output.readLine()).isEqualTo("accepted");
      assertThat(noted.word(key) == 0).isEqualTo(another);
      client.destroy();
    }
  }

  /** Servers believe what the former noted for as long as it works: all has to be there. */
  @Test
  void begin_besideAFormerBridge_takesOverThenAndNotBefore() throws Exception {
    var settings = pinned(4_096);
    var cgroups = openCgroups();
    try (var former = SocketOwners.open(settings)) {
      former.begin();
      assertThat(openCgroups()).isEqualTo(cgroups);
      var noted = requireNonNull(former.openers(), () -> former.problems().toString());
      try (var next = SocketOwners.open(settings)) {
        next.checkCanary(); // without the lock it takes nothing
        assertThat(next.openers()).isNull();
        assertNotesAndTakesBack(former, noted);

        assertThat(openCgroups()).isEqualTo(cgroups + 1);
        next.begin();
        assertThat(openCgroups()).isEqualTo(cgroups);
        var notedNext = requireNonNull(next.openers(), () -> next.problems().toString());
        assertNotesAndTakesBack(next, notedNext);
      }
    }
  }

  /** Descriptors of cgroups that this process has; they keep one that was removed. */
  private static long openCgroups() throws IOException {
    try (var all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(
              one -> {
                try {
                  return Files.isDirectory(one)
                      && Files.getFileStore(one.toRealPath()).type().equals("cgroup2");
                } catch (IOException _) {
                  return false; // closed meanwhile
                }
              })
          .count();
    }
  }

  /** The program that is pinned fills the tables that the former had. */
  @Test
  void open_afterABridgeWithOtherEntries_seesConnectionsBeforeItBegins() throws Exception {
    try (var former = SocketOwners.open(pinned(4_096))) {
      former.begin();
    }
    try (var next = SocketOwners.open(pinned(8_192))) {
      assertThat(next.rung()).as("%s", next.problems()).isEqualTo(Rung.KERNEL_EXACT);
    }
  }

  @Test
  void open_besideABridgeWithOtherEntries_takesNothingFromIt() throws Exception {
    try (var former = SocketOwners.open(pinned(4_096))) {
      former.begin();
      var noted = requireNonNull(former.openers(), () -> former.problems().toString());
      try (var next = SocketOwners.open(pinned(8_192))) {
        assertThat(next.rung()).as("%s", next.problems()).isEqualTo(Rung.KERNEL_EXACT);
        assertNotesAndTakesBack(former, noted);
        assertThat(former.checkCanary()).isTrue();
      }
    }
  }

  /** Neither finds the other's pins when it looks, or finds some of them. */
  @RepeatedTest(20)
  void open_twoBridgesTogether_bothHaveTheirTables() throws Exception {
    try (var starting = Executors.newCachedThreadPool()) {
      var first = starting.submit(() -> SocketOwners.open(pinned(4_096)));
      try (var second = SocketOwners.open(pinned(4_096));
          var working = first.get()) {
        working.begin();
        assertThat(working.checkCanary()).as("%s", working.problems()).isTrue();
        assertThat(working.openers()).as("%s", working.problems()).isNotNull();
        assertThat(second.checkCanary()).as("%s", second.problems()).isTrue();
      }
    }
  }

  /** As when somebody detached it, or a bridge began with other tables and ended. */
  @Test
  void open_whatIsPinnedFillsNoTable_attachesWithoutTheLock() throws Exception {
    var settings = pinned(4_096);
    try (var former = SocketOwners.open(settings)) {
      former.begin();
    }
    try (var folders = Files.newDirectoryStream(requireNonNull(settings.pin()))) {
      var kept = folders.iterator().next();
      Files.delete(kept.resolve("socket-operations"));
      Files.createLink(kept.resolve("socket-operations"), kept.resolve("connect6"));
    }
    try (var next = SocketOwners.open(settings)) {
      assertThat(next.rung()).as("%s", next.problems()).isEqualTo(Rung.KERNEL_EXACT);
    }
  }

  /** A cgroup has room for 64 programs of a kind. */
  @Test
  void checkCanary_programCouldNotBeAttached_triesAgain() throws Exception {
    var settings = pinned(4_096);
    var attached = new ArrayList<Descriptor>();
    var parent = CgroupRoot.mounted().orElseThrow();
    var path = Files.createTempDirectory(parent, "kith-test");
    try (var cgroup = Descriptor.open(path.toString());
        var program = silence(0)) {
      try (var former = SocketOwners.open(settings, cgroup)) {
        former.begin();
      }
      while (attached.size() < 63) {
        attached.add(Bpf.attach(program, ProgramKind.SOCKET_OPERATIONS, cgroup));
      }
      try (var next = SocketOwners.open(settings, cgroup)) {
        next.begin();
        assertThat(next.problems())
            .anyMatch(words -> words.startsWith("the programs of a bridge before stay: "));

        attached.removeLast().close();
        next.checkCanary();
        assertThat(next.problems())
            .noneMatch(words -> words.startsWith("the programs of a bridge before stay: "));
      }
    } finally {
      attached.forEach(Descriptor::close);
      Files.delete(path);
    }
  }

  /** On a BPF file system of its own. */
  private static SocketOwners.Settings pinned(int entries) {
    return new SocketOwners.Settings(
        List.of(RedirectedPod.PROXY_PORT),
        RedirectedPod.PROXY_UID,
        entries,
        null,
        false,
        folder.resolve("bpf/kith"));
  }

  @BeforeEach
  void mount() throws Exception {
    run("mount", "-t", "bpf", "bpf", Files.createDirectories(folder.resolve("bpf")).toString());
  }

  @AfterEach
  void unmount() throws Exception {
    run("umount", folder.resolve("bpf").toString());
  }

  private static void assertNotesAndTakesBack(SocketOwners bridge, Openers noted) throws Exception {
    var client = pod.perl("my $s = open_to('198.18.2.13', 443, 0); sleep 300;");
    var seen = acceptFrom(client).seen();
    var opener = requireNonNull(bridge.resolve(seen).opener());
    assertThat(noted.word(key(opener, seen))).isNotZero();

    client.destroy();
    await(() -> noted.word(key(opener, seen)) == 0);
  }

  private static void run(String... command) throws Exception {
    RedirectedPod.awaitEnd(new ProcessBuilder(command).redirectErrorStream(true).start());
  }

  private static Tuple from(int port, Tuple tuple) {
    return new Tuple(tuple.source(), port, tuple.destination(), tuple.destinationPort());
  }

  private static Openers.Opener opener(Tuple seen) throws InterruptedException {
    var resolution = owners.resolve(seen);
    return requireNonNull(resolution.opener(), () -> resolution.toString());
  }

  private static byte[] key(Openers.Opener opener, Tuple seen) {
    return OwnerRecord.key(opener.network(), seen);
  }

  private static long number(Openers.Opener opener, Tuple seen) throws InterruptedException {
    var owner = owners.resolve(seen).owners().getFirst();
    return openers.number(key(opener, seen), owner.connectNanos());
  }

  private static Accepted acceptFrom(Process client) throws Exception {
    return acceptFrom(client, 1);
  }

  /** The last of so many of a client. */
  private static Accepted acceptFrom(Process client, int count) throws Exception {
    while (true) {
      var connection = pod.accept();
      if (connection.pid() == client.pid() && --count == 0) {
        return connection;
      }
    }
  }

  private static void await(BooleanSupplier condition) {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in time").isLessThan(end);
      LockSupport.parkNanos(1_000_000);
    }
  }
}
