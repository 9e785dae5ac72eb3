package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.tools.Command.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
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
  private static final String SERVER = "kith-server-0";
  private static final String STRANGER = "http://stranger.example.net:8443/";

  @TempDir private static Path folder;
  private static OneNode node;
  private static Shop shop;

  @BeforeAll
  static void start() throws Exception {
    node = OneNode.start(folder, "");
    shop = Shop.open(node);
    shop.awaitRollout();
  }

  @AfterAll
  static void stop() throws Exception {
    if (node != null) {
      node.close();
    }
  }

  private static Outcome kith(String... arguments) throws IOException, InterruptedException {
    return node.kith(SERVER, arguments);
  }

  // ---- the story

  @Test
  @Order(1)
  void install_observes_andLearnsWhatTheCartDoes() throws Exception {
    shop.assertWorks();

    assertThat(node.install().output())
        .contains("The guard lets questions to the cluster's DNS pass, found at 10.96.0.10:53");
    node.awaitRollout("kith", "statefulset/kith-server");
    node.awaitRollout("kith", "daemonset/kith-bridge");

    OneNode.await(
        "three candidates of " + Shop.CART,
        () -> kith("show", Shop.CART).output().split("candidate", -1).length > 3);
    var status = kith("status").orFail().output();
    assertThat(status).containsPattern("node-1 +A\\+? +\\d+ +passed").contains(Shop.CART);
    assertThat(status)
        .as("workloads without a sidecar")
        .doesNotContain("coredns")
        .doesNotContain("istiod");
    assertThat(node.kubectl("get", "kith", "-A").orFail().output()).contains("deployment-cart");
    shop.assertWorks();
  }

  @Test
  @Order(2)
  void enforce_oneMoreCommand_refusesWhoeverIsNotTheCart() throws Exception {
    var exec = "kubectl -n kith exec " + SERVER + " -- kith ";
    assertThat(node.readme(exec + "coverage").orFail().output()).contains(Shop.CART);
    node.readme(exec + "learn finish").orFail();
    assertThat(node.readme(exec + "show --review").orFail().output())
        .as("the provider's address is private, so it is proposed as it is")
        .contains("Nothing of " + Shop.CART + " waits for a person.");
    node.readmeWith(exec + "approve", "e:0123456789ab", provider()).orFail();
    assertThat(node.readme("helm upgrade").orFail().output())
        .contains("Enforced where there is a baseline: shop.");
    OneNode.await("enforced", () -> kith("status").output().contains("enforced"));

    OneNode.await(
        "the filter is closed",
        () -> shop.inCart("curl", "-sS", "-m", "9", STRANGER).output().contains("decision"));
    OneNode.await( // again while a busy machine keeps Kith from deciding
        "curl is refused by a decision",
        () -> {
          var answer = shop.inCart("curl", "-sS", "-m", "9", Shop.CATALOG).output();
          assertThat(answer).doesNotContain("price");
          return answer.contains("decision") && denied().contains("new_process");
        });
    assertThat(
            shop.inCart(
                    "perl",
                    "-MIO::Socket::INET",
                    "-e",
                    "my $s = IO::Socket::INET->new(PeerAddr => '10.99.0.66:9999', Proto => 'udp') or exit 3;"
                        + " print defined(send($s, 'x', 0)) ? 'sent' : 'refused'")
                .output())
        .doesNotContain("sent");
    assertThat(denied()).contains("new_process").contains("/usr/bin/curl");
    shop.assertWorks();
    shop.assertNoneOfItsOwnRefused(SERVER);
    assertThat(node.readme("kubectl -n shop get kscope").orFail().output())
        .as("the catalog sends nothing, so it has no baseline")
        .contains("ENFORCED", "WaitsForBaseline");
    OneNode.await("admission is bound", () -> admission().equals("True Bound "));
  }

  /** The id of the edge that leads to the payment provider. */
  private static String provider() throws IOException, InterruptedException {
    return kith("show", Shop.CART)
        .orFail()
        .output()
        .lines()
        .filter(line -> line.contains("payments.example.org"))
        .flatMap(line -> Pattern.compile("\\be:[0-9a-f]+").matcher(line).results())
        .map(MatchResult::group)
        .findFirst()
        .orElseThrow();
  }

  private static String denied() throws IOException, InterruptedException {
    return kith("decisions", "--denied", "--owner", Shop.CART).orFail().output();
  }

  /** What the scope says of admission: status, reason and message. */
  private static String admission() throws IOException, InterruptedException {
    var condition = "{.status.conditions[?(@.type=='AdmissionBound')]";
    return node.kubectl(
            "-n",
            "shop",
            "get",
            "kscope",
            "kith",
            "-o",
            "jsonpath=%1$s.status} %1$s.reason} %1$s.message}".formatted(condition))
        .orFail()
        .output();
  }

  @Test
  @Order(3)
  void rollout_underEnforce_newPodsWorkFromTheirFirstRequestOn() throws Exception {
    node.kubectl("-n", "shop", "rollout", "restart", "deployment/cart").orFail();
    node.awaitRollout("shop", "deployment/cart");

    shop.assertWorks();
    shop.assertNoneOfItsOwnRefused(SERVER);
  }

  @Test
  @Order(4)
  void doctor_throughTheKubelet_findsNoError() throws Exception {
    var found = node.on("./kith", "doctor", "-o", "json", "--fail-on", "error");

    assertThat(found.exit()).as(found.output()).isZero();
    assertThat(found.output())
        .contains("\"sidecars\"")
        .doesNotContain(
            "unread",
            "pods-not-refused",
            "admission-incomplete",
            "sidecar-within-reach",
            "other-sidecar",
            "PolicyBindings",
            "guard counts",
            "status of Kith",
            "no status of its server");
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

  /** No pod says it, so admission takes it; what its processes send is not redirected. */
  @Test
  @Order(6)
  void imageWhoseOwnUserIsTheProxys_isTaken_refusedByTheGuardAndFoundByDoctor() throws Exception {
    var refused = "kith_guard_refused_total{reason=\"proxy_user\"}";
    var before = node.metric("server", refused);
    node.kubectl(
            "-n",
            "shop",
            "patch",
            "deployment",
            "cart",
            "-p",
            """
            {"spec": {"template": {"spec": {"containers": [{"name": "stray", "image": "kith-test/stray:1",
              "command": ["/bin/sleep", "1000000"]}]}}}}""")
        .orFail();
    node.awaitRollout("shop", "deployment/cart");

    OneNode.await("the guard refuses the stray", () -> stray().equals("errno 1 as 1337"));
    OneNode.await("counted", () -> node.metric("server", refused) > before);
    shop.assertWorks();

    var found = node.on("./kith", "doctor", "-o", "json");
    assertThat(found.exit()).as(found.output()).isEqualTo(4);
    assertThat(found.output())
        .contains("\"proxy-user-seen\"")
        .doesNotContain("guard counts", "status of Kith", "no status of its server");
    if (ofStray("user.linux.uid").isEmpty()) { // before containerd 2
      assertThat(found.output()).contains("users of images of shop/deployment/cart");
    } else {
      assertThat(found.output())
          .contains("container stray: its image's own gid is 1337, its image's own uid is 1337");
    }
  }

  private static String ofStray(String path) throws IOException, InterruptedException {
    return node.kubectl(
            "-n",
            "shop",
            "get",
            "pods",
            "-l",
            "app=cart",
            "-o",
            "jsonpath={.items[*].status.containerStatuses[?(@.name=='stray')]." + path + "}")
        .orFail()
        .output()
        .strip();
  }

  /** What becomes of a connection from the stray to an address that nobody knows. */
  private static String stray() throws IOException, InterruptedException {
    return shop.inContainer(
            "stray",
            "perl",
            "-MSocket",
            "-e",
            "socket(my $s, PF_INET, SOCK_STREAM, 0) or exit 3;"
                + " my $done = connect($s, pack_sockaddr_in(8443, inet_aton('10.99.0.66')));"
                + " print $done ? 'connected' : 'errno ' . ($! + 0), ' as ', $<")
        .output()
        .strip();
  }

  @Test
  @Order(7)
  void bindingsOfAdmissionDeleted_theScopeSaysSo() throws Exception {
    node.kubectl("delete", "validatingadmissionpolicybindings", "--all").orFail();

    OneNode.await(
        "admission is not bound",
        () ->
            admission().startsWith("False NotBound no binding of kith-pods")
                && admission().contains("selects shop: helm upgrade kith"));
    shop.assertWorks();
  }

  @Test
  @Order(8)
  void remove_leavesNothing() throws Exception {
    node.upgrade("filters.enabled=false");
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
    OneNode.await(
        "no pods of Kith",
        () ->
            node.kubectl("-n", "kith", "get", "pods", "-o", "name")
                    .orFail()
                    .output()
                    .indexOf("pod/")
                < 0);
    assertThat(shop.inCart("curl", "-sS", "-m", "9", STRANGER).output()).contains("price 42");
    assertThat(stray()).isEqualTo("connected as 1337");
    shop.assertWorks();
  }
}
