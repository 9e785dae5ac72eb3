package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.load.mesh.Mesh;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.FutureTask;
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
 * Placement {@code node} with a real kubelet, whose node is registered with the start-up taint: the
 * check server beside the node's bridge decides. The tests are one story, in this order.
 */
@Tag("cluster")
@Timeout(1800)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class NodePlacementTest {
  private static final String TAINT = "kith.io/starting";
  private static final String CONTROL = "kith-control-0";

  /** The label without which the DaemonSet has no pod on a node, in this test. */
  private static final String BRIDGED = "kith-bridge";

  /** As a check server is called where it follows: its SPIFFE ID and the node. */
  private static final String ITSELF =
      "spiffe://cluster.local/ns/kith/sa/kith-node#" + OneNode.NAME;

  /** Within which a node decides again after its pod was deleted. */
  private static final Duration ROLLED = Duration.ofSeconds(90);

  private static final Pattern DECISION = Pattern.compile("d:[0-9a-f]{16}");
  private static final String DROPPED = "/tmp/dropped";
  private static final String PRICE = "price 42";

  @TempDir private static Path folder;
  private static OneNode node;
  private static Shop shop;

  @BeforeAll
  static void start() throws Exception {
    node = OneNode.start(folder, TAINT + ":NoSchedule");
    shop = Shop.open(node);
  }

  @AfterAll
  static void stop() throws Exception {
    if (node != null) {
      node.close();
    }
  }

  private static String read(String... arguments) throws IOException, InterruptedException {
    return node.kubectl(arguments).orFail().output();
  }

  private static String taints() throws IOException, InterruptedException {
    return read("get", "node", OneNode.NAME, "-o", "jsonpath={.spec.taints[*].key}");
  }

  private static String ask(String program) throws IOException, InterruptedException {
    return shop.inCart(program, "-sS", "-m", "9", Shop.CATALOG).output();
  }

  // ---- the story

  @Test
  @Order(1)
  void taintedNode_takesPodsOnlyOnceItsBridgeIsWell() throws Exception {
    read("create", "namespace", "kith");
    var keys = Files.createDirectory(folder.resolve("keys"));
    for (var key : List.of("learner.pem", "approver.pem")) {
      node.on("./kith", "keys", "new", keys.resolve(key).toString()).orFail();
    }
    read("-n", "kith", "create", "secret", "generic", "kith-keys", "--from-file=" + keys);
    node.install(
        "placement=node,keys.secret=kith-keys,node.taint=" + TAINT,
        "node.nodeSelector." + BRIDGED + "=here",
        "fallback.replicas=1",
        "server.resources.requests.cpu=100m,fallback.resources.requests.cpu=100m");

    node.awaitRollout("kith", "statefulset/kith-control");
    assertThat(node.metric("control", "kith_cluster_nodes_starting")).isEqualTo(1);
    assertThat(taints()).isEqualTo(TAINT);
    assertThat(
            read(
                "-n",
                "shop",
                "get",
                "pods",
                "-o",
                "jsonpath={range .items[*]}{.status.conditions[*].message}{'\\n'}{end}"))
        .as("why the shop's three pods wait")
        .containsPattern("(?s)(untolerated taint.*){3}");
    read("label", "node", OneNode.NAME, BRIDGED + "=here");
    var labelled = Instant.now();

    OneNode.await("the node takes pods", () -> taints().isEmpty());
    say("the taint was taken off", labelled);
    assertThat(node.metric("control", "kith_cluster_taints_lifted_total")).isEqualTo(1);
    assertThat(
            node.ofPod(
                "node", "status.containerStatuses[?(@.name=='bridge')].state.running.startedAt"))
        .as("the bridge that is well")
        .isNotEmpty();
    shop.awaitRollout();
    say("the shop runs", labelled);
    node.awaitRollout("kith", "daemonset/kith-node");
    shop.assertWorks();
  }

  private static void say(String what, Instant since) {
    OneNode.SAY.accept(
        "%s after %d s".formatted(what, Duration.between(since, Instant.now()).toSeconds()));
  }

  /** Though sidecars started before it got Checks, and asked the central one at first. */
  @Test
  @Order(2)
  void checks_goToTheNodesOwnServer() throws Exception {
    double own = node.metric("node", "kith_checks_total");
    double central = node.metric("fallback", "kith_checks_total");

    OneNode.await("20 more Checks", () -> node.metric("node", "kith_checks_total") > own + 20);
    assertThat(node.metric("fallback", "kith_checks_total")).isEqualTo(central);
  }

  /** It is connected to the check server beside it, and the control server is asked. */
  @Test
  @Order(2)
  void doctor_ofTheControlServersStatus_knowsTheNodesBridge() throws Exception {
    var text = node.kith(CONTROL, "status", "-o", "json").orFail().output();
    var status = new ObjectMapper().readTree(text);
    assertThat(status.path("bridges")).isEmpty();
    assertThat(status.path("nodes"))
        .singleElement()
        .satisfies(
            one -> {
              assertThat(one.path("node").asText()).isEqualTo(OneNode.NAME);
              assertThat(one.path("problem").asText()).isEmpty();
            });

    var found = node.on("./kith", "doctor", "-n", "shop", "-o", "json");

    assertThat(found.output())
        .contains("\"sidecars\"")
        .doesNotContain(
            "no-bridge",
            "bridge-unwell",
            "connected to check servers",
            "guard counts",
            "status of Kith",
            "no status of its server");
  }

  @Test
  @Order(3)
  void enforce_refusesWhoeverIsNotTheCart_byTheNodesOwnServer() throws Exception {
    OneNode.await(
        "three candidates of " + Shop.CART,
        () -> node.kith(CONTROL, "show", Shop.CART).output().split("candidate", -1).length > 3);
    node.kith(CONTROL, "learn", "finish", Shop.CART, "--note", "test run").orFail();
    node.kith(CONTROL, "approve", Shop.CART, "--note", "the provider").orFail();
    shop.inCart("cp", "/usr/bin/curl", DROPPED).orFail();
    assertThat(ask(DROPPED)).as("under observe").contains(PRICE);

    node.upgrade("scopes.shop=enforce");
    OneNode.await("refused", () -> ask(DROPPED).contains("decision"));
    assertRefused("curl", "new_process");
    assertRefused(DROPPED, "origin_not_in_image");
    shop.assertWorks();
    shop.assertNoneOfItsOwnRefused(CONTROL);
  }

  private static void assertRefused(String program, String reason)
      throws IOException, InterruptedException {
    assertThat(explained(program))
        .contains("deny (" + reason + ")")
        .contains(program)
        .containsPattern("decided by +" + Pattern.quote(ITSELF));
  }

  /** Why a program is refused; it asks again while a busy machine keeps Kith from deciding. */
  private static String explained(String program) throws IOException, InterruptedException {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var refusal = ask(program);
      assertThat(refusal).doesNotContain(PRICE);
      var id = DECISION.matcher(refusal);
      if (id.find()) {
        var why = node.kith(CONTROL, "explain", id.group()).orFail().output();
        if (!isUndecided(why)) {
          return why;
        }
      }
      assertThat(System.nanoTime()).as(refusal).isLessThan(end);
    }
  }

  private static boolean isUndecided(String explained) {
    return Mesh.NOT_DECIDED.stream()
        .anyMatch(reason -> explained.contains("deny (" + reason + ")"));
  }

  @Test
  @Order(4)
  void nodesPodIsMadeAnew_whatIsAllowedPassesSoon_andNothingElseEverDoes() throws Exception {
    var strangers = strangers();
    var before = node.ofPod("node", "metadata.name");
    long deleted = Instant.now().getEpochSecond();
    read("-n", "kith", "delete", "pod", before, "--wait=false");

    OneNode.await(
        "another pod",
        () ->
            node.ofPod("node", "metadata.name").matches("kith-node-\\w+")
                && !node.ofPod("node", "metadata.name").equals(before));
    node.awaitRollout("kith", "daemonset/kith-node");
    long ready = Instant.now().getEpochSecond();
    shop.assertWorks();
    var tries = enoughOf(strangers);
    var failures =
        shop.answers((int) (Instant.now().getEpochSecond() - deleted)).stream()
            .filter(line -> line.contains("FAILED"))
            .map(line -> Shop.time(line) - deleted)
            .filter(after -> after > 0)
            .distinct()
            .sorted()
            .toList();
    OneNode.SAY.accept(
        "without the node's pod the cart failed in the seconds %s; strangers tried %d times"
            .formatted(failures, tries.size()));

    assertThat(tries).noneMatch(line -> line.contains(PRICE));
    assertThat(failures)
        .as("seconds in which the cart failed")
        .allSatisfy(after -> assertThat(after).isLessThanOrEqualTo(ROLLED.toSeconds()));
    assertThat(tries)
        .as("tries of strangers while the node had no pod that was ready")
        .filteredOn(line -> Shop.time(line) > deleted && Shop.time(line) <= ready)
        .hasSizeGreaterThan(2);
    assertThat(node.kith(CONTROL, "status").orFail().output())
        .containsPattern(Pattern.quote(ITSELF));
    shop.assertNoneOfItsOwnRefused(CONTROL);
  }

  /** What may not ask tries to, over and over, until it is {@linkplain #enoughOf enough}. */
  private static FutureTask<String> strangers() throws IOException, InterruptedException {
    shop.inCart("rm", "-f", "/tmp/enough").orFail();
    var strangers =
        new FutureTask<>(
            () ->
                shop.inCart(
                        "sh",
                        "-c",
                        "n=0; while [ ! -e /tmp/enough ] && [ $n -lt 999 ]; do n=$((n + 1));"
                            + " for program in curl /tmp/dropped; do"
                            + " echo $(busybox date +%s) $($program -sS -m 9 "
                            + Shop.CATALOG
                            + " 2>&1); done; sleep 0.2; done")
                    .orFail()
                    .output());
    Thread.ofVirtual().start(strangers);
    return strangers;
  }

  /** A line for each try, which begins with its second. */
  private static List<String> enoughOf(FutureTask<String> strangers) throws Exception {
    shop.inCart("sh", "-c", ": > /tmp/enough").orFail();
    return strangers.get().lines().filter(line -> line.matches("\\d{10} .*")).toList();
  }

  /** As an upgrade does it: the new pod begins before the old one ends. */
  @Test
  @Order(5)
  void nodesPodIsRolled_whatIsAllowedDoesNotNotice_andNothingElseEverPasses() throws Exception {
    for (int roll = 1; roll <= 2; roll++) {
      var strangers = strangers();
      var before = node.ofPod("node", "metadata.name");
      var began = Instant.now();
      read("-n", "kith", "rollout", "restart", "daemonset/kith-node");
      var explained = new TreeMap<String, String>();
      OneNode.await(
          "the old pod is gone",
          () -> {
            explainRefusals(explained);
            return !node.ofPod("node", "metadata.name").contains(before);
          });
      node.awaitRollout("kith", "daemonset/kith-node");
      shop.assertWorks();
      var tries = enoughOf(strangers);
      var answers = shop.answers((int) Duration.between(began, Instant.now()).toSeconds());
      var failures = answers.stream().filter(line -> line.contains("FAILED")).toList();
      say("roll " + roll + " done", began);
      OneNode.SAY.accept(
          "the cart had %d answers and %d failures %s; strangers tried %d times; bridge:%n%s"
              .formatted(
                  answers.size(), failures.size(), explained.values(), tries.size(), handOver()));

      assertThat(node.ofPod("node", "metadata.name")).as("another pod").doesNotContain(before);
      assertThat(tries).hasSizeGreaterThan(20).noneMatch(line -> line.contains(PRICE));
      assertThat(answers).hasSizeGreaterThan(100);
      assertThat(failures)
          .as("what the cart was refused: %s", explained.values())
          .allMatch(line -> isUndecided(line, explained))
          .hasSizeLessThanOrEqualTo(1);
    }
  }

  /** That the bridge was too slow once while the machine begins two JVMs. */
  private static boolean isUndecided(String failure, Map<String, String> explained) {
    var decision = DECISION.matcher(failure);
    return decision.find() && isUndecided(explained.getOrDefault(decision.group(), ""));
  }

  /** While the server that decided is there to be asked. */
  private static void explainRefusals(Map<String, String> explained)
      throws IOException, InterruptedException {
    for (var line : shop.answers(5)) {
      var decision = DECISION.matcher(line);
      if (decision.find() && !explained.containsKey(decision.group())) {
        var why = node.kith(CONTROL, "explain", decision.group()).output();
        explained.put(decision.group(), why.lines().limit(6).toList().toString());
      }
    }
  }

  /** What the bridge that took over said, with the time. */
  private static String handOver() throws IOException, InterruptedException {
    return read(
            "-n",
            "kith",
            "logs",
            "--timestamps",
            node.ofPod("node", "metadata.name"),
            "-c",
            "bridge")
        .lines()
        .filter(line -> line.matches(".*(stands by|takes over|attached|gone).*"))
        .reduce("", (all, line) -> all + line + "\n");
  }
}
