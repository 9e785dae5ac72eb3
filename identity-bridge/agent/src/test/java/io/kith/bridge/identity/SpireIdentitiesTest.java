package io.kith.bridge.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.process.ProcessKey;
import io.kith.bridge.process.ProcessState;
import io.kith.bridge.process.Sighting;
import io.kith.bridge.stream.NodeView.IdentitySource;
import io.kith.spiffe.spire.WorkloadAttestor.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class SpireIdentitiesTest extends ProcessIdentitiesContract {
  private static final SpiffeId BILLING = SpiffeId.parse("spiffe://dev.mesh.test/billing");
  private static final long EXEC = 7;

  private final FakeAttestor agent = new FakeAttestor();
  private final List<String> told = new CopyOnWriteArrayList<>();
  private final AtomicLong clock = new AtomicLong();
  private final List<Process> children = new CopyOnWriteArrayList<>();

  @AfterEach
  void end() {
    children.forEach(Process::destroyForcibly);
  }

  @Override
  SpireIdentities open() {
    agent.answer(CHECKOUT);
    return new SpireIdentities(
        agent, IdentitySource.SPIRE_DELEGATED, Duration.ofSeconds(2), told::add, clock::get);
  }

  @Override
  Set<SpiffeId> expected() {
    return Set.of(CHECKOUT);
  }

  private Process child(String... argv) throws IOException {
    var child = new ProcessBuilder(argv).start();
    children.add(child);
    return child;
  }

  /** A child as the kernel reports it, once it runs what it was told to. */
  private static Sighting seen(Process child) throws Exception {
    var pid = (int) child.pid();
    var own = Objects.requireNonNull(ProcessState.read((int) ProcessHandle.current().pid()));
    await(
        () -> {
          var state = ProcessState.read(pid);
          return state != null && !state.image().equals(own.image());
        });
    var state = Objects.requireNonNull(ProcessState.read(pid));
    return new Sighting(new ProcessKey(pid, state.startNanos(), EXEC), 0, -1, 0, null, null);
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    var end = System.nanoTime() + 60_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited for a minute").isLessThan(end);
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  // ---- whose answer it is

  @Test
  void of_aProcessWithSeveralIds_hasAllOfThem() throws Exception {
    try (var identities = open()) {
      agent.answer(CHECKOUT, BILLING);

      var attested = identities.of(seen(child("sleep", "60")), POD, soon());

      assertThat(attested).isEqualTo(new Attested(Set.of(CHECKOUT, BILLING), null));
    }
  }

  @Test
  void of_aProcessThatEndedBefore_isNotAskedAbout() throws Exception {
    try (var identities = open()) {
      var child = child("sleep", "60");
      var seen = seen(child);
      child.destroyForcibly().waitFor();

      var attested = identities.of(seen, POD, soon());

      assertThat(attested.ids()).isEmpty();
      assertThat(attested.remark()).contains("process " + child.pid());
      assertThat(agent.asked()).isEmpty();
    }
  }

  @Test
  void of_anEarlierProcessOfTheSamePid_isNotAskedAbout() throws Exception {
    try (var identities = open()) {
      var child = child("sleep", "60");
      var seen = seen(child);
      var earlier =
          new Sighting(
              new ProcessKey((int) child.pid(), seen.key().startNanos() - 10_000_000, EXEC),
              0,
              -1,
              0,
              null,
              null);

      var attested = identities.of(earlier, POD, soon());

      assertThat(attested.ids()).isEmpty();
      assertThat(attested.remark()).contains("became another");
      assertThat(agent.asked()).isEmpty();
    }
  }

  @Test
  void of_aProcessThatEndsWhileItIsAttested_isUnknown() throws Exception {
    try (var identities = open()) {
      var child = child("sleep", "60");
      agent.behave(
          _ -> {
            child.destroyForcibly().onExit().join();
            return CompletableFuture.completedFuture(new Answer.Identities(Set.of(CHECKOUT)));
          });

      var attested = identities.of(seen(child), POD, soon());

      assertThat(attested.ids()).isEmpty();
      assertThat(attested.remark()).contains("became another while it was attested");
    }
  }

  @Test
  void of_aProcessThatCallsExecWhileItIsAttested_isUnknown() throws Exception {
    try (var identities = open()) {
      var child = child("sh", "-c", "read go; exec sleep 60");
      var shell = seen(child);
      agent.behave(pid -> afterExec(child, pid));

      var attested = identities.of(shell, POD, soon());

      assertThat(attested.ids()).isEmpty();
      assertThat(attested.remark()).contains("became another while it was attested");
    }
  }

  /** The stack of a process moves with an exec of the same file, too. */
  @Test
  void of_aProcessThatCallsExecOfItsOwnFile_isUnknown() throws Exception {
    try (var identities = open()) {
      var child = child("sh", "-c", "read go; exec sh -c 'read go'");
      var shell = seen(child);
      agent.behave(pid -> afterExec(child, pid));

      assertThat(identities.of(shell, POD, soon()).ids()).isEmpty();
    }
  }

  private static CompletableFuture<Answer> afterExec(Process child, int pid) {
    try {
      var before = ProcessState.read(pid);
      child.getOutputStream().write('\n');
      child.getOutputStream().flush();
      await(
          () -> {
            var now = ProcessState.read(pid);
            return now != null && !now.equals(before);
          });
      return CompletableFuture.completedFuture(new Answer.Identities(Set.of(CHECKOUT)));
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The pid is given to another process of the same program before the agent answers. */
  @Test
  @Tag("root")
  void of_aPidThatIsUsedAgainWhileItIsAttested_isUnknown() throws Exception {
    try (var identities = open()) {
      var victim = child("sleep", "60");
      var seen = seen(victim);
      agent.behave(pid -> afterReuse(victim, pid));

      var attested = identities.of(seen, POD, soon());

      assertThat(attested.ids()).isEmpty();
      assertThat(attested.remark()).contains("became another while it was attested");
      assertThat(ProcessHandle.of(victim.pid())).as("the pid is somebody's again").isPresent();
    }
  }

  private CompletableFuture<Answer> afterReuse(Process victim, int pid) {
    try {
      victim.destroyForcibly().waitFor();
      for (var tries = 0; tries < 1000; tries++) {
        Files.writeString(Path.of("/proc/sys/kernel/ns_last_pid"), String.valueOf(pid - 1));
        var next = child("sleep", "60");
        if (next.pid() == pid) {
          seen(next);
          return CompletableFuture.completedFuture(new Answer.Identities(Set.of(CHECKOUT)));
        }
        next.destroyForcibly();
      }
      throw new IllegalStateException("pid " + pid + " was not given out again");
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  // ---- how long an answer counts

  @Test
  void of_isAskedOnce_andAgainAfterFiveSeconds_whenTheEntryMayBeGone() throws Exception {
    try (var identities = open()) {
      var seen = seen(child("sleep", "60"));
      identities.of(seen, POD, soon());

      clock.addAndGet(Duration.ofMillis(4_999).toNanos());
      agent.answer(new SpiffeId[0]);
      assertThat(identities.of(seen, POD, soon()).ids()).containsExactly(CHECKOUT);
      assertThat(agent.asked()).hasSize(1);

      clock.addAndGet(Duration.ofMillis(1).toNanos());
      var gone = identities.of(seen, POD, soon());
      assertThat(gone.ids()).isEmpty();
      assertThat(gone.remark()).contains("no registration entry");
      assertThat(agent.asked()).hasSize(2);

      clock.addAndGet(Duration.ofSeconds(1).toNanos());
      agent.answer(BILLING);
      assertThat(identities.of(seen, POD, soon()).ids()).containsExactly(BILLING);
    }
  }

  @Test
  void atHand_whatWasAttested_forFiveSeconds() throws Exception {
    try (var identities = open()) {
      var seen = seen(child("sleep", "60"));
      assertThat(identities.atHand(seen, POD)).isNull();

      var attested = identities.of(seen, POD, soon());

      assertThat(identities.atHand(seen, POD)).isEqualTo(attested);
      clock.addAndGet(Duration.ofSeconds(5).toNanos());
      assertThat(identities.atHand(seen, POD)).isNull();
      assertThat(agent.asked()).hasSize(1);
    }
  }

  @Test
  void of_aProcessThatHasGone_isRememberedForThatLong() throws Exception {
    try (var identities = open()) {
      var child = child("sleep", "60");
      var seen = seen(child);
      identities.of(seen, POD, soon());
      child.destroyForcibly().waitFor();

      assertThat(identities.of(seen, POD, soon()).ids()).containsExactly(CHECKOUT);

      clock.addAndGet(Duration.ofSeconds(5).toNanos());
      assertThat(identities.of(seen, POD, soon()).ids()).isEmpty();
    }
  }

  @Test
  void of_aProgramThatIsOnlyANumber_isAskedAboutEveryTime() {
    try (var identities = open()) {
      identities.of(OURSELVES, POD, soon());
      identities.of(OURSELVES, POD, soon());

      assertThat(agent.asked()).hasSize(2);
    }
  }

  @Test
  void of_twoWhoAskAtTheSameTime_areAnsweredByOneCall() throws Exception {
    try (var identities = open()) {
      var seen = seen(child("sleep", "60"));
      var slow = new CompletableFuture<Answer>();
      agent.behave(_ -> slow);

      identities.of(seen, POD, System.nanoTime());
      identities.of(seen, POD, System.nanoTime());
      slow.complete(new Answer.Identities(Set.of(CHECKOUT)));

      assertThat(agent.asked()).hasSize(1);
      assertThat(identities.of(seen, POD, soon()).ids()).containsExactly(CHECKOUT);
      assertThat(agent.asked()).hasSize(1);
    }
  }

  // ---- an agent that does not answer

  /** If a question waited here it would wait for good. */
  @Test
  void of_anAgentThatIsSlow_isNotWaitedForAnyMore_untilItIsQuickAgain() throws Exception {
    try (var identities = open()) {
      var slow = new CompletableFuture<Answer>();
      agent.behave(_ -> slow);
      for (var i = 0; i < 4; i++) {
        assertThat(identities.of(OURSELVES, POD, System.nanoTime()).remark())
            .contains("has not answered yet");
      }

      assertThat(identities.of(OURSELVES, POD, Long.MAX_VALUE).ids()).isEmpty();

      slow.complete(new Answer.Identities(Set.of(CHECKOUT)));
      assertThat(identities.of(OURSELVES, POD, soon()).ids()).containsExactly(CHECKOUT);
    }
  }

  @Test
  void of_moreCallsThanAreAllowedAtOnce_areNotMade() throws Exception {
    try (var identities = open()) {
      agent.behave(_ -> new CompletableFuture<>());
      for (var i = 0; i < 40; i++) {
        identities.of(OURSELVES, POD, System.nanoTime());
      }
      assertThat(agent.asked()).as("about one pod").hasSize(8);
      assertThat(identities.of(OURSELVES, POD, System.nanoTime()).remark())
          .contains("8 others of this pod");

      for (var i = 0; i < 40; i++) {
        identities.of(OURSELVES, IpAddress.parse("10.88.2." + i), System.nanoTime());
      }
      assertThat(agent.asked()).as("about all").hasSize(32);
    }
  }

  /** The eighth mistake was the last call about a pod, and the 32nd the last one. */
  @Test
  void of_aMistakeWhileTheAgentIsAsked_keepsNoPlace() {
    try (var identities = open()) {
      agent.behave(
          _ -> {
            throw new AssertionError("on purpose");
          });
      for (var i = 0; i < 10; i++) {
        assertThat(identities.of(OURSELVES, POD, soon()).remark())
            .isEqualTo("not attested: a mistake inside: java.lang.AssertionError: on purpose");
      }
      agent.behave(_ -> CompletableFuture.failedFuture(new AssertionError("on purpose")));
      for (var i = 0; i < 10; i++) {
        assertThat(identities.of(OURSELVES, POD, soon()).remark())
            .isEqualTo("not attested: a mistake inside: java.lang.AssertionError: on purpose");
      }

      agent.answer(CHECKOUT);

      assertThat(identities.of(OURSELVES, POD, soon()).ids()).containsExactly(CHECKOUT);
    }
  }

  /** Who asked about the same run of a program waited for that answer ever after. */
  @Test
  void of_aMistakeWhileTheAgentIsAsked_isNotWaitedForByTheNext() throws Exception {
    try (var identities = open()) {
      var seen = seen(child("sleep", "60"));
      agent.behave(
          _ -> {
            throw new AssertionError("on purpose");
          });
      assertThat(identities.of(seen, POD, soon()).remark()).contains("a mistake inside");
      clock.addAndGet(Duration.ofSeconds(1).toNanos());

      agent.answer(CHECKOUT);

      assertThat(identities.of(seen, POD, soon()).ids()).containsExactly(CHECKOUT);
    }
  }

  /** The agent may be slow because of what runs in one pod: it reads executables. */
  @Test
  void of_aPodThatTheAgentIsSlowWith_keepsNoOtherFromBeingAttested() throws Exception {
    try (var identities = open()) {
      var slow = new CompletableFuture<Answer>();
      agent.behave(_ -> slow);
      for (var i = 0; i < 40; i++) {
        identities.of(OURSELVES, POD, System.nanoTime());
      }

      agent.behave(
          _ ->
              CompletableFuture.supplyAsync(
                  () -> new Answer.Identities(Set.of(CHECKOUT)),
                  CompletableFuture.delayedExecutor(10, TimeUnit.MILLISECONDS)));

      assertThat(identities.of(OURSELVES, OTHER_POD, soon()).ids()).containsExactly(CHECKOUT);

      slow.complete(new Answer.Identities(Set.of(CHECKOUT)));
      assertThat(identities.of(OURSELVES, POD, soon()).ids()).containsExactly(CHECKOUT);
    }
  }

  @Test
  void of_anAgentThatRefuses_isSaidOnce_andAskedOnlyAboutOurselves_untilItAnswers()
      throws Exception {
    try (var identities = open()) {
      var child = child("sleep", "60");
      var seen = seen(child);
      agent.answer(new Answer.Unavailable("admin.sock: list it under authorized_delegates"));

      assertThat(identities.of(seen, POD, soon()).remark()).contains("authorized_delegates");
      assertThat(identities.problem()).contains("authorized_delegates");
      assertThat(identities.words()).contains("nobody is attested", "authorized_delegates");
      clock.addAndGet(Duration.ofHours(1).toNanos());
      assertThat(identities.of(seen, POD, soon()).remark()).contains("authorized_delegates");
      assertThat(agent.asked()).containsOnlyOnce((int) child.pid());

      agent.answer(CHECKOUT);
      await(() -> identities.problem() == null);
      clock.addAndGet(Duration.ofHours(1).toNanos());
      assertThat(identities.of(seen, POD, soon()).ids()).containsExactly(CHECKOUT);
      assertThat(identities.words()).isEqualTo("attested by SPIRE");
      assertThat(told)
          .containsExactly(
              "nobody is attested: admin.sock: list it under authorized_delegates",
              "attested by SPIRE");
    }
  }

  @Test
  void of_callsThatRunOut_aboutSeveralPods_areTheAgent() throws Exception {
    try (var identities = open()) {
      agent.answer(new Answer.Late(Duration.ofSeconds(2)));

      identities.of(OURSELVES, POD, soon());
      identities.of(OURSELVES, OTHER_POD, soon());
      assertThat(identities.problem()).isNull();
      identities.of(OURSELVES, IpAddress.parse("10.88.1.4"), soon());

      assertThat(identities.problem()).contains("does not answer within 2000 ms");
    }
  }

  /** Its programs may be huge: whether the agent answers is tried with ourselves. */
  @Test
  void of_callsThatRunOut_aboutOnePod_areTheAgentOnlyIfThoseAboutOurselvesDo() throws Exception {
    var child = child("sleep", "60");
    try (var identities = open()) {
      var late = CompletableFuture.<Answer>completedFuture(new Answer.Late(Duration.ofSeconds(2)));
      var ours = new CompletableFuture<Answer>();
      agent.behave(pid -> pid == child.pid() ? late : ours);
      for (var i = 0; i < 10; i++) {
        identities.of(Sighting.holder((int) child.pid()), POD, soon());
      }
      assertThat(identities.problem()).isNull();
      await(() -> agent.asked().contains(OURSELVES.key().pid()));

      agent.behave(_ -> late);
      ours.complete(new Answer.Late(Duration.ofSeconds(2)));

      await(() -> identities.problem() != null);
      assertThat(identities.problem()).contains("does not answer within 2000 ms");
    }
  }

  @Test
  void of_aProcessThatTheAgentCannotAttest_isUnknown_andTheAgentIsWell() throws Exception {
    try (var identities = open()) {
      agent.answer(new Answer.Unknown("workload attestation failed"));

      var attested = identities.of(OURSELVES, POD, soon());

      assertThat(attested.ids()).isEmpty();
      assertThat(attested.remark()).contains("workload attestation failed");
      assertThat(identities.problem()).isNull();
    }
  }

  /** Nobody heard of it, and it was asked on without a pause. */
  @Test
  void start_mistakeWhileTheAgentIsAsked_isAProblem_untilItAnswers() throws Exception {
    agent.behave(
        _ -> {
          throw new IllegalStateException("a bug");
        });
    try (var identities = SpireIdentities.start(agent, IdentitySource.SPIRE_BROKER, told::add)) {
      var first = "nobody is attested: a mistake inside: java.lang.IllegalStateException: a bug";
      await(() -> identities.words().equals(first));
      agent.behave(_ -> CompletableFuture.failedFuture(new IllegalStateException("a bug too")));
      await(() -> identities.words().equals(first + " too"));
      assertThat(identities.of(OURSELVES, POD, soon()).remark()).contains("a mistake inside");

      agent.answer(CHECKOUT);

      await(() -> identities.words().equals("attested by SPIRE"));
      assertThat(identities.problem()).isNull();
      assertThat(told).containsExactly(first, first + " too", "attested by SPIRE");
    }
  }

  /** Its answer was lost, and who asked about the process was answered nothing from then on. */
  @Test
  void of_whoHearsOfTheAgentThrows_isAnsweredAllTheSame() throws Exception {
    agent.answer(CHECKOUT);
    try (var identities =
        new SpireIdentities(
            agent,
            IdentitySource.SPIRE_DELEGATED,
            Duration.ofSeconds(2),
            words -> {
              throw new AssertionError(words);
            },
            clock::get)) {
      assertThat(identities.of(seen(child("sleep", "60")), POD, soon()).ids())
          .containsExactly(CHECKOUT);
      assertThat(identities.problem()).isNull();
    }
  }

  @Test
  void start_asksAboutOurselves_sothatTheFirstQuestionNeedNotConnect() throws Exception {
    agent.answer(CHECKOUT);
    try (var identities = SpireIdentities.start(agent, IdentitySource.SPIRE_BROKER, told::add)) {
      await(() -> identities.words().equals("attested by SPIRE"));

      assertThat(agent.asked()).containsExactly((int) ProcessHandle.current().pid());
      assertThat(identities.source()).isEqualTo(IdentitySource.SPIRE_BROKER);
    }
  }
}
