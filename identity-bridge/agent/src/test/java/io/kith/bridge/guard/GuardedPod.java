package io.kith.bridge.guard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.NetworkNamespace;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * A pod as Istio has it: a network namespace whose TCP over IPv4 is redirected to port 15001 but
 * for user and group 1337, and a cgroup as the kubelet names it with one cgroup per container. The
 * proxy is a Perl script of user 1337 in the proxy's. Around it is a world that has every address
 * of 198.18.0.0/15 and 2001:db8::/32 and answers everything.
 */
final class GuardedPod implements AutoCloseable {
  static final String ADDRESS = "10.98.77.2";
  static final String ADDRESS6 = "fd98:77::2";
  static final String RESOLVER = "10.98.77.1";
  static final int PROXY = 1_337;
  private static final int LIMIT_SECONDS = 120;

  final Path cgroup;
  final Process proxy;
  private final Path folder;
  private final NetworkNamespace pod = NetworkNamespace.create();
  private final NetworkNamespace world = NetworkNamespace.create();
  private final List<Process> started = new ArrayList<>();
  private final List<Closeable> sockets = new ArrayList<>();
  private final List<String> containers = new ArrayList<>();

  GuardedPod(Path folder) throws Exception {
    this.folder = folder;
    var root =
        Files.readAllLines(Path.of("/proc/self/mounts")).stream()
            .map(line -> line.split(" ", -1))
            .filter(fields -> fields[2].equals("cgroup2"))
            .map(fields -> Path.of(fields[1]))
            .findFirst()
            .orElseThrow(() -> new AssertionError("no cgroup v2 tree is mounted"));
    cgroup =
        root.resolve("kubepods-pod" + UUID.randomUUID().toString().replace('-', '_') + ".slice");
    Files.createDirectory(cgroup);
    addContainer("app");
    addContainer("proxy");
    wire();
    serveWorld();
    proxy = startProxy("proxy");
  }

  void addContainer(String name) throws IOException {
    Files.createDirectory(cgroup.resolve(name));
    containers.add(name);
  }

  private void wire() throws Exception {
    // A process keeps each namespace, by which the other can be named.
    var outside = start(world, "", 0, 0, "sleep", "7200");
    run(pod, "ip link set lo up");
    run(world, "ip link set lo up");
    run(pod, "ip link add kg0 type veth peer name kg1 netns " + outside.pid());
    run(pod, "ip link set kg0 up");
    run(world, "ip link set kg1 up");
    run(pod, "ip addr add " + ADDRESS + "/24 dev kg0");
    run(pod, "ip addr add " + ADDRESS6 + "/64 dev kg0 nodad");
    run(world, "ip addr add " + RESOLVER + "/24 dev kg1");
    run(world, "ip addr add fd98:77::1/64 dev kg1 nodad");
    run(pod, "ip route add default via " + RESOLVER);
    run(pod, "ip -6 route add default via fd98:77::1");
    run(world, "ip route add local 198.18.0.0/15 dev lo");
    run(world, "ip -6 route add local 2001:db8::/32 dev lo");
    var iptables = tool("iptables") + " -w -t nat -A OUTPUT -p tcp ";
    run(pod, iptables + "-m owner --uid-owner " + PROXY + " -j RETURN");
    run(pod, iptables + "-m owner --gid-owner " + PROXY + " -j RETURN");
    run(pod, iptables + "--dport 3306 -j RETURN");
    run(pod, iptables + "! -o lo -j REDIRECT --to-ports 15001");
  }

  private static String tool(String name) throws IOException {
    var path = System.getenv().getOrDefault("PATH", "").split(":", -1);
    var home = System.getProperty("user.home") + "/.cache";
    var cache = Path.of(System.getenv().getOrDefault("XDG_CACHE_HOME", home), "kith", "iptables");
    try (var versions = Files.isDirectory(cache) ? Files.list(cache) : Stream.<Path>of()) {
      return Stream.concat(Stream.of(path).map(Path::of), versions)
          .map(place -> place.resolve(name))
          .filter(Files::isExecutable)
          .findFirst()
          .orElseThrow(() -> new AssertionError(name + " is missing (./kith test fetches it)"))
          .toString();
    }
  }

  private void serveWorld() throws Exception {
    for (var port : List.of(443, 3306, 53)) {
      var server = within(world, () -> bound(new ServerSocket(), port));
      sockets.add(server);
      Thread.ofVirtual().start(() -> answerTcp(server));
    }
    // Bound to their addresses: an answer from another one reaches nobody.
    for (var at : List.of(RESOLVER + " 53", "198.18.1.1 443", "198.18.7.1 8125")) {
      var host = InetAddress.ofLiteral(at.substring(0, at.indexOf(' ')));
      var port = Integer.parseInt(at.substring(at.indexOf(' ') + 1));
      var server = within(world, () -> new DatagramSocket(new InetSocketAddress(host, port)));
      sockets.add(server);
      Thread.ofPlatform().daemon().start(() -> answerUdp(server));
    }
  }

  private static ServerSocket bound(ServerSocket server, int port) throws IOException {
    server.bind(new InetSocketAddress(port), 128);
    return server;
  }

  private static void answerTcp(ServerSocket server) {
    var open = new ArrayList<Socket>();
    while (!server.isClosed()) {
      try {
        var client = server.accept();
        open.add(client);
        client.getOutputStream().write("world\n".getBytes(UTF_8));
      } catch (IOException _) {
        // the client went, or the server was closed
      }
    }
    for (var client : open) {
      try {
        client.close();
      } catch (IOException _) {
        // it is gone then
      }
    }
  }

  private static void answerUdp(DatagramSocket server) {
    while (!server.isClosed()) {
      try {
        var packet = new DatagramPacket(new byte[2_048], 2_048);
        server.receive(packet);
        packet.setData(
            server.getLocalPort() == 53 && packet.getLength() > 12
                ? named(Arrays.copyOf(packet.getData(), packet.getLength()))
                : "world".getBytes(UTF_8));
        server.send(packet);
      } catch (IOException _) {
        // closed
      }
    }
  }

  /** Every name has the addresses 198.18.1.1 and 198.18.1.2, and 2001:db8::1. */
  private static byte[] named(byte[] question) {
    var end = 12;
    while (question[end] != 0) {
      end += 1 + question[end];
    }
    var six = question[end + 2] == 28;
    var hosts = six ? List.of("2001:db8::1") : List.of("198.18.1.1", "198.18.1.2");
    var answer = ByteBuffer.allocate(512);
    answer.put(question, 0, end + 5);
    answer.put(2, (byte) 0x81).put(3, (byte) 0x80);
    answer.putInt(4, 1 << 16 | hosts.size()).putInt(8, 0);
    for (var host : hosts) {
      var address = InetAddress.ofLiteral(host).getAddress();
      answer.putShort((short) 0xc00c).putShort((short) (six ? 28 : 1)).putShort((short) 1);
      answer.putInt(60).putShort((short) address.length).put(address);
    }
    return Arrays.copyOf(answer.array(), answer.position());
  }

  /** Starts what is the proxy in a container; returns when it listens. */
  Process startProxy(String container) throws Exception {
    var proxy =
        perl(
            container,
            PROXY,
            PROXY,
            """
            alarm 0;
            my @open;
            for my $port (15000, 15001) {
              socket(my $s, AF_INET, SOCK_STREAM, 0);
              setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
              bind($s, pack_sockaddr_in($port, INADDR_ANY)) or die;
              listen($s, 64);
              push @open, $s;
            }
            print "listens\\n";
            while (1) {
              my $set = '';
              vec($set, fileno($_), 1) = 1 for @open[0, 1];
              select($set, undef, undef, undef);
              for my $server (@open[0, 1]) {
                next unless vec($set, fileno($server), 1);
                accept(my $c, $server) or next;
                syswrite $c, "proxy\\n";
                push @open, $c;
              }
            }
            """);
    assertThat(proxy.inputReader().readLine()).isEqualTo("listens");
    return proxy;
  }

  <T> T inPod(Callable<T> task) throws KernelException, InterruptedException {
    return within(pod, task);
  }

  <T> T inWorld(Callable<T> task) throws KernelException, InterruptedException {
    return within(world, task);
  }

  private static <T> T within(NetworkNamespace namespace, Callable<T> task)
      throws KernelException, InterruptedException {
    return namespace.call(task);
  }

  /** The id by which the bridge knows the pod. */
  String podId() throws Exception {
    return inPod(() -> Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net")).toString());
  }

  long id() throws IOException {
    return id("");
  }

  long id(String container) throws IOException {
    return (Long) Files.getAttribute(cgroup.resolve(container), "unix:ino");
  }

  Descriptor openCgroup() throws KernelException {
    return Descriptor.open(cgroup.toString());
  }

  void runInPod(String command) throws Exception {
    run(pod, command.replace("iptables", tool("iptables")).replace("ip6tables", tool("ip6tables")));
  }

  private void run(NetworkNamespace namespace, String command) throws Exception {
    var process =
        namespace.call(
            () -> new ProcessBuilder(command.split(" ")).redirectErrorStream(true).start());
    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as("%s: %s (these tests need root)", command, output).isZero();
  }

  /** Starts a program of the pod in one of its containers. */
  Process start(String container, int uid, int gid, String... argv) throws Exception {
    return start(pod, container, uid, gid, argv);
  }

  private Process start(
      NetworkNamespace namespace, String container, int uid, int gid, String... argv)
      throws Exception {
    var place =
        container.isEmpty() ? "" : "echo $$ > " + cgroup.resolve(container) + "/cgroup.procs; ";
    var all = new ArrayList<>(List.of("sh", "-c", place + "exec \"$@\"", "sh"));
    if (uid != 0 || gid != 0) {
      all.addAll(List.of("setpriv", "--reuid", "" + uid, "--regid", "" + gid, "--clear-groups"));
    }
    all.addAll(List.of(argv));
    var process = namespace.call(() -> new ProcessBuilder(all).redirectErrorStream(true).start());
    started.add(process);
    return process;
  }

  /** Starts a Perl script, which may use what {@link #PRELUDE} has. */
  Process perl(String container, int uid, int gid, String script) throws Exception {
    var file = Files.createTempFile(folder, "client", ".pl");
    Files.writeString(file, PRELUDE + script);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    return start(container, uid, gid, "perl", file.toString());
  }

  /** What a script of the app's container prints. */
  String app(String script) throws Exception {
    return says(perl("app", 0, 0, script));
  }

  String says(Process process) throws Exception {
    var ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    assertThat(ended).as("the script ends").isTrue();
    return new String(process.getInputStream().readAllBytes(), UTF_8).strip();
  }

  private static final String PRELUDE =
      """
      use strict;
      use Socket qw(:all);
      use Errno;
      $| = 1;
      alarm 100;
      our $patience = 60; # seconds that it may take to connect or to be answered
      sub name { my ($name) = grep { $!{$_} } sort keys %!; return $name // "$!"; }
      sub address {
        my ($host, $port) = @_;
        return $host =~ /:/ ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $host))
                            : pack_sockaddr_in($port, inet_aton($host));
      }
      sub new_socket { # of a host's family
        my ($host, $type) = @_;
        socket(my $s, $host =~ /:/ ? AF_INET6 : AF_INET, $type, 0) or die "socket: $!";
        setsockopt($s, SOL_SOCKET, SO_RCVTIMEO, pack('qq', $patience, 0));
        setsockopt($s, SOL_SOCKET, SO_SNDTIMEO, pack('qq', $patience, 0)); # connect(2) as well
        return $s;
      }
      # Who answers over TCP, or the error.
      sub tcp {
        my ($host, $port, $s) = @_;
        $s //= new_socket($host, SOCK_STREAM);
        connect($s, address($host, $port)) or return name();
        my $line = '';
        sysread($s, $line, 64) or return 'silence';
        chomp $line;
        return $line;
      }
      # Who answers over UDP to a connected socket, or the error.
      sub udp {
        my ($host, $port, $s) = @_;
        $s //= new_socket($host, SOCK_DGRAM);
        connect($s, address($host, $port)) or return 'connect ' . name();
        defined(send($s, 'hello', 0)) or return name();
        defined(recv($s, my $line, 64, 0)) or return 'silence';
        return $line;
      }
      # The same with a socket that is not connected.
      sub udp_to {
        my ($host, $port, $s) = @_;
        $s //= new_socket($host, SOCK_DGRAM);
        defined(send($s, 'hello', 0, address($host, $port))) or return name();
        defined(recv($s, my $line, 64, 0)) or return 'silence';
        return $line;
      }
      """;

  @Override
  public void close() throws IOException {
    for (var process : started) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
      process.onExit().join();
    }
    Files.writeString(cgroup.resolve("cgroup.kill"), "1");
    for (var socket : sockets) {
      socket.close();
    }
    pod.close();
    world.close();
    containers.forEach(name -> remove(cgroup.resolve(name)));
    remove(cgroup);
  }

  /** A cgroup is busy for a moment after its last process ended. */
  private static void remove(Path place) {
    for (var i = 0; ; i++) {
      try {
        Files.delete(place);
        return;
      } catch (IOException e) {
        if (i == 100) {
          throw new UncheckedIOException(e);
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
    }
  }
}
