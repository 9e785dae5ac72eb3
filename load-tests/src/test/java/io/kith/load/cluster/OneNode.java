package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.tools.Cluster;
import io.kith.load.tools.Command;
import io.kith.load.tools.Command.Outcome;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
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

  private static final String IMAGE = "registry.example.org/kith";
  private static final String TAG = "0.1.0";

  static final Consumer<String> SAY = System.out::println;

  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final Path SCRIPTS = Path.of("cluster").toAbsolutePath();
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private final Path folder;
  private final Helm helm;
  private final Map<String, String> environment;

  private OneNode(Path folder, Istio istio, String taint) throws IOException, InterruptedException {
    this.folder = folder;
    this.helm = Helm.find(SAY);
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
      var images = folder.resolve("images");
      node.run(SCRIPTS.resolve("images").toString(), images.toString()).orFail();
      node.run(ROOT.resolve("kith").toString(), "images", "--no-sbom", "--tag", IMAGE + ":" + TAG)
          .orFail();
      var load = new ArrayList<>(List.of(SCRIPTS.resolve("cluster").toString(), "load"));
      try (var archives = Files.newDirectoryStream(images, "*.tar")) {
        archives.forEach(archive -> load.add(archive.toString()));
      }
      load.add(ROOT.resolve("target/images/kith.tar").toString());
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
    return on(with(helm.program().toString(), arguments));
  }

  /** What may be true only after a while. */
  @FunctionalInterface
  interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  static void await(String what, Condition condition) throws IOException, InterruptedException {
    var end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.holds()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      Thread.sleep(500);
    }
  }

  void awaitRollout(String namespace, String what) throws IOException, InterruptedException {
    kubectl("-n", namespace, "rollout", "status", what, "--timeout=240s").orFail();
  }

  /** Installs the chart with the image that was made here. */
  void install(String... values) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("install", "kith", "istio/chart/kith", "-n", "kith"));
    all.add("--create-namespace");
    for (var value :
        List.of(
            "image.repository=" + IMAGE + ",image.tag=" + TAG,
            "guard.resolvers={10.96.0.10:53}",
            "node.bridge.cgroup=" + cgroup())) {
      all.addAll(List.of("--set", value));
    }
    for (var value : values) {
      all.addAll(List.of("--set", value));
    }
    helm(all.toArray(String[]::new)).orFail();
  }

  /** Changes one value of what is installed. */
  void upgrade(String value) throws IOException, InterruptedException {
    helm("upgrade", "kith", "istio/chart/kith", "-n", "kith", "--reuse-values", "--set", value)
        .orFail();
  }

  /** Where this machine's cgroup tree of version 2 is. */
  private static String cgroup() {
    return Files.exists(Path.of("/sys/fs/cgroup/cgroup.procs"))
        ? "/sys/fs/cgroup"
        : "/sys/fs/cgroup/unified";
  }

  /** {@code kith} in the pod of the server with the store. */
  Outcome kith(String pod, String... arguments) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("-n", "kith", "exec", pod, "-c", "kith", "--", "kith"));
    all.addAll(List.of(arguments));
    return kubectl(all.toArray(String[]::new));
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
