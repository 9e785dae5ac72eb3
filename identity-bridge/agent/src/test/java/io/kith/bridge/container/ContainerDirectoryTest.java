package io.kith.bridge.container;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.container.ContainerFacts.Image;
import io.kith.bridge.container.ContainerFacts.PodName;
import io.kith.bridge.container.Described.Known;
import io.kith.bridge.container.Described.Unknown;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(600)
class ContainerDirectoryTest {
  private static final String ID = "8".repeat(64);
  private static final Placement IN = new Placement.In(ID);
  private static final int SELF = (int) ProcessHandle.current().pid();
  private static final Image IMAGE = new Image("sha256:" + "1".repeat(64), true);
  private static final Duration RETRY = Duration.ofMinutes(1);

  @TempDir private Path folder;
  private final Map<Integer, String> cgroups = new ConcurrentHashMap<>();
  private final AtomicLong clock = new AtomicLong();
  private final FakeRuntime runtime = new FakeRuntime();
  private ContainerDirectory directory;

  /** Says what a test says. */
  private final class FakeRuntime implements ContainerRuntime {
    private final AtomicInteger asked = new AtomicInteger();
    private final Map<String, ContainerFacts> known = new ConcurrentHashMap<>();
    private volatile @Nullable CountDownLatch hang;
    private volatile @Nullable String failure;
    private volatile @Nullable Error mistake;

    @Override
    public String name() {
      return "fake";
    }

    @Override
    public Path socket() {
      return folder;
    }

    @Override
    public @Nullable ContainerFacts inspect(String id) throws IOException {
      asked.incrementAndGet();
      var latch = hang;
      if (latch != null) {
        await(latch);
      }
      var error = mistake;
      if (error != null) {
        throw error;
      }
      if (failure != null) {
        throw new IOException(failure);
      }
      return known.get(id);
    }

    @Override
    public void close() {}
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IOException("stopped", e);
    }
  }

  @BeforeEach
  void open() {
    directory =
        new ContainerDirectory(
            List.of(runtime), pid -> cgroups.getOrDefault(pid, "0::/"), clock::get);
  }

  @AfterEach
  void close() {
    directory.close();
  }

  private static ContainerFacts facts(
      String id, int pid, String name, @Nullable Image image, @Nullable String main) {
    return new ContainerFacts(
        id, pid, name, image, new PodName("shop", "checkout-1"), false, main, Map.of());
  }

  private void runs(String id, int pid, String name, @Nullable Image image) {
    runtime.known.put(id, facts(id, pid, name, image, null));
    cgroups.put(pid, "0::/docker/" + id);
  }

  /** Waits, with a generous limit, for an answer that is looked for. */
  private Described awaited(Predicate<Described> wanted) {
    var until = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    var described = directory.describe(IN, until);
    while (!wanted.test(described) && System.nanoTime() < until) {
      Thread.onSpinWait();
      described = directory.describe(IN, until);
    }
    return described;
  }

  private Known known() {
    return (Known) awaited(Known.class::isInstance);
  }

  private String why(String part) {
    return ((Unknown) awaited(one -> one instanceof Unknown(var why) && why.contains(part))).why();
  }

  @Test
  void describe_containerWhoseFirstProcessIsInIt_isKnown_andAskedForOnce() {
    runs(ID, SELF, "app", IMAGE);

    var described = known();
    directory.describe(IN, 0);

    assertThat(described.facts().name()).isEqualTo("app");
    assertThat(requireNonNull(described.first()).pid()).isEqualTo(SELF);
    assertThat(runtime.asked).hasValue(1);
    assertThat(directory.status().known()).isEqualTo(1);
  }

  @Test
  void describe_processThatTheKernelHasElsewhere_isNotBelieved() {
    runs(ID, SELF, "app", IMAGE);
    cgroups.put(SELF, "0::/docker/" + "9".repeat(64));

    assertThat(why("the kernel does not have in it")).contains("process " + SELF);
    assertThat(directory.status().disagreements()).isPositive();
    assertThat(directory.status().known()).isZero();
  }

  @Test
  void describe_processThatIsNotThere_isNotBelieved() {
    runs(ID, Integer.MAX_VALUE, "app", IMAGE);

    assertThat(why("the kernel does not have in it")).isNotEmpty();
  }

  @Test
  void describe_containerThatDoesNotRun_isUnknown() {
    runs(ID, 0, "app", IMAGE);

    assertThat(why("does not run")).startsWith("container 888888888888: ");
  }

  @Test
  void describe_containerThatNobodyKnows_isUnknown_untilItIsKnown() {
    assertThat(why("no container runtime knows it")).isNotEmpty();
    runs(ID, SELF, "app", IMAGE);
    clock.addAndGet(RETRY.toNanos());

    assertThat(known().facts().name()).isEqualTo("app");
  }

  /** The answers come although nobody ever lets the runtime go on. */
  @Test
  void describe_runtimeThatHangs_isAnsweredWithoutIt() {
    runtime.hang = new CountDownLatch(1);

    for (var i = 0; i < 100; i++) {
      assertThat(directory.describe(IN, System.nanoTime() + Duration.ofHours(1).toNanos()))
          .isEqualTo(new Unknown("container 888888888888: no answer of its runtime yet"));
    }
    assertThat(runtime.asked).hasValueLessThanOrEqualTo(1);
  }

  @Test
  void describe_runtimeThatFails_isLeftAloneForAWhile() {
    runtime.failure = "no answer in 2000 ms";
    assertThat(why("fake: no answer in 2000 ms")).isNotEmpty();
    var asked = runtime.asked.get();

    for (var i = 0; i < 100; i++) {
      var other = new Placement.In("%064x".formatted(i));
      directory.describe(other, System.nanoTime() + Duration.ofSeconds(10).toNanos());
    }

    assertThat(runtime.asked).hasValue(asked);
    assertThat(directory.status().runtimes().getFirst()).startsWith("fake: no answer in 2000 ms");

    runtime.failure = null;
    runs(ID, SELF, "app", IMAGE);
    clock.addAndGet(RETRY.toNanos());

    assertThat(known().facts().name()).isEqualTo("app");
  }

  /** It was never asked about again, as if the answer was still to come. */
  @Test
  void describe_mistakeWhileARuntimeIsAsked_isSaid_andItIsAskedAgain() {
    runs(ID, SELF, "app", IMAGE);
    runtime.mistake = new StackOverflowError("on purpose");
    assertThat(why("a mistake inside: java.lang.StackOverflowError: on purpose")).isNotEmpty();

    runtime.mistake = null;
    clock.addAndGet(RETRY.toNanos());

    assertThat(known().facts().name()).isEqualTo("app");
  }

  @Test
  void describe_firstProcessThatEnded_keepsTheImage_andIsAskedAgain() throws Exception {
    var first = new ProcessBuilder("sleep", "1000").start();
    runs(ID, (int) first.pid(), "app", IMAGE);
    assertThat(known().first()).isNotNull();
    first.destroyForcibly().waitFor();

    var described = (Known) directory.describe(IN, 0);
    assertThat(described.first()).isNull();
    assertThat(described.facts().image()).isEqualTo(IMAGE);

    runs(ID, SELF, "app", IMAGE); // docker restart: the same container, another process
    clock.addAndGet(RETRY.toNanos());
    var again = (Known) awaited(one -> one instanceof Known(_, var now) && now != null);
    assertThat(requireNonNull(again.first()).pid()).isEqualTo(SELF);
  }

  @Test
  void podContainers_severalContainers_digestIsThatOfTheMainOne() {
    runs("a".repeat(64), SELF, "agent", new Image("sha256:" + "a".repeat(64), true));
    var parent = (int) ProcessHandle.current().parent().orElseThrow().pid();
    cgroups.put(parent, "0::/docker/" + "b".repeat(64));
    runtime.known.put("b".repeat(64), facts("b".repeat(64), parent, "checkout", IMAGE, "checkout"));
    var pods = new PodContainers(directory, "istio-proxy");

    look(pods, SELF, parent);

    assertThat(pods.imageDigest("net:[1]")).isEqualTo(IMAGE.digest());
    assertThat(pods.proxy("net:[1]")).isEqualTo(new PodContainers.Proxy.None());
    assertThat(pods.words("net:[1]"))
        .startsWith("pod shop/checkout-1, container agent sha256:aaaa")
        .contains(", container checkout sha256:1111");
  }

  @Test
  void podContainers_proxyAndWorkload_areToldApart() {
    runs("a".repeat(64), SELF, "istio-proxy", new Image("sha256:" + "a".repeat(64), true));
    var parent = (int) ProcessHandle.current().parent().orElseThrow().pid();
    runs("b".repeat(64), parent, "zoo", IMAGE);
    var pods = new PodContainers(directory, "istio-proxy");

    look(pods, SELF, parent);

    assertThat(pods.imageDigest("net:[1]")).isEqualTo(IMAGE.digest());
    assertThat(pods.proxy("net:[1]")).isEqualTo(new PodContainers.Proxy.In(SELF));
  }

  @Test
  void podContainers_containerThatIsNotDescribed_leavesTheImageOpen() {
    runs("a".repeat(64), SELF, "app", IMAGE);
    var parent = (int) ProcessHandle.current().parent().orElseThrow().pid();
    cgroups.put(parent, "0::/docker/" + "b".repeat(64));
    var pods = new PodContainers(directory, "istio-proxy");

    look(pods, SELF, parent);

    assertThat(pods.imageDigest("net:[1]")).isNull();
    assertThat(pods.proxy("net:[1]")).isEqualTo(new PodContainers.Proxy.NotKnown());
    assertThat(pods.words("net:[1]")).contains("no container runtime knows it");
  }

  @Test
  void podContainers_processesOutsideEveryContainer_sayNothing() {
    var pods = new PodContainers(directory, "istio-proxy");

    pods.look(Map.of("net:[1]", List.of(SELF)));

    assertThat(pods.imageDigest("net:[1]")).isNull();
    assertThat(pods.proxy("net:[1]")).isEqualTo(new PodContainers.Proxy.NotKnown());
    assertThat(pods.words("net:[1]")).isEmpty();
    assertThat(pods.imageDigest("net:[2]")).isNull();
  }

  /** Looks until every container was asked about. */
  private void look(PodContainers pods, Integer... pids) {
    var until = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    do {
      pods.look(Map.of("net:[1]", List.of(pids)));
    } while (pods.words("net:[1]").contains("no answer of its runtime yet")
        && System.nanoTime() < until);
  }

  @Test
  void open_noSocketAnywhere_saysSo() throws Exception {
    Files.delete(folder);
    try (var none = new ContainerDirectory(List.of(runtime, runtime), _ -> "0::/", clock::get)) {
      var until = System.nanoTime() + Duration.ofMinutes(1).toNanos();
      var described = none.describe(IN, until);
      while (described instanceof Unknown(var why)
          && why.endsWith("yet")
          && System.nanoTime() < until) {
        described = none.describe(IN, until);
      }
      assertThat(described)
          .isEqualTo(
              new Unknown(
                  "container 888888888888: no container runtime has a socket here"
                      + " (bridge.runtime)"));
    }
    Files.createDirectory(folder);
  }
}
