package io.kith.load.lab;

import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A pod with one container. Its first process is {@code /entrypoint}, and what {@link #start}
 * starts are that process's children, as in a real container.
 */
public final class Pod implements AutoCloseable {
  private static final String JOBS = "/run/jobs";

  private final String name;
  private final Lab.Endpoint endpoint;
  private final Image image;
  private final Path folder;
  private final Cgroups.OfPod cgroups;
  private final Container container;
  private final AtomicInteger job = new AtomicInteger();

  /**
   * A pod around a container that runs.
   *
   * @param folder for what belongs to it but lies outside of its container
   */
  Pod(
      String name,
      Lab.Endpoint endpoint,
      Image image,
      Path folder,
      Cgroups.OfPod cgroups,
      Container container)
      throws IOException {
    this.name = name;
    this.endpoint = endpoint;
    this.image = image;
    this.folder = folder;
    this.cgroups = cgroups;
    this.container = container;
    Files.createDirectories(path(JOBS));
  }

  public String name() {
    return name;
  }

  /** Where its network hangs. */
  Lab.Endpoint endpoint() {
    return endpoint;
  }

  /** Of its containers and its sidecar. */
  Cgroups.OfPod cgroups() {
    return cgroups;
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
    return container.firstPid();
  }

  /** A folder for what belongs to this pod but lies outside of its container. */
  public Path folder() {
    return folder;
  }

  /** Where this machine sees a file of the container. */
  public Path path(String absolute) {
    return container.root().resolve(Path.of("/").relativize(Path.of(absolute)));
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
    var place = Files.createDirectories(path(JOBS).resolve(id));
    Files.writeString(place.resolve("argv"), String.join("\0", asUser(uid, argv)) + "\0");
    Files.writeString(place.resolve("stdin"), input);
    container.request(JOBS + "/" + id);
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
    return Command.run(limit, container.entering(network, uid, argv));
  }

  static List<String> asUser(int uid, List<String> argv) {
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
    return startBeside(what, log, Map.of(), argv);
  }

  /** The same with additions to the environment. */
  public RunningProcess startBeside(
      String what, Path log, Map<String, String> environment, List<String> argv) {
    var all = new ArrayList<>(cgroups.sidecar());
    all.addAll(List.of("nsenter", "--net=" + endpoint.namespace().handle()));
    all.addAll(argv);
    return RunningProcess.start(what, log, environment, all);
  }

  /** Ends the container with all its processes. */
  @Override
  public void close() {
    container.close();
  }
}
