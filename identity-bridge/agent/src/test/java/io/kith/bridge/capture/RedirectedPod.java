package io.kith.bridge.capture;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.Tuple;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A network namespace whose connections are redirected as Istio does it, with a listener of ours in
 * the proxy's place. Clients are Perl scripts that send their pid and where they connected to.
 */
final class RedirectedPod implements AutoCloseable {
  static final String V4 = "10.99.77.2";
  static final String V6 = "fd99:77::2";
  static final int PROXY_UID = 1_337;
  static final int PROXY_PORT = 15_001;
  private static final int LIMIT_SECONDS = 90;

  private final NetworkNamespace namespace;
  private final Path folder;
  private final List<Process> started = new ArrayList<>();
  private final ServerSocket listener;

  RedirectedPod(Path folder) throws Exception {
    this.folder = folder;
    this.namespace = NetworkNamespace.create();
    run("ip", "link", "set", "lo", "up");
    run("ip", "link", "add", "kc0", "type", "veth", "peer", "name", "kc1");
    run("ip", "link", "set", "kc0", "up");
    run("ip", "link", "set", "kc1", "up");
    run("ip", "addr", "add", V4 + "/24", "dev", "kc0");
    run("ip", "addr", "add", V6 + "/64", "dev", "kc0", "nodad");
    run("ip", "route", "add", "default", "via", "10.99.77.1", "dev", "kc0");
    run("ip", "-6", "route", "add", "default", "via", "fd99:77::1", "dev", "kc0");
    for (var iptables : List.of(tool("iptables"), tool("ip6tables"))) {
      run(
          (iptables
                  + " -w -t nat -A OUTPUT -p tcp -m owner ! --uid-owner "
                  + PROXY_UID
                  + " ! -o lo -j REDIRECT --to-ports "
                  + PROXY_PORT)
              .split(" ", -1));
    }
    start("sleep", "600");
    this.listener =
        inside(
            () -> {
              var socket = new ServerSocket();
              socket.bind(new InetSocketAddress(PROXY_PORT), 128);
              socket.setSoTimeout(LIMIT_SECONDS * 1_000);
              return socket;
            });
  }

  /** As the launcher names it, on the path, or where Kith keeps tools that it fetched. */
  private static String tool(String name) throws IOException {
    var named = System.getenv("KITH_IPTABLES");
    if (named != null) {
      return Path.of(named).resolveSibling(name).toString();
    }
    var path = System.getenv().getOrDefault("PATH", "").split(":", -1);
    var cache =
        Path.of(
            System.getenv()
                .getOrDefault("XDG_CACHE_HOME", System.getProperty("user.home") + "/.cache"),
            "kith",
            "iptables");
    try (var versions = Files.isDirectory(cache) ? Files.list(cache) : Stream.<Path>of()) {
      return Stream.concat(Stream.of(path).map(Path::of), versions)
          .map(place -> place.resolve(name))
          .filter(Files::isExecutable)
          .findFirst()
          .orElseThrow(
              () ->
                  new AssertionError(
                      name
                          + " is missing: set KITH_IPTABLES to it, install it, or let ./kith test"
                          + " fetch it"))
          .toString();
    }
  }

  <T> T inside(Callable<T> task) throws KernelException, InterruptedException {
    return namespace.call(task);
  }

  private void run(String... command) throws Exception {
    var process = inside(() -> new ProcessBuilder(command).redirectErrorStream(true).start());
    var output = new String(process.getInputStream().readAllBytes(), US_ASCII);
    assertThat(process.waitFor())
        .as("%s: %s (these tests need root)", String.join(" ", command), output)
        .isZero();
  }

  /** Starts a program inside; it is ended with this. */
  Process start(String... command) throws Exception {
    var process = inside(() -> new ProcessBuilder(command).redirectErrorStream(true).start());
    started.add(process);
    return process;
  }

  /** Starts a Perl script inside, which may use {@code open_to(host, port, local port or 0)}. */
  Process perl(String script) throws Exception {
    var file = Files.createTempFile(folder, "client", ".pl");
    Files.writeString(file, PRELUDE + script);
    return start("perl", file.toString());
  }

  private static final String PRELUDE =
      """
      use strict;
      use Socket qw(:all);
      $| = 1;
      $^F = 255; # sockets stay open over exec
      sub open_to {
        my ($host, $port, $local) = @_;
        my $v6 = $host =~ /:/;
        my $shown = $host =~ s/^::ffff://r;
        socket(my $s, $v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die "socket: $!";
        if ($local) {
          setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
          bind($s, $v6 ? pack_sockaddr_in6($local, inet_pton(AF_INET6, "::"))
                       : pack_sockaddr_in($local, INADDR_ANY)) or die "bind: $!";
        }
        connect($s, $v6 ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $host))
                        : pack_sockaddr_in($port, inet_aton($host))) or die "connect: $!";
        syswrite $s, "$$ $shown $port\\n";
        return $s;
      }
      # Ends a connection with a reset, so that its addresses are free at once.
      sub reset_it {
        my ($s) = @_;
        setsockopt($s, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0));
        close $s;
      }
      """;

  /** A connection as the proxy has it, and what its client says about itself. */
  record Accepted(Socket socket, int pid, Tuple seen) {}

  /**
   * The next connection whose client sent its line; those that were reset before are passed over.
   */
  Accepted accept() throws IOException {
    while (true) {
      var socket = listener.accept();
      var line = line(socket);
      if (!line.isEmpty()) {
        var words = line.split(" ", -1);
        var peer = (InetSocketAddress) socket.getRemoteSocketAddress();
        var seen =
            new Tuple(
                IpAddress.of(peer.getAddress()),
                peer.getPort(),
                IpAddress.parse(words[1]),
                Integer.parseInt(words[2]));
        return new Accepted(socket, Integer.parseInt(words[0]), seen);
      }
    }
  }

  private static String line(Socket socket) {
    try {
      var lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), US_ASCII));
      var line = lines.readLine();
      return line == null ? "" : line;
    } catch (IOException _) {
      return ""; // reset by the client
    }
  }

  /** Waits for a client to end well. */
  static void awaitEnd(Process client) throws Exception {
    assertThat(client.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).as("client ends").isTrue();
    assertThat(client.exitValue())
        .as(new String(client.getInputStream().readAllBytes(), US_ASCII))
        .isZero();
  }

  @Override
  public void close() {
    for (var process : started) {
      process.destroyForcibly();
      process.onExit().join();
    }
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    namespace.close();
  }
}
