package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The programs of a Kubernetes cluster of one node beside those of {@link Istio}: kubelet,
 * kube-proxy, kube-controller-manager, kube-scheduler, kubectl and CoreDNS, in one folder.
 */
public record Cluster(Path folder) {
  private static final List<String> PROGRAMS =
      List.of(
          "k8s.io/kubernetes/cmd/kubelet",
          "k8s.io/kubernetes/cmd/kube-proxy",
          "k8s.io/kubernetes/cmd/kube-controller-manager",
          "k8s.io/kubernetes/cmd/kube-scheduler",
          "k8s.io/kubernetes/cmd/kubectl");

  private static final String DNS = "github.com/coredns/coredns";
  private static final String DNS_VERSION = "1.15.0";
  private static final String CACHED =
      Istio.KUBERNETES_VERSION + "-coredns-" + DNS_VERSION; // another way to build is another one

  private static final String OTHERWISE = "install Go";

  private static final GoBuild KUBERNETES =
      new GoBuild(
          "Kubernetes " + Istio.KUBERNETES_VERSION,
          PROGRAMS,
          Istio.KUBERNETES_VERSION,
          List.of(),
          Map.of("CGO_ENABLED", "0"),
          8,
          OTHERWISE);

  private static final GoBuild COREDNS =
      new GoBuild(
          "CoreDNS " + DNS_VERSION,
          List.of(DNS),
          "v" + DNS_VERSION,
          List.of(),
          Map.of("CGO_ENABLED", "0"),
          3,
          OTHERWISE);

  /** CoreDNS with the plug-ins of the cluster's Corefile: all of them take ten times as long. */
  private static final String MAIN =
      """
      package main

      import (
      	"github.com/coredns/coredns/coremain"
      	_ "github.com/coredns/coredns/plugin/cache"
      	_ "github.com/coredns/coredns/plugin/errors"
      	_ "github.com/coredns/coredns/plugin/health"
      	_ "github.com/coredns/coredns/plugin/hosts"
      	_ "github.com/coredns/coredns/plugin/kubernetes"
      	_ "github.com/coredns/coredns/plugin/ready"
      )

      func main() { coremain.Run() }
      """;

  /**
   * From the cache, else built with Go (some ten minutes on two processors).
   *
   * @param say takes lines of progress
   */
  public static Cluster find(Consumer<String> say) throws InterruptedException {
    return new Cluster(
        ToolCache.ofUser().fetch("cluster", CACHED, fresh -> build(fresh, say), say));
  }

  private static void build(Path folder, Consumer<String> say)
      throws IOException, InterruptedException {
    KUBERNETES.inModule(
        say, (go, module) -> Istio.buildIn(KUBERNETES, go, module, folder, PROGRAMS));
    COREDNS.inModule(
        say,
        (go, module) -> {
          Files.writeString(module.resolve("main.go"), MAIN);
          COREDNS.run(go, module, List.of("get", DNS + "@v" + DNS_VERSION));
          COREDNS.run(go, module, List.of("mod", "tidy"));
          COREDNS.run(
              go,
              module,
              List.of("build", "-trimpath", "-ldflags", "-s -w", "-o", folder + "/coredns", "."));
        });
  }
}
