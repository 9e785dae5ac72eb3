package io.kith.bridge.process;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.RuntimeSetting;
import io.kith.baselines.process.Script;
import io.kith.bridge.container.ContainerDirectory;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.HostCgroups;
import io.kith.bridge.ffm.TaskWalk;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A process that has changed its command line, and ways to have its exec forgotten. */
@Tag("root")
@Timeout(600)
class ForgottenExecTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final int REMEMBERED = 100;
  private static final String EVIL = "/srv/evil.pl";
  private static final String FORKS = "/srv/forks.pl";
  private static final String ALLOWED = "/srv/allowed.pl";

  private static final ContainerDirectory NO_RUNTIME =
      ContainerDirectory.open(new RuntimeSetting.Off(), HostCgroups.open());

  private static FakePod pod;
  private final Map<Integer, Birth> births = new HashMap<>();
  private FingerprintSource source;

  @BeforeAll
  static void startPod() throws Exception {
    pod = new FakePod();
    pod.ask("echo 'sleep 1000' > " + ALLOWED + "; echo");
    pod.ask("echo 'select(undef, undef, undef, 0.05); fork; sleep 1000' > " + FORKS + "; echo");
    pod.ask("cp " + ALLOWED + " " + EVIL + "; echo");
  }

  @AfterAll
  static void stopPod() throws Exception {
    pod.close();
  }

  @BeforeEach
  void start() {
    source = new FingerprintSource(1L << 30, 2, births::get, NO_RUNTIME, REMEMBERED);
  }

  @AfterEach
  void stop() {
    source.close();
  }

  /** A process that shows the allowed script, whatever exec is told of it. */
  private static ProcessKey start(long execId) throws Exception {
    return keyOf(pod.start("perl " + ALLOWED), execId);
  }

  private static ProcessKey keyOf(int pid, long execId) {
    return new ProcessKey(pid, requireNonNull(ProcFs.of(pid).stat()).startNanos(), execId);
  }

  private static ExecEvent exec(ProcessKey key, String... arguments) {
    return exec(key, String.join("\0", arguments), false);
  }

  private static ExecEvent exec(ProcessKey key, String line, boolean truncated) {
    var perl = "/usr/bin/perl";
    return new ExecEvent(key, pod.firstPid(), null, 1, null, perl, perl, line, truncated);
  }

  /** Programs that are gone by now. */
  private void flood(int count) {
    for (var i = 0; i < count; i++) {
      source.executed(exec(new ProcessKey(4_000_000 + i, 1_000_000_000, 7), "true"));
    }
  }

  private Script identify(Sighting sighting) {
    var identified = source.identify(sighting, System.nanoTime() + PATIENCE.toNanos());
    return requireNonNull(identified.fingerprint().script());
  }

  private Script identify(ProcessKey key) {
    return identify(new Sighting(key, 0, 0, pod.firstPid(), null, null));
  }

  private static void assertRan(Script script, String path) {
    assertThat(script.path()).isEqualTo(path);
    assertThat(script.claimed()).isFalse();
  }

  @Test
  void identify_afterAFloodOfOtherPrograms_isWhatWasExecuted() throws Exception {
    var key = start(7);
    source.executed(exec(key, "perl", EVIL));

    flood(20 * REMEMBERED);

    assertRan(identify(key), EVIL);
  }

  /** What a process ran before its last exec is not kept for its sake. */
  @Test
  void identify_afterAFloodOfItsOwnExecs_isWhatWasExecutedLast() throws Exception {
    var other = start(7);
    source.executed(exec(other, "perl", EVIL));
    var pid = start(0).pid();

    for (var execId = 1; execId <= 20 * REMEMBERED; execId++) {
      source.executed(exec(keyOf(pid, execId), "perl", EVIL));
    }

    assertRan(identify(keyOf(pid, 20 * REMEMBERED)), EVIL);
    assertRan(identify(other), EVIL);
  }

  /** Of who holds a socket only the pid is known. */
  @Test
  void identify_holderOfASocket_isWhatWasExecuted() throws Exception {
    var key = start(7);
    source.executed(exec(key, "perl", EVIL));

    assertRan(identify(Sighting.holder(key.pid())), EVIL);
  }

  @Test
  void identify_holderThatWasForked_isWhatItsForkerExecuted() throws Exception {
    var fork = startFork();
    var forker = keyOf(requireNonNull(ProcFs.of(fork).stat()).parent(), 7);
    source.executed(exec(forker, "perl", EVIL));
    births.put(fork, new Birth(keyOf(fork, 7).startNanos(), 7, forker.pid()));

    assertRan(identify(Sighting.holder(fork)), EVIL);
  }

  /** A program that was forked, which shows the allowed script. */
  private static int startFork() throws Exception {
    var forker = pod.start("perl " + FORKS);
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < until) {
      for (var child : ProcessHandle.of(forker).orElseThrow().children().toList()) {
        return (int) child.pid();
      }
    }
    throw new AssertionError("it has not forked");
  }

  /** The fork goes on while its forker does something harmless. */
  @Test
  void identify_forkOfOneThatExecutedSince_isWhatItsForkerHadExecuted() throws Exception {
    var fork = start(7);
    var forker = new ProcessKey(3_999_980, fork.startNanos() - 1, 7); // no such process
    source.executed(exec(forker, "perl", EVIL));
    source.executed(exec(new ProcessKey(forker.pid(), forker.startNanos(), 8), "true"));
    births.put(fork.pid(), new Birth(fork.startNanos(), 7, forker.pid()));

    assertRan(identify(fork), EVIL);
  }

  @Test
  void identify_forkAfterAFlood_isWhatItsForkerHadExecuted() throws Exception {
    var fork = start(7);
    var forker = new ProcessKey(3_999_980, fork.startNanos() - 1, 7); // no such process
    source.executed(exec(forker, "perl", EVIL));
    births.put(fork.pid(), new Birth(fork.startNanos(), 7, forker.pid()));
    assertRan(identify(fork), EVIL);

    flood(20 * REMEMBERED);
    births.clear();

    assertRan(identify(fork), EVIL);
  }

  /** As a server that went into the background and connects hours later, first. */
  @Test
  void identify_forkAfterAFloodThatWasSeenBefore_isWhatItsForkerHadExecuted() throws Exception {
    try (var walk = TaskWalk.open(Btf.ofThisKernel())) {
      var pid = start(0).pid();
      var tasks = walk.tasks().stream().filter(task -> task.pid() == pid).toList();
      var fork = new ProcessKey(pid, tasks.getFirst().startNanos(), tasks.getFirst().execId());
      var forker = new ProcessKey(3_999_980, fork.startNanos() - 1, fork.execId()); // not there
      source.executed(exec(forker, "perl", EVIL));
      births.put(pid, new Birth(fork.startNanos(), fork.execId(), forker.pid()));

      source.rememberForks(tasks);
      flood(20 * REMEMBERED);
      births.clear();

      assertRan(identify(fork), EVIL);
    }
  }

  /** A pid that an allowed program had before. */
  @Test
  void identify_forkOfAnotherWithAKnownPid_isNotWhatHadThatPidBefore() throws Exception {
    var fork = start(7);
    var allowed = new ProcessKey(3_999_980, fork.startNanos() - 3, 7); // no such processes
    var evil = new ProcessKey(3_999_981, fork.startNanos() - 3, 7);
    var middle = new ProcessKey(allowed.pid(), fork.startNanos() - 2, 7);
    source.executed(exec(allowed, "perl", ALLOWED));
    source.executed(exec(evil, "perl", EVIL));
    births.put(middle.pid(), new Birth(middle.startNanos(), 7, evil.pid()));
    births.put(fork.pid(), new Birth(fork.startNanos(), 7, middle.pid()));

    assertRan(identify(fork), EVIL);
  }

  /** The same when the birth of the one between them was pushed out. */
  @Test
  void identify_forkOfAnotherOfUnknownBirth_isNotWhatHadThatPidBefore() throws Exception {
    var fork = start(7);
    var before = new ProcessKey(3_999_980, fork.startNanos() - 9_000_000, 7); // no such process
    source.executed(exec(before, "perl", "/srv/other.pl"));
    var parentStart = Birth.shortened(fork.startNanos() - 2_000_000);
    births.put(fork.pid(), new Birth(fork.startNanos(), 7, before.pid(), parentStart));

    assertThat(identify(fork).path()).isNotEqualTo("/srv/other.pl");
  }

  /** Whose birth was pushed out, and whoever adopted it has executed as often. */
  @Test
  void identify_forkOfUnknownBirth_isNotWhatAdoptedIt() throws Exception {
    var adopts = start(7);
    var fork = start(7);
    source.executed(exec(adopts, "perl", "/srv/other.pl"));

    var script = identify(new Sighting(fork, 0, 0, adopts.pid(), null, null));

    assertThat(script.path()).isNotEqualTo("/srv/other.pl");
  }

  @Test
  void identify_forkOfUnknownBirthWithItsForker_isWhatThatExecuted() throws Exception {
    var fork = keyOf(startFork(), 7);
    var forker = keyOf(requireNonNull(ProcFs.of(fork.pid()).stat()).parent(), 7);
    source.executed(exec(forker, "perl", EVIL));

    assertRan(identify(new Sighting(fork, 0, 0, forker.pid(), null, null)), EVIL);
  }

  @Test
  void identify_scriptAfterMoreOptionsThanAreTold_isNotBelieved() throws Exception {
    var options = "-I" + "a".repeat(5_000);
    var key = keyOf(pod.start("perl " + options + " " + ALLOWED), 7);
    source.executed(exec(key, ("perl\0" + options).substring(0, 4_096), true));

    assertThat(identify(key).path()).isEqualTo("?");
  }

  @Test
  void identify_moreArgumentsThanAreToldAfterAScript_isThatScript() throws Exception {
    var rest = "a".repeat(5_000);
    var key = keyOf(pod.start("perl " + ALLOWED + " " + rest), 7);
    source.executed(exec(key, ("perl\0" + ALLOWED + "\0" + rest).substring(0, 4_096), true));

    assertThat(identify(key).path()).isEqualTo(ALLOWED);
  }

  /** What is kept of very many is what was kept before they were told in full. */
  @Test
  void brief_longArguments_areCutAndSaySo() {
    var key = new ProcessKey(1, 1, 1);

    assertThat(exec(key, "perl", "a".repeat(4_000)).brief().line()).hasSize(512);
    assertThat(exec(key, "perl", "a".repeat(4_000)).brief().truncated()).isTrue();
    assertThat(exec(key, "perl", ALLOWED).brief()).isEqualTo(exec(key, "perl", ALLOWED));
  }

  @Test
  void identify_execThatNobodyToldOf_isNotBelieved() throws Exception {
    var key = start(7);
    source.execsAreTold(key.startNanos() - 1);

    var asked = new Sighting(key, 0, 0, pod.firstPid(), null, null);
    var identified = source.identify(asked, System.nanoTime());

    assertThat(requireNonNull(identified.fingerprint().script()).path()).isEqualTo("?");
    assertThat(identified.remarks()).contains(Examiner.DOUBTED);
  }

  /** Nothing that it can change says what a program is that is no interpreter. */
  @Test
  void identify_nativeProgramThatNobodyToldOf_isWhatItIs() throws Exception {
    var key = keyOf(pod.start("sleep 1000"), 7);
    source.execsAreTold(key.startNanos() - 1);

    var asked = new Sighting(key, 0, 0, pod.firstPid(), null, null);
    var identified = source.identify(asked, System.nanoTime() + PATIENCE.toNanos());

    assertThat(identified.fingerprint().program()).isEqualTo("sleep");
    assertThat(identified.fingerprint().script()).isNull();
    assertThat(identified.remarks()).isEmpty();
  }

  @Test
  void identify_olderThanTheReports_isBelieved() throws Exception {
    var key = start(7);
    source.execsAreTold(key.startNanos());

    assertThat(identify(key).path()).isEqualTo(ALLOWED);
  }

  /** A worker that a server forked which is older than the bridge. */
  @Test
  void identify_forkOfOneThatIsOlderThanTheReports_isBelieved() throws Exception {
    var fork = keyOf(startFork(), 7);
    var forker = keyOf(requireNonNull(ProcFs.of(fork.pid()).stat()).parent(), 7);
    assertThat(fork.startNanos()).as("a fork that began later").isGreaterThan(forker.startNanos());
    source.execsAreTold(forker.startNanos());

    assertThat(identify(fork).path()).isEqualTo(FORKS);
  }

  /** A process can give itself the stack's address of whoever adopted it, but not fewer execs. */
  @Test
  void identify_stackOfOneThatIsOlderAndMoreExecs_isNotBelieved() throws Exception {
    var fork = keyOf(startFork(), 8);
    var adopts = requireNonNull(ProcFs.of(fork.pid()).stat()).parent();
    try (var walk = TaskWalk.open(Btf.ofThisKernel())) {
      var tasks = walk.tasks().stream().filter(task -> task.pid() == adopts).toList();
      source.rememberListed(tasks);
      source.execsAreTold(tasks.getFirst().startNanos());
      var execId = tasks.getFirst().execId();

      assertThat(lookAt(fork, execId + 1).path()).isEqualTo("?");
      assertThat(lookAt(fork, execId).path()).isEqualTo(FORKS);
    }
  }

  private Script lookAt(ProcessKey key, long execId) {
    var asked = new ProcessKey(key.pid(), key.startNanos(), execId);
    var sighting = new Sighting(asked, 0, 0, pod.firstPid(), null, null);
    return requireNonNull(source.identify(sighting, System.nanoTime()).fingerprint().script());
  }

  @Test
  void identify_execThatIsToldInAMoment_isWaitedFor() throws Exception {
    var key = start(7);
    source.execsAreTold(key.startNanos() - 1);
    var script = new CompletableFuture<Script>();
    var asks = Thread.ofPlatform().start(() -> script.complete(identify(key)));
    while (asks.getState() != Thread.State.TIMED_WAITING && asks.isAlive()) {
      Thread.onSpinWait();
    }

    source.executed(exec(key, "perl", EVIL));

    assertRan(script.get(PATIENCE.toSeconds(), TimeUnit.SECONDS), EVIL);
  }
}
