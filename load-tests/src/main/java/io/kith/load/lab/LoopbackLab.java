package io.kith.load.lab;

import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.RunningProcess;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What remains of a {@link Lab} without privileges. Hosts are addresses of loopback, workloads are
 * ordinary processes of this user, and they reach a host only by dialling the port that Envoy holds
 * for it. Nothing is captured: a process that dials the host itself is not checked, there is no
 * image that a program could be foreign to, and no eBPF says who connected.
 */
public final class LoopbackLab implements AutoCloseable {
  /** Where a workload dials Envoy. */
  public static final InetAddress ADDRESS = InetAddress.ofLiteral("127.0.0.1");

  private static final Set<LoopbackLab> OPEN = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  RunningProcess.closeAll(); // they write into our folders
                  OPEN.forEach(LoopbackLab::close);
                },
                "close-loopback-labs"));
  }

  private final Path folder;
  private final List<Host> hosts = new ArrayList<>();
  private int nextAddress = 10;

  private LoopbackLab(Path folder) {
    this.folder = folder;
  }

  public static LoopbackLab open() throws IOException {
    var lab = new LoopbackLab(newFolder());
    OPEN.add(lab);
    return lab;
  }

  /** With a short name, since it is part of every path that is shown. */
  private static Path newFolder() throws IOException {
    var owner = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    for (var number = 1; number < 100; number++) {
      try {
        return Files.createDirectory(
            Path.of(System.getProperty("java.io.tmpdir"), "kith-lab-" + number), owner);
      } catch (FileAlreadyExistsException _) {
        // of another lab
      }
    }
    return Files.createTempDirectory("kith-lab-", owner);
  }

  /** What this lab cannot show, a sentence each. */
  public static List<String> losses() {
    return List.of(
        "nothing is captured: programs dial Envoy's ports, and what dials past them is not checked",
        "no gate at connect: plain TCP is checked at its first byte, after the server's greeting",
        "no image to compare with: installed and dropped programs differ by their paths only",
        "no eBPF: a process is looked up after it connected, so one that is gone stays unknown");
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
   * The way to an upstream through Envoy: a free port of loopback, the upstream's own if nobody
   * holds it, that a recipe gives to Envoy and a workload dials.
   */
  public static Forward forward(Upstream upstream) throws IOException {
    var host = upstream.host();
    return new Forward(
        host.name(),
        freePort(upstream.port()),
        new Address(host.v4().getHostAddress(), upstream.port()));
  }

  public EnvoyProxy startEnvoy(Envoy envoy, StandaloneRecipe recipe)
      throws IOException, InterruptedException {
    return EnvoyProxy.startHere(folder, envoy, recipe);
  }

  /** This port of loopback, or another one when somebody holds it. */
  public static int freePort(int preferred) throws IOException {
    return FreePorts.isFree(preferred) ? preferred : FreePorts.next();
  }

  @Override
  public void close() {
    if (!OPEN.remove(this)) {
      return;
    }
    hosts.forEach(Host::close);
    ToolCache.delete(folder);
  }
}
