package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.tools.Command.Outcome;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The shop in the mesh of a cluster: a cart that asks a catalog and a payment provider for ever.
 */
final class Shop {
  static final String CART = "shop/deployment/cart";
  static final String CATALOG = "http://catalog:8080/";

  /** A machine that is short of processors keeps Kith from deciding; that is no finding. */
  private static final List<String> NOT_DECIDED =
      List.of("bridge_unavailable", "deadline", "overloaded");

  private final OneNode node;

  private Shop(OneNode node) {
    this.node = node;
  }

  /** A shop whose pods start as soon as the scheduler has a node for them. */
  static Shop open(OneNode node) throws IOException, InterruptedException {
    node.kubectl("apply", "-f", "load-tests/cluster/shop.yaml").orFail();
    return new Shop(node);
  }

  void awaitRollout() throws IOException, InterruptedException {
    node.awaitRollout("shop", "deployment/catalog");
    node.awaitRollout("shop", "deployment/cart");
  }

  /** The oldest pod of the cart, as {@code pod/NAME}. */
  private String cart() throws IOException, InterruptedException {
    return node.kubectl(
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
  }

  /** Runs a program in a pod of the cart, as somebody with a shell there would. */
  Outcome inCart(String... argv) throws IOException, InterruptedException {
    return inContainer("cart", argv);
  }

  /** The same in another container of the pod. */
  Outcome inContainer(String name, String... argv) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("-n", "shop", "exec", cart(), "-c", name, "--"));
    all.addAll(List.of(argv));
    return node.kubectl(all.toArray(String[]::new));
  }

  /** What the running pods of the cart said since a while: a line for each answer they got. */
  List<String> answers(int seconds) throws IOException, InterruptedException {
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

  /** When a line was said, in seconds since the epoch. */
  static long time(String line) {
    return Long.parseLong(line.substring(0, line.indexOf(' ')));
  }

  void assertWorks() throws IOException, InterruptedException {
    OneNode.await(
        () -> {
          var latest = answers(3);
          return latest.stream().anyMatch(line -> line.contains("catalog:8080 ok"))
              && latest.stream().anyMatch(line -> line.contains("payments.example.org:8443 ok"))
              && latest.stream().noneMatch(line -> line.contains("FAILED"));
        },
        this::troubles);
  }

  /** Why the cart does not work, as far as everybody in the cluster can tell. */
  private String troubles() throws IOException, InterruptedException {
    var text = new StringBuilder("the cart's own work; it said\n");
    text.append(String.join("\n", answers(5)));
    for (var asked :
        List.of(
            "get pods -A -o wide",
            "-n kith logs daemonset/kith-node -c bridge --timestamps --tail=40",
            "-n kith logs daemonset/kith-node -c kith --timestamps --tail=40",
            "-n kith exec daemonset/kith-node -c bridge -- kith bridge status",
            "-n kith exec daemonset/kith-node -c kith -- kith decisions --denied --limit 4",
            "-n shop exec %s -c istio-proxy -- pilot-agent request GET clusters?filter=kith"
                .formatted(cart()))) {
      text.append("\n# kubectl %s\n".formatted(asked))
          .append(node.kubectl(asked.split(" ")).output());
    }
    return text.toString();
  }

  /** Nothing that the application does was refused by a decision, says the server in this pod. */
  void assertNoneOfItsOwnRefused(String pod) throws IOException, InterruptedException {
    assertThat(
            node.kith(pod, "decisions", "--denied", "--owner", CART, "--limit", "500")
                .orFail()
                .output())
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
}
