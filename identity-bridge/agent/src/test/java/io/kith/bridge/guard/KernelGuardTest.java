package io.kith.bridge.guard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.guard.Totals.Count;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With the real kernel, as root: what the guard's programs let pass, count and refuse. */
@Tag("root")
@Timeout(600)
class KernelGuardTest {
  private static final Set<IpAddress> OWN =
      Set.of(IpAddress.parse(GuardedPod.ADDRESS), IpAddress.parse(GuardedPod.ADDRESS6));

  @TempDir private static Path folder;
  private static GuardedPod pod;
  private static KernelGuard guard;

  @BeforeAll
  static void open() throws Exception {
    folder.toFile().setExecutable(true, false);
    folder.toFile().setReadable(true, false);
    pod = new GuardedPod(folder);
    guard = KernelGuard.open(null, Btf.ofThisKernel(), new ArrayList<>());
  }

  @AfterAll
  static void close() throws Exception {
    if (guard != null) {
      guard.close();
    }
    if (pod != null) {
      pod.close();
    }
  }

  @BeforeEach
  void guardAnew() throws Exception {
    guard.detach(pod.id());
    guard(Mode.ENFORCE);
    try (var cgroup = pod.openCgroup()) {
      guard.attach(pod.id(), cgroup);
    }
  }

  static GuardPolicy policy(Mode mode) {
    return new GuardPolicy(
        mode,
        GuardedPod.PROXY,
        GuardedPod.PROXY,
        0,
        GuardPolicy.ISTIO_PORTS,
        true,
        false,
        List.of(NetworkTarget.parse(GuardedPod.RESOLVER + ":53")),
        List.of(NetworkTarget.parse("0.0.0.0/0:3306")),
        List.of(
            NetworkTarget.parse("198.18.7.0/24:3306"),
            NetworkTarget.parse("[2001:db8:7::/48]:443")),
        List.of(NetworkTarget.parse("198.18.7.0/24:8125")));
  }

  private static void guard(Mode mode) throws Exception {
    guard.policy(pod.id(), policy(mode), mode, pod.id("proxy"), OWN);
  }

  private static Count count(GuardReason reason) throws Exception {
    return guard.totals(pod.id()).byReason().getOrDefault(reason, new Count(0, 0));
  }

  @Test
  void tcp_throughTheSidecar_isServed() throws Exception {
    assertThat(pod.app("print tcp('198.18.1.1', 443);")).isEqualTo("proxy");
    assertThat(guard.totals(pod.id()).byReason()).isEmpty();
  }

  @Test
  void tcp_ofTheProxy_isServed() throws Exception {
    var proxy = pod.perl("proxy", 1_337, 1_337, "print tcp('198.18.1.1', 443);");
    assertThat(pod.says(proxy)).isEqualTo("world");
    assertThat(guard.totals(pod.id()).byReason()).isEmpty();
  }

  @Test
  void tcp_ofTheProxysUserElsewhere_isRefused() throws Exception {
    assertThat(pod.says(pod.perl("app", 1_337, 0, "print tcp('198.18.1.1', 443);")))
        .isEqualTo("EPERM");
    assertThat(pod.says(pod.perl("app", 1_000, 1_337, "print tcp('198.18.1.1', 443);")))
        .isEqualTo("EPERM");
    assertThat(count(GuardReason.PROXY_USER)).isEqualTo(new Count(2, 2));
  }

  @Test
  void tcp_overIpv6WithoutRedirection_isRefusedUnlessApproved() throws Exception {
    assertThat(pod.app("print tcp('2001:db8::1', 443);")).isEqualTo("EPERM");
    assertThat(count(GuardReason.FAMILY)).isEqualTo(new Count(1, 1));
    assertThat(pod.app("print tcp('2001:db8:7::1', 443);")).isEqualTo("world");
    assertThat(count(GuardReason.FAMILY)).isEqualTo(new Count(1, 1));
  }

  @Test
  void tcp_v4InsideV6_isV4() throws Exception {
    assertThat(pod.app("print tcp('::ffff:198.18.1.1', 443);")).isEqualTo("proxy");
    assertThat(pod.app("print tcp('::ffff:198.18.1.1', 3306);")).isEqualTo("EPERM");
    assertThat(count(GuardReason.EXCLUDED)).isEqualTo(new Count(1, 1));
  }

  @Test
  void tcp_toAnExcludedPort_isRefusedUnlessApproved() throws Exception {
    assertThat(pod.app("print tcp('198.18.1.1', 3306);")).isEqualTo("EPERM");
    assertThat(pod.app("print tcp('198.18.7.1', 3306);")).isEqualTo("world");
    assertThat(count(GuardReason.EXCLUDED)).isEqualTo(new Count(1, 1));
  }

  @Test
  void tcp_toTheProxysOwnPorts_isRefusedHoweverLoopbackIsWritten() throws Exception {
    var hosts =
        List.of("127.0.0.1", "127.9.9.9", "0.0.0.0", "::ffff:127.0.0.1", GuardedPod.ADDRESS);
    for (var host : hosts) {
      for (var port : List.of(15_000, 15_001)) {
        assertThat(pod.app("print tcp('%s', %d);".formatted(host, port)))
            .as("%s:%d", host, port)
            .isEqualTo("EPERM");
      }
    }
    var proxy = pod.perl("proxy", 1_337, 1_337, "print tcp('127.0.0.1', 15000);");
    assertThat(pod.says(proxy)).isEqualTo("proxy");
    assertThat(count(GuardReason.PROXY_PORT)).isEqualTo(new Count(10, 10));
  }

  @Test
  void tcp_redirectionRemoved_doesNotLeave() throws Exception {
    pod.runInPod("iptables -w -t nat -I OUTPUT -p tcp --dport 443 -j RETURN");
    try {
      assertThat(pod.app("$patience = 2; print tcp('198.18.1.1', 443);")).isEqualTo("EINPROGRESS");
      assertThat(count(GuardReason.NOT_REDIRECTED).refused()).isPositive();
    } finally {
      pod.runInPod("iptables -w -t nat -D OUTPUT 1");
    }
    assertThat(pod.app("print tcp('198.18.1.1', 443);")).isEqualTo("proxy");
  }

  @Test
  void tcp_socketMadeAsTheProxysUser_doesNotLeave() throws Exception {
    // The redirection asks who made the socket, connect(2) is called as somebody else.
    var script =
        """
        $patience = 2;
        $> = 1337;
        my $s = new_socket('198.18.1.1', SOCK_STREAM);
        $> = 0;
        print tcp('198.18.1.1', 443, $s);
        """;
    assertThat(pod.app(script)).isEqualTo("EINPROGRESS");
    assertThat(count(GuardReason.NOT_REDIRECTED).refused()).isPositive();
  }

  @Test
  void udp_otherThanToTheResolver_isRefusedConnectedOrNot() throws Exception {
    assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("EPERM");
    assertThat(pod.app("print udp_to('198.18.1.1', 443);")).isEqualTo("EPERM");
    assertThat(pod.app("print udp('198.18.1.1', 53);")).isEqualTo("EPERM");
    assertThat(pod.app("print udp('2001:db8::1', 443);")).isEqualTo("EPERM");
    assertThat(pod.app("print udp_to('::ffff:198.18.1.1', 443);")).isEqualTo("EPERM");
    assertThat(count(GuardReason.UDP)).isEqualTo(new Count(5, 5));
  }

  @Test
  void udp_toTheResolverOrApproved_isServed() throws Exception {
    assertThat(pod.app("print udp('%s', 53);".formatted(GuardedPod.RESOLVER))).isEqualTo("world");
    assertThat(pod.app("print udp_to('%s', 53);".formatted(GuardedPod.RESOLVER)))
        .isEqualTo("world");
    assertThat(pod.app("print udp('198.18.7.1', 8125);")).isEqualTo("world");
    assertThat(guard.totals(pod.id()).byReason())
        .as("counted, and that is all")
        .isEqualTo(Map.of(GuardReason.RESOLVER, new Count(2, 0)));
  }

  @Test
  void udp_ofTheProxy_isServedAndNotOfItsUserElsewhere() throws Exception {
    var script = "print udp('198.18.1.1', 443);";
    assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, script))).isEqualTo("world");
    assertThat(pod.says(pod.perl("proxy", 0, 1_337, script))).isEqualTo("world");
    assertThat(pod.says(pod.perl("app", 1_337, 1_337, script))).isEqualTo("EPERM");
  }

  @Test
  void udp_connectedButSilent_isNoAttempt() throws Exception {
    // As getaddrinfo does for each address it has found, to sort them (RFC 3484).
    var script =
        """
        for my $host ('198.18.1.1', '198.18.1.2', '2001:db8::1') {
          my $s = new_socket($host, SOCK_DGRAM);
          connect($s, address($host, 443)) or print name();
        }
        print "sorted";
        """;
    assertThat(pod.app(script)).isEqualTo("sorted");
    assertThat(guard.totals(pod.id()).byReason()).isEmpty();
  }

  @Test
  void loopback_isServed() throws Exception {
    var script =
        """
        socket(my $server, AF_INET6, SOCK_STREAM, 0);
        bind($server, address('::', 8080)) or die;
        listen($server, 8);
        socket(my $udp, AF_INET6, SOCK_DGRAM, 0);
        bind($udp, address('::', 8080)) or die;
        if (!fork) {
          alarm 100;
          for (1 .. 4) { accept(my $c, $server); syswrite $c, "own\\n"; }
          for (1 .. 4) { my $from = recv($udp, my $x, 64, 0); send($udp, "own", 0, $from); }
          exit;
        }
        my @hosts = ('127.0.0.1', '%s', '::1', '%s');
        print join ' ', (map { tcp($_, 8080) } @hosts), (map { udp($_, 8080) } @hosts);
        """
            .formatted(GuardedPod.ADDRESS, GuardedPod.ADDRESS6);
    assertThat(pod.app(script)).isEqualTo("own own own own own own own own");
    assertThat(guard.totals(pod.id()).byReason()).isEmpty();
  }

  /** T1562: with CAP_NET_ADMIN a pod may call any address its own, and route it elsewhere. */
  @Test
  void addressThatIsThePodsInNameOnly_isJudgedByWhereItGoes() throws Exception {
    var own = new HashSet<>(OWN);
    own.add(IpAddress.parse("198.18.1.1"));
    own.add(IpAddress.parse("2001:db8::1"));
    guard.policy(pod.id(), policy(Mode.ENFORCE), Mode.ENFORCE, pod.id("proxy"), own);

    for (var host : List.of("198.18.1.1", "2001:db8::1")) {
      assertThat(pod.app("print udp('%s', 443);".formatted(host))).isEqualTo("EPERM");
      assertThat(packets("print packet(SOCK_RAW, 253, 'x', '%s');".formatted(host)))
          .isEqualTo("EPERM");
      var script = "$patience = 2; print tcp('%s', 443);".formatted(host);
      assertThat(pod.says(pod.perl("app", 1_337, 0, script))).isEqualTo("EINPROGRESS");
    }
    assertThat(pod.app("print tcp('198.18.1.1', 443);")).isEqualTo("proxy");
    var toLoopback = // which may forward it
        """
        my $s = new_socket('0', SOCK_DGRAM);
        setsockopt($s, SOL_SOCKET, 25, 'lo') or die; # SO_BINDTODEVICE
        print udp_to('198.18.1.2', 443, $s);
        """;
    assertThat(pod.app(toLoopback)).isEqualTo("EPERM");
    assertThat(count(GuardReason.UDP)).isEqualTo(new Count(3, 3));
    assertThat(count(GuardReason.OTHER_PROTOCOL)).isEqualTo(new Count(2, 2));
    assertThat(count(GuardReason.NOT_REDIRECTED).refused()).isPositive();
  }

  @Test
  void repliesOfServers_arePassedAndSocketsThatBeginAreNot() throws Exception {
    var server =
        pod.perl(
            "app",
            0,
            0,
            """
            socket(my $server, AF_INET, SOCK_STREAM, 0);
            setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1);
            bind($server, pack_sockaddr_in(8081, INADDR_ANY)) or die;
            listen($server, 8);
            socket(my $udp, AF_INET, SOCK_DGRAM, 0);
            bind($udp, pack_sockaddr_in(8081, INADDR_ANY)) or die;
            print "listens\\n";
            accept(my $c, $server);
            syswrite $c, "own\\n";
            my $from = recv($udp, my $x, 64, 0);
            defined(send($udp, 'own', 0, $from)) or print name();
            print udp_to('198.18.1.1', 443, $udp), "\\n";  # nobody hears it: it answers on
            $from = recv($udp, $x, 64, 0);
            print defined(send($udp, 'own', 0, $from)) ? 'sent' : name(), "\\n";
            <STDIN>;
            print udp_to('198.18.1.1', 443, $udp), "\\n";  # it begins to talk itself …
            $from = recv($udp, $x, 64, 0);
            defined(send($udp, 'own', 0, $from)) or print name(), "\\n"; # … and answers no more
            """);
    var lines = server.inputReader();
    assertThat(lines.readLine()).isEqualTo("listens");

    var answered =
        pod.inWorld(
            () -> {
              try (var tcp = new Socket(GuardedPod.ADDRESS, 8081)) {
                return new String(tcp.getInputStream().readNBytes(3), UTF_8);
              }
            });
    assertThat(answered).isEqualTo("own");
    assertThat(askUdp(60)).isEqualTo("own");
    assertThat(lines.readLine()).isEqualTo("EPERM");
    assertThat(askUdp(60)).isEqualTo("own");
    assertThat(lines.readLine()).isEqualTo("sent");

    guard(Mode.OBSERVE);
    next(server);
    assertThat(lines.readLine()).isEqualTo("world");
    guard(Mode.ENFORCE);
    assertThat(askUdp(1)).isEqualTo("silence");
    assertThat(lines.readLine()).isEqualTo("EPERM");
  }

  private static void next(Process process) throws Exception {
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
  }

  private static String askUdp(int patienceSeconds) throws Exception {
    return pod.inWorld(
        () -> {
          try (var udp = new DatagramSocket()) {
            var to = new InetSocketAddress(GuardedPod.ADDRESS, 8081);
            udp.setSoTimeout(patienceSeconds * 1_000);
            udp.send(new DatagramPacket(new byte[] {'?'}, 1, to));
            var answer = new DatagramPacket(new byte[64], 64);
            udp.receive(answer);
            return new String(answer.getData(), 0, answer.getLength(), UTF_8);
          } catch (SocketTimeoutException _) {
            return "silence";
          }
        });
  }

  @Test
  void udp_answerAfterManyAskedInAnotherPod_isPassed() throws Exception {
    var other = "../kith-test-" + UUID.randomUUID();
    pod.addContainer(other);
    guard.policy(pod.id(other), policy(Mode.ENFORCE), Mode.ENFORCE, 0, OWN);
    try (var cgroup = Descriptor.open(pod.cgroup.resolve(other).toString())) {
      guard.attach(pod.id(other), cgroup);
    }
    var listen =
        """
        socket(my $s, AF_INET, SOCK_DGRAM, 0);
        bind($s, pack_sockaddr_in(%d, INADDR_ANY)) or die;
        print "listens\\n";
        """;
    var server =
        pod.perl(
            "app",
            0,
            0,
            listen.formatted(8_082)
                + """
                my $from = recv($s, my $x, 64, 0);
                print "asked\\n";
                <STDIN>;
                print defined(send($s, 'own', 0, $from)) ? 'sent' : name(), "\\n";
                """);
    var flooded = pod.perl(other, 0, 0, listen.formatted(8_083) + "sleep 90;");
    for (var process : List.of(server, flooded)) {
      assertThat(process.inputReader().readLine()).isEqualTo("listens");
    }
    try (var client = pod.inWorld(() -> new DatagramSocket())) {
      client.send(question(8_082));
      assertThat(server.inputReader().readLine()).isEqualTo("asked");

      pod.inWorld(
          () -> {
            for (var port = 1_024; port < 31_024; port++) { // all that the common table holds
              try (var one = new DatagramSocket(new InetSocketAddress("198.18.1.3", port))) {
                one.send(question(8_083));
              }
            }
            return null;
          });

      next(server);
      assertThat(server.inputReader().readLine()).isEqualTo("sent");
    } finally {
      flooded.destroyForcibly().waitFor();
      guard.detach(pod.id(other));
    }
  }

  /** What came from there was taken for questions, and so the rest for answers. */
  @Test
  void udp_approvedNoMore_isRefused_andWhoAskedIsAnsweredStill() throws Exception {
    var server =
        pod.perl(
            "app",
            0,
            0,
            """
            my $s = new_socket('0', SOCK_DGRAM);
            bind($s, pack_sockaddr_in(8084, INADDR_ANY)) or die "bind: $!";
            while (<STDIN>) {
              my $to = /begin/ ? address('198.18.7.2', 8125) : recv($s, my $x, 64, 0);
              print defined(send($s, 'own', 0, $to)) ? 'sent' : name(), "\n";
            }
            """);
    try (var begun = inWorld("198.18.7.2", 8_125);
        var approved = inWorld("198.18.7.3", 8_125);
        var other = inWorld("198.18.1.3", 0)) {
      assertThat(told(server, "begin")).isEqualTo("sent");
      for (var peer : List.of(begun, approved, other)) {
        peer.send(question(8_084));
        assertThat(told(server, "answer")).isEqualTo("sent");
      }
      assertThat(told(server, "begin")).isEqualTo("sent");

      var before = policy(Mode.ENFORCE);
      guard.policy(
          pod.id(),
          new GuardPolicy(
              Mode.ENFORCE,
              before.proxyUid(),
              before.proxyGid(),
              0,
              before.proxyPorts(),
              true,
              false,
              before.resolvers(),
              before.excluded(),
              before.approvedTcp(),
              List.of()),
          Mode.ENFORCE,
          pod.id("proxy"),
          OWN);

      assertThat(told(server, "begin")).isEqualTo("EPERM");
      begun.send(question(8_084));
      assertThat(told(server, "answer")).isEqualTo("EPERM");
      for (var peer : List.of(approved, other)) {
        peer.send(question(8_084));
        assertThat(told(server, "answer")).isEqualTo("sent");
      }
      assertThat(count(GuardReason.UDP)).isEqualTo(new Count(2, 2));
    } finally {
      server.destroyForcibly().waitFor();
    }
  }

  private static DatagramSocket inWorld(String host, int port) throws Exception {
    return pod.inWorld(() -> new DatagramSocket(new InetSocketAddress(host, port)));
  }

  private static String told(Process process, String command) throws Exception {
    process.getOutputStream().write((command + "\n").getBytes(UTF_8));
    process.getOutputStream().flush();
    return process.inputReader().readLine();
  }

  private static DatagramPacket question(int port) {
    return new DatagramPacket(new byte[1], 1, new InetSocketAddress(GuardedPod.ADDRESS, port));
  }

  /** Without any capability, a process may bind to an address that is nobody's here. */
  @Test
  void udp_answerToWhoseAddressThePodMadeUp_isRefused() throws Exception {
    var script =
        """
        socket(my $server, AF_INET6, SOCK_DGRAM, 0);
        bind($server, address('::', 5000)) or die "bind: $!";
        socket(my $forger, AF_INET6, SOCK_DGRAM, 0);
        setsockopt($forger, 41, 78, 1) or die; # IPV6_FREEBIND
        bind($forger, address('2001:db8::1', 4433)) or die "bind: $!";
        for my $own ('::1', '%s') {
          defined(send($forger, 'hello', 0, address($own, 5000))) or die name();
          my $from = recv($server, my $x, 64, 0);
          print defined(send($server, 'out', 0, $from)) ? 'sent ' : name() . ' ';
          socket($server, AF_INET6, SOCK_DGRAM, 0);
          bind($server, address('::', 5000)) or die "bind: $!";
        }
        """
            .formatted(GuardedPod.ADDRESS6);
    assertThat(pod.says(pod.perl("app", 1_000, 1_000, script))).isEqualTo("EPERM EPERM");
    assertThat(count(GuardReason.UDP)).isEqualTo(new Count(2, 2));
  }

  private static final Path PING_GROUPS = Path.of("/proc/sys/net/ipv4/ping_group_range");

  /** What becomes of packets of other protocols. */
  private static String packets(String script) throws Exception {
    return pod.app(
        """
        sub packet {
          my ($kind, $protocol, $payload, $host) = @_;
          socket(my $s, $host =~ /:/ ? AF_INET6 : AF_INET, $kind, $protocol) or die "socket: $!";
          setsockopt($s, SOL_SOCKET, 25, 'kg0') or die if $host =~ /^ff/; # SO_BINDTODEVICE
          return defined(send($s, $payload, 0, address($host, 0))) ? 'sent' : name();
        }
        sub icmp { return pack('CCnnn', @_, 0, 0, 1, 1); }
        sub each_of { my %count; $count{$_}++ for @_; print join ' ', %count, ''; }
        my $report = pack('CCnN', 0x16, 0, 0, 0xef010101);
        """
            + script);
  }

  @Test
  void otherProtocols_areRefused() throws Exception {
    var script =
        """
        each_of(map { packet(SOCK_RAW, 253, 'x' x 40, $_) } '198.18.1.1', 'ff02::1');
        each_of(map { packet(SOCK_RAW, 2, $report, $_) } '198.18.1.1', '2001:db8::e000:1');
        each_of(map { packet(SOCK_RAW, 1, icmp($_), '198.18.1.1') } 4 .. 10, 13 .. 18, 42, 43);
        each_of(map { packet(SOCK_RAW, 58, icmp($_), '2001:db8::1') }
          0, 5, 128, 138 .. 142, 144, 160, 161);
        """;
    assertThat(packets(script)).isEqualTo("EPERM 2 EPERM 2 EPERM 15 EPERM 11");
    assertThat(count(GuardReason.OTHER_PROTOCOL)).isEqualTo(new Count(30, 30));
  }

  /** No capability is needed for it; since Linux 5.13 there is the extended one as well. */
  @Test
  void echo_isRefusedUnlessWithinThePod() throws Exception {
    pod.inPod(() -> Files.writeString(PING_GROUPS, "0 0"));
    var script =
        """
        for my $type (8, 42) {
          each_of(packet(SOCK_DGRAM, 1, icmp($type), '198.18.1.1'));
          each_of(map { packet(SOCK_DGRAM, 1, icmp($type), $_) } '127.0.0.1', '%s');
        }
        for my $type (128, 160) { # here the kernel does not tell of a refusal
          packet(SOCK_DGRAM, 58, icmp($type), $_) for '2001:db8::1', 'ff02::1', '::1', '%s';
        }
        """
            .formatted(GuardedPod.ADDRESS, GuardedPod.ADDRESS6);
    assertThat(packets(script)).isEqualTo("EPERM 1 sent 2 EPERM 1 sent 2");
    assertThat(count(GuardReason.OTHER_PROTOCOL)).isEqualTo(new Count(6, 6));
  }

  @Test
  void whatTheKernelSaysForAPod_isSent() throws Exception {
    var script =
        """
        each_of(map { packet(SOCK_RAW, 2, $report, $_) } '224.0.0.22', '239.1.1.1');
        each_of(map { packet(SOCK_RAW, 1, icmp($_), '198.18.1.1') } 0, 3, 11, 12);
        each_of(map { packet(SOCK_RAW, 58, icmp($_), '2001:db8::1') } 1 .. 4, 129 .. 137, 143);
        """;
    assertThat(packets(script)).isEqualTo("sent 2 sent 4 sent 14");
    assertThat(guard.totals(pod.id()).byReason()).isEmpty();
  }

  @Test
  void underObserveAndShadow_everythingIsCountedAndNothingRefused() throws Exception {
    for (var mode : List.of(Mode.OBSERVE, Mode.SHADOW)) {
      guard(mode);
      assertThat(pod.says(pod.perl("app", 1_337, 0, "print tcp('198.18.1.1', 443);")))
          .isEqualTo("world");
      assertThat(pod.app("print tcp('2001:db8::1', 443);")).isEqualTo("world");
      assertThat(pod.app("print tcp('198.18.1.1', 3306);")).isEqualTo("world");
      assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("world");
      assertThat(pod.app("print tcp('127.0.0.1', 15000);")).isEqualTo("proxy");
    }
    for (var reason :
        List.of(
            GuardReason.PROXY_USER,
            GuardReason.FAMILY,
            GuardReason.EXCLUDED,
            GuardReason.UDP,
            GuardReason.PROXY_PORT)) {
      assertThat(count(reason)).as("%s", reason).isEqualTo(new Count(2, 0));
    }
  }

  @Test
  void proxyNotFoundYet_itsUserIsCountedAndTheRestRefused() throws Exception {
    guard.policy(pod.id(), policy(Mode.ENFORCE), Mode.ENFORCE, 0, OWN);

    assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, "print tcp('198.18.1.1', 443);")))
        .isEqualTo("world");
    assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("EPERM");
    assertThat(count(GuardReason.PROXY_USER)).isEqualTo(new Count(1, 0));
  }

  @Test
  void proxysUser_codeInMemory_isNotTheProxy() throws Exception {
    var script =
        """
        my $name = "x";
        my $fd = syscall(319, $name, 0);
        $fd = syscall(279, $name, 0) if $fd < 0;
        open(my $from, '<:raw', $^X) or die;
        open(my $to, '>&=', $fd) or die;
        binmode $to;
        { local $/; print {$to} readline($from); }
        $to->flush();
        $^F = 255;
        fcntl($to, 2, 0);
        exec "/proc/self/fd/$fd", '-e', 'use Socket; use Errno; socket(my $s, AF_INET, SOCK_STREAM, 0);'
          . 'print connect($s, pack_sockaddr_in(443, inet_aton("198.18.1.1"))) ? "open"'
          . ' : $!{EPERM} ? "EPERM" : "$!";' or die "exec: $!";
        """;
    assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, script))).isEqualTo("EPERM");
  }

  @Test
  void attempts_areNamedByTheirProcess() throws Exception {
    var client = pod.perl("app", 1_337, 0, "print tcp('198.18.1.9', 443);");
    pod.says(client);

    assertThat(guard.attempts())
        .filteredOn(attempt -> attempt.destination().equals(IpAddress.parse("198.18.1.9")))
        .singleElement()
        .satisfies(
            attempt -> {
              assertThat(attempt.cgroup()).isEqualTo(pod.id());
              assertThat(attempt.port()).isEqualTo(443);
              assertThat(attempt.protocol()).isEqualTo(6);
              assertThat(attempt.reason()).isEqualTo(GuardReason.PROXY_USER);
              assertThat(attempt.owner().pid()).isEqualTo((int) client.pid());
              assertThat(attempt.owner().uid()).isEqualTo(1_337);
              assertThat(attempt.owner().image()).isNotNull();
              assertThat(attempt.seen()).isEqualTo(1);
              assertThat(attempt.refused()).isEqualTo(1);
            });
  }

  @Test
  void policyOfAnotherPod_doesNotHoldHere() throws Exception {
    guard.detach(pod.id());
    assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("world");
  }

  @Test
  void dnsOverTcp_toTheResolver_isServedAlsoWhereItsPortIsExcluded() throws Exception {
    var excluded = policy(Mode.ENFORCE);
    guard.policy(
        pod.id(),
        new GuardPolicy(
            Mode.ENFORCE,
            1_337,
            1_337,
            0,
            excluded.proxyPorts(),
            true,
            false,
            excluded.resolvers(),
            List.of(NetworkTarget.parse("0.0.0.0/0:53")),
            List.of(),
            List.of()),
        Mode.ENFORCE,
        pod.id("proxy"),
        OWN);
    pod.runInPod("iptables -w -t nat -I OUTPUT -p tcp --dport 53 -j RETURN");
    try {
      assertThat(pod.app("print tcp('%s', 53);".formatted(GuardedPod.RESOLVER))).isEqualTo("world");
      assertThat(pod.app("print tcp('198.18.1.1', 53);")).isEqualTo("EPERM");
    } finally {
      pod.runInPod("iptables -w -t nat -D OUTPUT 1");
    }
  }

  @Test
  void kernelWithoutTypes_isGuardedAsWell() throws Exception {
    guard.detach(pod.id());
    var problems = new ArrayList<String>();
    try (var blind = KernelGuard.open(null, null, problems);
        var cgroup = pod.openCgroup()) {
      blind.policy(pod.id(), policy(Mode.ENFORCE), Mode.ENFORCE, pod.id("proxy"), OWN);
      blind.attach(pod.id(), cgroup);

      var script = "print tcp('198.18.1.1', 443);";
      assertThat(pod.app(script)).isEqualTo("proxy");
      assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, script))).isEqualTo("world");
      assertThat(pod.says(pod.perl("app", 1_337, 1_337, script))).isEqualTo("EPERM");
      assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("EPERM");
      assertThat(blind.attempts()).hasSize(2);
    }
    assertThat(problems).isEmpty();
  }
}
