package io.kith.bridge.capture;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Rung;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.TaskWalk;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who holds a connection of our own network, without the kernel's record: any user can know. */
@Timeout(600)
class SocketOwnersTest {
  private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");

  private ServerSocket proxy;

  @BeforeEach
  void listen() throws IOException {
    proxy = new ServerSocket(0, 50, LOOPBACK);
  }

  @AfterEach
  void close() throws IOException {
    proxy.close();
  }

  /** A folder that is no cgroup, so nothing is attached, whoever runs this. */
  private static SocketOwners open(boolean hostNetwork) throws InterruptedException {
    return SocketOwners.open(
        new SocketOwners.Settings(
            List.of(15_001), 1_337, 1_024, Path.of("/nonexistent"), hostNetwork, null));
  }

  private Tuple seen(Socket accepted) {
    var peer = (InetSocketAddress) accepted.getRemoteSocketAddress();
    return new Tuple(
        IpAddress.of(peer.getAddress()),
        peer.getPort(),
        IpAddress.of(LOOPBACK),
        proxy.getLocalPort());
  }

  @Test
  void resolve_ownNetwork_isTheHolder() throws Exception {
    try (var owners = open(true);
        var client = new Socket(LOOPBACK, proxy.getLocalPort());
        var accepted = proxy.accept()) {
      assertThat(client.isConnected()).isTrue();

      var resolution = owners.resolve(seen(accepted));

      assertThat(resolution.owners())
          .as("%s", resolution.reasons())
          .map(Owner::pid)
          .containsExactly((int) ProcessHandle.current().pid());
      assertThat(resolution.rung()).isEqualTo(Rung.DIAG);
      assertThat(resolution.reasons()).isEmpty();
      assertThat(owners.rung()).isEqualTo(Rung.DIAG);
      assertThat(owners.canaryFound()).isTrue();
    }
  }

  @Test
  void resolve_processThatBeganSinceTheLastLook_isFound() throws Exception {
    try (var owners = open(true)) {
      var child =
          new ProcessBuilder(
                  "bash",
                  "-c",
                  "exec 3<>/dev/tcp/127.0.0.1/" + proxy.getLocalPort() + "; read line <&3")
              .start();
      try (var accepted = proxy.accept()) {
        var resolution = owners.resolve(seen(accepted));

        assertThat(resolution.owners()).map(Owner::pid).containsExactly((int) child.pid());
      } finally {
        child.destroyForcibly();
      }
    }
  }

  @Test
  void resolve_closedConnection_isUnknownWithTheReason() throws Exception {
    try (var owners = open(true)) {
      var client = new Socket(LOOPBACK, proxy.getLocalPort());
      try (var accepted = proxy.accept()) {
        client.close();

        var resolution = owners.resolve(seen(accepted));

        assertThat(resolution.owners()).isEmpty();
        assertThat(resolution.reasons()).singleElement().asString().contains("any more");
      }
    }
  }

  @Test
  void resolve_withoutHostNetwork_loopbackIsNoPod() throws Exception {
    try (var owners = open(false);
        var client = new Socket(LOOPBACK, proxy.getLocalPort());
        var accepted = proxy.accept()) {
      assertThat(client.isConnected()).isTrue();

      var resolution = owners.resolve(seen(accepted));

      assertThat(resolution.owners()).isEmpty();
      assertThat(resolution.reasons()).containsExactly("no pod here has 127.0.0.1");
    }
  }

  /**
   * As where the kernel tells no cookies or has no connection tracking: it is tried each second.
   */
  @Test
  void refresh_whatIsRefusedEachTime_takesNoDescriptors() throws Exception {
    var own = Files.readSymbolicLink(Path.of("/proc/self/ns/net")).toString();
    var network = Long.parseLong(own.substring("net:[".length(), own.length() - 1));
    var pid = (int) ProcessHandle.current().pid();
    var self = new TaskWalk.Task(pid, 0, 0, 0, 0, network, 0, 0, null);
    Pods.Cookies refusing =
        () -> {
          NetworkNamespace.open("/nonexistent").close();
          return 0;
        };
    try (var pods = new Pods(refusing, () -> List.of(self), true)) {
      pods.refresh();
      var inside = requireNonNull(pods.at(IpAddress.of(LOOPBACK)));
      var before = descriptors();

      for (var i = 0; i < 20; i++) {
        pods.refresh();
      }

      assertThat(descriptors()).isLessThan(before + 20);
      assertThat(requireNonNull(pods.at(IpAddress.of(LOOPBACK))).diag())
          .as("may be in use")
          .isNotNull()
          .isSameAs(inside.diag());
      assertThat(pods.problems()).singleElement().asString().contains("/nonexistent");
    }
  }

  /** One that vanished was guarded as before for ever, and what it had open counted as ended. */
  @Test
  void refresh_addressesThatCannotBeRead_thoseOfBeforeCountAndItSaysSo() throws Exception {
    var own = Files.readSymbolicLink(Path.of("/proc/self/ns/net")).toString();
    var network = Long.parseLong(own.substring("net:[".length(), own.length() - 1));
    var parent = new ProcessBuilder("sh", "-c", "true & exec sleep 1000").start();
    var pid = new AtomicInteger((int) ProcessHandle.current().pid());
    Pods.Walk walk = () -> List.of(new TaskWalk.Task(pid.get(), 0, 0, 0, 0, network, 0, 0, null));
    try (var pods = new Pods(() -> 0, walk, true)) {
      pods.refresh();
      var before = pods.all();
      pid.set(zombieOf(parent));

      assertThat(pods.refresh()).isFalse();

      assertThat(pods.all().getFirst().addresses()).isEqualTo(before.getFirst().addresses());
      assertThat(pods.all().getFirst().pids()).containsExactly(pid.get());
      assertThat(pods.problems()).singleElement().asString().contains("addresses cannot be read");
      pid.set(Integer.MAX_VALUE);
      pods.refresh();
      assertThat(pods.all()).as("it is gone").isEmpty();
    } finally {
      parent.destroyForcibly().onExit().join();
    }
  }

  /** A process that is there and shows nothing of itself. */
  private static int zombieOf(Process parent) throws Exception {
    while (true) {
      for (var child : parent.children().toList()) {
        var stat = Files.readString(Path.of("/proc/" + child.pid() + "/stat"));
        if (stat.contains(") Z ")
            && Files.readString(Path.of("/proc/" + parent.pid() + "/comm")).equals("sleep\n")) {
          return (int) child.pid();
        }
      }
      Thread.onSpinWait();
    }
  }

  private static long descriptors() throws IOException {
    try (var open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }
}
