package io.kith.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.bridge.container.LocalRuntimes;
import io.kith.bridge.identity.ProcessIdentities;
import io.kith.bridge.stream.FakeAuthzServer;
import io.kith.bridge.stream.NodeView;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.Pod;
import java.io.IOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real connections out of real containers of a Docker Engine. */
@Tag("root")
@Tag("containers")
@Timeout(600)
class DockerBridgeTest {
  private static final String HOST = "10.199.8.1";
  private static final String POD = "10.199.8.2";

  private static LocalRuntimes engine;
  private static String image;
  private static Process app;
  private static Writer shell;
  private static ServerSocket listener;
  private static Bridge bridge;

  @BeforeAll
  static void start() throws Exception {
    engine = LocalRuntimes.docker();
    image = engine.image("kith.test/app:1", "1");
    app = container("app", "kith.test/app:1", "--network", "none");
    shell = app.outputWriter(UTF_8);
    var pid = pidOf("app");
    run("ip link add kd0 type veth peer name kde0 netns " + pid);
    run("ip addr add " + HOST + "/24 dev kd0");
    run("ip link set kd0 up");
    run("nsenter -n -t " + pid + " ip link set lo up");
    run("nsenter -n -t " + pid + " ip addr add " + POD + "/24 dev kde0");
    run("nsenter -n -t " + pid + " ip link set kde0 up");
    listener = new ServerSocket(0, 50, InetAddress.ofLiteral(HOST));
    bridge = Bridge.start(config("docker:" + engine.socket()).bridge(), ProcessIdentities.NONE);
  }

  /** A container whose first process is a shell that runs what it reads. */
  private static Process container(String name, String image, String... options) throws Exception {
    var command = new ArrayList<>(List.of("docker", "run", "-i", "--name", name));
    command.addAll(List.of(options));
    command.addAll(List.of(image, "/bin/sh", "-c", "echo ready; exec /bin/sh"));
    var process = engine.command(command.toArray(String[]::new)).start();
    assertThat(process.inputReader(UTF_8).readLine()).isEqualTo("ready");
    return process;
  }

  private static KithConfig config(String runtime) throws Exception {
    return KithConfig.parse(
        "kith.yaml",
        """
        bridge:
          spiffeId: spiffe://dev.kith.local/ns/kith/sa/identity-bridge
          pin: "off"
          runtime: "%s"
        """
            .formatted(runtime),
        Map.of());
  }

  private static void run(String command) throws IOException {
    var process = new ProcessBuilder(command.split(" ", -1)).inheritIO().start();
    if (process.onExit().join().exitValue() != 0) {
      throw new IOException(command + " (expected: to run as root)");
    }
  }

  @AfterAll
  static void stop() throws Exception {
    bridge.close();
    listener.close();
    engine.close();
    app.destroyForcibly();
  }

  private static void tell(String line) throws IOException {
    shell.write(line + "\n");
    shell.flush();
  }

  private static String connect() {
    return "/bin/nc " + HOST + " " + listener.getLocalPort();
  }

  /** What a bridge says about the next connection that arrives. */
  private static NodeView.Answer next(Bridge asked) throws IOException {
    try (var connection = listener.accept()) {
      var peer = (InetSocketAddress) requireNonNull(connection.getRemoteSocketAddress());
      return asked.answer(
          new NodeView.Question(
              Protocol.TCP,
              IpAddress.of(peer.getAddress()),
              peer.getPort(),
              IpAddress.parse(HOST),
              listener.getLocalPort(),
              Duration.ofSeconds(20)));
    }
  }

  private static ProcessFingerprint only(NodeView.Answer answer) {
    assertThat(answer.candidates()).as("%s", answer).hasSize(1);
    return answer.candidates().getFirst().fingerprint();
  }

  /** The fingerprint once the runtime has been heard about the container. */
  private static ProcessFingerprint described(String line) throws IOException {
    ProcessFingerprint fingerprint;
    var tries = 0;
    do {
      tell(line);
      fingerprint = only(next(bridge));
    } while (fingerprint.container() == null && ++tries < 100);
    return fingerprint;
  }

  @Test
  void answer_processOfAContainer_isNamedWithItsContainerAndImage() throws Exception {
    var fingerprint = described(connect() + " </dev/null &");

    assertThat(fingerprint.container()).isEqualTo("app");
    assertThat(fingerprint.imageDigest()).isEqualTo(image);
    assertThat(fingerprint.path()).isEqualTo("/bin/busybox");
    assertThat(fingerprint.program()).isEqualTo("nc");
    assertThat(fingerprint.origin()).isEqualTo(Origin.IMAGE);
    assertThat(fingerprint.execSession()).isFalse();
  }

  @Test
  void answer_dockerExec_isMarked_alsoBelowAShell() throws Exception {
    described(connect() + " </dev/null &");
    for (var command : List.of(connect() + " </dev/null", "exec " + connect() + " </dev/null")) {
      var exec = engine.command("docker", "exec", "app", "/bin/sh", "-c", command).start();
      var fingerprint = only(next(bridge));
      exec.waitFor();

      assertThat(fingerprint.container()).isEqualTo("app");
      assertThat(fingerprint.imageDigest()).isEqualTo(image);
      assertThat(fingerprint.execSession()).as(command).isTrue();
    }
  }

  @Test
  void pods_containerOfAnImage_hasItsDigest() throws Exception {
    var pod = awaitPod(POD, image);

    assertThat(pod.imageDigest()).isEqualTo(image);
    assertThat(bridge.containersOf(pod.id())).isEqualTo("container app image id " + image);
    assertThat(ContainerWords.lines(bridge.containers()).getFirst())
        .contains(" described, 0 not; 0 questions without an answer");
  }

  /** What a server needs for grace after a rollout: the pod's image and its processes' are one. */
  @Test
  void stream_podsAndFingerprints_tellTheSameImage_anotherOneForAnotherVersion() throws Exception {
    var second = engine.image("kith.test/app:2", "2");
    described(connect() + " </dev/null &");
    awaitPod(POD, image);
    var newer = container("newer", "kith.test/app:2", "--network", "none");
    try (var server = new FakeAuthzServer();
        var _ = server.follow(bridge, _ -> {})) {
      var pod = awaitAnnouncement(server);
      tell(connect() + " </dev/null &");
      try (var connection = listener.accept()) {
        server.ask(7, POD, connection.getPort(), HOST, listener.getLocalPort());
        var fingerprint = server.next(BridgeMessage.MessageCase.FINGERPRINT).getFingerprint();

        assertThat(pod.getImageDigest()).isEqualTo(image).isNotEqualTo(second);
        assertThat(fingerprint.getImageDigest()).isEqualTo(image);
        assertThat(fingerprint.getContainer()).isEqualTo("app");
      }
      run("ip link add kd1 type veth peer name kde1 netns " + pidOf("newer"));
      run("nsenter -n -t " + pidOf("newer") + " ip addr add 10.199.9.2/24 dev kde1");

      assertThat(awaitPod("10.199.9.2", second).imageDigest()).isEqualTo(second);
    } finally {
      engine.run("docker", "rm", "-f", "newer");
      newer.destroyForcibly();
    }
  }

  /** What the bridge tells of our pod; the machine may have others. */
  private static Pod awaitAnnouncement(FakeAuthzServer server) throws Exception {
    while (true) {
      for (var pod :
          server.next(BridgeMessage.MessageCase.POD_UPDATE).getPodUpdate().getPodsList()) {
        if (pod.getAddressesList().contains(FakeAuthzServer.bytes(POD))) {
          return pod;
        }
      }
    }
  }

  private static String pidOf(String name) throws Exception {
    return engine.run("docker", "inspect", "-f", "{{.State.Pid}}", name);
  }

  private static NodeView.Pod awaitPod(String address, @Nullable String digest) throws Exception {
    var until = System.nanoTime() + Duration.ofMinutes(3).toNanos();
    while (true) {
      var found =
          bridge.pods().stream()
              .filter(pod -> pod.addresses().contains(IpAddress.parse(address)))
              .findFirst();
      if (found.isPresent() && (digest == null || digest.equals(found.get().imageDigest()))) {
        return found.get();
      }
      assertThat(System.nanoTime()).as("%s", bridge.pods()).isLessThan(until);
      Thread.sleep(50);
    }
  }
}
