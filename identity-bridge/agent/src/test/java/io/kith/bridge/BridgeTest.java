package io.kith.bridge;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.identity.DevIdentities;
import io.kith.bridge.process.FakePod;
import io.kith.bridge.stream.FakeAuthzServer;
import io.kith.bridge.stream.NodeView;
import io.kith.bridge.v1.BridgeMessage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Real connections out of a real pod, captured, attributed and described. Where iptables is found
 * they are redirected to a listener in the pod, as a sidecar's are; else they go straight.
 */
@Tag("root")
@Timeout(600)
class BridgeTest {
  private static final String HOST = "10.199.7.1";
  private static final String POD = "10.199.7.2";

  private static FakePod pod;
  private static ServerSocket listener;
  private static int port;
  private static Bridge bridge;

  @BeforeAll
  static void start() throws Exception {
    pod = new FakePod();
    run("ip link add kp0 type veth peer name kpe0 netns " + pod.firstPid());
    run("ip addr add " + HOST + "/24 dev kp0");
    run("ip link set kp0 up");
    pod.ask("ip link set lo up; ip link set kpe0 up; ip addr add " + POD + "/24 dev kpe0; echo");
    var iptables = iptables();
    if (iptables == null) {
      listener = new ServerSocket(0, 50, InetAddress.ofLiteral(HOST));
      port = listener.getLocalPort();
    } else {
      run(
          "nsenter -n -t "
              + pod.firstPid()
              + " "
              + iptables
              + " -t nat -A OUTPUT -p tcp ! -o lo -j REDIRECT --to-ports 15001");
      try (var namespace = NetworkNamespace.open("/proc/" + pod.firstPid() + "/ns/net")) {
        listener = namespace.call(BridgeTest::listen);
      }
      port = 4242;
    }
    var config = config();
    bridge = Bridge.start(config.bridge(), new DevIdentities(config.workloads()));
  }

  private static ServerSocket listen() {
    try {
      return new ServerSocket(15001);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static @Nullable Path iptables() {
    var cache = Path.of(System.getProperty("user.home"), ".cache/kith/iptables/debian/iptables");
    return Stream.of(Path.of("/usr/sbin/iptables"), Path.of("/sbin/iptables"), cache)
        .filter(Files::isExecutable)
        .findFirst()
        .orElse(null);
  }

  private static KithConfig config() throws Exception {
    return KithConfig.parse(
        "kith.yaml",
        """
        bridge: {spiffeId: "spiffe://dev.kith.local/ns/kith/sa/identity-bridge", pin: "off"}
        workloads:
        - owner: shop/deployment/checkout
          spiffeId: spiffe://dev.kith.local/ns/shop/sa/checkout
          addresses: [10.199.7.2]
        """,
        Map.of());
  }

  private static void run(String command) throws IOException {
    var process = new ProcessBuilder(command.split(" ")).inheritIO().start();
    if (process.onExit().join().exitValue() != 0) {
      throw new IOException(command + " (expected: to run as root)");
    }
  }

  @AfterAll
  static void stop() throws Exception {
    bridge.close();
    listener.close();
    pod.close();
  }

  /** What the bridge says about the next connection that arrives. */
  private static NodeView.Answer next() throws IOException {
    try (var connection = listener.accept()) {
      var peer = (InetSocketAddress) requireNonNull(connection.getRemoteSocketAddress());
      return bridge.answer(
          new NodeView.Question(
              Protocol.TCP,
              IpAddress.of(peer.getAddress()),
              peer.getPort(),
              IpAddress.parse(HOST),
              port,
              Duration.ofSeconds(20)));
    }
  }

  private static NodeView.Candidate only(NodeView.Answer answer) {
    assertThat(answer.rung()).as("%s", answer).isEqualTo(Rung.KERNEL_EXACT);
    assertThat(answer.candidates()).as("%s", answer).hasSize(1);
    return answer.candidates().getFirst();
  }

  @Test
  void pods_networkNamespace_hasItsAddressAndWhoItIsSaidToBe() {
    assertThat(bridge.pods())
        .filteredOn(found -> found.addresses().contains(IpAddress.parse(POD)))
        .singleElement()
        .satisfies(
            found -> {
              assertThat(found.ids())
                  .containsExactly(SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout"));
              assertThat(found.source()).isEqualTo(NodeView.IdentitySource.DEV_UNATTESTED);
              var started =
                  ProcessHandle.of(pod.firstPid()).flatMap(one -> one.info().startInstant());
              assertThat(found.started())
                  .isCloseTo(started.orElseThrow(), within(2, ChronoUnit.SECONDS));
            });
    assertThat(bridge.pods()).isEqualTo(bridge.pods());
  }

  @Test
  void answer_curl_isTheProgramOfTheImage() throws Exception {
    var candidate = curl();
    for (var i = 0; i < 20 && candidate.fingerprint().sha256() == null; i++) {
      candidate = curl(); // the first hash may come after the answer, on a busy machine
    }

    assertThat(candidate.quality()).isEqualTo(Quality.EXACT);
    assertThat(candidate.fingerprint().path()).isEqualTo("/usr/bin/curl");
    assertThat(candidate.fingerprint().origin()).isEqualTo(Origin.IMAGE);
    assertThat(candidate.fingerprint().sha256()).isNotNull();
    assertThat(candidate.fingerprint().lineage()).containsExactly("/usr/bin/bash");
    assertThat(candidate.fingerprint().execSession()).isFalse();
  }

  private static NodeView.Candidate curl() throws IOException {
    pod.ask("curl -s -m 60 http://" + HOST + ":" + port + "/ >/dev/null & echo");
    return only(next());
  }

  @Test
  void answer_renamedCopy_isOfTheWritableLayer() throws Exception {
    pod.ask("cp /usr/bin/curl /usr/bin/envoy; echo");
    pod.ask("/usr/bin/envoy -s -m 60 http://" + HOST + ":" + port + "/ >/dev/null & echo");

    var fingerprint = only(next()).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/usr/bin/envoy");
    assertThat(fingerprint.origin()).isEqualTo(Origin.WRITABLE_LAYER);
  }

  @Test
  void answer_pythonScript_isTheScriptAndInlineCodeIsNot() throws Exception {
    var code =
        "import socket; socket.create_connection((\\\"%s\\\", %d)).recv(1)".formatted(HOST, port);
    pod.ask("echo \"" + code + "\" > /srv/app.py; echo");
    pod.ask("cd /srv; /usr/bin/python3 app.py & echo");
    var script = only(next()).fingerprint();
    pod.ask("/usr/bin/python3 -c \"" + code + "\" & echo");
    var inline = only(next()).fingerprint();

    assertThat(script.path()).startsWith("/usr/bin/python3");
    assertThat(script.program()).isEqualTo("python3");
    assertThat(requireNonNull(script.script()).path()).isEqualTo("/srv/app.py");
    assertThat(inline.entryKind()).isEqualTo(EntryKind.INLINE);
    assertThat(requireNonNull(inline.script()).path()).startsWith("inline:");
  }

  @Test
  void answer_processThatConnectsAndIsGone_isStillKnown() throws Exception {
    var ids = new HashSet<String>();
    for (var i = 0; i < 20; i++) {
      pod.ask(
          "env true; /usr/bin/perl -MSocket -e 'socket(S,PF_INET,SOCK_STREAM,0);"
              + "connect(S,sockaddr_in("
              + port
              + ",inet_aton(\""
              + HOST
              + "\"))); syswrite(S,\"x\")'; echo gone");
      var candidate = only(next());
      assertThat(candidate.quality()).isEqualTo(Quality.EXACT);
      assertThat(candidate.fingerprint().path()).isEqualTo("/usr/bin/perl");
      assertThat(candidate.fingerprint().entryKind()).isEqualTo(EntryKind.INLINE);
      assertThat(candidate.fingerprint().origin()).isEqualTo(Origin.IMAGE);
      if (candidate.fingerprint().sha256() != null) { // else its hash is still pending
        ids.add(candidate.fingerprintId());
      }
    }

    assertThat(ids).hasSize(1);
  }

  /** T1036.009: a daemon's double fork. Its parent by then is the first process of the machine. */
  @RepeatedTest(5)
  void answer_doubleFork_hasTheLineageOfWhoForkedIt() throws Exception {
    pod.ask(
        "cp -n /usr/bin/bash /usr/bin/helper; /usr/bin/helper -c '( ( exec 9>&1 8<&0; sleep 0.3;"
            + " curl -s -m 60 http://%s:%d/ >/dev/null ) & ) & wait' >/dev/null & echo"
                .formatted(HOST, port));

    var fingerprint = only(next()).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/usr/bin/curl");
    assertThat(fingerprint.lineage()).containsExactly("/usr/bin/helper", "/usr/bin/bash");
  }

  /** Nobody reaps the one in between, so it is there to be looked at and shows nothing. */
  @Test
  void answer_parentIsAZombie_hasTheLineageOfWhoForkedThat() throws Exception {
    pod.ask(
        ("/usr/bin/perl -e 'pipe(R, W); if (!fork) { if (!fork) { close W; <R>; exec qw(curl -s -m 60"
                + " http://%s:%d/) } exit } close W; sleep 60' >/dev/null & echo")
            .formatted(HOST, port));

    var fingerprint = only(next()).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/usr/bin/curl");
    assertThat(fingerprint.lineage()).containsExactly("/usr/bin/perl", "/usr/bin/bash");
  }

  @Test
  void answer_bashItself_isItsFirstProcess() throws Exception {
    pod.ask("exec 7<>/dev/tcp/" + HOST + "/" + port + "; echo");

    var fingerprint = only(next()).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/usr/bin/bash");
    assertThat(fingerprint.lineage()).isEmpty();
    assertThat(fingerprint.execSession()).isFalse();
    pod.ask("exec 7>&-; echo");
  }

  @Test
  void query_overTheStream_isAnsweredWithTheFingerprintFirst() throws Exception {
    try (var server = new FakeAuthzServer();
        var _ = server.follow(bridge, _ -> {})) {
      server.next(BridgeMessage.MessageCase.NODE_STATUS);
      pod.ask("curl -s -m 60 http://" + HOST + ":" + port + "/ >/dev/null & echo");
      try (var connection = listener.accept()) {
        server.ask(7, POD, connection.getPort(), HOST, port);

        var fingerprint = server.next(BridgeMessage.MessageCase.FINGERPRINT).getFingerprint();
        var answer = server.next().getAnswer();

        assertThat(fingerprint.getPath()).isEqualTo("/usr/bin/curl");
        assertThat(answer.getQueryId()).isEqualTo(7);
        assertThat(answer.getCandidates(0).getFingerprintId()).isEqualTo(fingerprint.getId());
        assertThat(answer.getCandidates(0).getQuality())
            .isEqualTo(io.kith.bridge.v1.Quality.QUALITY_EXACT);
      }
    }
  }

  @Test
  void answer_addressOfNobody_saysSo() {
    var answer =
        bridge.answer(
            new NodeView.Question(
                Protocol.TCP,
                IpAddress.parse("10.199.9.9"),
                4000,
                IpAddress.parse(HOST),
                port,
                Duration.ofSeconds(20)));

    assertThat(answer.candidates()).isEmpty();
    assertThat(answer.reasons()).containsExactly("no pod here has 10.199.9.9");
  }
}
