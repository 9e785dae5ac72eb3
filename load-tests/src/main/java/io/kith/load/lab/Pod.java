package io.kith.load.lab;

import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A pod with one container. The container has its own network, mounts, processes and host name; its
 * root is an overlay of the image, which cannot change, and a writable layer. Its first process is
 * {@code /entrypoint}, and what {@link #start} starts are that process's children, as in a real
 * container.
 */
public final class Pod implements AutoCloseable {
  private static final String JOBS = "/run/jobs";

  private final String name;
  private final Lab.Endpoint endpoint;
  private final Image image;
  private final Path folder;
  private final Path root;
  private final Cgroups.OfPod cgroups;
  private final Process container;
  private final long firstPid;
  private final AtomicInteger job = new AtomicInteger();

  private Pod(
      String name,
      Lab.Endpoint endpoint,
      Image image,
      Path folder,
      Path root,
      Cgroups.OfPod cgroups,
      Process container,
      long firstPid) {
    this.name = name;
    this.endpoint = endpoint;
    this.image = image;
    this.folder = folder;
    this.root = root;
    this.cgroups = cgroups;
    this.container = container;
    this.firstPid = firstPid;
  }

  static Pod start(
      String name, Lab.Endpoint endpoint, Image image, Path folder, Cgroups.OfPod cgroups)
      throws IOException, InterruptedException {
    var root = mountRoot(image, folder);
    Files.createDirectories(root.resolve("run/jobs"));
    var enter = folder.resolve("enter");
    Files.writeString(enter, Image.resource("enter"));
    var log = folder.resolve("container.log");
    var argv = new ArrayList<>(cgroups.container());
    argv.addAll(
        List.of(
            "nsenter",
            "--net=" + endpoint.namespace().handle(),
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
    var container =
        new ProcessBuilder(argv).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    long firstPid = awaitEntrypoint(container, log);
    return new Pod(name, endpoint, image, folder, root, cgroups, container, firstPid);
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

  public String name() {
    return name;
  }

  /** Another container in this pod: the same network, everything else of its own. */
  Pod another(String name, Image image, Path folder) throws IOException, InterruptedException {
    return start(name, endpoint, image, folder, cgroups.another());
  }

  /** What its container was made of. */
  public Image image() {
    return image;
  }

  public InetAddress v4() {
    return endpoint.v4();
  }

  public InetAddress v6() {
    return endpoint.v6();
  }

  /** The pod's network namespace, which is also that of its Envoy. */
  public NetworkNamespace namespace() {
    return endpoint.namespace();
  }

  /** The container's first process, as this machine numbers it. */
  public long firstPid() {
    return firstPid;
  }

  /** A folder for what belongs to this pod but lies outside of its container. */
  public Path folder() {
    return folder;
  }

  /** Where this machine sees a file of the container. */
  public Path path(String absolute) {
    return root.resolve(Path.of("/").relativize(Path.of(absolute)));
  }

  /**
   * Writes a file into the container's writable layer; text that begins with {@code #!} becomes a
   * program.
   */
  public void write(String absolute, String text) {
    try {
      var file = path(absolute);
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
      if (text.startsWith("#!")) {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void writeHosts(Collection<Host> hosts) {
    var lines = new StringBuilder("127.0.0.1 localhost\n::1 localhost\n");
    lines.append(v4().getHostAddress()).append(' ').append(name).append('\n');
    for (var host : hosts) {
      // IPv4 only: a client that tried both families would make two connections of one.
      lines.append(host.v4().getHostAddress()).append(' ').append(host.name()).append('\n');
    }
    write("/etc/hosts", lines.toString());
  }

  /** Starts a program as root of the container, with nothing on its input. */
  public PodProcess start(String... argv) throws IOException {
    return start(0, "", List.of(argv));
  }

  /**
   * Starts a program as a child of the container's first process.
   *
   * @param uid user and group to run as
   * @param input what it reads on its standard input
   */
  public PodProcess start(int uid, String input, List<String> argv) throws IOException {
    var id = Integer.toString(job.incrementAndGet());
    var place = Files.createDirectories(root.resolve("run/jobs").resolve(id));
    Files.writeString(place.resolve("argv"), String.join("\0", asUser(uid, argv)) + "\0");
    Files.writeString(place.resolve("stdin"), input);
    synchronized (container) {
      OutputStream requests = container.getOutputStream();
      requests.write((JOBS + "/" + id + "\n").getBytes(StandardCharsets.US_ASCII));
      requests.flush();
    }
    return new PodProcess(this, argv, place);
  }

  /** Starts a program as {@link #start} does and waits for its end. */
  public PodProcess.Outcome run(Duration limit, String... argv)
      throws IOException, InterruptedException {
    return start(argv).await(limit);
  }

  /**
   * Runs a program that enters the container from outside, as {@code kubectl exec} does: the
   * entrypoint is not its ancestor.
   */
  public Command.Outcome exec(Duration limit, int uid, List<String> argv)
      throws IOException, InterruptedException {
    return exec(namespace(), limit, uid, argv);
  }

  /** The same in another network, which the container joins if it may. */
  public Command.Outcome exec(NetworkNamespace network, Duration limit, int uid, List<String> argv)
      throws IOException, InterruptedException {
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
    all.addAll(asUser(uid, argv));
    return Command.run(limit, all);
  }

  private static List<String> asUser(int uid, List<String> argv) {
    if (uid == 0) {
      return argv;
    }
    var id = Integer.toString(uid);
    var all = new ArrayList<>(List.of("setpriv", "--reuid", id, "--regid", id, "--clear-groups"));
    all.addAll(argv);
    return all;
  }

  /**
   * Starts a program of this machine in the pod's network, outside of its container, as a sidecar
   * is.
   */
  RunningProcess startBeside(String what, Path log, List<String> argv) {
    var all = new ArrayList<>(cgroups.sidecar());
    all.addAll(List.of("nsenter", "--net=" + endpoint.namespace().handle()));
    all.addAll(argv);
    return RunningProcess.start(what, log, Map.of(), all);
  }

  /** Ends the container with all its processes. */
  @Override
  public void close() {
    container.children().forEach(ProcessHandle::destroyForcibly);
    container.destroyForcibly();
    try {
      container.waitFor(5, TimeUnit.SECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
