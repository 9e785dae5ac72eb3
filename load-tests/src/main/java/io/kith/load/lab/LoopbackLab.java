package io.kith.load.lab;

import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What remains of a {@link Lab} without privileges. Hosts are addresses of loopback, workloads are
 * ordinary processes of this user, and they reach a host only by dialling the port that Envoy holds
 * for it. Nothing is captured: a process that dials the host itself is not checked, there is no
 * image that a program could be foreign to, and no eBPF says who connected.
 */
public final class LoopbackLab implements AutoCloseable {
  private final Path folder;
  private final List<Host> hosts = new ArrayList<>();
  private int nextAddress = 10;

  private LoopbackLab(Path folder) {
    this.folder = folder;
  }

  public static LoopbackLab open() throws IOException {
    return new LoopbackLab(Files.createTempDirectory("kith-lab-"));
  }

  /** What this lab cannot show, a sentence each. */
  public static List<String> losses() {
    return List.of(
        "connections are not captured: the workload dials Envoy's ports, and whoever dials the destination itself is not checked",
        "workloads have no root file system of their own: a program of the image and a dropped one look alike",
        "no eBPF: the process is looked up after it connected, so one that closes at once stays unknown");
  }

  /** A folder that lives as long as the lab. */
  public Path folder() {
    return folder;
  }

  public Host addHost(String name) {
    var v4 = InetAddress.ofLiteral("127.88.0." + nextAddress++);
    var host = new Host(name, v4, v4, NetworkNamespace.OWN);
    hosts.add(host);
    return host;
  }

  /**
   * The way to an upstream through Envoy: a free port of loopback that a recipe gives to Envoy and
   * a workload dials.
   */
  public static Forward forward(Upstream upstream) throws IOException {
    var host = upstream.host();
    return new Forward(
        host.name(), freePort(), new Address(host.v4().getHostAddress(), upstream.port()));
  }

  public EnvoyProxy startEnvoy(Envoy envoy, StandaloneRecipe recipe)
      throws IOException, InterruptedException {
    return EnvoyProxy.startHere(folder, envoy, recipe);
  }

  /** A port of loopback that nobody holds right now. */
  public static int freePort() throws IOException {
    try (var socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0));
      return socket.getLocalPort();
    }
  }

  @Override
  public void close() {
    hosts.forEach(Host::close);
    ToolCache.delete(folder);
  }
}
