package io.kith.load.attribution;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.tools.OwnJvm;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Each rung, reached because something is really missing, and what it promises. The bridge's eyes
 * run in a process of their own; what they look at is a pod whose connections are redirected.
 */
@Timeout(600)
class RungTest {
  /** Connects, says its pid and where to, and stays until its input ends. */
  private static final String CLIENT =
      """
      use strict; use Socket;
      socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
      connect($s, sockaddr_in(443, inet_aton("198.18.50.1"))) or die "connect: $!";
      syswrite $s, "$$\n";
      <STDIN>;
      """;

  private static final String HIDE_TYPES =
      "mount --bind \"$0\" /sys/kernel/btf/vmlinux && exec \"$@\"";

  /** The only tree is covered: were none mounted, the bridge would mount one for itself. */
  private static final String HIDE_CGROUPS =
      "for m in $(awk '$3 == \"cgroup2\" {print $2}' /proc/self/mounts);"
          + " do umount -l $m || exit 1; done;"
          + " mount -t cgroup2 none \"$0\" && mount -t tmpfs none \"$0\" && exec \"$@\"";

  private static final String HIDE_PROCESSES = "mount -t proc -o hidepid=2 proc /proc";

  private static Lab lab;
  private static Pod pod;
  private static ServerSocket proxy;

  @BeforeAll
  static void open() throws Exception {
    lab = Lab.open("kbr", System.out::println);
    pod = lab.addPod("client", Image.of(Map.of(), System.out::println));
    proxy = pod.namespace().call(RungTest::listener);
  }

  private static ServerSocket listener() throws IOException {
    var socket = new ServerSocket();
    socket.bind(new InetSocketAddress(15_001), 16);
    return socket;
  }

  @AfterAll
  static void close() throws Exception {
    proxy.close();
    lab.close();
  }

  @Test
  void rungA_withEverything_isTheProcessAndItsExecutableEvenWhenItIsGone() throws Exception {
    try (var probe = Probe.start(List.of())) {
      assertThat(probe.rung).as(probe.problems).isEqualTo("A");
      var answer = goneClient(probe);

      assertThat(answer).startsWith("A\t");
      assertThat(answer).contains(":" + inodeOfPerl() + " ");
    }
  }

  @Test
  void rungB_withoutTypes_isTheProcessWithoutItsExecutable() throws Exception {
    var nothing = lab.folder().resolve("nothing");
    Files.writeString(nothing, "");
    try (var probe =
        Probe.start(
            List.of(
                "unshare",
                "-m",
                "--propagation",
                "private",
                "sh",
                "-c",
                HIDE_TYPES,
                nothing.toString()))) {
      assertThat(probe.rung).as(probe.problems).isEqualTo("B");
      assertThat(probe.problems).isNotEmpty();
      var answer = goneClient(probe);

      assertThat(answer).startsWith("B\t").contains(":0 ");
    }
  }

  @Test
  void rungC_withoutCgroups_isWhoHoldsTheSocketAndNobodyOnceItIsGone() throws Exception {
    var covered = Files.createDirectory(lab.folder().resolve("covered"));
    try (var probe =
        Probe.start(
            List.of(
                "unshare",
                "-m",
                "--propagation",
                "private",
                "sh",
                "-c",
                HIDE_CGROUPS,
                covered.toString()))) {
      assertThat(probe.rung).as(probe.problems).isEqualTo("C");
      assertThat(probe.problems).contains(covered + " is not a cgroup v2 tree");

      try (var _ = new Client();
          var connection = proxy.accept()) {
        var pid = firstLine(connection);
        assertThat(probe.ask(connection)).startsWith("C\t" + pid + ":0 \t");
      }
      try (var client = new Client();
          var connection = proxy.accept()) {
        var _ = firstLine(connection);
        client.end();
        assertThat(probe.ask(connection)).startsWith("C\t\t");
      }
    }
  }

  @Test
  void rungD_withoutCapabilities_isNobodyWithWhy() throws Exception {
    try (var probe =
        Probe.start(
            List.of("setpriv", "--bounding-set", "-sys_admin,-net_admin,-cap_38,-cap_39"))) {
      assertThat(probe.rung).as(probe.problems).isEqualTo("D");
      assertThat(probe.problems)
          .contains("EPERM")
          .contains("CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN")
          .contains("the sockets of pods cannot be looked at");

      try (var _ = new Client();
          var connection = proxy.accept()) {
        var _ = firstLine(connection);
        assertThat(probe.ask(connection)).startsWith("D\t\t").contains("not permitted");
      }
    }
  }

  /** What a kernel without connection tracking answers: nothing about any connection. */
  @Test
  @SuppressWarnings("try") // closed before its time is up: that is what is asked about
  void withoutConnectionTracking_openSocketIsItsOwners_andOneThatIsClosedNobodys()
      throws Exception {
    try (var probe = Probe.start(List.of("setpriv", "--bounding-set", "-net_admin"))) {
      assertThat(probe.rung).as(probe.problems).isEqualTo("A");

      try (var _ = new Client();
          var connection = proxy.accept()) {
        var pid = firstLine(connection);
        assertThat(probe.ask(connection))
            .startsWith("A\t" + pid + ":")
            .contains("connection tracking did not answer");
      }
      try (var client = new Client();
          var connection = proxy.accept()) {
        var _ = firstLine(connection);
        client.end();
        connection.close(); // both ends, so that the kernel knows it as closed
        var answer = probe.ask(connection);
        for (var i = 0; i < 1_000 && !answer.contains("closed: they may be another's"); i++) {
          Thread.sleep(20);
          answer = probe.ask(connection);
        }
        assertThat(answer).startsWith("A\t\t").contains("closed: they may be another's");
      }
    }
  }

  /** A /proc that shows nobody but oneself and what one may trace. */
  @Test
  void hiddenProc_isNobodyWithWhy_andNoGuess() throws Exception {
    try (var probe =
        Probe.start(
            List.of(
                "unshare",
                "-m",
                "--propagation",
                "private",
                "sh",
                "-c",
                HIDE_PROCESSES + " && exec \"$@\"",
                "sh",
                "setpriv",
                "--bounding-set",
                "-sys_ptrace"))) {
      try (var _ = new Client();
          var connection = proxy.accept()) {
        var _ = firstLine(connection);
        assertThat(probe.ask(connection)).startsWith("D\t\t").contains("sockets cannot be listed");
      }
    }
  }

  /** The answer about a process that connected and is gone; its pid must be the one. */
  private static String goneClient(Probe probe) throws Exception {
    try (var client = new Client();
        var connection = proxy.accept()) {
      var pid = firstLine(connection);
      client.end();
      var answer = probe.ask(connection);
      assertThat(answer.split("\t", -1)[1]).startsWith(pid + ":");
      return answer;
    }
  }

  private static long inodeOfPerl() throws IOException {
    var perl = Path.of("/usr/bin/perl").toRealPath();
    return ((Number) Files.getAttribute(perl, "unix:ino")).longValue();
  }

  private static String firstLine(Socket connection) throws IOException {
    var text = new StringBuilder();
    var in = connection.getInputStream();
    for (var next = in.read(); next != '\n' && next >= 0; next = in.read()) {
      text.append((char) next);
    }
    return text.toString();
  }

  /** A process in the pod's network that connects. */
  private static final class Client implements AutoCloseable {
    private final Process process;

    Client() throws IOException {
      var script = lab.folder().resolve("rung-client.pl");
      Files.writeString(script, CLIENT);
      process =
          new ProcessBuilder(
                  "nsenter", "--net=" + pod.namespace().handle(), "perl", script.toString())
              .inheritIO()
              .redirectInput(ProcessBuilder.Redirect.PIPE)
              .start();
    }

    void end() throws IOException {
      process.getOutputStream().close();
      assertThat(process.onExit().join().exitValue()).isZero();
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }

  /** {@link RungProbe} behind a command that takes something from it. */
  private static final class Probe implements AutoCloseable {
    private final Process process;
    private final BufferedWriter questions;
    private final BufferedReader answers;
    private final String rung;
    private final String problems;

    private Probe(Process process) throws IOException {
      this.process = process;
      questions =
          new BufferedWriter(
              new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
      answers =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      var first = requireNonNull(answers.readLine(), "the probe said nothing").split("\t", -1);
      rung = first[0];
      problems = first[1];
    }

    static Probe start(List<String> without) throws IOException {
      var argv = new ArrayList<>(without);
      argv.addAll(
          List.of(
              OwnJvm.java().toString(),
              "--enable-native-access=ALL-UNNAMED",
              "-XX:TieredStopAtLevel=1",
              "-cp",
              OwnJvm.classPath(),
              RungProbe.class.getName()));
      return new Probe(
          new ProcessBuilder(argv).redirectError(ProcessBuilder.Redirect.INHERIT).start());
    }

    String ask(Socket connection) throws IOException {
      var peer = (InetSocketAddress) connection.getRemoteSocketAddress();
      questions.write(
          peer.getAddress().getHostAddress() + " " + peer.getPort() + " 198.18.50.1 443\n");
      questions.flush();
      return requireNonNull(answers.readLine(), "the probe ended");
    }

    @Override
    public void close() {
      process.destroy();
      process.onExit().join();
    }
  }
}
