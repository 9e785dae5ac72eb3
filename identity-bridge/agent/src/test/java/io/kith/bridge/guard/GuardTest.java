package io.kith.bridge.guard;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.Bridge;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.Pod;
import io.kith.bridge.ffm.BootClock;
import io.kith.bridge.ffm.HostCgroups;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.identity.ProcessIdentities;
import io.kith.bridge.process.Identified;
import io.kith.bridge.stream.FakeAuthzServer;
import io.kith.bridge.stream.GuardView;
import io.kith.bridge.stream.NodeView;
import io.kith.bridge.v1.BridgeMessage.MessageCase;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.GuardMode;
import io.kith.bridge.v1.GuardPolicies;
import io.kith.bridge.v1.Revocation;
import io.kith.bridge.v1.ServerMessage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A whole bridge that guards a pod which it has found by itself. */
@Tag("root")
@Timeout(600)
class GuardTest {
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private static final Path CLOSED_SECONDS =
      Path.of("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close");

  @TempDir private Path folder;
  private GuardedPod pod;
  private Bridge bridge;
  private GuardView guard;
  private String id;

  @BeforeEach
  void start() throws Exception {
    folder.toFile().setExecutable(true, false);
    folder.toFile().setReadable(true, false);
    pod = new GuardedPod(folder);
    id = pod.podId();
    bridge = Bridge.start(config().bridge(), ProcessIdentities.NONE);
    guard = bridge.guard();
  }

  private KithConfig config() throws Exception {
    return KithConfig.parse(
        "kith.yaml",
        "bridge: {spiffeId: \"spiffe://dev.kith.local/ns/kith/sa/identity-bridge\", pin: \"off\","
            + " status: "
            + folder.resolve("status.sock")
            + "}",
        Map.of());
  }

  @AfterEach
  void stop() throws Exception {
    if (bridge != null) {
      bridge.close();
    }
    pod.close();
  }

  private static void await(String what, Callable<Boolean> condition) throws Exception {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as("%s within %s", what, LIMIT).isLessThan(end);
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  private PodGuard state() {
    return guard.states().stream()
        .filter(state -> state.pod().equals(id))
        .findFirst()
        .orElseThrow();
  }

  private void say(GuardPolicy policy) throws Exception {
    guard.said("server", Map.of(id, policy));
    await("the policy", () -> state().applied() == policy.mode() && state().spoken());
  }

  @Test
  void pod_withoutAPolicy_isObservedAndSaysSo() throws Exception {
    assertThat(state().words()).isEqualTo("observe: no policy yet");
    assertThat(state().problems()).isEmpty();

    assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("world");
    await("the attempt", () -> !guard.events().isEmpty());
    assertThat(guard.events())
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.pod()).isEqualTo(id);
              assertThat(event.reason()).isEqualTo(GuardReason.UDP);
              assertThat(event.destination()).isEqualTo(IpAddress.parse("198.18.1.1"));
              assertThat(Objects.requireNonNull(event.fingerprint()).path()).endsWith("/perl");
              assertThat(event.refused()).isZero();
            });
  }

  /** One that failed took the look from all pods of the node. */
  @Test
  void refresh_podThatCannotBeLookedAt_saysSo_andTheOthersAreLookedAt() throws Exception {
    var mistake = new IllegalStateException("of a pod");
    var error = new AssertionError("of another pod");
    var node =
        new Guard.Node() {
          @Override
          public @Nullable SockDiag sockets(Pod asked) {
            return switch (asked.id()) {
              case "net:[1]" -> throw mistake;
              case "net:[2]" -> throw error;
              default -> null;
            };
          }

          @Override
          public long network(Pod asked) {
            return 0;
          }

          @Override
          public @Nullable Owner opener(Pod asked, Tuple tuple) {
            return null;
          }

          @Override
          public Identified identify(Owner owner) {
            throw new AssertionError("not asked for");
          }
        };
    var settings = new Guard.Settings(null, null, 1_337);
    var lock = Objects.requireNonNull(GuardLock.take(folder.resolve("lock")));
    try (var cgroups = HostCgroups.open();
        var own = Guard.open(settings, Guard.Types.read(), lock, cgroups, node)) {
      own.refresh(
          List.of(
              new Pod("net:[1]", Set.of(), Set.of(), List.of()),
              new Pod("net:[2]", Set.of(), Set.of(), List.of()),
              new Pod("net:[3]", Set.of(), Set.of(), List.of())));

      assertThat(own.states())
          .extracting(PodGuard::pod)
          .containsExactly("net:[1]", "net:[2]", "net:[3]");
      assertThat(own.states().getFirst().problems())
          .singleElement()
          .asString()
          .contains("a mistake inside", "of a pod");
      assertThat(own.states().get(1).problems())
          .singleElement()
          .asString()
          .contains("a mistake inside", "of another pod");
      assertThat(own.states().getLast().problems()).isEmpty();
    }
  }

  @Test
  void enforce_proxyIsFoundByItsPorts_andItsUserElsewhereIsRefused() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));

    var script = "print tcp('198.18.1.1', 443);";
    assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, script))).isEqualTo("world");
    assertThat(pod.says(pod.perl("app", 1_337, 1_337, script))).isEqualTo("EPERM");
    assertThat(pod.app(script)).isEqualTo("proxy");
    assertThat(state().words()).isEqualTo("enforce");
    assertThat(state().problems()).isEmpty();
    guard.gone("server");
    assertThat(pod.says(pod.perl("app", 1_337, 1_337, script)))
        .as("the last policy stays without a server")
        .isEqualTo("EPERM");
  }

  /** T1562: it has what looks like a proxy, and no server ever speaks about it. */
  @Test
  void enforce_anotherNetworkMadeInThePodsCgroup_doesNotTakeTheGuardAway() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("EPERM");

    var other =
        pod.perl(
            "app",
            1_337,
            1_337,
            """
            exec 'unshare', '-Urn', 'sh', '-c', q{
              ip link set lo up; ip addr add 10.77.1.1/32 dev lo;
              exec perl -MIO::Socket::INET -e '
                $s = IO::Socket::INET->new(Listen => 1, LocalPort => 15001) or die;
                $| = 1; print qq(ready\\n); sleep 600'};
            """);
    try {
      assertThat(other.inputReader().readLine()).isEqualTo("ready");
      await(
          "the look at the other network",
          () ->
              guard.states().stream()
                  .flatMap(state -> state.problems().stream())
                  .anyMatch(words -> words.contains("in the cgroup of another pod")));

      assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("EPERM");
      assertThat(state().words()).isEqualTo("enforce");
    } finally {
      other.destroyForcibly();
    }
  }

  /** T1562: by its address the server takes it for another workload, and speaks about it. */
  @Test
  void enforce_networksThatTheServerSpeaksOf_doNotTakeTheGuardAway() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var forgers = new ArrayList<Process>();
    var networks = new ArrayList<String>();
    try {
      for (var i = 1; i <= 6; i++) { // in whatever order they are looked at
        var forger =
            pod.perl(
                "app",
                0,
                0,
                """
                exec 'unshare', '-Urn', 'sh', '-c', q{
                  ip link set lo up; ip addr add %s/32 dev lo; ip addr add 10.77.2.%d/32 dev lo;
                  for i in $(seq %d); do ip addr add 10.78.0.$i/32 dev lo; done
                  echo ready; exec sleep 600};
                """
                    .formatted(GuardedPod.ADDRESS, i, i == 1 ? 70 : 0));
        forgers.add(forger);
        assertThat(forger.inputReader().readLine()).isEqualTo("ready");
        networks.add(
            Files.readSymbolicLink(Path.of("/proc/" + forger.pid() + "/ns/net")).toString());
      }
      await(
          "a look at all",
          () -> guard.states().stream().map(PodGuard::pod).toList().containsAll(networks));
      networks.forEach(
          network -> guard.said("server", Map.of(network, KernelGuardTest.policy(Mode.OBSERVE))));
      awaitLooks();

      assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("EPERM");
      assertThat(pod.app("print tcp('198.18.1.1', 443);")).isEqualTo("proxy");
      assertThat(state().words()).isEqualTo("enforce");
      assertThat(state().problems()).isEmpty();
      assertThat(guard.states())
          .filteredOn(state -> networks.contains(state.pod()))
          .allSatisfy(
              state -> assertThat(state.problems().toString()).contains("cgroup of another pod"))
          .anySatisfy(state -> assertThat(state.problems().toString()).contains("64 of its 7"));
    } finally {
      forgers.forEach(Process::destroyForcibly);
    }
  }

  /** A process of the app with the proxy's user that listens on one of its ports. */
  private Process impostor(int port, String then) throws Exception {
    return pod.perl(
        "app",
        1_337,
        1_337,
        """
        socket(my $s, AF_INET, SOCK_STREAM, 0);
        bind($s, pack_sockaddr_in(%d, INADDR_ANY)) or die "bind: $!";
        listen($s, 8) or die;
        print "listens\\n";
        %s
        """
            .formatted(port, then));
  }

  @Test
  void enforce_whoJoinsTheProxysPortsLater_isNotTheProxy() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var impostor = impostor(15_021, "sleep 4; print tcp('198.18.1.1', 443);");
    assertThat(pod.says(impostor)).isEqualTo("listens\nEPERM");
  }

  /** T1562: a process of the app can have the proxy's container end, and then take its place. */
  @Test
  void enforce_proxyHasEnded_nobodyIsIt_untilThereIsAnother() throws Exception {
    pod.start("app", 0, 0, "sleep", "600");
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var script = "print tcp('198.18.1.1', 443);";
    awaitLooks(); // at the app, while there is a proxy
    pod.proxy.destroyForcibly().waitFor();
    await("a look at the rest", () -> !state().problems().isEmpty());

    assertThat(pod.says(pod.perl("app", 1_337, 1_337, script))).isEqualTo("EPERM");

    var impostor = impostor(15_001, "<STDIN>; print tcp('198.18.1.1', 443), \"\\n\";");
    assertThat(impostor.inputReader().readLine()).isEqualTo("listens");
    awaitLooks();
    assertThat(looking(impostor)).isEqualTo("EPERM");
    assertThat(state().problems()).singleElement().asString().startsWith("its proxy has ended");
    impostor.waitFor();

    pod.addContainer("proxy-again");
    pod.startProxy("proxy-again");
    await("the new proxy", () -> state().problems().isEmpty());
    assertThat(pod.says(pod.perl("proxy-again", 1_337, 1_337, script))).isEqualTo("world");
    assertThat(pod.says(pod.perl("app", 1_337, 1_337, script))).isEqualTo("EPERM");
    assertThat(pod.app(script)).isEqualTo("proxy");
  }

  /** Until the bridge has looked at what is there now. */
  @SuppressWarnings("ReferenceEquality") // a look makes another list, which may say the same
  private void awaitLooks() throws Exception {
    for (var i = 0; i < 2; i++) { // one may have begun before
      var states = guard.states();
      await("a look", () -> guard.states() != states);
    }
  }

  @Test
  void enforce_begins_endsConnectionsThatAreNotAllowed_andNoOthers() throws Exception {
    // Each says what it would read when it is told to look: nothing for as long as it is open.
    var script =
        "my $s = new_socket('%s', SOCK_STREAM); print tcp('%s', %d, $s), \"\\n\";"
            + " <STDIN>; print defined(recv($s, my $x, 9, MSG_DONTWAIT)) ? 'closed' : name();";
    var past = pod.perl("app", 0, 0, script.formatted("::1", "2001:db8::1", 443));
    var excluded = pod.perl("app", 0, 0, script.formatted("0", "198.18.1.1", 3_306));
    var impostor = pod.perl("app", 1_337, 0, script.formatted("0", "198.18.1.1", 443));
    var approved = pod.perl("app", 0, 0, script.formatted("0", "198.18.7.1", 3_306));
    var through = pod.perl("app", 0, 0, script.formatted("0", "198.18.1.1", 443));
    var proxy = pod.perl("proxy", 1_337, 1_337, script.formatted("0", "198.18.1.1", 443));
    for (var client : List.of(past, excluded, impostor, approved, through, proxy)) {
      assertThat(client.inputReader().readLine()).isIn("world", "proxy");
    }

    say(KernelGuardTest.policy(Mode.ENFORCE));
    await("the ends", () -> state().destroyed() >= 3);

    for (var client : List.of(past, excluded, impostor)) {
      assertThat(looking(client)).isEqualTo("ECONNABORTED");
    }
    for (var client : List.of(approved, through, proxy)) {
      assertThat(looking(client)).isEqualTo("EAGAIN");
    }
    assertThat(state().destroyed()).isEqualTo(3);
  }

  /** Enforcement has begun for it then, and its policy does not change any more. */
  @Test
  void enforce_beginsWhileSocketsCannotBeListed_endsTheConnectionLater() throws Exception {
    var past =
        pod.perl(
            "app",
            0,
            0,
            "my $s = new_socket('::1', SOCK_STREAM); print tcp('2001:db8::1', 443, $s), \"\\n\";"
                + " <STDIN>; print defined(recv($s, my $x, 9, MSG_DONTWAIT)) ? 'closed' : name();");
    assertThat(past.inputReader().readLine()).isEqualTo("world");
    var node = new SeenPod();
    try (var sockets = pod.inPod(SockDiag::open);
        var cgroups = HostCgroups.open();
        var guard =
            Guard.open(
                new Guard.Settings(null, null, 1_337),
                Guard.Types.read(),
                Objects.requireNonNull(GuardLock.take(folder.resolve("other.lock"))),
                cgroups,
                node)) {
      var one =
          new Pod(
              id,
              Set.of(IpAddress.parse(GuardedPod.ADDRESS), IpAddress.parse(GuardedPod.ADDRESS6)),
              Set.of(),
              List.of((int) pod.proxy.pid(), (int) past.pid()));
      guard.said("server", Map.of(id, KernelGuardTest.policy(Mode.ENFORCE)));
      guard.refresh(List.of(one));
      assertThat(guard.destroyed()).isZero();

      node.diag = sockets;
      await(
          "its end",
          () -> {
            guard.refresh(List.of(one));
            return guard.destroyed() == 1;
          });
      assertThat(looking(past)).isEqualTo("ECONNABORTED");
    }
  }

  /** A pod that nobody but a test looks for. */
  private static final class SeenPod implements Guard.Node {
    private @Nullable SockDiag diag;

    @Override
    public @Nullable SockDiag sockets(Pod pod) {
      return diag;
    }

    @Override
    public @Nullable Owner opener(Pod pod, Tuple tuple) {
      return null;
    }

    @Override
    public long network(Pod pod) {
      return 0;
    }

    @Override
    public Identified identify(Owner owner) {
      throw new AssertionError("nothing is tried");
    }
  }

  private static String looking(Process client) throws Exception {
    client.getOutputStream().write('\n');
    client.getOutputStream().flush();
    return client.inputReader().readLine();
  }

  /** Reset from outside, it stays tracked as not redirected, and a client gets its port. */
  @Test
  void enforce_portThatTheProxyHad_isRedirectedAgain() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    pod.inPod(() -> Files.writeString(CLOSED_SECONDS, "3600"));
    var connect =
        """
        my $s = new_socket('198.18.1.1', SOCK_STREAM);
        setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($s, pack_sockaddr_in(45000, INADDR_ANY)) or die "bind: $!";
        print tcp('198.18.1.1', 443, $s), "\\n";
        """;
    var proxy = pod.perl("proxy", 1_337, 1_337, connect + "sysread($s, my $end, 1); print name();");
    assertThat(proxy.inputReader().readLine()).isEqualTo("world");
    try (var sockets = pod.inWorld(SockDiag::open)) {
      for (var socket : sockets.list(SockDiag.State.OPEN)) {
        if (socket.tuple().destinationPort() == 45_000) {
          assertThat(sockets.destroy(socket)).isTrue();
        }
      }
    }
    assertThat(proxy.inputReader().readLine()).isEqualTo("ECONNRESET");

    assertThat(pod.app(connect)).isEqualTo("proxy");
    await("the attempt", () -> state().totals().refused(GuardReason.NOT_REDIRECTED) > 0);
    assertThat(state().problems()).isEmpty();
  }

  /**
   * Reset by the proxy, which never asked about it, it stays tracked as redirected, and the proxy's
   * own connection to there gets its port: it must not come back to the proxy, which would ask
   * about a connection of its own.
   */
  @Test
  void enforce_portThatAClientHad_isTheProxysOwnWayOut() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    await("the proxy", () -> state().problems().isEmpty());
    pod.inPod(() -> Files.writeString(CLOSED_SECONDS, "3600"));
    var connect =
        """
        my $s = new_socket('198.18.1.1', SOCK_STREAM);
        setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($s, pack_sockaddr_in(45001, INADDR_ANY)) or die "bind: $!";
        print tcp('198.18.1.1', 443, $s), "\\n";
        """;
    var client = pod.perl("app", 0, 0, connect + "sysread($s, my $end, 1); print name();");
    assertThat(client.inputReader().readLine()).isEqualTo("proxy");
    try (var sockets = pod.inPod(SockDiag::open)) {
      for (var socket : sockets.list(SockDiag.State.OPEN)) {
        if (socket.tuple().destinationPort() == 45_001) {
          assertThat(sockets.destroy(socket)).isTrue();
        }
      }
    }
    assertThat(client.inputReader().readLine()).isEqualTo("ECONNRESET");

    assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, connect))).isEqualTo("world");
    assertThat(state().problems()).isEmpty();
    assertThat(state().totals().returned()).isPositive();
    assertThat(state().totals().byReason()).as("what went past the proxy").isEmpty();
  }

  /** The same over IPv6. */
  @Test
  void enforce_portThatAClientHadOverIpv6_isTheProxysOwnWayOut() throws Exception {
    var v4 = KernelGuardTest.policy(Mode.ENFORCE);
    say(
        new GuardPolicy(
            v4.mode(),
            v4.proxyUid(),
            v4.proxyGid(),
            0,
            v4.proxyPorts(),
            true,
            true,
            v4.resolvers(),
            List.of(),
            List.of(),
            List.of()));
    pod.inPod(() -> Files.writeString(CLOSED_SECONDS, "3600"));
    pod.runInPod(
        "ip6tables -w -t nat -A OUTPUT -p tcp -m owner ! --uid-owner 1337 ! -o lo -j REDIRECT"
            + " --to-ports 15001");
    var proxy =
        pod.perl(
            "proxy",
            1_337,
            1_337,
            """
            my $l = new_socket('::', SOCK_STREAM);
            setsockopt($l, SOL_SOCKET, SO_REUSEADDR, 1);
            setsockopt($l, IPPROTO_IPV6, IPV6_V6ONLY, 1);
            bind($l, address('::', 15001)) or die "bind: $!";
            listen($l, 9);
            print "listens\n";
            my @open;
            while (accept(my $c, $l)) { syswrite $c, "proxy\n"; push @open, $c; }
            """);
    assertThat(proxy.inputReader().readLine()).isEqualTo("listens");
    var connect =
        """
        my $s = new_socket('2001:db8::1', SOCK_STREAM);
        setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($s, address('::', 45002)) or die "bind: $!";
        print tcp('2001:db8::1', 443, $s), "\n";
        """;
    var client = pod.perl("app", 0, 0, connect + "sysread($s, my $end, 1); print name();");
    assertThat(client.inputReader().readLine()).isEqualTo("proxy");
    try (var sockets = pod.inPod(SockDiag::open)) {
      for (var socket : sockets.list(SockDiag.State.OPEN)) {
        if (socket.tuple().destinationPort() == 45_002) {
          assertThat(sockets.destroy(socket)).isTrue();
        }
      }
    }
    assertThat(client.inputReader().readLine()).isEqualTo("ECONNRESET");

    assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, connect))).isEqualTo("world");
    assertThat(state().totals().returned()).isPositive();
  }

  /** As Istio has what a pod's sidecar sends to the pod itself go to its inbound listener. */
  @Test
  void enforce_proxyToThePodItself_isRedirectedAsItIs() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    pod.runInPod(
        "iptables -w -t nat -I OUTPUT -p tcp -o lo -d "
            + GuardedPod.ADDRESS
            + " -m owner --uid-owner 1337 -j REDIRECT --to-ports 15001");

    var own = "print tcp('" + GuardedPod.ADDRESS + "', 8080);";
    assertThat(pod.says(pod.perl("proxy", 1_337, 1_337, own))).isEqualTo("proxy");
    assertThat(state().totals().returned()).isZero();
  }

  @Test
  void revoke_oneConnection_endsThatOne() throws Exception {
    var script =
        "my $s = new_socket('0', SOCK_STREAM);"
            + " bind($s, pack_sockaddr_in(%d, INADDR_ANY)) or die;"
            + " print tcp('198.18.1.1', 443, $s), \"\\n\";"
            + " <STDIN>; print defined(recv($s, my $x, 9, MSG_DONTWAIT)) ? 'closed' : name();";
    var one = pod.perl("app", 0, 0, script.formatted(41_001));
    var other = pod.perl("app", 0, 0, script.formatted(41_002));
    assertThat(one.inputReader().readLine()).isEqualTo("proxy");
    assertThat(other.inputReader().readLine()).isEqualTo("proxy");

    var done = new CountDownLatch(1);
    guard.revoke(
        List.of(
            new GuardView.Connection(
                id,
                IpAddress.parse(GuardedPod.ADDRESS),
                41_001,
                IpAddress.parse("198.18.1.1"),
                443,
                BootClock.nanos())),
        done::countDown);

    assertThat(done.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    await("the count", () -> state().destroyed() == 1);
    assertThat(looking(one)).isEqualTo("ECONNABORTED");
    assertThat(looking(other)).isEqualTo("EAGAIN");
  }

  /** A revocation can be said again when its connection has closed and another has its ends. */
  @Test
  void revoke_connectionThatWasOpenedLater_staysOpen() throws Exception {
    var before = BootClock.nanos();
    var client =
        pod.perl(
            "app",
            0,
            0,
            "my $s = new_socket('0', SOCK_STREAM);"
                + " bind($s, pack_sockaddr_in(41004, INADDR_ANY)) or die;"
                + " print tcp('198.18.1.1', 443, $s), \"\\n\";"
                + " <STDIN>; print defined(recv($s, my $x, 9, MSG_DONTWAIT)) ? 'closed' : name();");
    assertThat(client.inputReader().readLine()).isEqualTo("proxy");

    var done = new CountDownLatch(1);
    guard.revoke(
        List.of(
            new GuardView.Connection(
                id,
                IpAddress.parse(GuardedPod.ADDRESS),
                41_004,
                IpAddress.parse("198.18.1.1"),
                443,
                before)),
        done::countDown);

    assertThat(done.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(looking(client)).isEqualTo("EAGAIN");
    assertThat(state().destroyed()).isZero();
  }

  /** T1562: it can have its address again, and what was open from there goes on. */
  @Test
  void revoke_podWithoutAnAddress_endsWhatItHasOpen_andIsDone() throws Exception {
    pod.runInPod("ip addr add 10.98.76.5/32 dev kg0");
    var client =
        pod.perl(
            "app",
            0,
            0,
            "my $s = new_socket('0', SOCK_STREAM);"
                + " bind($s, address('10.98.76.5', 41006)) or die;"
                + " print tcp('198.18.1.1', 443, $s), \"\\n\";"
                + " <STDIN>; print defined(recv($s, my $x, 9, MSG_DONTWAIT)) ? 'closed' : name();");
    assertThat(client.inputReader().readLine()).isEqualTo("proxy");
    pod.runInPod("ip addr flush dev kg0");
    await("a look", () -> guard.states().stream().noneMatch(state -> state.pod().equals(id)));
    var done = new CountDownLatch(1);
    guard.revoke(List.of(ofAddressBefore(id), ofAddressBefore("net:[1]")), done::countDown);

    assertThat(done.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(looking(client)).isEqualTo("ECONNABORTED");
  }

  @Test
  void revoke_connectionsThatAreNot_isDone() {
    for (var there : List.of(id, "net:[1]")) {
      var done = new AtomicInteger();

      guard.revoke(List.of(ofAddressBefore(there)), done::incrementAndGet);

      assertThat(done).as(there).hasValue(1);
    }
  }

  private static GuardView.Connection ofAddressBefore(String pod) {
    return new GuardView.Connection(
        pod,
        IpAddress.parse("10.98.76.5"),
        41_006,
        IpAddress.parse("198.18.1.1"),
        443,
        BootClock.nanos());
  }

  @Test
  void getaddrinfo_underEnforce_worksAndItsAnswersAreRemembered() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var resolv =
        Files.writeString(
            folder.resolve("resolv.conf"), "nameserver " + GuardedPod.RESOLVER + "\n");
    var hosts = Files.writeString(folder.resolve("nsswitch.conf"), "hosts: dns\n");
    var found =
        pod.says(
            pod.start(
                "app",
                0,
                0,
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount --bind "
                    + resolv
                    + " /etc/resolv.conf && mount --bind "
                    + hosts
                    + " /etc/nsswitch.conf && getent ahosts api.example.com"));

    assertThat(found).contains("198.18.1.1").contains("198.18.1.2").contains("2001:db8::1");
    await("the name", () -> !guard.namesAfter(0, 10).isEmpty());
    assertThat(guard.namesAfter(0, 10))
        .anySatisfy(
            fact -> {
              assertThat(fact.pod()).isEqualTo(id);
              assertThat(fact.name()).isEqualTo("api.example.com");
              assertThat(fact.leftSeconds()).containsKey(IpAddress.parse("198.18.1.1"));
            });
    assertThat(state().totals().byReason()).as("asking is no attempt").isEmpty();
  }

  @Test
  void answersThatThePodWritesItself_areNotBelieved() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var message =
        DnsMessageTest.Message.about("evil.example").record(1, 60, new byte[] {9, 9, 9, 9});
    var hex = HexFormat.of().formatHex(message.done());
    // IP_TRANSPARENT lets a process with CAP_NET_RAW use an address that is not its own.
    var script =
        """
        socket(my $forger, AF_INET, SOCK_DGRAM, 0);
        setsockopt($forger, 0, 19, 1) or die;
        bind($forger, address('%s', 53)) or die "bind: $!";
        my $victim = new_socket('0', SOCK_DGRAM);
        bind($victim, address('%s', 5353)) or die;
        send($victim, '?', 0, address('127.0.0.1', 5354)); # so that it is known
        send($forger, pack('H*', '%s'), 0, address('%s', 5353)) or die name();
        my $line;
        print defined(recv($victim, $line, 512, 0)) ? 'received ' . length($line) : 'silence';
        """
            .formatted(GuardedPod.RESOLVER, GuardedPod.ADDRESS, hex, GuardedPod.ADDRESS);
    assertThat(pod.app(script)).isEqualTo("received " + message.done().length);
    assertThat(pod.app("print udp('%s', 53);".formatted(GuardedPod.RESOLVER))).isEqualTo("world");
    TimeUnit.SECONDS.sleep(1);
    assertThat(guard.namesAfter(0, 10)).isEmpty();

    // With CAP_NET_ADMIN it may also be called the pod's own.
    pod.runInPod("ip addr add " + GuardedPod.RESOLVER + "/32 dev lo");
    awaitLooks();
    assertThat(pod.app(script)).isEqualTo("received " + message.done().length);
    TimeUnit.SECONDS.sleep(1);
    assertThat(guard.namesAfter(0, 10)).isEmpty();
  }

  /** Without any capability: of two networks made in the pod one has the resolver's address. */
  @Test
  void answersOfAResolverThatThePodMade_areNotBelieved() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var message =
        DnsMessageTest.Message.about("evil.example").record(1, 60, new byte[] {9, 9, 9, 9}).done();
    var script =
        """
        exec 'unshare', '-Urn', $^X, $0, 'resolver' unless @ARGV;
        if ($ARGV[0] eq 'resolver') {
          my $other = open(my $said, '-|', 'unshare', '-n', $^X, $0, 'asker') or die;
          select(undef, undef, undef, 0.02)
              while readlink("/proc/$other/ns/net") eq readlink('/proc/self/ns/net');
          system 'ip link set lo up && ip addr add %1$s/32 dev lo' and die;
          my $s = new_socket('0', SOCK_DGRAM);
          bind($s, address('%1$s', 53)) or die "bind: $!";
          system 'ip link add v0 type veth peer name v1 netns ' . $other
              . ' && ip addr add 10.98.77.8/24 dev v0 && ip link set v0 up' and die;
          my $from = recv($s, my $x, 512, 0);
          defined(send($s, pack('H*', '%2$s'), 0, $from)) or die name();
          print <$said>;
        } else {
          select(undef, undef, undef, 0.02)
              while system 'ip addr add 10.98.77.9/24 dev v1 2>/dev/null';
          system 'ip link set v1 up' and die;
          print 'received ', length(udp('%1$s', 53));
        }
        """
            .formatted(GuardedPod.RESOLVER, HexFormat.of().formatHex(message));
    assertThat(pod.says(pod.perl("app", 1_000, 1_000, script)))
        .isEqualTo("received " + message.length);

    var question =
        """
        my $s = new_socket('0', SOCK_DGRAM);
        connect($s, address('%s', 53)) or die name();
        send($s, pack('H*', '%s'), 0);
        print defined(recv($s, my $line, 512, 0)) ? 'received' : name();
        """
            .formatted(
                GuardedPod.RESOLVER,
                HexFormat.of().formatHex(DnsMessageTest.Message.about("api.example.com").done()));
    assertThat(pod.app(question)).isEqualTo("received");
    await("the name", () -> !guard.namesAfter(0, 10).isEmpty());
    assertThat(guard.namesAfter(0, 10))
        .extracting(fact -> fact.name())
        .containsOnly("api.example.com");
  }

  @Test
  void rawCapability_isReported() throws Exception {
    pod.start("app", 0, 0, "sleep", "600");
    say(KernelGuardTest.policy(Mode.SHADOW));
    await("a look at the processes", () -> state().rawHolders() > 0);
    assertThat(state().rawNamed()).anySatisfy(name -> assertThat(name).startsWith("sleep ("));
    assertThat(state().rawAble()).as("the proxy, which a program of user 0 would give it").isOne();
  }

  @Test
  void secondBridge_doesNotGuard() throws Exception {
    try (var second = Bridge.start(config().bridge(), ProcessIdentities.NONE)) {
      assertThat(second.guardProblems())
          .singleElement()
          .asString()
          .contains("another bridge guards");
      assertThat(second.guard().states()).isEmpty();
    }
    assertThat(bridge.guardProblems()).isEmpty();
  }

  @Test
  void server_saysPolicies_hearsWhatWentPastAndNamesAndEndsConnections() throws Exception {
    try (var server = new FakeAuthzServer();
        var _ = server.follow(bridge, _ -> {})) {
      server.next(MessageCase.POD_UPDATE);
      server.say(message(policyMessage(GuardMode.GUARD_MODE_UNSPECIFIED)));
      server.say(message(policyMessage(GuardMode.GUARD_MODE_ENFORCE)));
      await("the policy", () -> state().applied() == Mode.ENFORCE);
      assertThat(pod.app("print udp('198.18.1.1', 443);")).isEqualTo("EPERM");

      var report = server.next(MessageCase.GUARD_REPORT).getGuardReport();
      while (report.getEventsCount() == 0 || report.getTotalsCount() == 0) {
        report = server.next(MessageCase.GUARD_REPORT).getGuardReport();
      }
      assertThat(report.getEvents(0).getReason())
          .isEqualTo(io.kith.bridge.v1.GuardReason.GUARD_REASON_UDP);
      assertThat(report.getEvents(0).getFingerprintId()).startsWith("fp:");
      assertThat(report.getEvents(0).getRefused()).isEqualTo(1);
      assertThat(report.getTotals(0).getRefused()).isEqualTo(1);
      var applied = report.getPodsList().stream().filter(one -> one.getPodId().equals(id)).toList();
      assertThat(applied.getFirst().getApplied()).isEqualTo(GuardMode.GUARD_MODE_ENFORCE);

      var client =
          pod.perl(
              "app",
              0,
              0,
              """
              my $s = new_socket('0', SOCK_STREAM);
              bind($s, pack_sockaddr_in(41003, INADDR_ANY)) or die;
              print tcp('198.18.1.1', 443, $s), "\n";
              setsockopt($s, SOL_SOCKET, SO_RCVTIMEO, pack('qq', 90, 0));
              print defined(sysread($s, my $x, 9)) ? 'closed' : name();
              """);
      assertThat(client.inputReader().readLine()).isEqualTo("proxy");
      server.say(
          ServerMessage.newBuilder()
              .setRevocation(
                  Revocation.newBuilder()
                      .setId(5)
                      .addConnections(
                          Connection.newBuilder()
                              .setPodId(id)
                              .setSourceAddress(FakeAuthzServer.bytes(GuardedPod.ADDRESS))
                              .setSourcePort(41_003)
                              .setDestinationAddress(FakeAuthzServer.bytes("198.18.1.1"))
                              .setDestinationPort(443)))
              .build());
      assertThat(client.inputReader().readLine()).isEqualTo("ECONNABORTED");
      assertThat(server.next(MessageCase.REVOCATION_DONE).getRevocationDone().getId()).isEqualTo(5);
    }
  }

  private static ServerMessage message(io.kith.bridge.v1.GuardPolicy policy) {
    return ServerMessage.newBuilder()
        .setGuardPolicies(GuardPolicies.newBuilder().addPolicies(policy))
        .build();
  }

  private io.kith.bridge.v1.GuardPolicy policyMessage(GuardMode mode) {
    return io.kith.bridge.v1.GuardPolicy.newBuilder()
        .setPodId(id)
        .setMode(mode)
        .setProxyUid(1_337)
        .setProxyGid(1_337)
        .addAllProxyPorts(GuardPolicy.ISTIO_PORTS)
        .setRedirectsIpv4(true)
        .build();
  }

  /** T1562: root of the app takes the proxy's user, and leaves its request to who comes next. */
  @Test
  void answer_addressesUsedBeforeAsTheProxysUser_onlyTheProxyIsLeftOut() throws Exception {
    var impostor = pod.perl("app", 0, 0, "$< = 1337;" + FROM.formatted(41_004));
    assertThat(candidatesAfter(impostor, 41_004)).hasSize(2).contains((int) impostor.pid());

    var proxy = pod.perl("proxy", 1_337, 1_337, FROM.formatted(41_005));
    assertThat(candidatesAfter(proxy, 41_005)).hasSize(1).doesNotContain((int) proxy.pid());
  }

  /** Has a connection from a port until it is told to reset it. */
  private static final String FROM =
      """
      my $s = new_socket('0', SOCK_STREAM);
      setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
      bind($s, pack_sockaddr_in(%d, INADDR_ANY)) or die "bind: $!";
      print tcp('198.18.1.1', 443, $s), "\n";
      <STDIN>;
      setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
      """;

  /** Who is asked about of a connection of the app that has the addresses of one before. */
  private List<Integer> candidatesAfter(Process before, int port) throws Exception {
    assertThat(before.inputReader().readLine()).isIn("proxy", "world");
    before.outputWriter().close();
    assertThat(before.waitFor()).isZero();
    var client = pod.perl("app", 0, 0, FROM.formatted(port));
    assertThat(client.inputReader().readLine()).isIn("proxy", "world");

    var answer =
        bridge.answer(
            new NodeView.Question(
                Protocol.TCP,
                IpAddress.parse(GuardedPod.ADDRESS),
                port,
                IpAddress.parse("198.18.1.1"),
                443,
                LIMIT));

    return answer.candidates().stream().map(candidate -> candidate.process().pid()).toList();
  }

  @Test
  void java_withANativeLibraryThatIsGone_isServed() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var library = folder.resolve("libgone.so");
    Files.copy(Path.of(System.getProperty("java.home"), "lib", "libprefs.so"), library);
    var source =
        Files.writeString(
            folder.resolve("Client.java"),
            """
            import java.net.Socket;
            import java.nio.file.*;

            class Client {
              public static void main(String[] arguments) throws Exception {
                System.load("%s");
                Files.delete(Path.of("%s"));
                try (var socket = new Socket("198.18.1.1", 443)) {
                  System.out.print(new String(socket.getInputStream().readNBytes(5)));
                }
              }
            }
            """
                .formatted(library, library));
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    var client =
        pod.start("app", 0, 0, java, "--enable-native-access=ALL-UNNAMED", source.toString());
    assertThat(pod.says(client)).endsWith("proxy");
    assertThat(state().totals().byReason()).isEmpty();
  }

  @Test
  void execProbe_enteredFromOutside_isServed() throws Exception {
    say(KernelGuardTest.policy(Mode.ENFORCE));
    var server =
        pod.perl(
            "app",
            0,
            0,
            """
            socket(my $s, AF_INET, SOCK_STREAM, 0);
            bind($s, pack_sockaddr_in(8082, INADDR_ANY)) or die "bind: $!";
            listen($s, 8) or die;
            print "listens\n";
            accept(my $c, $s) or die;
            syswrite $c, "alive\n";
            sleep 60;
            """);
    assertThat(server.inputReader().readLine()).isEqualTo("listens");
    var probe = pod.perl("app", 0, 0, "print tcp('127.0.0.1', 8082);");
    assertThat(pod.says(probe)).isEqualTo("alive");
    assertThat(state().totals().byReason()).isEmpty();
  }
}
