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
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
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

  private static final String MEBIBYTES = "200";
  private static final Duration PATIENCE = Duration.ofMillis(300);

  private static Side noisy;
  private static Side quiet;
  private static Bridge bridge;
  private static FairExecutor<Object> workers;
  private static FakeAuthzServer server;
  private static BridgeStream stream;
  private static long questions;

  /** A pod, and where it connects to. */
  private record Side(String host, String address, FakePod pod, ServerSocket listener) {
    static Side start(String link, String host, String address) throws Exception {
      var pod = new FakePod();
      run("ip link add %s type veth peer name %se netns %d".formatted(link, link, pod.firstPid()));
      run("ip addr add %s/24 dev %s".formatted(host, link));
      run("ip link set %s up".formatted(link));
      pod.ask(
          "ip link set lo up; ip link set %se up; ip addr add %s/24 dev %se; echo"
              .formatted(link, address, link));
      return new Side(host, address, pod, new ServerSocket(0, 200, InetAddress.ofLiteral(host)));
    }

    /** A command that connects with bash, or a copy of it, and stays. */
    private String connects(String bash) {
      return "%s -c 'exec 7<>/dev/tcp/%s/%d; sleep 300; true' >/dev/null 2>&1 & "
          .formatted(bash, host, listener.getLocalPort());
    }

    private void ask(Socket connection) {
      server.ask(
          ++questions, address, connection.getPort(), host, listener.getLocalPort(), PATIENCE);
    }

    private void close() throws Exception {
      listener.close();
      pod.close();
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
            InsecureChannelCredentials.create(),
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

  private static long answerTo() throws InterruptedException {
    return server.next(BridgeMessage.MessageCase.ANSWER).getAnswer().getQueryId();
  }

  /** What anybody can do who runs programs in one pod of the node. */
  @Test
  void podOfWhichEachAnswerWaitsForAHash_keepsNoOtherWaiting() throws Exception {
    quiet.pod.ask(quiet.connects("/usr/bin/bash") + "echo");
    try (var known = quiet.listener.accept()) {
      quiet.ask(known);
      answerTo(); // so its program is known, as that of a service that runs
      var slow = new ArrayList<Socket>();
      try {
        for (var i = 0; i < PROGRAMS; i++) {
          var copy = "/usr/bin/copy-" + i;
          noisy.pod.ask(
              "cp /usr/bin/bash %s; truncate -s %sM %s; echo".formatted(copy, MEBIBYTES, copy));
        }
        for (var i = 0; i < PROGRAMS; i++) {
          noisy.pod.ask(noisy.connects("/usr/bin/copy-" + i) + "echo");
          slow.add(noisy.listener.accept());
        }

        slow.forEach(noisy::ask);
        var last = questions;
        quiet.ask(known);

        var before = new HashSet<Long>();
        for (var id = answerTo(); id != last + 1; id = answerTo()) {
          before.add(id);
        }
        assertThat(before).as("answers about the other pod").hasSizeLessThan(PROGRAMS / 4);
      } finally {
        for (var socket : List.copyOf(slow)) {
          requireNonNull(socket).close();
        }
      }
    }
  }
}
