package io.kith.bridge;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.InsecureChannelCredentials;
import io.kith.baselines.config.KithConfig;
import io.kith.bridge.identity.ProcessIdentities;
import io.kith.bridge.process.FakePod;
import io.kith.bridge.stream.BridgeStream;
import io.kith.bridge.stream.FakeAuthzServer;
import io.kith.bridge.turns.FairExecutor;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.Fingerprint;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pods of one node, of which one does what makes its own answers slow. */
@Tag("root")
@Timeout(600)
class NeighboursTest {
  /** Each is another file, which takes longer to hash than a question waits. */
  private static final int PROGRAMS = 48;

  private static final String MEBIBYTES = "250";
  private static final Duration PATIENCE = Duration.ofMillis(300);

  /** Less than all of them take to hash. */
  private static final Duration FOR_A_SMALL_HASH = Duration.ofSeconds(2);

  private static Side noisy;
  private static Side quiet;
  private static Bridge bridge;
  private static FairExecutor<Object> workers;
  private static FakeAuthzServer server;
  private static BridgeStream stream;
  private static long questions;

  /** A pod of one container, and where it connects to. */
  private record Side(
      String host, String address, FakePod pod, Path cgroup, ServerSocket listener) {
    static Side start(String link, String host, String address) throws Exception {
      var pod = new FakePod();
      var cgroup = container();
      Files.writeString(cgroup.resolve("cgroup.procs"), Integer.toString(pod.firstPid()));
      run("ip link add %s type veth peer name %se netns %d".formatted(link, link, pod.firstPid()));
      run("ip addr add %s/24 dev %s".formatted(host, link));
      run("ip link set %s up".formatted(link));
      pod.ask(
          "ip link set lo up; ip link set %se up; ip addr add %s/24 dev %se; echo"
              .formatted(link, address, link));
      var listener = new ServerSocket(0, 200, InetAddress.ofLiteral(host));
      return new Side(host, address, pod, cgroup, listener);
    }

    /** A cgroup as a runtime makes it for a container. */
    private static Path container() throws IOException {
      var root =
          Files.readAllLines(Path.of("/proc/self/mounts")).stream()
              .map(line -> line.split(" "))
              .filter(fields -> fields[2].equals("cgroup2"))
              .map(fields -> Path.of(fields[1]))
              .findFirst()
              .orElseThrow(() -> new AssertionError("no cgroup v2 tree is mounted"));
      var id = UUID.randomUUID().toString();
      return Files.createDirectory(
          root.resolve(
              "kubepods-pod%s.slice:cri-containerd:%s"
                  .formatted(id.replace('-', '_'), id.replace("-", "").repeat(2))));
    }

    /** A command that connects with bash, or a copy of it, and stays. */
    private String connects(String bash) {
      return "%s -c 'exec 7<>/dev/tcp/%s/%d; sleep 300; true' >/dev/null 2>&1 & "
          .formatted(bash, host, listener.getLocalPort());
    }

    private void ask(Socket connection) {
      ask(connection, PATIENCE);
    }

    private void ask(Socket connection, Duration patience) {
      server.ask(
          ++questions, address, connection.getPort(), host, listener.getLocalPort(), patience);
    }

    private void close() throws Exception {
      listener.close();
      pod.close();
      var until = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (!cgroup.toFile().delete() && System.nanoTime() < until) {
        Thread.sleep(20); // its processes are still ending
      }
    }
  }

  private static void run(String command) throws IOException {
    var process = new ProcessBuilder(command.split(" ")).inheritIO().start();
    if (process.onExit().join().exitValue() != 0) {
      throw new IOException(command + " (expected: to run as root)");
    }
  }

  @BeforeAll
  static void start() throws Exception {
    noisy = Side.start("kn0", "10.199.8.1", "10.199.8.2");
    quiet = Side.start("kn1", "10.199.9.1", "10.199.9.2");
    var config =
        KithConfig.parse(
            "kith.yaml",
            """
            bridge: {spiffeId: "spiffe://dev.kith.local/ns/kith/sa/identity-bridge", pin: "off"}
            """,
            Map.of());
    bridge = Bridge.start(config.bridge(), ProcessIdentities.NONE);
    workers = BridgeStream.workers();
    server = new FakeAuthzServer();
    stream =
        BridgeStream.start(
            server.endpoint(),
            new BridgeStream.Credentials(InsecureChannelCredentials.create(), null),
            "node-1",
            "test",
            bridge,
            workers::execute,
            _ -> {});
    server.next(BridgeMessage.MessageCase.NODE_STATUS);
  }

  @AfterAll
  static void stop() throws Exception {
    stream.close();
    server.close();
    workers.close();
    bridge.close();
    noisy.close();
    quiet.close();
  }

  /** Has the noisy pod connect with many programs that were never seen; then asks about each. */
  private static void askOfLargePrograms(String name, List<Socket> connections) throws Exception {
    for (var i = 0; i < PROGRAMS; i++) {
      noisy.pod.ask(
          "cp /usr/bin/bash %1$s-%2$d; truncate -s %3$sM %1$s-%2$d; echo"
              .formatted(name, i, MEBIBYTES));
    }
    for (var i = 0; i < PROGRAMS; i++) {
      noisy.pod.ask(noisy.connects(name + "-" + i) + "echo");
      connections.add(noisy.listener.accept());
    }
    connections.forEach(noisy::ask);
  }

  private static void close(List<Socket> connections) throws IOException {
    for (var connection : connections) {
      connection.close();
    }
  }

  /** What anybody can do who runs programs in one pod of the node. */
  @Test
  void podOfWhichEachAnswerWaitsForAHash_keepsNoOtherWaiting() throws Exception {
    quiet.pod.ask(quiet.connects("/usr/bin/bash") + "echo");
    try (var known = quiet.listener.accept()) {
      quiet.ask(known);
      server.next(BridgeMessage.MessageCase.ANSWER); // its program is known, as a service's is
      var slow = new ArrayList<Socket>();
      try {
        askOfLargePrograms("/usr/bin/large", slow);
        quiet.ask(known);

        var id = questions;
        var before = 0;
        while (server.next(BridgeMessage.MessageCase.ANSWER).getAnswer().getQueryId() != id) {
          before++;
        }
        assertThat(before).as("answers about the other pod").isLessThan(PROGRAMS - 8);
      } finally {
        close(slow);
      }
    }
  }

  @Test
  void podWithManyLargePrograms_keepsNoProgramOfAnotherFromBeingHashed() throws Exception {
    var slow = new ArrayList<Socket>();
    try {
      askOfLargePrograms("/usr/bin/larger", slow);

      quiet.pod.ask("cp /usr/bin/bash /usr/bin/small; echo");
      quiet.pod.ask(quiet.connects("/usr/bin/small") + "echo");
      try (var connection = quiet.listener.accept()) {
        var began = System.nanoTime();
        quiet.ask(connection, Duration.ofSeconds(40));
        var described = new HashMap<String, Fingerprint>();
        var small = answered(described);
        var took = Duration.ofNanos(System.nanoTime() - began);
        noisy.ask(slow.getLast());
        var last = answered(described);

        assertThat(small.getPath()).isEqualTo("/usr/bin/small");
        assertThat(small.getSha256()).as("%s", small).isNotEmpty();
        assertThat(last.getPath()).startsWith("/usr/bin/larger");
        assertThat(last.getSha256().isEmpty() || took.compareTo(FOR_A_SMALL_HASH) < 0)
            .as("before the last of the other pod, or soon: after %s", took)
            .isTrue();
      }
    } finally {
      close(slow);
    }
  }

  /** Whom the answer to the last question names. */
  private static Fingerprint answered(Map<String, Fingerprint> described) throws Exception {
    while (true) {
      var message = server.next();
      if (message.hasFingerprint()) {
        described.put(message.getFingerprint().getId(), message.getFingerprint());
      } else if (message.getAnswer().getQueryId() == questions) {
        return requireNonNull(
            described.get(message.getAnswer().getCandidates(0).getFingerprintId()));
      }
    }
  }
}
