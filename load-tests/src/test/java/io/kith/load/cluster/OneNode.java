package io.kith.load.cluster;

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
 * A Kubernetes cluster of one node on this machine, with Istio in it and a shop in its mesh: what
 * the scripts of {@code load-tests/cluster} make. Nothing is pulled: all images are made here.
 */
final class OneNode implements AutoCloseable {
  static final String IMAGE = "registry.example.org/kith";
  static final String TAG = "0.1.0";

  private static final Consumer<String> SAY = System.out::println;
  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final Path SCRIPTS = Path.of("cluster").toAbsolutePath();
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private final Path folder;
  private final Helm helm;
  private final Map<String, String> environment;

  private OneNode(Path folder, Istio istio) throws IOException, InterruptedException {
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
            Envoy.find(SAY).program().toString());
  }

  /** Starts the cluster, Istio and the shop, and waits until all of it runs. */
  static OneNode start(Path folder) throws IOException, InterruptedException {
    long begin = System.nanoTime();
    var node = new OneNode(folder, Istio.find(SAY));
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
