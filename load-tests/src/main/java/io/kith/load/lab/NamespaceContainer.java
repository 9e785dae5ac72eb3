package io.kith.load.lab;

import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Command;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A container made of namespaces and an overlay, without a runtime. It has its own network, mounts,
 * processes and host name; its root is an overlay of the image, which cannot change, and a writable
 * layer.
 */
final class NamespaceContainer implements Container {
  private final Path root;
  private final Cgroups.OfPod cgroups;
  private final Process process;
  private final long firstPid;

  private NamespaceContainer(Path root, Cgroups.OfPod cgroups, Process process, long firstPid) {
    this.root = root;
    this.cgroups = cgroups;
    this.process = process;
    this.firstPid = firstPid;
  }

  static NamespaceContainer start(
      String name, NetworkNamespace network, Image image, Path folder, Cgroups.OfPod cgroups)
      throws IOException, InterruptedException {
    var root = mountRoot(image, folder);
    var enter = folder.resolve("enter");
    Files.writeString(enter, Image.resource("enter"));
    var log = folder.resolve("container.log");
    var argv = new ArrayList<>(cgroups.container());
    argv.addAll(
        List.of(
            "nsenter",
            "--net=" + network.handle(),
            "unshare",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            // A second time: what waits outside for the container is not in its mounts.
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--uts",
            "--ipc",
            "bash",
            enter.toString(),
            root.toString(),
            name));
    var process =
        new ProcessBuilder(argv).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    return new NamespaceContainer(root, cgroups, process, awaitEntrypoint(process, log));
  }

  /**
   * The writable layer lies beside the lab's other files; where that cannot be a layer (a
   * container's disk), it is in memory.
   */
  private static Path mountRoot(Image image, Path folder) throws IOException, InterruptedException {
    var root = Files.createDirectories(folder.resolve("root"));
    var layers = Files.createDirectories(folder.resolve("layers"));
    if (!overlay(image, layers, root).succeeded()) {
      Shell.run("mount", "-t", "tmpfs", "tmpfs", layers.toString());
      overlay(image, layers, root).orFail();
    }
    return root;
  }

  private static Command.Outcome overlay(Image image, Path layers, Path root)
      throws IOException, InterruptedException {
    var upper = Files.createDirectories(layers.resolve("upper"));
    var work = Files.createDirectories(layers.resolve("work"));
    var options = "lowerdir=" + image.root() + ",upperdir=" + upper + ",workdir=" + work;
    return Command.run(
        Duration.ofMinutes(1),
        List.of("mount", "-t", "overlay", "overlay", "-o", options, root.toString()));
  }

  /** The container's first process as this machine numbers it, once it is the entrypoint. */
  private static long awaitEntrypoint(Process container, Path log)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (System.nanoTime() < end) {
      if (container.waitFor(5, TimeUnit.MILLISECONDS)) {
        break;
      }
      for (var child : container.children().toList()) {
        var arguments = Path.of("/proc", Long.toString(child.pid()), "cmdline");
        if (Files.exists(arguments) && Files.readString(arguments).contains("\0/entrypoint\0")) {
          return child.pid();
        }
      }
    }
    container.destroyForcibly();
    throw new IOException(
        "the container did not start: " + Command.tail(Files.readString(log), 10));
  }

  @Override
  public long firstPid() {
    return firstPid;
  }

  @Override
  public Path root() {
    return root;
  }

  @Override
  public void request(String job) throws IOException {
    synchronized (process) {
      OutputStream requests = process.getOutputStream();
      requests.write((job + "\n").getBytes(StandardCharsets.US_ASCII));
      requests.flush();
    }
  }

  @Override
  public List<String> entering(NetworkNamespace network, int uid, List<String> argv) {
    var all = new ArrayList<>(cgroups.container());
    all.addAll(
        List.of(
            "nsenter",
            "--target",
            Long.toString(firstPid),
            "--mount",
            "--uts",
            "--ipc",
            "--net=" + network.handle(),
            "--pid",
            "--root",
            "--wd",
            "--"));
    all.addAll(Pod.asUser(uid, argv));
    return all;
  }

  @Override
  public void close() {
    process.children().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    try {
      process.waitFor(5, TimeUnit.SECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
