package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.tools.Command.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a reader of the README with a cluster does: two commands to observe, one more to enforce a
 * namespace, and removal, with real kubelets. The tests are one story, in this order.
 */
@Tag("cluster")
@Timeout(1800)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ClusterTest {
  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final String CART = "shop/deployment/cart";
  private static final String STRANGER = "http://stranger.example.net:8443/";

  /** A machine that is short of processors keeps Kith from deciding; that is no finding. */
  private static final List<String> NOT_DECIDED =
      List.of("bridge_unavailable", "deadline", "overloaded");

  @TempDir private static Path folder;
  private static OneNode node;

  @BeforeAll
  static void start() throws Exception {
    node = OneNode.start(folder);
  }

  @AfterAll
  static void stop() throws Exception {
    if (node != null) {
      node.close();
    }
  }

  /** What may be true only after a while. */
  @FunctionalInterface
  private interface Condition {
    boolean holds() throws Exception;
  }

  private static void await(String what, Condition condition) throws Exception {
    var end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.holds()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      Thread.sleep(500);
    }
  }

  private static Outcome kith(String... arguments) throws Exception {
    var all = new String[arguments.length + 6];
    System.arraycopy(
        new String[] {"-n", "kith", "exec", "kith-server-0", "--", "kith"}, 0, all, 0, 6);
    System.arraycopy(arguments, 0, all, 6, arguments.length);
    return node.kubectl(all);
  }

  private static void awaitRollout(String namespace, String what) throws Exception {
    node.kubectl("-n", namespace, "rollout", "status", what, "--timeout=240s").orFail();
  }

  /** Runs a program in a pod of the cart, as somebody with a shell there would. */
  private static Outcome inCart(String... argv) throws Exception {
    var pod =
        node.kubectl(
                "-n",
                "shop",
                "get",
                "pods",
                "-l",
                "app=cart",
                "-o",
                "name",
                "--sort-by={.metadata.name}")
            .orFail()
            .output()
            .lines()
            .filter(line -> line.startsWith("pod/"))
            .findFirst()
            .orElseThrow();
    var all = new String[argv.length + 7];
    System.arraycopy(new String[] {"-n", "shop", "exec", pod, "-c", "cart", "--"}, 0, all, 0, 7);
    System.arraycopy(argv, 0, all, 7, argv.length);
    return node.kubectl(all);
  }

  /** Lines of the running pods of the cart since a while: one for each answer. */
  private static List<String> answers(int seconds) throws IOException, InterruptedException {
    return node.kubectl(
            "-n",
            "shop",
            "logs",
            "-l",
            "app=cart",
            "-c",
            "cart",
            "--since=" + seconds + "s",
            "--tail=-1")
        .orFail()
        .output()
        .lines()
        .toList();
  }

  private static void assertWorks() throws Exception {
    await(
        "the cart's own work",
        () -> {
          var latest = answers(3);
          return latest.stream().anyMatch(line -> line.contains("catalog:8080 ok"))
              && latest.stream().anyMatch(line -> line.contains("payments.example.org:8443 ok"))
              && latest.stream().noneMatch(line -> line.contains("FAILED"));
        });
  }

  /** Nothing that the application does was refused by a decision. */
  private static void assertNoneOfItsOwnRefused() throws Exception {
    assertThat(kith("decisions", "--denied", "--owner", CART, "--limit", "500").orFail().output())
        .as("what the cart's own script was refused")
        .satisfies(
            text -> {
              var lines = text.lines().toList();
              for (int at = 1; at < lines.size(); at++) {
                if (lines.get(at).contains("/srv/cart.pl")) {
                  var decision = lines.get(at - 1) + lines.get(at);
                  assertThat(NOT_DECIDED).as(decision).anyMatch(decision::contains);
                }
              }
            });
  }

  // ---- the story

  @Test
  @Order(1)
  void install_observes_andLearnsWhatTheCartDoes() throws Exception {
    assertWorks();

    node.helm(
            "install",
            "kith",
            "istio/chart/kith",
            "-n",
            "kith",
            "--create-namespace",
            "--set",
            "image.repository=" + OneNode.IMAGE + ",image.tag=" + OneNode.TAG,
            "--set",
            "guard.resolvers={10.96.0.10:53}",
            "--set",
            "node.bridge.cgroup=" + cgroup())
        .orFail();
    awaitRollout("kith", "statefulset/kith-server");
    awaitRollout("kith", "daemonset/kith-bridge");

    await(
        "three candidates of " + CART,
        () -> kith("show", CART).output().split("candidate", -1).length > 3);
    var status = kith("status").orFail().output();
    assertThat(status).containsPattern("node-1 +A\\+? +\\d+ +passed").contains(CART);
    assertThat(status)
        .as("workloads without a sidecar")
        .doesNotContain("coredns")
        .doesNotContain("istiod");
    assertThat(node.kubectl("get", "kith", "-A").orFail().output()).contains("deployment-cart");
    assertWorks();
  }

  /** Where this machine's cgroup tree of version 2 is. */
  private static String cgroup() {
    return Files.exists(Path.of("/sys/fs/cgroup/cgroup.procs"))
        ? "/sys/fs/cgroup"
        : "/sys/fs/cgroup/unified";
  }

  @Test
  @Order(2)
  void enforce_oneMoreCommand_refusesWhoeverIsNotTheCart() throws Exception {
    kith("learn", "finish", CART, "--note", "test run").orFail();
    kith("approve", CART, "--note", "the provider").orFail();
    node.helm(
            "upgrade",
            "kith",
            "istio/chart/kith",
            "-n",
            "kith",
            "--reuse-values",
            "--set",
            "scopes.shop=enforce")
        .orFail();
    await("enforced", () -> kith("status").output().contains("enforced"));

    await(
        "the filter is closed",
        () -> inCart("curl", "-sS", "-m", "9", STRANGER).output().contains("decision"));
    assertThat(inCart("curl", "-sS", "-m", "9", "http://catalog:8080/").output())
        .contains("decision")
        .doesNotContain("price");
    assertThat(
            inCart(
                    "perl",
                    "-MIO::Socket::INET",
                    "-e",
                    "my $s = IO::Socket::INET->new(PeerAddr => '10.99.0.66:9999', Proto => 'udp') or exit 3;"
                        + " print defined(send($s, 'x', 0)) ? 'sent' : 'refused'")
                .output())
        .doesNotContain("sent");
    assertThat(kith("decisions", "--denied", "--owner", CART).orFail().output())
        .contains("new_process")
        .contains("/usr/bin/curl");
    assertWorks();
    assertNoneOfItsOwnRefused();
  }

  @Test
  @Order(3)
  void rollout_underEnforce_newPodsWorkFromTheirFirstRequestOn() throws Exception {
    node.kubectl("-n", "shop", "rollout", "restart", "deployment/cart").orFail();
    awaitRollout("shop", "deployment/cart");

    assertWorks();
    assertNoneOfItsOwnRefused();
  }

  @Test
  @Order(4)
  void doctor_throughTheKubelet_findsNoError() throws Exception {
    var found = node.on("./kith", "doctor", "-o", "json", "--fail-on", "error");

    assertThat(found.exit()).as(found.output()).isZero();
    assertThat(found.output()).contains("\"sidecars\"").doesNotContain("unread");
  }

  @Test
  @Order(5)
  void admission_podOfTheProxysUser_isRefused() throws Exception {
    var pod = folder.resolve("bad.yaml");
    Files.writeString(
        pod,
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: bad, namespace: shop}
        spec:
          containers: [{name: bad, image: "kith-test/shop:1", securityContext: {runAsUser: 1337}}]
        """);

    var refused = node.kubectl("apply", "-f", pod.toString());

    assertThat(refused.exit()).isNotZero();
    assertThat(refused.output()).contains("user or group 1337 is the sidecar's");
  }

  @Test
  @Order(6)
  void remove_leavesNothing() throws Exception {
    node.helm(
            "upgrade",
            "kith",
            "istio/chart/kith",
            "-n",
            "kith",
            "--reuse-values",
            "--set",
            "filters.enabled=false")
        .orFail();
    node.kubectl("delete", "scopes.kith.io", "--all", "-A").orFail();
    var bridge =
        node.kubectl(
                "-n",
                "kith",
                "get",
                "pods",
                "-l",
                "app.kubernetes.io/component=bridge",
                "-o",
                "name")
            .orFail()
            .output()
            .strip();
    node.kubectl(
            "-n",
            "kith",
            "exec",
            bridge,
            "-c",
            "bridge",
            "--",
            "kith",
            "bridge",
            "--unpin",
            "--config",
            "/etc/kith/kith.yaml")
        .orFail();
    node.helm("uninstall", "kith", "-n", "kith").orFail();
    node.kubectl("-n", "kith", "delete", "pvc", "-l", "app.kubernetes.io/name=kith").orFail();
    node.kubectl("delete", "-f", "istio/chart/kith/crds").orFail();

    assertThat(node.isPinned()).isFalse();
    await(
        "no pods of Kith",
        () ->
            node.kubectl("-n", "kith", "get", "pods", "-o", "name")
                    .orFail()
                    .output()
                    .indexOf("pod/")
                < 0);
    assertThat(inCart("curl", "-sS", "-m", "9", STRANGER).output()).contains("price 42");
    assertWorks();
  }
}
