package io.kith.load.lab;

import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Command;
import io.kith.load.tools.Iptables;
import io.kith.load.tools.MissingToolException;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A network without an interface but loopback, for loads that nobody else shall see: pods and
 * destinations are addresses of it, and what comes from a pod is redirected as a sidecar's rules
 * do. It is gone with its last process.
 */
public final class LoadNetwork implements AutoCloseable {
  /** The first port that a connection may come from. */
  public static final int FIRST_PORT = 16_384;

  private static final Duration LIMIT = Duration.ofMinutes(1);

  /*
   * A load makes more connections than there are ports, each to one of few addresses: what is over
   * must be forgotten within a second, or connection tracking has no port left to translate to.
   */
  private static final String SETTINGS =
      """
      set -eu
      cd /proc/sys/net
      echo "%d 65535" > ipv4/ip_local_port_range
      echo 1 > ipv4/tcp_tw_reuse
      echo 1 > netfilter/nf_conntrack_tcp_timeout_time_wait
      echo 1 > netfilter/nf_conntrack_tcp_timeout_close
      """
          .formatted(FIRST_PORT);

  private final Path scratch;
  private final RunningProcess holder;
  private final Iptables iptables;

  private LoadNetwork(Path scratch, RunningProcess holder, Iptables iptables) {
    this.scratch = scratch;
    this.holder = holder;
    this.iptables = iptables;
  }

  /**
   * Opens one.
   *
   * @param scratch a folder for small files
   * @param say takes one line of progress when something takes time
   * @throws MissingToolException if the machine or the user cannot have one
   */
  public static LoadNetwork open(Path scratch, Consumer<String> say)
      throws IOException, InterruptedException {
    var missing = Lab.missing();
    if (!missing.isEmpty()) {
      throw new MissingToolException(
          "needs a network of its own; missing: " + String.join("; ", missing));
    }
    var iptables = Iptables.find(say);
    var holder =
        RunningProcess.start(
            "the load's network",
            scratch.resolve("network.log"),
            Map.of(),
            List.of("unshare", "--net", "sleep", "infinity"));
    try {
      var own = Files.readSymbolicLink(Path.of("/proc/self/ns/net"));
      holder.awaitReady(LIMIT, () -> !own.equals(namespaceOf(holder.pid(), own)));
      var network = new LoadNetwork(scratch, holder, iptables);
      network.ip("link set lo up\n");
      return network;
    } catch (IOException | InterruptedException | RuntimeException e) {
      holder.close();
      throw e;
    }
  }

  /** Its namespace, or {@code unknown} while the process is only half there. */
  private static Path namespaceOf(long pid, Path unknown) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/net"));
    } catch (IOException _) {
      return unknown;
    }
  }

  /** Threads and programs that belong to it are started in here. */
  public NetworkNamespace namespace() {
    return new NetworkNamespace(Path.of("/proc/" + holder.pid() + "/ns/net"));
  }

  /** Gives it addresses. */
  public void add(Collection<InetAddress> addresses) throws IOException, InterruptedException {
    var commands = new StringBuilder();
    for (var address : addresses) {
      commands.append("addr add ").append(address.getHostAddress()).append("/32 dev lo\n");
    }
    ip(commands.toString());
  }

  /**
   * Redirects what comes from these addresses, each to a port of its own. Once only.
   *
   * @param ports by address
   */
  public void redirect(Map<InetAddress, Integer> ports) throws IOException, InterruptedException {
    for (var one : ports.entrySet()) {
      Lab.change(
          namespace(),
          iptables.v4(),
          "nat",
          "-A OUTPUT -p tcp -s %s -j REDIRECT --to-ports %d"
              .formatted(one.getKey().getHostAddress(), one.getValue()));
    }
    inside(List.of("sh", "-c", SETTINGS));
  }

  private void ip(String commands) throws IOException, InterruptedException {
    var batch = Files.createTempFile(scratch, "ip-", ".batch");
    try {
      Files.writeString(batch, commands);
      inside(List.of("ip", "-batch", batch.toString()));
    } finally {
      Files.delete(batch);
    }
  }

  private void inside(List<String> argv) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("nsenter", "--net=" + namespace().handle()));
    all.addAll(argv);
    Command.run(LIMIT, all).orFail();
  }

  @Override
  public void close() {
    holder.close();
  }
}
