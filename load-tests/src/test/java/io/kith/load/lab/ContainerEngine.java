package io.kith.load.lab;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Command;
import io.kith.load.tools.MissingToolException;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A Docker Engine of a lab's own, whose containers are pods of the lab: overlay2 below them, no
 * network but the lab's. Its data lies in the lab's folder.
 */
public final class ContainerEngine implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /** A cgroup v2 tree even where the machine has version 1. */
  private static final String ENTER =
      "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\"";

  /**
   * More than a runtime gives by default, so that it is Kith which refuses: the default seccomp
   * profile would refuse namespaces, mounts, io_uring and vsock.
   */
  private static final List<String> POWERS =
      List.of(
          "--security-opt=seccomp=unconfined",
          "--security-opt=apparmor=unconfined",
          "--cap-add=SYS_ADMIN",
          "--cap-add=SYS_PTRACE");

  /** The lab gives it interfaces; Docker would leave IPv6 off. */
  private static final List<String> OWN_NETWORK =
      List.of(
          "--network=none",
          "--sysctl=net.ipv6.conf.all.disable_ipv6=0",
          "--sysctl=net.ipv6.conf.default.disable_ipv6=0");

  private final Lab lab;
  private final Consumer<String> say;
  private final Path socket;
  private final RunningProcess daemon;
  private final List<Running> containers = new ArrayList<>();

  private ContainerEngine(Lab lab, Consumer<String> say, Path socket, RunningProcess daemon) {
    this.lab = lab;
    this.say = say;
    this.socket = socket;
    this.daemon = daemon;
  }

  /** Starts one and waits until it answers. */
  public static ContainerEngine start(Lab lab, Consumer<String> say)
      throws IOException, InterruptedException {
    for (var program : List.of("dockerd", "docker")) {
      if (Command.find(program) == null) {
        throw new MissingToolException(
            program + " is missing (apt-get install docker.io, or a package with its client)");
      }
    }
    say.accept("starting a Docker Engine");
    var folder = Files.createDirectories(lab.folder().resolve("engine"));
    var data = Files.createDirectories(folder.resolve("data"));
    if (!isLayerable(folder)) {
      Shell.run("mount", "-t", "tmpfs", "tmpfs", data.toString());
    }
    var argv = new ArrayList<>(lab.endingWithIt("engine"));
    argv.addAll(
        List.of(
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            ENTER,
            "sh",
            "dockerd",
            "--host=unix://" + folder.resolve("docker.sock"),
            "--data-root=" + data,
            "--exec-root=" + folder.resolve("exec"),
            "--pidfile=" + folder.resolve("pid"),
            "--exec-opt=native.cgroupdriver=cgroupfs",
            "--storage-driver=overlay2",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            "--userland-proxy=false"));
    var daemon = RunningProcess.start("the Docker Engine", folder.resolve("log"), Map.of(), argv);
    var engine = new ContainerEngine(lab, say, folder.resolve("docker.sock"), daemon);
    try {
      daemon.awaitReady(LIMIT, engine::answers);
      return engine;
    } catch (IllegalStateException | InterruptedException e) {
      daemon.close();
      throw e;
    }
  }

  /** Whether a writable layer of an overlay can be below a folder; on an overlay it cannot. */
  private static boolean isLayerable(Path folder) throws IOException, InterruptedException {
    var trial = Files.createDirectories(folder.resolve("trial"));
    for (var part : List.of("lower", "upper", "work", "root")) {
      Files.createDirectories(trial.resolve(part));
    }
    var options =
        "lowerdir=%1$s/lower,upperdir=%1$s/upper,workdir=%1$s/work".formatted(trial.toString());
    var root = trial.resolve("root").toString();
    var mounted =
        Command.run(LIMIT, List.of("mount", "-t", "overlay", "overlay", "-o", options, root))
            .succeeded();
    if (mounted) {
      Shell.run("umount", root);
    }
    return mounted;
  }

  private boolean answers() {
    try {
      return Command.run(LIMIT, command("version")).succeeded();
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private List<String> command(String... arguments) {
    var all = new ArrayList<>(List.of("docker", "--host=unix://" + socket));
    all.addAll(List.of(arguments));
    return all;
  }

  private String run(String... arguments) throws IOException, InterruptedException {
    return Command.run(LIMIT, command(arguments)).orFail().output().strip();
  }

  /** Where its API is. */
  public Path socket() {
    return socket;
  }

  /** Starts a pod of the lab whose container is one of this engine. */
  public Pod addPod(String name, Image image) throws IOException, InterruptedException {
    return lab.addPod(name, image, container(name, image, OWN_NETWORK));
  }

  /** Starts another container in such a pod. */
  public Pod addContainer(Pod pod, String name, Image image)
      throws IOException, InterruptedException {
    var network = List.of("--network=container:" + pod.name());
    return lab.addContainer(pod, name, image, container(name, image, network));
  }

  private Container container(String name, Image image, List<String> network)
      throws IOException, InterruptedException {
    var argv = new ArrayList<>(command("run", "-i", "--name=" + name, "--env=LANG=C"));
    argv.addAll(network);
    argv.addAll(POWERS);
    argv.add(imported(image));
    var process =
        new ProcessBuilder(argv)
            .redirectErrorStream(true)
            .redirectOutput(lab.folder().resolve("engine/" + name + ".log").toFile())
            .start();
    var container = new Running(name, process, firstPid(name, process));
    containers.add(container);
    return container;
  }

  /** The image as the engine knows it, with its files in one layer. */
  private String imported(Image image) throws IOException, InterruptedException {
    var name = "kith.test/pod:" + image.digest();
    if (!Command.run(LIMIT, command("image", "inspect", name)).succeeded()) {
      say.accept("importing an image");
      var archive = lab.folder().resolve("engine/" + image.digest() + ".tar").toString();
      var root = image.root().toString();
      Shell.run("tar", "-C", root, "--owner=0", "--group=0", "-cf", archive, ".");
      run(
          "import",
          "--change=CMD [\"/entrypoint\"]",
          "--change=ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
          archive,
          name);
      Files.delete(Path.of(archive));
      assertThat(run("info", "--format={{.Driver}}")).isEqualTo("overlay2");
    }
    return name;
  }

  private long firstPid(String name, Process process) throws IOException, InterruptedException {
    for (var end = System.nanoTime() + LIMIT.toNanos(); System.nanoTime() < end; ) {
      var found = Command.run(LIMIT, command("inspect", "--format={{.State.Pid}}", name));
      var pid = found.output().strip();
      if (found.succeeded() && pid.matches("[1-9]\\d*") && isEntrypoint(pid)) {
        return Long.parseLong(pid);
      }
      if (process.waitFor(Duration.ofMillis(50))) {
        break;
      }
    }
    process.destroyForcibly();
    throw new IOException(
        "the container %s did not start: %s"
            .formatted(
                name,
                Command.tail(
                    Files.readString(lab.folder().resolve("engine/" + name + ".log")), 5)));
  }

  private static boolean isEntrypoint(String pid) throws IOException {
    var arguments = Path.of("/proc", pid, "cmdline");
    return Files.exists(arguments) && Files.readString(arguments).contains("\0/entrypoint\0");
  }

  /** A container of this engine, whose first process has our end of its standard input. */
  private final class Running implements Container {
    private final String name;
    private final Process client;
    private final long firstPid;

    Running(String name, Process client, long firstPid) {
      this.name = name;
      this.client = client;
      this.firstPid = firstPid;
    }

    @Override
    public long firstPid() {
      return firstPid;
    }

    @Override
    public Path root() {
      return Path.of("/proc", Long.toString(firstPid), "root");
    }

    @Override
    public void request(String job) throws IOException {
      synchronized (client) {
        OutputStream requests = client.getOutputStream();
        requests.write((job + "\n").getBytes(StandardCharsets.US_ASCII));
        requests.flush();
      }
    }

    /** A session of {@code docker exec}. */
    @Override
    public List<String> entering(NetworkNamespace network, int uid, List<String> argv) {
      var all = new ArrayList<>(command("exec", "--user=" + uid + ":" + uid, name));
      all.addAll(argv);
      return all;
    }

    @Override
    public void close() {
      if (!containers.remove(this)) {
        return;
      }
      try {
        run("rm", "--force", name);
      } catch (IOException e) {
        say.accept("while stopping: " + e.getMessage());
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      } finally {
        client.destroyForcibly();
      }
    }
  }

  /** Before the lab, with the pods that it has here. */
  @Override
  public void close() {
    List.copyOf(containers).forEach(Running::close);
    daemon.close();
  }
}
