package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.Watch;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.Replica;
import io.kith.load.tools.Command;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/**
 * A real API server that throttles Kith's servers, and the crash of the server that holds the
 * Lease, while a workload is enforced. The tests are one story, in this order.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ApiServerFaultsTest {
  /**
   * A server takes the Lease when it has not seen it renewed for 15 s, and looks at it every 4.4 s
   * at the latest.
   */
  private static final Duration TAKEN_OVER = Duration.ofSeconds(25);

  private static final Duration REST = Duration.ofSeconds(2);

  /** Watches are made anew after eight seconds at most. */
  private static final Duration FOLLOWED_AGAIN = Duration.ofSeconds(20);

  private static final String THROTTLED =
      "CLUSTER: the API server throttles this server's account (429; give the account a FlowSchema"
          + " with room: docs/kubernetes.md#when-the-api-server-throttles), since 20";

  private static TwoServers servers;
  private static CrowdedLevel level;

  @BeforeAll
  static void start() throws Exception {
    servers = new TwoServers();
    level = new CrowdedLevel(servers.mesh.plane, servers.mesh.lab.address());
    servers.kith.learnBothOf(servers.mesh);
    servers.one.kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    servers.awaitWriter("one");
    servers.scope("mode: enforce");
    OverlaysInIstioTest.awaitSaid(servers.mesh.sidecar, "closed");
    Mesh.await("the catalog is reached", Mesh.PATIENCE, () -> reaches("catalog"));
    servers.objects.awaitCondition("Scope", "cart", "Enforced", "True Enforced");
  }

  @AfterAll
  static void stop() throws Exception {
    if (level != null) {
      level.close();
    }
    if (servers != null) {
      servers.close();
    }
  }

  // ---- what the cart does

  private static boolean reaches(String host) {
    try {
      return servers.mesh.ask(host, 8080).startsWith("HTTP/1.1 200");
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** By what was learned; again while a busy machine keeps Kith from deciding. */
  private static void assertEnforced() throws InterruptedException {
    Mesh.await("the catalog is reached", Mesh.PATIENCE, () -> reaches("catalog"));
    assertThat(reaches("stranger")).isFalse();
    assertThat(servers.one.status()).containsPattern(IstioMesh.CART + " +enforce");
  }

  private static boolean tellsOfOverlays(Replica server) {
    try {
      return server.metrics().contains("\nkith_cluster_overlays{");
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static String rule(String action) {
    return """
    apiVersion: kith.io/v1
    kind: EgressAllowList
    metadata: {name: stranger, namespace: shop}
    spec:
      workload: %s
      rules:
      - action: %s
        by: ada
        why: test
        process: {path: /usr/bin/perl, script: /app/ask}
        destination: {cidr: %s, port: 8080}
    """
        .formatted(IstioMesh.CART, action, servers.mesh.stranger.host().v4().getHostAddress());
  }

  private static double await(String what, Duration limit, BooleanSupplier condition)
      throws InterruptedException {
    long begin = System.nanoTime();
    Mesh.await(what, limit, condition);
    var seconds = (System.nanoTime() - begin) / 1e9;
    IstioMesh.SAY.accept("%s after %.1f s".formatted(what, seconds));
    return seconds;
  }

  /** How often the API server has to refuse, and how often the server warns of it. */
  private static final class Loudness {
    private static final int WARNINGS = 8;
    private final long begin = System.nanoTime();
    private final long refused = level.refused();
    private final long warnings = warnings();

    Loudness() throws IOException {}

    private static long warnings() throws IOException {
      return servers.one.log().stream().filter(line -> line.startsWith("WARNING")).count();
    }

    void assertSmall(int atOnce, int perSecond) throws IOException {
      var seconds = (System.nanoTime() - begin) / 1e9;
      var refusals = level.refused() - refused;
      var warned = warnings() - warnings;
      IstioMesh.SAY.accept(
          "throttled for %.1f s: %d requests were refused, %d warnings were logged"
              .formatted(seconds, refusals, warned));
      assertThat(refusals).isBetween(1L, atOnce + (long) (seconds * perSecond));
      assertThat(warned).as("%s", servers.one.log()).isLessThanOrEqualTo(WARNINGS);
    }
  }

  /** Whether both servers ever say at the same time that they write. */
  private static final class BothWrite implements AutoCloseable {
    private static final Duration BETWEEN = Duration.ofMillis(200);
    private final Thread thread = Thread.ofVirtual().start(this::look);
    private final AtomicInteger looks = new AtomicInteger();
    private volatile boolean both;
    private volatile boolean done;

    private void look() {
      try {
        while (!done) {
          try {
            if (writes(servers.one) && writes(servers.two) && writes(servers.one)) {
              both = true;
            }
            looks.incrementAndGet();
          } catch (IOException _) {
            // a busy machine did not answer: that was no look
          }
          Thread.sleep(BETWEEN);
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    private static boolean writes(Replica server) throws IOException, InterruptedException {
      return server.metric("kith_cluster_writes") == 1;
    }

    void assertNever() throws InterruptedException {
      Mesh.await("it is looked often", Mesh.PATIENCE, () -> looks.get() > 20);
      assertThat(both).as("both write at the same time").isFalse();
    }

    @Override
    public void close() {
      done = true;
      try {
        thread.join();
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    }
  }

  // ---- the story

  @Test
  @Order(1)
  void holderIsThrottled_enforcementGoesOn_andAnotherWrites_neverBoth() throws Exception {
    assertThat(servers.one.status()).contains("this server writes what they say: one");
    assertThat(servers.two.status()).contains("another server writes what they say: one");

    try (var both = new BothWrite()) {
      level.throttle(TwoServers.ACCOUNT_OF_ONE);
      var loudness = new Loudness();
      await("it is told", TAKEN_OVER, () -> servers.one.status().contains(THROTTLED));
      assertEnforced();
      assertThat(servers.one.metric("kith_cluster_throttled")).isEqualTo(1);
      await("another writes", TAKEN_OVER, () -> servers.writer().startsWith("two"));
      both.assertNever();
      await("the other tells how scopes are", TAKEN_OVER, () -> tellsOfOverlays(servers.two));
      await("and this one does not", TAKEN_OVER, () -> !tellsOfOverlays(servers.one));

      // what is throttled gets what is new from the log
      servers.mesh.plane.apply(rule("allow"));
      await("what is new is in force", FOLLOWED_AGAIN, () -> reaches("stranger"));
      servers.objects.awaitCondition("EgressAllowList", "stranger", "Applied", "True InForce");
      servers.mesh.plane.delete(rule("allow"));
      await("what is gone is, too", FOLLOWED_AGAIN, () -> !reaches("stranger"));
      assertEnforced();
      assertThat(servers.two.status())
          .contains("this server writes what they say: two")
          .doesNotContain("CLUSTER:");
      loudness.assertSmall(10, 1);

      level.end();
      await("it is told", FOLLOWED_AGAIN, () -> !servers.one.status().contains("CLUSTER:"));
      assertThat(servers.one.status()).contains("another server writes what they say: two");
      both.assertNever();
    }
  }

  @Test
  @Order(2)
  void holderIsKilled_anotherWritesWithinTheLease() throws Exception {
    servers.two.kill();
    await("another writes", TAKEN_OVER, () -> servers.writer().startsWith("one"));
    await(
        "it is told",
        Duration.ofSeconds(10),
        () -> servers.one.status().contains("this server writes what they say: one"));
    assertThat(servers.one.metric("kith_cluster_writes")).isEqualTo(1);
    assertEnforced();

    servers.scope("mode: enforce, failure: open");
    servers.objects.awaitCondition("Scope", "cart", "Enforced", "False FailsOpen");
    OverlaysInIstioTest.awaitSaid(servers.mesh.sidecar, "open");
    servers.scope("mode: enforce");
    OverlaysInIstioTest.awaitSaid(servers.mesh.sidecar, "closed");
    servers.mesh.plane.apply(rule("deny"));
    servers.objects.awaitCondition("EgressAllowList", "stranger", "Applied", "True InForce");
    servers.mesh.plane.delete(rule("deny"));
    assertThat(servers.writer()).startsWith("one");
  }

  @Test
  @Order(3)
  void allAreThrottled_alsoWithoutWatches_theLastGoodStateStays_andAStartWaits() throws Exception {
    level.throttle(TwoServers.ACCOUNT_OF_ONE, TwoServers.ACCOUNT_OF_TWO);
    await("it is told", TAKEN_OVER, () -> servers.one.status().contains(THROTTLED));
    var loudness = new Loudness();
    cutWatches();
    await(
        "watches are missed",
        Mesh.PATIENCE,
        () -> servers.one.status().contains("KUBERNETES: not watched; who is who is as of"));
    assertThat(servers.one.status())
        .contains("the API server throttles this server's account (429;")
        .containsOnlyOnce("CLUSTER: the API server");
    assertThat(servers.one.metric("kith_cluster_followed")).isZero();
    assertEnforced();

    servers.mesh.plane.apply(rule("allow"));
    var started =
        CompletableFuture.runAsync(
            () -> {
              try {
                servers.startTwo();
              } catch (Exception e) {
                throw new CompletionException(e);
              }
            });
    await(
        "one that starts says what it waits for",
        Mesh.PATIENCE,
        () ->
            servers
                .two
                .readiness()
                .matches(
                    "(?s)not ready: the Kubernetes API server at https://.*: [a-z.]+: the API"
                        + " server throttles this server's account \\(429; .*"));
    assertThat(started).isNotDone();
    var probes = new Probes(servers.two);
    assertEnforced();
    loudness.assertSmall(20 * 5, 5); // watches of both, tried after 0.25, 0.5, 1, 2 … 8 s

    level.end();
    await("what changed meanwhile is in force", FOLLOWED_AGAIN, () -> reaches("stranger"));
    servers.objects.awaitCondition("EgressAllowList", "stranger", "Applied", "True InForce");
    await("one that starts is ready", Mesh.PATIENCE, started::isDone);
    started.join();
    probes.assertAnswered();
    await(
        "nothing is told any more",
        FOLLOWED_AGAIN,
        () ->
            !servers.one.status().contains("CLUSTER:")
                && !servers.one.status().contains("KUBERNETES:"));
  }

  // ---- a holder that is stopped

  private static final int LISTS = 150;

  private static String list(int number, String why) {
    return """
    apiVersion: kith.io/v1
    kind: EgressAllowList
    metadata: {name: many-%d, namespace: shop}
    spec:
      workload: %s
      rules: [{action: deny, by: ada, why: %s, process: {path: /bin/none}, destination: {cidr: 192.0.2.%d, port: 1}}]
    """
        .formatted(number, IstioMesh.CART, why, number);
  }

  private static void applyLists(String why) {
    IntStream.range(0, LISTS).forEach(one -> servers.mesh.plane.apply(list(one, why)));
  }

  /** Allow-lists of which the conditions are of what they say now. */
  private static long said() {
    return servers
        .mesh
        .plane
        .client()
        .genericKubernetesResources("kith.io/v1", "EgressAllowList")
        .inNamespace("shop")
        .list()
        .getItems()
        .stream()
        .filter(one -> one.getMetadata().getName().startsWith("many-"))
        .filter(one -> saysOf(one) == one.getMetadata().getGeneration())
        .count();
  }

  private static long saysOf(GenericKubernetesResource object) {
    return object.get("status", "conditions", 0, "observedGeneration") instanceof Number number
        ? number.longValue()
        : 0;
  }

  /** What is changed in the cluster of Kith's objects and EnvoyFilters, by whomever. */
  private static final class Changes implements Watcher<GenericKubernetesResource>, AutoCloseable {
    private final List<String> seen = new CopyOnWriteArrayList<>();
    private final List<Watch> watches = new ArrayList<>();

    Changes() {
      for (var kind : List.of("EgressAllowList", "Scope", "Baseline")) {
        watch("kith.io/v1", kind);
      }
      watch("networking.istio.io/v1alpha3", "EnvoyFilter");
    }

    private void watch(String version, String kind) {
      var all =
          servers.mesh.plane.client().genericKubernetesResources(version, kind).inAnyNamespace();
      var now = all.list().getMetadata().getResourceVersion();
      watches.add(all.withResourceVersion(now).watch(this));
    }

    @Override
    public void eventReceived(Action action, GenericKubernetesResource object) {
      seen.add(
          "%s %s %s: generation %s, told of %d"
              .formatted(
                  action,
                  object.getKind(),
                  object.getMetadata().getName(),
                  object.getMetadata().getGeneration(),
                  saysOf(object)));
    }

    @Override
    public void onClose(WatcherException cause) {
      seen.add("the watch ended: " + cause);
    }

    @Override
    public void close() {
      watches.forEach(Watch::close);
    }
  }

  private static long writes(Replica server) throws IOException, InterruptedException {
    return (long)
        (server.metric("kith_cluster_statuses_total")
            + server.metric("kith_cluster_overlay_writes_total"));
  }

  /** A list may be written twice: when it is looked at again before the first has come back. */
  private static void awaitRest(Replica server) throws IOException, InterruptedException {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    for (long before = -1, now = writes(server); now != before; now = writes(server)) {
      assertThat(System.nanoTime()).as("it writes on and on").isLessThan(end);
      before = now;
      Thread.sleep(REST);
    }
  }

  /** The newest change in the log, with when it was made. */
  private static String newest(Replica server) throws IOException, InterruptedException {
    return server.kith("audit", "--limit", "1").orFail().output();
  }

  /** In the middle of writing, and for longer than another waits: it goes on beside that one. */
  @Test
  @Order(4)
  void holderIsStopped_andGoesOnWhenAnotherWrites_writesNothingMore() throws Exception {
    var stopped = servers.writer().startsWith("one") ? servers.one : servers.two;
    var next = stopped == servers.one ? servers.two : servers.one;
    var applied = CompletableFuture.runAsync(() -> applyLists("first"));
    await("it has begun to say what became of them", Mesh.PATIENCE, () -> said() > 4);
    stopped.freeze();
    applied.join();
    assertThat(said()).as("it was stopped before it had said all").isLessThan(LISTS - 4);
    await("another writes", TAKEN_OVER, () -> servers.writer().startsWith(next.name()));
    applyLists("second");
    servers.scope("mode: enforce, failure: open");
    servers.objects.awaitCondition("Scope", "cart", "Enforced", "False FailsOpen");
    await("all is said", Mesh.PATIENCE, () -> said() == LISTS);
    awaitRest(next);

    try (var both = new BothWrite();
        var changes = new Changes()) {
      var before = writes(next);
      var audit = newest(next);
      stopped.thaw();
      await(
          "it knows that another writes",
          TAKEN_OVER,
          () -> stopped.status().contains("another server writes what they say: " + next.name()));
      var byStopped = writes(stopped);
      Thread.sleep(FOLLOWED_AGAIN); // what it should not do would be done by then

      both.assertNever();
      assertThat(writes(stopped)).as("once it knows").isEqualTo(byStopped);
      assertThat(servers.writer()).startsWith(next.name());
      assertThat(newest(next)).isEqualTo(audit);
      assertThat(said()).isEqualTo(LISTS);
      // It writes one status after the other and asks before each whether it may: stopped between
      // that and the last octet of the request, it sends the rest of this one, which the other
      // finds and writes again. Those that waited behind it are never sent.
      var inFlight = Math.max(0, changes.seen.size() - (int) (writes(next) - before));
      assertThat(inFlight).as("by who was stopped: %s", changes.seen).isLessThanOrEqualTo(1);
      assertThat(changes.seen)
          .filteredOn(one -> one.contains("EgressAllowList"))
          .filteredOn(one -> !one.endsWith("generation 2, told of 2"))
          .hasSizeLessThanOrEqualTo(inFlight);
      IstioMesh.SAY.accept(
          "%d changes since it goes on, of these in flight when it was stopped: %d"
              .formatted(changes.seen.size(), inFlight));
    }

    next.kill();
    await("it writes again", TAKEN_OVER, () -> servers.writer().startsWith(stopped.name()));
    servers.scope("mode: enforce");
    servers.objects.awaitCondition("Scope", "cart", "FailureMode", "True Closed");
  }

  /** Asks a server all the time whether it is ready, as a kubelet does now and then. */
  private static final class Probes {
    private static final Duration BETWEEN = Duration.ofMillis(10);
    private final AtomicInteger asked = new AtomicInteger();
    private final AtomicInteger silent = new AtomicInteger();
    private final Thread thread;
    private volatile boolean done;

    Probes(Replica server) {
      this.thread =
          Thread.ofVirtual()
              .start(
                  () -> {
                    while (!done) {
                      if (server.readiness().isEmpty()) {
                        silent.incrementAndGet();
                      }
                      asked.incrementAndGet();
                      LockSupport.parkNanos(BETWEEN.toNanos());
                    }
                  });
    }

    void assertAnswered() throws InterruptedException {
      done = true;
      thread.join();
      assertThat(asked.get()).isGreaterThan(20);
      assertThat(silent.get()).as("of %d probes some were not answered", asked.get()).isZero();
    }
  }

  /** Resets the connections of this machine to the API server. */
  private static void cutWatches() throws Exception {
    var machine = servers.mesh.lab.address().getHostAddress();
    servers
        .mesh
        .plane
        .host()
        .namespace()
        .call(
            () ->
                Command.run(
                        Duration.ofMinutes(1),
                        List.of("ss", "-K", "-t", "dst", machine, "sport", "=", ":6443"))
                    .orFail());
  }
}
