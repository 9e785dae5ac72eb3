package io.kith.bridge.capture;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Rung;
import io.kith.bridge.capture.RedirectedPod.Accepted;
import io.kith.bridge.ffm.Conntrack;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.Mounts;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With the real kernel, as root: each case is one in which looking at {@code /proc} would err. */
@Tag("root")
class SocketOwnersKernelTest {
  private static final long TMPFS = 0x0102_1994L;
  private static final Duration LIMIT = Duration.ofSeconds(90);

  @TempDir private static Path folder;
  private static final int ENTRIES = 4_096;

  private static RedirectedPod pod;
  private static SocketOwners owners;

  @BeforeAll
  static void open() throws Exception {
    pod = new RedirectedPod(folder);
    owners = SocketOwners.open(settings(null));
    assertThat(owners.rung())
        .as("these tests need root and BPF; the bridge says: %s", owners.problems())
        .isEqualTo(Rung.KERNEL_EXACT);
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

  private static SocketOwners.Settings settings(@Nullable Path cgroup) {
    return new SocketOwners.Settings(
        List.of(RedirectedPod.PROXY_PORT, 15_006), RedirectedPod.PROXY_UID, ENTRIES, cgroup);
  }

  @Test
  void resolve_clientGone_isStillTheClient() throws Exception {
    var client = pod.perl("open_to('198.18.1.1', 443, 0);");
    RedirectedPod.awaitEnd(client);

    var connection = acceptFrom(client);
    assertThat(pids(connection)).containsExactly(connection.pid());
  }

  @Test
  void resolve_v4InsideV6_isFoundByItsV4Addresses() throws Exception {
    var client = pod.perl("my $s = open_to('::ffff:198.18.1.2', 443, 0); sleep 300;");

    var connection = acceptFrom(client);
    assertThat(connection.seen().source()).isEqualTo(IpAddress.parse(RedirectedPod.V4));
    assertThat(pids(connection)).containsExactly(connection.pid());
    client.destroy();
  }

  @Test
  void resolve_v6PortRewrittenByNat_isTurnedBack() throws Exception {
    var client =
        pod.perl(
            """
            my $one = open_to('2001:db8::1', 443, 41000);
            my $two = open_to('2001:db8::2', 443, 41000);
            sleep 300;
            """);

    var first = acceptFrom(client);
    var second = acceptFrom(client);
    assertThat(first.seen().sourcePort()).isNotEqualTo(second.seen().sourcePort());
    for (var connection : List.of(first, second)) {
      var resolution = owners.resolve(connection.seen());
      assertThat(resolution.natVerified()).isTrue();
      assertThat(resolution.originalSourcePort()).isEqualTo(41_000);
      assertThat(pids(resolution)).containsExactly(connection.pid());
    }
    client.destroy();
  }

  @Test
  void atHand_whatTheKernelsRecordsTell_isAsResolved() throws Exception {
    var client = pod.perl("my $s = open_to('198.18.1.21', 443, 0); sleep 300;");
    var seen = acceptFrom(client).seen();
    var another = new Tuple(seen.source(), seen.sourcePort(), IpAddress.parse("198.18.1.22"), 443);
    var nowhere = new Tuple(IpAddress.parse("198.18.1.23"), 1, seen.destination(), 443);

    assertThat(owners.atHand(seen, _ -> Set.of())).isEqualTo(owners.resolve(seen));
    assertThat(requireNonNull(owners.atHand(seen, _ -> Set.of())).natVerified()).isTrue();
    assertThat(owners.atHand(another, _ -> Set.of())).as("tracked as another").isNull();
    assertThat(owners.atHand(nowhere, _ -> Set.of())).as("of no pod").isNull();
    client.destroy();
  }

  @Test
  void resolve_programInMemory_isSeenAsWhatItWas() throws Exception {
    var client =
        pod.perl(
            """
            my $name = "x";
            my $fd = syscall(319, $name, 0);         # memfd_create on x86-64
            $fd = syscall(279, $name, 0) if $fd < 0; # on aarch64
            open(my $from, '<:raw', $^X) or die;
            open(my $to, '>&=', $fd) or die;
            binmode $to;
            { local $/; print {$to} readline($from); }
            $to->flush();
            my $script = <<'END';
            use Socket;
            socket(my $s, AF_INET, SOCK_STREAM, 0);
            connect($s, pack_sockaddr_in(443, inet_aton('198.18.1.3'))) or die;
            syswrite $s, "$$ 198.18.1.3 443\\n";
            sleep 300;
            END
            exec "/proc/self/fd/$fd", '-e', $script or die "exec: $!";
            """);

    var connection = acceptFrom(client);
    var owner = onlyOwner(connection);
    assertThat(owner.pid()).isEqualTo(connection.pid());
    var image = requireNonNull(owner.image());
    assertThat(image.links()).isZero();
    assertThat(image.fileSystem()).isEqualTo(TMPFS);
    client.destroy();
  }

  @Test
  void resolve_execAfterConnect_isTheProgramThatConnected() throws Exception {
    var client = pod.perl("my $s = open_to('198.18.1.4', 443, 0); exec 'sleep', '300';");

    var connection = acceptFrom(client);
    var executable = Path.of("/proc/" + connection.pid() + "/exe");
    await(() -> executable(executable).endsWith("/sleep"));
    var image = requireNonNull(onlyOwner(connection).image());
    assertThat(image.inode())
        .isEqualTo(inode(Path.of("/usr/bin/perl")))
        .isNotEqualTo(inode(executable));
    client.destroy();
  }

  @Test
  void resolve_addressesUsedByAnotherBefore_bothAreCandidates() throws Exception {
    var first = pod.perl("reset_it(open_to('198.18.1.5', 443, 42000));");
    RedirectedPod.awaitEnd(first);
    // Connecting twice does not push the other one out.
    var second =
        pod.perl(
            """
            reset_it(open_to('198.18.1.5', 443, 42000));
            my $s = open_to('198.18.1.5', 443, 42000);
            sleep 300;
            """);

    var connection = acceptFrom(second);
    assertThat(pids(connection)).containsExactly((int) second.pid(), (int) first.pid());
    second.destroy();
  }

  /** As the workers of a server that is forked before it is asked. */
  @ParameterizedTest
  @ValueSource(ints = {2, OwnerRecord.SLOTS})
  void resolve_addressesUsedByManyBefore_allAreCandidates(int before) throws Exception {
    var parent = forksThatUseOnePort("198.18.1.12", 44_000 + before, before);

    var resolution = owners.resolve(acceptFrom(parent).seen());

    assertThat(pids(resolution))
        .hasSize(before + 1)
        .doesNotHaveDuplicates()
        .startsWith((int) parent.pid());
    assertThat(resolution.reasons())
        .contains(before + 1 + " processes used these addresses of late: all of them count");
    parent.destroy();
  }

  /** Their connections are closed by the other side, so that each port is free at once. */
  @Test
  void resolve_workersThatShareFewPorts_isNeverNobody() throws Exception {
    var range = Path.of("/proc/sys/net/ipv4/ip_local_port_range");
    pod.inside(() -> Files.writeString(range, "45000 45031"));
    try {
      var parent =
          pod.perl(
              """
              for (1..8) {
                next if fork;
                for (1..20) { my $s = open_to('198.18.1.13', 443, 0); sysread $s, my $end, 1; }
                exit 0;
              }
              1 while wait > 0;
              """);
      for (var i = 0; i < 160; i++) {
        var connection = pod.accept();
        assertThat(pids(connection)).contains(connection.pid());
        connection.socket().close();
      }
      RedirectedPod.awaitEnd(parent);
    } finally {
      pod.inside(() -> Files.writeString(range, "32768 60999"));
    }
  }

  /** Unnoted, it would be taken for that of whoever had its addresses before. */
  @Test
  void connect_noRoomToNoteWhoCalls_isRefused() throws Exception {
    var bound = Path.of("/proc/sys/net/core/optmem_max"); // of each network, since Linux 6.9
    var before = pod.perl("reset_it(open_to('198.18.1.15', 443, 47000));");
    RedirectedPod.awaitEnd(before);
    pod.inside(() -> Files.writeString(bound, "1"));
    try {
      var unnoted = pod.perl("open_to('198.18.1.15', 443, 47000);");
      assertThat(new String(unnoted.getInputStream().readAllBytes(), UTF_8))
          .contains("connect: Operation not permitted");
      assertThat(unnoted.waitFor()).isNotZero();
    } finally {
      pod.inside(() -> Files.writeString(bound, "131072"));
    }
    assertThat(owners.problems())
        .anyMatch(words -> words.contains("found no memory to note who made them"));
  }

  /** Others push it out of the table of all pods; the pod's reserve has it still. */
  @Test
  void resolve_addressesUsedBeforeAFloodOfOtherPods_bothAreCandidates() throws Exception {
    var first = pod.perl("reset_it(open_to('198.18.1.14', 443, 46000));");
    RedirectedPod.awaitEnd(first);
    flood(3 * ENTRIES);
    var second = pod.perl("my $s = open_to('198.18.1.14', 443, 46000); sleep 300;");

    assertThat(pids(acceptFrom(second))).containsExactly((int) second.pid(), (int) first.pid());
    second.destroy();
  }

  /** The program that holds it by then may be an allowed one, which never asked for it. */
  @ParameterizedTest
  @ValueSource(strings = {"198.18.1.16", "2001:db8::16", "::ffff:198.18.1.17"})
  void resolve_pushedOutByItsOwnPodAndHandedOn_isStillWhoeverConnected(String host)
      throws Exception {
    var client =
        pod.perl(
            """
            my $s = open_to('%s', 443, 0);
            exit 0 if fork;
            open(STDIN, '<&', $s);
            open(STDOUT, '>', '/dev/null');
            open(STDERR, '>', '/dev/null');
            exec 'cat';
            """
                .formatted(host));
    RedirectedPod.awaitEnd(client);
    var connection = acceptFrom(client);
    try (var _ = connection.socket()) { // ends cat
      var resolution = owners.resolve(connection.seen());
      // Each processor has some that it does not give up for those of another.
      for (var floods = 0; floods < 60 && resolution.reasons().isEmpty(); floods++) {
        pod.inside(
            () -> {
              flood(3 * ENTRIES);
              return 0;
            });
        resolution = owners.resolve(connection.seen());
      }
      assertThat(resolution.reasons()).singleElement().asString().contains("has no record of");
      assertThat(pids(resolution)).containsExactly((int) client.pid());
      assertThat(resolution.rung()).isEqualTo(Rung.KERNEL_EXACT);
    }
  }

  @Test
  void resolve_connectedBeforeTheCapture_isWhoeverHoldsIt() throws Exception {
    var client = pod.perl("my $s = open_to('198.18.1.18', 443, 0); sleep 300;");
    var connection = acceptFrom(client);

    try (var later = SocketOwners.open(settings(null))) {
      var resolution = later.resolve(connection.seen());
      assertThat(pids(resolution)).containsExactly((int) client.pid());
      assertThat(resolution.rung()).isEqualTo(Rung.DIAG);
    }
    client.destroy();
  }

  /** Connections of our own network to itself, each from another port than the one before. */
  private static void flood(int connections) throws Exception {
    try (var listener = new ServerSocket(0, 128, InetAddress.getLoopbackAddress())) {
      for (var i = 0; i < connections; i++) {
        try (var client = new Socket(listener.getInetAddress(), listener.getLocalPort());
            var _ = listener.accept()) {
          client.setSoLinger(true, 0);
        }
      }
    }
  }

  @Test
  void resolve_addressesUsedByMoreThanAreRemembered_isNobody() throws Exception {
    var parent = forksThatUseOnePort("198.18.1.6", 42_001, OwnerRecord.SLOTS + 1);

    var seen = acceptFrom(parent).seen();
    owners.refreshPods(); // whoever holds it now could be found, and would be a guess
    var resolution = owners.resolve(seen);
    assertThat(resolution.owners()).isEmpty();
    assertThat(resolution.rung()).isEqualTo(Rung.KERNEL_EXACT);
    assertThat(resolution.reasons())
        .contains("more processes than are remembered used these addresses within seconds");
    parent.destroy();
  }

  /** So many children have a connection from a port, one after the other; then their parent has. */
  private static Process forksThatUseOnePort(String host, int port, int children) throws Exception {
    return pod.perl(
        """
        for (1..%3$d) {
          my $child = fork;
          if (!$child) { reset_it(open_to('%1$s', 443, %2$d)); exit 0; }
          waitpid $child, 0;
        }
        my $s = open_to('%1$s', 443, %2$d);
        sleep 300;
        """
            .formatted(host, port, children));
  }

  @Test
  void resolve_anotherDestinationThanTracked_isNobody() throws Exception {
    var client = pod.perl("my $s = open_to('198.18.1.7', 443, 0); sleep 300;");

    var seen = acceptFrom(client).seen();
    var resolution =
        owners.resolve(
            new Tuple(seen.source(), seen.sourcePort(), IpAddress.parse("198.18.1.8"), 443));
    assertThat(resolution.owners()).isEmpty();
    assertThat(resolution.reasons()).hasSize(1).first().asString().contains("198.18.1.7");
    client.destroy();
  }

  @Test
  void resolve_connectionOfTheProxyItself_isNobody() throws Exception {
    var client =
        pod.perl(
            """
            $< = $> = 1337;
            my $s = open_to('10.99.77.2', 15001, 0);
            sleep 300;
            """);

    var resolution = owners.resolve(acceptFrom(client).seen());
    assertThat(resolution.owners()).isEmpty();
    assertThat(resolution.reasons()).contains("the proxy's own connection is not its client's");
    client.destroy();
  }

  /** It has the proxy's user, and its socket not: that is redirected. */
  @Test
  void resolve_addressesUsedBeforeAsTheProxysUser_countWhereItIsNotTheProxy() throws Exception {
    var first = pod.perl("$< = 1337; reset_it(open_to('198.18.1.19', 443, 48000));");
    RedirectedPod.awaitEnd(first);
    var second = pod.perl("my $s = open_to('198.18.1.19', 443, 48000); sleep 300;");
    var seen = acceptFrom(second).seen();

    var unknown = owners.resolve(seen);
    var cgroup = unknown.owners().getFirst().cgroup();

    assertThat(pids(unknown)).containsExactly((int) second.pid());
    assertThat(pids(owners.resolve(seen, _ -> Set.of(cgroup + 1, cgroup))))
        .containsExactly((int) second.pid());
    assertThat(pids(owners.resolve(seen, _ -> Set.of(cgroup + 1))))
        .containsExactly((int) second.pid(), (int) first.pid());
    second.destroy();
  }

  /** The proxy reset a client's connection, and its own gets the same port: it must not loop. */
  @ParameterizedTest
  @ValueSource(strings = {"198.18.1.11", "2001:db8::11"})
  void resolve_connectionIsReset_leavesItsPortToTheProxy(String host) throws Exception {
    var client = pod.perl("my $s = open_to('" + host + "', 443, 43000); sysread $s, my $end, 1;");
    var connection = acceptFrom(client);
    assertThat(pids(connection)).containsExactly((int) client.pid());

    connection.socket().setSoLinger(true, 0);
    connection.socket().close();
    RedirectedPod.awaitEnd(client);
    var proxy = pod.perl("$< = $> = 1337; open_to('" + host + "', 443, 43000);");

    // Tracked as one that goes out: answers to it come from there, not from the listener.
    try (var conntrack = pod.inside(Conntrack::open)) {
      await(() -> isTracked(conntrack, connection.seen().reversed()));
    }
    proxy.destroy();
  }

  /** The latest connect counts: that the proxy had the addresses before takes nothing from it. */
  @Test
  void resolve_addressesUsedBeforeByTheProxy_isWhoeverConnectedLast() throws Exception {
    var connecting = Path.of("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent");
    pod.inside(() -> Files.writeString(connecting, "1"));
    try (var conntrack = pod.inside(Conntrack::open)) {
      var proxy = pod.perl("$< = $> = 1337; open_to('198.18.1.24', 443, 49000);");
      var sent =
          new Tuple(IpAddress.parse(RedirectedPod.V4), 49_000, IpAddress.parse("198.18.1.24"), 443);
      await(() -> isTracked(conntrack, sent.reversed()));
      proxy.destroyForcibly();
      proxy.onExit().join();
      await(() -> !isTracked(conntrack, sent.reversed()));

      var client = pod.perl("my $s = open_to('198.18.1.24', 443, 49000); sleep 300;");

      var resolution = owners.resolve(acceptFrom(client).seen());
      assertThat(resolution.originalSourcePort()).isEqualTo(49_000);
      assertThat(pids(resolution)).containsExactly((int) client.pid());
      assertThat(resolution.reasons())
          .containsExactly("the proxy's own connection is not its client's");
      client.destroy();
    } finally {
      pod.inside(() -> Files.writeString(connecting, "120"));
    }
  }

  private static boolean isTracked(Conntrack conntrack, Tuple reply) {
    try {
      return conntrack.original(reply) != null;
    } catch (KernelException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void readExecs_scriptWithInterpreterLine_namesBoth() throws Exception {
    var script = folder.resolve("s.sh");
    Files.writeString(script, "#!/bin/sh\nexit 0\n");
    assertThat(script.toFile().setExecutable(true)).isTrue();

    var client = pod.start(script.toString(), "one", "two words");

    var exec =
        awaitExec(
            seen ->
                seen.process().pid() == (int) client.pid()
                    && seen.filename().equals(script.toString()));
    assertThat(exec.interpreter()).isEqualTo("/bin/sh");
    assertThat(exec.line()).isEqualTo("/bin/sh\0" + script + "\0one\0two words");
    assertThat(exec.truncated()).isFalse();
    assertThat(exec.process().startNanos()).isPositive();
    RedirectedPod.awaitEnd(client);
  }

  @Test
  void fork_ofAChild_namesItsParentAndWhenThatBegan() throws Exception {
    var client = pod.start("/bin/sh", "-c", "/bin/sleep 600 & wait");

    var child = awaitExec(seen -> seen.process().parent() == (int) client.pid());

    var parent = requireNonNull(owners.fork((int) client.pid()));
    var fork = requireNonNull(owners.fork(child.process().pid()));
    assertThat(fork.startNanos()).isEqualTo(child.process().startNanos());
    assertThat(fork.execId()).isEqualTo(child.process().execId() - 1);
    assertThat(fork.parent()).isEqualTo((int) client.pid());
    assertThat(fork.parentStart()).isEqualTo((int) (parent.startNanos() >>> 20) | 1 << 31);
    client.descendants().forEach(ProcessHandle::destroyForcibly);
    RedirectedPod.awaitEnd(client);
  }

  /** As many as are no more than 4,096 bytes, each ends with a zero. */
  @ParameterizedTest
  @ValueSource(ints = {0, 495, 496, 497, 600, 4_079, 4_080, 4_081, 20_000})
  void readExecs_longArguments_areToldUpToTheirLimit(int length) throws Exception {
    var last = "a".repeat(length);

    var client = pod.start("/bin/true", "limit", last); // 10 + 6 + length + 1

    var exec =
        awaitExec(
            seen ->
                seen.process().pid() == (int) client.pid() && seen.filename().equals("/bin/true"));
    var told = Math.min(length, 4_096 - 16);
    assertThat(exec.line()).isEqualTo("/bin/true\0limit\0" + last.substring(0, told));
    assertThat(exec.truncated()).isEqualTo(17 + length > 4_096);
    RedirectedPod.awaitEnd(client);
  }

  /** Long arguments leave room for the reports of those who come after them. */
  @Test
  void readExecs_floodOfLongArguments_isReportedShort() throws Exception {
    var lost = owners.problems().size();
    var client =
        pod.start(
            "/bin/sh",
            "-c",
            "i=0; while [ $i -lt 1000 ]; do /bin/true $0; i=$((i+1)); done",
            "a".repeat(3_000));
    RedirectedPod.awaitEnd(client);

    var all = new ArrayList<Exec>();
    var _ = owners.readExecs(200, all::add);

    var flood = all.stream().filter(exec -> exec.filename().equals("/bin/true")).toList();
    assertThat(flood).hasSize(1_000);
    assertThat(flood.getFirst().truncated()).isFalse();
    assertThat(flood.getLast().truncated()).isTrue();
    assertThat(owners.problems()).hasSize(lost);
  }

  @Test
  void connectsSeen_afterAConnection_hasGrown() throws Exception {
    var before = owners.connectsSeen();

    var client = pod.perl("open_to('198.18.1.9', 443, 0);");
    RedirectedPod.awaitEnd(client);

    assertThat(acceptFrom(client).pid()).isPositive();
    assertThat(owners.connectsSeen()).isGreaterThan(before);
  }

  @Test
  void kernelCapture_treeMountedForAMoment_seesItself() throws Exception {
    try (var root = Mounts.openRoot("cgroup2");
        var capture = KernelCapture.open(root, 64, null)) {
      assertThat(Canary.run(capture)).isEmpty();
      assertThat(capture.problems()).isEmpty();
    }
  }

  /** Before Linux 5.14 only the second way is there. */
  @Test
  void cookieHere_bothWays_isTheSame() throws Exception {
    try (var root = CgroupRoot.open(null);
        var capture = KernelCapture.open(root, 64, null)) {
      assertThat(capture.seenCookieHere()).isEqualTo(capture.cookieHere()).isPositive();
      assertThat(pod.inside(capture::seenCookieHere))
          .isEqualTo(pod.inside(capture::cookieHere))
          .isNotEqualTo(capture.cookieHere());
    }
  }

  @Test
  void resolve_withoutBpf_everyHolderIsACandidate() throws Exception {
    try (var diag = SocketOwners.open(settings(folder))) {
      var client = pod.perl("my $s = open_to('198.18.1.10', 443, 0); fork; sleep 300;");
      var connection = acceptFrom(client);
      await(() -> client.descendants().findAny().isPresent());
      var child = client.descendants().findAny().orElseThrow();

      var resolution = diag.resolve(connection.seen());

      assertThat(diag.rung()).isEqualTo(Rung.DIAG);
      assertThat(diag.problems()).first().asString().contains("is not a cgroup v2 tree");
      assertThat(resolution.rung()).isEqualTo(Rung.DIAG);
      assertThat(resolution.natVerified()).isTrue();
      assertThat(pids(resolution)).containsExactlyInAnyOrder((int) client.pid(), (int) child.pid());
      child.destroy();
      client.destroy();
    }
  }

  @Test
  void open_withoutCapabilities_saysWhatIsLostAndHowToGetIt() throws Exception {
    var java = ProcessHandle.current().info().command().orElseThrow();
    var process =
        new ProcessBuilder(
                "setpriv",
                "--bounding-set=-all",
                "--inh-caps=-all",
                java,
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Unprivileged.class.getName())
            .redirectErrorStream(true)
            .start();

    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output)
        .contains("WORKLOAD_ONLY")
        .contains("connections are not seen as they are made")
        .contains("CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN")
        .contains("the sockets of pods cannot be looked at, so only the workload")
        .contains("it needs CAP_SYS_ADMIN");
  }

  /** Runs without any capability. */
  static final class Unprivileged {
    public static void main(String[] arguments) throws Exception {
      try (var owners = SocketOwners.open(settings(null))) {
        System.out.println(owners.rung());
        owners.problems().forEach(System.out::println);
      }
    }
  }

  /** T1564: a process without privileges makes a network with the pod's address in it. */
  @Test
  void resolve_addressOfThePodInAForgedNetwork_isStillThePods() throws Exception {
    var pod =
        owners.pods().stream()
            .filter(one -> one.addresses().contains(IpAddress.parse(RedirectedPod.V4)))
            .toList();
    assertThat(pod).hasSize(1);
    var forgers = new ArrayList<Process>();
    try {
      for (var i = 0; i < 8; i++) { // in whatever order they are looked at
        var forger =
            new ProcessBuilder(
                    "setpriv",
                    "--reuid=1000",
                    "--regid=1000",
                    "--clear-groups",
                    "unshare",
                    "-Urn",
                    "sh",
                    "-c",
                    "ip link set lo up; ip addr add "
                        + RedirectedPod.V4
                        + "/32 dev lo; ip addr add 10.99.79."
                        + i
                        + "/32 dev lo;"
                        + " echo ready; exec sleep 1000")
                .start();
        forgers.add(forger);
        assertThat(forger.inputReader().readLine()).isEqualTo("ready");
      }
      owners.refreshPods();

      assertThat(
              owners.pods().stream()
                  .filter(one -> one.addresses().contains(IpAddress.parse(RedirectedPod.V4))))
          .extracting(Pod::id)
          .containsExactly(pod.getFirst().id());
      assertThat(addressesOfPods()).as("its own").contains(IpAddress.parse("10.99.79.7"));
      assertThat(owners.problems()).anyMatch(words -> words.contains(" both have "));
      assertThat(
              owners
                  .resolve(
                      new Tuple(
                          IpAddress.parse(RedirectedPod.V4), 1, IpAddress.parse("198.18.1.1"), 443))
                  .reasons())
          .isNotEmpty();
      assertThat(owners.sockets(pod.getFirst())).isNotNull();
    } finally {
      forgers.forEach(Process::destroyForcibly);
      forgers.forEach(forger -> forger.onExit().join());
      owners.refreshPods();
    }
  }

  @Test
  void refreshPods_podGone_isForgotten() throws Exception {
    try (var namespace = NetworkNamespace.create()) {
      var process = namespace.call(SocketOwnersKernelTest::anotherPod);
      try {
        assertThat(owners.refreshPods()).isTrue();
        assertThat(addressesOfPods()).contains(IpAddress.parse("10.99.78.2"));
      } finally {
        process.destroy();
        process.onExit().join();
      }
    }

    assertThat(owners.refreshPods()).isTrue();
    assertThat(addressesOfPods()).doesNotContain(IpAddress.parse("10.99.78.2"));
  }

  /** Whoever may make interfaces may give one a name that is no text. */
  @Test
  void refreshPods_interfaceWhoseNameIsNoText_hasItsAddresses() throws Exception {
    var interfaces =
        "name=$(printf '\\377'); ip link add \"$name\" type veth && ip link set \"$name\" up && "
            + "ip addr add fd00:78::2/128 dev \"$name\" nodad && ";
    try (var namespace = NetworkNamespace.create()) {
      var process = namespace.call(() -> anotherPod(interfaces));
      try {
        owners.refreshPods();
        assertThat(addressesOfPods())
            .contains(IpAddress.parse("10.99.78.2"), IpAddress.parse("fd00:78::2"));
      } finally {
        process.destroy();
        process.onExit().join();
      }
    }
    owners.refreshPods();
  }

  private static List<IpAddress> addressesOfPods() {
    return owners.pods().stream().flatMap(found -> found.addresses().stream()).toList();
  }

  /** Runs inside a new namespace: gives it an address and a process. */
  private static Process anotherPod() throws Exception {
    return anotherPod("");
  }

  private static Process anotherPod(String before) throws Exception {
    var command =
        before + "ip link set lo up && ip addr add 10.99.78.2/32 dev lo && exec sleep 600";
    var process = new ProcessBuilder("sh", "-c", command).start();
    await(() -> executable(Path.of("/proc/" + process.pid() + "/exe")).endsWith("/sleep"));
    return process;
  }

  private Accepted acceptFrom(Process client) throws Exception {
    Accepted last;
    do {
      last = pod.accept();
    } while (last.pid() != client.pid());
    return last;
  }

  private static List<Integer> pids(Accepted connection) throws Exception {
    return pids(owners.resolve(connection.seen()));
  }

  private static List<Integer> pids(Resolution resolution) {
    return resolution.owners().stream().map(Owner::pid).toList();
  }

  private static Owner onlyOwner(Accepted connection) throws Exception {
    var found = owners.resolve(connection.seen()).owners();
    assertThat(found).hasSize(1);
    return found.getFirst();
  }

  private static Exec awaitExec(Predicate<Exec> wanted) {
    var found = new ArrayList<Exec>();
    var end = System.nanoTime() + LIMIT.toNanos();
    while (found.isEmpty() && System.nanoTime() < end) {
      var _ =
          owners.readExecs(
              200,
              exec -> {
                if (wanted.test(exec)) {
                  found.add(exec);
                }
              });
    }
    assertThat(found).as("reported within %s", LIMIT).isNotEmpty();
    return found.getFirst();
  }

  private static long inode(Path file) throws Exception {
    return ((Number) Files.getAttribute(file, "unix:ino")).longValue();
  }

  private static String executable(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException _) {
      return "";
    }
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("within %s", LIMIT).isLessThan(end);
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }
}
