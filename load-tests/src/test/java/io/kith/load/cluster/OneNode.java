package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.kith.load.tools.Cluster;
import io.kith.load.tools.Command;
import io.kith.load.tools.Command.Outcome;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A Kubernetes cluster of one node on this machine, with Istio in it: what the scripts of {@code
 * load-tests/cluster} make. Nothing is pulled: all images are made here.
 */
final class OneNode implements AutoCloseable {
  static final String NAME = "node-1";

  static final Consumer<String> SAY = System.out::println;

  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final Path SCRIPTS = Path.of("cluster").toAbsolutePath();
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  /** Where images are, once they were made. */
  private static final List<Path> IMAGES = new ArrayList<>();

  private final Path folder;
  private final Readme readme;
  private final Map<String, String> environment;

  private OneNode(Path folder, Istio istio, String taint) throws IOException, InterruptedException {
    this.folder = folder;
    this.readme = Readme.of(ROOT);
    var programs = Files.createDirectories(folder.resolve("programs"));
    try (var found = Files.list(Cluster.find(SAY).folder())) {
      for (var program : found.toList()) {
        Files.createSymbolicLink(programs.resolve(program.getFileName()), program);
      }
    }
    for (var program :
        List.of(istio.apiServer(), istio.istiod(), istio.agent(), istio.istioctl())) {
      Files.createSymbolicLink(programs.resolve(program.getFileName()), program);
    }
    Files.createSymbolicLink(programs.resolve("helm"), Helm.find(SAY).program());
    environment =
        Map.of(
            "KITH_CLUSTER",
            folder.toString(),
            "PROGRAMS",
            programs.toString(),
            "ISTIO",
            programs.toString(),
            "ISTIO_MODULE",
            Istio.MODULE,
            "ETCD",
            istio.etcd().toString(),
            "ENVOY",
            Envoy.find(SAY).program().toString(),
            "TAINT",
            taint);
  }

  /**
   * Starts the cluster and Istio, and waits until all of it runs.
   *
   * @param taint with which the kubelet registers the node, {@code key:effect}; empty for none
   */
  static OneNode start(Path folder, String taint) throws IOException, InterruptedException {
    long begin = System.nanoTime();
    var node = new OneNode(folder, Istio.find(SAY), taint);
    try {
      node.run(SCRIPTS.resolve("cluster").toString(), "up").orFail();
      node.say("the node is ready", begin);
      var load = new ArrayList<>(List.of(SCRIPTS.resolve("cluster").toString(), "load"));
      try (var archives = Files.newDirectoryStream(node.images(), "*.tar")) {
        archives.forEach(archive -> load.add(archive.toString()));
      }
      node.run(load.toArray(String[]::new)).orFail();
      node.say("the images are there", begin);
      node.run(SCRIPTS.resolve("cluster").toString(), "mesh").orFail();
      node.say("the mesh is up", begin);
      return node;
    } catch (IOException | InterruptedException | RuntimeException e) {
      node.close();
      throw e;
    }
  }

  /** The folder of archives for its containerd: made once, for all clusters of this JVM. */
  private Path images() throws IOException, InterruptedException {
    synchronized (IMAGES) {
      if (IMAGES.isEmpty()) {
        var made = Files.createTempDirectory("kith-images");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> ToolCache.delete(made)));
        run(SCRIPTS.resolve("images").toString(), made.toString()).orFail();
        // There is no registry: the archive goes straight to where a node would pull it to.
        run("bash", "-c", readme.command("./kith images").replace("--push", "--no-sbom")).orFail();
        Files.copy(ROOT.resolve("target/images/kith.tar"), made.resolve("kith.tar"));
        IMAGES.add(made);
      }
      return IMAGES.getFirst();
    }
  }

  private void say(String what, long begin) {
    SAY.accept("%s after %.0f s".formatted(what, (System.nanoTime() - begin) / 1e9));
  }

  private Outcome run(String... argv) throws IOException, InterruptedException {
    return Command.run(LIMIT, ROOT, environment, List.of(argv));
  }

  /** Runs a program as on the node, in the folder of the tree. */
  Outcome on(String... argv) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of(SCRIPTS.resolve("cluster").toString(), "in"));
    all.addAll(List.of(argv));
    return run(all.toArray(String[]::new));
  }

  Outcome kubectl(String... arguments) throws IOException, InterruptedException {
    return on(with("kubectl", arguments));
  }

  Outcome helm(String... arguments) throws IOException, InterruptedException {
    return on(with("helm", arguments));
  }

  /** Runs the one command of the README that begins so, with more behind it. */
  Outcome readme(String start, String... more) throws IOException, InterruptedException {
    var line = readme.command(start);
    return on("bash", "-c", more.length == 0 ? line : line + " " + String.join(" ", more));
  }

  /** The same with another text in the place of one that is an example there. */
  Outcome readmeWith(String start, String example, String text)
      throws IOException, InterruptedException {
    var line = readme.command(start);
    assertThat(line).contains(example);
    return on("bash", "-c", line.replace(example, text));
  }

  /** What may be true only after a while. */
  @FunctionalInterface
  interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  static void await(String what, Condition condition) throws IOException, InterruptedException {
    await(condition, () -> what);
  }

  /**
   * Waits as {@link #await(String, Condition)} does.
   *
   * @param instead what there was in its place; asked once, where it never held
   */
  static void await(Condition condition, Seen instead) throws IOException, InterruptedException {
    var end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > end) {
        fail("still not after %d s: %s", PATIENCE.toSeconds(), instead.text());
      }
      Thread.sleep(500);
    }
  }

  /** What a reader of a failure wants to know. */
  @FunctionalInterface
  interface Seen {
    String text() throws IOException, InterruptedException;
  }

  void awaitRollout(String namespace, String what) throws IOException, InterruptedException {
    kubectl("-n", namespace, "rollout", "status", what, "--timeout=240s").orFail();
  }

  /**
   * Installs the chart by the README's command; what Helm says.
   *
   * @param values beside what the README says
   */
  Outcome install(String... values) throws IOException, InterruptedException {
    var more = new ArrayList<String>();
    if (!Files.exists(Path.of("/sys/fs/cgroup/cgroup.procs"))) { // cgroup version 1 beside 2
      more.add(readme.nodesOfBothVersions());
    }
    for (var value : values) {
      more.add("--set " + value);
    }
    return readme("helm install", more.toArray(String[]::new)).orFail();
  }

  /** Changes one value of what is installed. */
  void upgrade(String value) throws IOException, InterruptedException {
    helm("upgrade", "kith", "istio/chart/kith", "-n", "kith", "--reuse-values", "--set", value)
        .orFail();
  }

  /** {@code kith} in the pod of the server with the store. */
  Outcome kith(String pod, String... arguments) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("-n", "kith", "exec", pod, "-c", "kith", "--", "kith"));
    all.addAll(List.of(arguments));
    return kubectl(all.toArray(String[]::new));
  }

  /** What Kith's pods of a component have at a path. */
  String ofPod(String component, String path) throws IOException, InterruptedException {
    return kubectl(
            "-n",
            "kith",
            "get",
            "pods",
            "-l",
            "app.kubernetes.io/component=" + component,
            "-o",
            "jsonpath={.items[*]." + path + "}")
        .orFail()
        .output();
  }

  /** Where the metrics of Kith's only pod of a component are. */
  String metrics(String component) throws IOException, InterruptedException {
    return "http://" + ofPod(component, "status.podIP") + ":9194/metrics";
  }

  /**
   * The sum of a metric of Kith's only pod of a component.
   *
   * @param name with all of its labels, or without any for the sum over them
   */
  double metric(String component, String name) throws IOException, InterruptedException {
    return on("curl", "-sS", metrics(component))
        .orFail()
        .output()
        .lines()
        .filter(line -> line.startsWith(name + "{") || line.startsWith(name + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  private static String[] with(String program, String... arguments) {
    var all = new ArrayList<>(List.of(program));
    all.addAll(List.of(arguments));
    return all.toArray(String[]::new);
  }

  /** Whether the kernel's programs of a bridge are pinned on the node. */
  boolean isPinned() throws IOException, InterruptedException {
    return on("test", "-e", "/sys/fs/bpf/kith").succeeded();
  }

  Path folder() {
    return folder;
  }

  @Override
  public void close() throws IOException {
    try {
      SAY.accept(run(SCRIPTS.resolve("cluster").toString(), "down").output());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the cluster may still be there: load-tests/cluster/cluster down", e);
    }
  }
}
