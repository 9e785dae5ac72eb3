package io.kith.bridge.container;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Container runtimes of a test's own: Docker Engine or containerd, with their data in a temporary
 * folder and without any network. Needs root; what is missing is installed where there is apt-get.
 */
public final class LocalRuntimes implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  /** A cgroup v2 tree even where the machine has version 1. */
  private static final String ENTER =
      """
      umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"
      """;

  private final Path folder;
  private final Process daemon;
  private final Path socket;
  private final Map<String, String> environment = new HashMap<>();

  private LocalRuntimes(Path folder, Path socket, List<String> command) throws IOException {
    this.folder = folder;
    this.socket = socket;
    this.daemon =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
  }

  /** A Docker Engine that answers. */
  public static LocalRuntimes docker() throws IOException, InterruptedException {
    install("dockerd", "docker.io");
    install("docker", "docker-cli");
    var folder = Files.createTempDirectory("kd");
    var socket = folder.resolve("docker.sock");
    var engine =
        new LocalRuntimes(
            folder,
            socket,
            List.of(
                "unshare",
                "-m",
                "--propagation",
                "private",
                "sh",
                "-c",
                ENTER,
                "sh",
                "dockerd",
                "--host=unix://" + socket,
                "--data-root=" + folder.resolve("data"),
                "--exec-root=" + folder.resolve("exec"),
                "--pidfile=" + folder.resolve("pid"),
                "--exec-opt=native.cgroupdriver=cgroupfs",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
                "--ip-masq=false",
                "--userland-proxy=false"));
    engine.environment.put("DOCKER_HOST", "unix://" + socket);
    engine.await("docker", "version");
    return engine;
  }

  /**
   * A containerd with its CRI that answers; sandboxes are made of {@code kith.test/base:1}. It has
   * the machine's own cgroups: it wants the controllers of Kubernetes.
   */
  static LocalRuntimes containerd() throws IOException, InterruptedException {
    install("containerd", "containerd");
    var folder = Files.createTempDirectory("kc");
    var socket = folder.resolve("containerd.sock");
    var config = folder.resolve("config.toml");
    Files.writeString(
        config,
        """
        version = 2
        root = "%1$s/root"
        state = "%1$s/state"
        [grpc]
          address = "%1$s/containerd.sock"
        [plugins."io.containerd.internal.v1.opt"]
          path = "%1$s/opt"
        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "kith.test/base:1"
          restrict_oom_score_adj = true
          [plugins."io.containerd.grpc.v1.cri".cni]
            bin_dir = "%1$s/cni"
            conf_dir = "%1$s/cni"
        """
            .formatted(folder));
    var runtime =
        new LocalRuntimes(folder, socket, List.of("containerd", "--config", config.toString()));
    runtime.await("ctr", "--address", socket.toString(), "version");
    return runtime;
  }

  /** A test that cannot run because a part is missing fails; where it may, it brings the part. */
  private static void install(String program, String distributionPackage)
      throws IOException, InterruptedException {
    if (!isThere(program) && isThere("apt-get")) {
      start("apt-get", "-qq", "update").waitFor();
      start("apt-get", "-qq", "install", "-y", "--no-install-recommends", distributionPackage)
          .waitFor();
    }
    if (!isThere(program)) {
      throw new IOException(
          program
              + " is missing (expected: a container runtime to test with, as apt-get install"
              + " docker.io busybox-static brings)");
    }
  }

  private static Process start(String... command) throws IOException {
    var builder = new ProcessBuilder(command).inheritIO();
    builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
    builder.environment().put("RUNLEVEL", "1"); // nothing is started that is installed
    return builder.start();
  }

  private static boolean isThere(String program) {
    return Arrays.stream(System.getenv("PATH").split(":", -1))
        .map(place -> Path.of(place, program))
        .anyMatch(Files::isExecutable);
  }

  private void await(String... command) throws IOException, InterruptedException {
    var until = System.nanoTime() + LIMIT.toNanos();
    while (!works(command)) {
      if (!daemon.isAlive() || System.nanoTime() > until) {
        var log = Files.readString(folder.resolve("log"));
        close();
        throw new IOException("the container runtime does not start:\n" + log);
      }
      Thread.sleep(200);
    }
  }

  private boolean works(String... command) throws IOException, InterruptedException {
    var builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    var process =
        builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    if (!process.waitFor(30, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      return false;
    }
    return process.exitValue() == 0;
  }

  public Path socket() {
    return socket;
  }

  /** A command of the runtime's client that goes on. */
  public ProcessBuilder command(String... command) {
    var builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    return builder.redirectError(ProcessBuilder.Redirect.INHERIT);
  }

  /**
   * Runs a command of the runtime's client and returns what it prints, without the last newline.
   */
  public String run(String... command) throws IOException, InterruptedException {
    var process = command(command).start();
    process.getOutputStream().close();
    var printed = new String(process.getInputStream().readAllBytes(), UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", command) + ": exit " + process.exitValue());
    }
    return printed.strip();
  }

  /**
   * Makes an image with busybox and nothing else, but for a file that tells versions apart; its
   * process sleeps. Returns its id.
   */
  public String image(String name, String version) throws IOException, InterruptedException {
    var image = Files.createDirectories(folder.resolve("image-" + version));
    var layer = image.resolve("layer.tar");
    run("tar", "-C", rootFileSystem(version).toString(), "-cf", layer.toString(), ".");
    var config =
        """
        {"architecture":"%s","os":"linux","config":{"Cmd":["/bin/sleep","100000"]},
         "rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}
        """
            .formatted(
                System.getProperty("os.arch").equals("aarch64") ? "arm64" : "amd64",
                sha256(Files.readAllBytes(layer)));
    Files.writeString(image.resolve("config.json"), config);
    Files.writeString(
        image.resolve("manifest.json"),
        """
        [{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]
        """
            .formatted(name));
    var archive = folder.resolve("image-" + version + ".tar").toString();
    run("tar", "-C", image.toString(), "-cf", archive, "manifest.json", "config.json", "layer.tar");
    if (environment.containsKey("DOCKER_HOST")) {
      run("docker", "load", "-i", archive);
    } else {
      run("ctr", "--address", socket.toString(), "-n", "k8s.io", "images", "import", archive);
    }
    return "sha256:" + sha256(config.getBytes(UTF_8));
  }

  private Path rootFileSystem(String version) throws IOException, InterruptedException {
    install("busybox", "busybox-static");
    var root = Files.createDirectories(folder.resolve("root-" + version));
    var programs = Files.createDirectories(root.resolve("bin"));
    var busybox =
        Arrays.stream(System.getenv("PATH").split(":", -1))
            .map(place -> Path.of(place, "busybox"))
            .filter(Files::isExecutable)
            .findFirst()
            .orElseThrow();
    Files.copy(busybox, programs.resolve("busybox"));
    for (var name : List.of("sh", "nc", "sleep", "true")) {
      Files.createSymbolicLink(programs.resolve(name), Path.of("busybox"));
    }
    Files.writeString(root.resolve("version"), version);
    return root;
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      if (environment.containsKey("DOCKER_HOST") && daemon.isAlive()) {
        var containers = run("docker", "ps", "-aq");
        for (var id : containers.isEmpty() ? new String[0] : containers.split("\n", -1)) {
          run("docker", "rm", "-f", id);
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    var all = daemon.descendants().toList();
    daemon.destroy();
    daemon
        .onExit()
        .orTimeout(60, TimeUnit.SECONDS)
        .exceptionally(_ -> daemon.destroyForcibly())
        .join();
    all.forEach(ProcessHandle::destroyForcibly);
    // Only when all have ended is nothing mounted or written any more.
    all.forEach(one -> one.onExit().completeOnTimeout(one, 60, TimeUnit.SECONDS).join());
    deleteFolder();
  }

  private void deleteFolder() throws IOException {
    try {
      start("sh", "-c", "grep -o '" + folder + "[^ ]*' /proc/mounts | sort -r | xargs -r umount -l")
          .waitFor();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    try (var files = Files.walk(folder)) {
      for (var file : new ArrayList<>(files.sorted(Comparator.reverseOrder()).toList())) {
        Files.deleteIfExists(file);
      }
    }
  }
}
