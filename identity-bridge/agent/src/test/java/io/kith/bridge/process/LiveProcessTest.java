package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.RuntimeSetting;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.Script;
import io.kith.bridge.container.ContainerDirectory;
import io.kith.bridge.container.Placement;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.HostCgroups;
import io.kith.bridge.ffm.PosixFile;
import io.kith.bridge.ffm.TaskWalk;
import io.kith.bridge.turns.FairExecutor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real processes in a real overlay. */
@Tag("root")
@Timeout(600)
class LiveProcessTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final long OVERLAYFS = 0x794c_7630L;

  /**
   * A program for x86-64. Once there is {@code /srv/go} it moves to memory without a file, unmaps
   * its own, and has the kernel name {@code /usr/bin/sleep} as its executable: prctl(PR_SET_MM,
   * PR_SET_MM_MAP) with addresses that are those of the memory. Then it waits.
   */
  private static final String RENAMES_ITSELF =
      escaped(
          "7f454c4602010100000000000000000002003e00010000007800400000000000" // ELF
              + "4000000000000000000000000000000000000000400038000100000000000000"
              + "0100000005000000000000000000000000004000000000000000400000000000" // one segment
              + "2b010000000000002b010000000000000010000000000000"
              + "6a0258488d3da100000031f60f0585c078ee" // open("/srv/go") until there is one
              + "6a0958bf00000010be001000006a075a6a32415a4983c8ff4531c90f05" // mmap
              + "89c7be00004000b900100000f3a4678d80be000000ffe0" // copy, jump
              + "6a0b58bf00004000be001000000f05" // munmap
              + "6a0258488d3d3d00000031f60f05" // open("/usr/bin/sleep")
              + "bf0008001089fa894764b8000000106a0b59f348ab" // struct prctl_mm_map
              + "ff4208ff4220ff4228"
              + "b89d0000006a235f6a0e5e6a68415a4531c00f05" // prctl
              + "6a22580f05ebf9" // pause, for ever
              + "2f7573722f62696e2f736c656570002f7372762f676f00"); // names

  private static final ContainerDirectory NO_RUNTIME =
      ContainerDirectory.open(new RuntimeSetting.Off(), HostCgroups.open());

  private static FakePod pod;
  private final Map<Integer, Birth> births = new HashMap<>();
  private FingerprintSource source;

  @BeforeAll
  static void startPod() throws Exception {
    pod = new FakePod();
  }

  @AfterAll
  static void stopPod() throws Exception {
    pod.close();
  }

  @BeforeEach
  void start() {
    source = new FingerprintSource(1L << 30, 2, births::get, NO_RUNTIME);
  }

  @AfterEach
  void stop() {
    source.close();
  }

  /** Bytes as the shell's printf wants them. */
  private static String escaped(String hex) {
    return hex.replaceAll("..", "\\\\x$0");
  }

  private Identified identify(int pid) {
    return identify(Sighting.holder(pid));
  }

  private Identified identify(Sighting sighting) {
    return source.identify(sighting, System.nanoTime() + PATIENCE.toNanos());
  }

  private static String sha256(String path) throws Exception {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(Path.of(path))));
  }

  private static ProcessKey keyOf(int pid, long execId) {
    var stat = requireNonNull(ProcFs.of(pid).stat());
    return new ProcessKey(pid, stat.startNanos(), execId);
  }

  private static ExecEvent exec(
      ProcessKey key,
      int parent,
      KernelImage image,
      String filename,
      String interpreter,
      String... arguments) {
    return new ExecEvent(
        key, parent, null, 1, image, filename, interpreter, String.join("\0", arguments), false);
  }

  /** The same of a program that is no script, in the mount namespace of another process. */
  private static ExecEvent execIn(
      int other,
      ProcessKey key,
      int parent,
      KernelImage image,
      String filename,
      String... arguments) {
    var mounts = ProcFs.of(other).link("ns/mnt");
    return new ExecEvent(
        key, parent, mounts, 1, image, filename, filename, String.join("\0", arguments), false);
  }

  /** Programs of one cgroup, gone by now, of which the last wait or are left out. */
  private void executeMoreThanAreLookedAt(KernelImage image, String filename) {
    for (var i = 0; i < 20_000; i++) {
      var gone = new ProcessKey(4_000_000 + i, 1_000_000_000, 7); // no such process
      source.executed(exec(gone, 1, image, filename, filename, filename, "1"));
    }
  }

  /** What the kernel would have frozen of a living process. */
  private static KernelImage imageOf(int pid, boolean upper) throws IOException {
    var process = ProcFs.of(pid);
    try (var file = process.openExecutable()) {
      var stat = file.stat();
      var id = FileId.of(stat, Origins.device(stat, process.mounts()));
      return new KernelImage(id, stat.links(), OVERLAYFS, upper);
    }
  }

  @Test
  void identify_programOfTheImage_isImageWithItsHash() throws Exception {
    var pid = pod.start("sleep 1000");

    var fingerprint = identify(pid).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/usr/bin/sleep");
    assertThat(fingerprint.sha256()).isEqualTo(sha256("/usr/bin/sleep"));
    assertThat(fingerprint.origin()).isEqualTo(Origin.IMAGE);
    assertThat(fingerprint.entryKind()).isEqualTo(EntryKind.NATIVE);
    assertThat(fingerprint.program()).isEqualTo("sleep");
    assertThat(fingerprint.uid()).isZero();
    assertThat(fingerprint.lineage()).containsExactly("/usr/bin/bash");
    assertThat(fingerprint.execSession()).isFalse();
    assertThat(fingerprint.injectedMappings()).isEmpty();
  }

  @Test
  void identify_copiedBinary_isOfTheWritableLayer() throws Exception {
    pod.ask("cp /usr/bin/sleep /usr/bin/renamed; echo");
    var pid = pod.start("/usr/bin/renamed 1000");

    var fingerprint = identify(pid).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/usr/bin/renamed");
    assertThat(fingerprint.sha256()).isEqualTo(sha256("/usr/bin/sleep"));
    assertThat(fingerprint.origin()).isEqualTo(Origin.WRITABLE_LAYER);
  }

  @Test
  void identify_binaryOfAVolume_isMount() throws Exception {
    pod.ask("cp /usr/bin/sleep /mnt/volume/s; echo");
    var pid = pod.start("/mnt/volume/s 1000");

    assertThat(identify(pid).fingerprint().origin()).isEqualTo(Origin.MOUNT);
  }

  @Test
  void identify_deletedBinary_isDeletedWithItsNameAndHash() throws Exception {
    pod.ask("cp /usr/bin/sleep '/tmp/gone (deleted)'; echo");
    var pid = pod.start("'/tmp/gone (deleted)' 1000");
    assertThat(identify(pid).fingerprint().path()).isEqualTo("/tmp/gone (deleted)");

    pod.ask("rm '/tmp/gone (deleted)'; echo");
    var fingerprint = identify(pid).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/tmp/gone (deleted)");
    assertThat(fingerprint.origin()).isEqualTo(Origin.DELETED);
    assertThat(fingerprint.sha256()).isEqualTo(sha256("/usr/bin/sleep"));
  }

  /** The kernel marks the name as deleted, and the file as one that still has a link. */
  @Test
  void identify_binaryWithAnotherNameLeft_isDeletedUnderItsOwn() throws Exception {
    pod.ask("cp /usr/bin/sleep /tmp/first; ln /tmp/first /tmp/second; echo");
    var pid = pod.start("/tmp/first 1000");
    awaitLink(pid, "/tmp/first");
    pod.ask("rm /tmp/first; echo");

    var fingerprint = identify(pid).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/tmp/first");
    assertThat(fingerprint.origin()).isEqualTo(Origin.DELETED);
  }

  @Test
  void identify_programFromMemory_isMemfd() throws Exception {
    var pid =
        pod.start(
            "perl -e 'my $n = \"x\"; my $f = syscall(319, $n, 0); open(my $o, \">&=\", $f);"
                + " open(my $i, \"<\", \"/usr/bin/sleep\"); binmode $o; local $/; print {$o} <$i>;"
                + " open(my $r, \"<\", \"/proc/self/fd/$f\"); close $o; my $m = fileno $r;"
                + " exec {\"/proc/self/fd/$m\"} \"sleep\", \"1000\"'");
    awaitLink(pid, "/memfd:x (deleted)");

    var fingerprint = identify(pid).fingerprint();

    assertThat(fingerprint.origin()).isEqualTo(Origin.MEMFD);
    assertThat(fingerprint.path()).isEqualTo("/memfd:x");
    assertThat(fingerprint.sha256()).isEqualTo(sha256("/usr/bin/sleep"));
  }

  private static void awaitLink(int pid, String executable) throws IOException {
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (!executable.equals(ProcFs.of(pid).link("exe"))) {
      if (System.nanoTime() > until) {
        throw new IOException("is " + ProcFs.of(pid).link("exe") + ", not " + executable);
      }
      Thread.onSpinWait();
    }
  }

  /** A library is loaded a moment after the exec. */
  private static void awaitMapping(int pid, String library) throws IOException {
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (!Files.readString(Path.of("/proc/" + pid + "/maps")).contains(library)) {
      if (System.nanoTime() > until) {
        throw new IOException("process " + pid + " does not load " + library);
      }
      Thread.onSpinWait();
    }
  }

  @Test
  void identify_scripts_areToldApartByFileAndOrigin() throws Exception {
    pod.ask("mkdir -p /srv/kp; echo 'sleep 1000 & wait' > /srv/kp/a.sh; echo");
    pod.ask("ln -sf /srv/kp/a.sh /srv/kp/link.sh; echo");
    var named = pod.start("bash /srv/kp/link.sh");
    var relative = pod.start("env -C /srv bash kp/a.sh");
    awaitLink(relative, "/usr/bin/bash");
    var inline = pod.start("bash -c 'sleep 1000 & wait'");

    var script = identify(named).fingerprint().script();

    assertThat(script)
        .isEqualTo(
            new Script(
                "/srv/kp/a.sh",
                HexFormat.of()
                    .formatHex(HashCache.sha256().digest("sleep 1000 & wait\n".getBytes(UTF_8))),
                Origin.WRITABLE_LAYER,
                true));
    assertThat(identify(relative).fingerprint().script()).isEqualTo(script);
    var code = identify(inline).fingerprint();
    assertThat(code.entryKind()).isEqualTo(EntryKind.INLINE);
    assertThat(requireNonNull(code.script()).path()).matches("inline:[0-9a-f]{64}");
  }

  @Test
  void identify_scriptOfTheImage_isImage() throws Exception {
    var file = Path.of("/usr/bin/ldd").toRealPath().toString();

    try (var opened = ProcFs.of(pod.firstPid()).openInRoot(file)) {
      var process = ProcFs.of(pod.firstPid());
      var containers = new Containers(System::nanoTime);
      var origin =
          Origins.of(
              NamedFile.of(opened, process),
              process.mounts(),
              false,
              containers.of(process.link("ns/mnt"), 0));
      assertThat(origin).isEqualTo(Origin.IMAGE);
    }
  }

  @Test
  void openInRoot_absoluteLink_staysInside() throws Exception {
    pod.ask("echo inside > /srv/inside; ln -sf /srv/inside /srv/link; echo");

    try (var file = ProcFs.of(pod.firstPid()).openInRoot("/srv/link")) {
      assertThat(file.stat().size()).isEqualTo(7);
    }
    assertThat(Files.exists(Path.of("/srv/inside"))).isFalse();
  }

  @Test
  void identify_preloadedLibrary_isInjected() throws Exception {
    pod.ask("cp $(ldconfig -p | awk '/libm.so.6 /{print $NF; exit}') /tmp/evil.so; echo");
    var pid = pod.start("env LD_PRELOAD=/tmp/evil.so sleep 1000");
    awaitLink(pid, "/usr/bin/sleep");
    awaitMapping(pid, "/tmp/evil.so");

    assertThat(identify(pid).fingerprint().injectedMappings()).containsExactly("/tmp/evil.so");
  }

  @Test
  void identify_libraryWithAnotherNameLeft_isInjected() throws Exception {
    pod.ask(
        "cp $(ldconfig -p | awk '/libm.so.6 /{print $NF; exit}') /tmp/one.so;"
            + " ln /tmp/one.so /tmp/other.so; echo");
    var pid = pod.start("env LD_PRELOAD=/tmp/one.so sleep 1000");
    awaitLink(pid, "/usr/bin/sleep");
    awaitMapping(pid, "/tmp/one.so");
    pod.ask("rm /tmp/one.so; echo");

    assertThat(identify(pid).fingerprint().injectedMappings()).containsExactly("/tmp/one.so");
  }

  @Test
  void identify_lineage_isCollapsedUpToTheFirstProcess() throws Exception {
    pod.ask("echo 'bash -c \"sh -c \\\"sleep 998 & wait\\\" & wait\" & wait' > /srv/l.sh; echo");
    pod.start("bash /srv/l.sh");
    var sleep = awaitProgram("sleep", "998");

    assertThat(identify(sleep).fingerprint().lineage())
        .containsExactly("/usr/bin/dash", "/usr/bin/bash");
  }

  private static int awaitProgram(String... words) throws IOException {
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < until) {
      for (var pid : ProcFs.pids()) {
        var arguments = ProcFs.of(pid).commandLine();
        if (arguments != null && arguments.words().equals(List.of(words))) {
          return pid;
        }
      }
    }
    throw new IOException("no process " + List.of(words));
  }

  @Test
  void identify_processEnteredFromOutside_isAnExecSession() throws Exception {
    var entered =
        new ProcessBuilder("nsenter", "-m", "-t", "" + pod.firstPid(), "sleep", "997").start();
    try {
      var pid = awaitProgram("sleep", "997");

      var fingerprint = identify(pid).fingerprint();

      assertThat(fingerprint.execSession()).isTrue();
      assertThat(fingerprint.lineage()).isEmpty();
      assertThat(fingerprint.origin()).isEqualTo(Origin.IMAGE);
    } finally {
      entered.destroyForcibly();
    }
  }

  @Test
  void identify_mountNamespaceOfItsOwn_keepsLineageAndImage() throws Exception {
    pod.ask("mkdir -p /tmp/l /tmp/u /tmp/m; cp /usr/bin/sleep /tmp/l/sleep; echo");
    pod.start(
        "unshare -m bash -c 'mount -t tmpfs t /tmp/u; mkdir /tmp/u/u /tmp/u/w; mount -t overlay o"
            + " -o lowerdir=/tmp/l,upperdir=/tmp/u/u,workdir=/tmp/u/w /tmp/m;"
            + " /tmp/m/sleep 996 & wait'");
    var pid = awaitProgram("/tmp/m/sleep", "996");

    var fingerprint = identify(pid).fingerprint();

    assertThat(fingerprint.origin()).isEqualTo(Origin.MOUNT);
    assertThat(fingerprint.lineage()).containsExactly("/usr/bin/bash");
  }

  @Test
  void identify_withAnExecEvent_hasTheNameOfTheExec() throws Exception {
    pod.ask("printf '#!/bin/bash\\nsleep 1000 & wait\\n' > /srv/s; chmod +x /srv/s; echo");
    var pid = pod.start("/srv/s");
    awaitLink(pid, "/usr/bin/bash");
    var key = keyOf(pid, 7);
    var image = imageOf(pid, false);
    source.executed(exec(key, pod.firstPid(), image, "/srv/s", "/bin/bash", "/bin/bash", "/srv/s"));

    var identified = identify(new Sighting(key, 0, 0, pod.firstPid(), null, image));

    assertThat(identified.imageProved()).isTrue();
    assertThat(identified.remarks()).isEmpty();
    assertThat(identified.fingerprint().origin()).isEqualTo(Origin.IMAGE);
    var script = requireNonNull(identified.fingerprint().script());
    assertThat(script.path()).isEqualTo("/srv/s");
    assertThat(script.claimed()).isFalse();
    assertThat(script.origin()).isEqualTo(Origin.WRITABLE_LAYER);
    // Seen late, without the event, it is the same class of process.
    assertThat(ProcessClass.of(identify(pid).fingerprint()))
        .isEqualTo(ProcessClass.of(identified.fingerprint()));
  }

  @Test
  void atHand_programThatWasToldAndLookedAt_isAsIdentified_andItsSuccessorIsNot() throws Exception {
    var pid = pod.start("sleep 1000");
    var image = imageOf(pid, false);
    var key = keyOf(pid, 7);
    var seen = new Sighting(key, 0, 0, 1, ProcFs.of(pid).link("ns/mnt"), image);
    assertThat(source.atHand(seen)).as("nobody told of it").isNull();

    source.executed(exec(key, 1, image, "/usr/bin/sleep", "/usr/bin/sleep", "sleep", "1000"));
    var identified = identify(seen);

    assertThat(identified.fingerprint().sha256()).isNotNull();
    assertThat(source.atHand(seen)).isEqualTo(identified);
    assertThat(source.atHand(Sighting.holder(pid))).as("by its number only").isNull();
    var next = new ProcessKey(pid, key.startNanos(), 8);
    assertThat(source.atHand(new Sighting(next, 0, 0, 1, null, image))).isNull();
  }

  @Test
  void atHand_programThatWasThereBefore_isAsIdentifiedOnceItWasLookedAt() throws Exception {
    var pid = pod.start("sleep 1000");
    var image = imageOf(pid, false);
    var key = keyOf(pid, 7);
    var seen = new Sighting(key, 0, 0, 1, null, image);

    var identified = identify(seen);

    assertThat(source.atHand(seen)).isEqualTo(identified);
    var other = imageOf(pod.firstPid(), false);
    assertThat(source.atHand(new Sighting(key, 0, 0, 1, null, other))).isNull();
  }

  /** A script that may have been another when it was run is no less doubted the second time. */
  @Test
  void atHand_scriptThatWasThereBefore_isAsIdentifiedWithItsRemark() throws Exception {
    pod.ask("echo 'sleep 1000 & wait' > /srv/before.sh; echo");
    var pid = pod.start("bash /srv/before.sh");
    var seen = new Sighting(keyOf(pid, 7), 0, 0, 1, null, imageOf(pid, false));

    var identified = identify(seen);

    assertThat(identified.remarks()).containsExactly(Examiner.READ_LATE);
    assertThat(identify(seen)).isEqualTo(identified);
    assertThat(source.atHand(seen)).isEqualTo(identified);
  }

  @Test
  void identify_goneBeforeAnybodyLooked_isStillTheFileThatTheKernelSaw() throws Exception {
    identify(pod.firstPid());
    var living = pod.start("sleep 1000");
    var image = imageOf(living, false);
    var key = new ProcessKey(3_999_999, 1_000_000_000, 7); // no such process
    source.executed(exec(key, pod.firstPid(), image, "/bin/sleep", "/bin/sleep", "sleep", "1"));

    var identified = identify(new Sighting(key, 0, 12, pod.firstPid(), null, image));

    var fingerprint = identified.fingerprint();
    assertThat(identified.imageProved()).isTrue();
    assertThat(fingerprint.path()).isEqualTo("/usr/bin/sleep");
    assertThat(fingerprint.sha256()).isEqualTo(sha256("/usr/bin/sleep"));
    assertThat(fingerprint.origin()).isEqualTo(Origin.IMAGE);
    assertThat(fingerprint.uid()).isEqualTo(12);
  }

  /**
   * Its container came after a look for others, and nobody was told of the container's programs.
   */
  @Test
  void gone_inAContainerThatNobodyHasLookedAt_isFoundByTheParent() throws Exception {
    var looks = new AtomicInteger();
    var containers =
        new Containers(() -> 0, () -> looks.getAndIncrement() == 0 ? List.of() : ProcFs.pids());
    assertThat(containers.of("mnt:[1]", 0)).isNull();
    var living = pod.start("sleep 1000");
    var key = new ProcessKey(3_999_993, 1_000_000_000, 7); // no such process
    var event =
        execIn(living, key, pod.firstPid(), imageOf(living, false), "/bin/sleep", "sleep", "1");

    var limits = new FairExecutor.Limits(1, 1, 1, 1);
    try (var hashers = new FairExecutor<Placement>("test-hash-", limits)) {
      var tree = new ProcessTree(containers, births::get, 16);
      var hashes = new HashCache(1L << 30, hashers);
      var examined = new Examiner(containers, tree, hashes, NO_RUNTIME).gone(event);

      assertThat(examined.path()).isEqualTo("/usr/bin/sleep");
      assertThat(examined.hash().get().sha256()).isEqualTo(sha256("/usr/bin/sleep"));
    }
  }

  /** Nobody gets to those in time: who asks looks at the process, and does not go by its exec. */
  @Test
  void identify_whileMoreProgramsStartThanAreLookedAt_looksAtOnce() throws Exception {
    var pid = pod.start("sleep 1000");
    var image = imageOf(pid, false);
    var key = keyOf(pid, 7);
    executeMoreThanAreLookedAt(image, "/bin/sleep");
    source.executed(exec(key, pod.firstPid(), image, "/bin/nap", "/bin/nap", "nap"));

    var identified = identify(new Sighting(key, 0, 0, pod.firstPid(), null, image));

    assertThat(identified.fingerprint().path()).isEqualTo("/usr/bin/sleep"); // not as it was told
    assertThat(identified.fingerprint().sha256()).isEqualTo(sha256("/usr/bin/sleep"));
    assertThat(identified.fingerprint().origin()).isEqualTo(Origin.IMAGE);
    assertThat(identified.remarks()).doesNotContain(Examiner.READ_LATE);
  }

  /** Programs of a cgroup are looked at in turn, and who is asked about at once. */
  @Test
  void identify_childOfOneThatIsNotLookedAtYetAndGone_hasItInItsLineage() throws Exception {
    var child = pod.start("sleep 1000");
    var shell = imageOf(pod.start("sh -c 'read line < /dev/zero'"), false);
    var began = keyOf(child, 0).startNanos();
    executeMoreThanAreLookedAt(shell, "/bin/sh");
    var parent = new ProcessKey(3_999_997, began - 1, 7); // no such process
    source.executed(execIn(pod.firstPid(), parent, pod.firstPid(), shell, "/bin/sh", "sh"));
    births.put(child, new Birth(began, 7, parent.pid()));

    assertThat(identify(child).fingerprint().lineage())
        .containsExactly("/usr/bin/dash", "/usr/bin/bash");
  }

  /**
   * Where the runtime has mounts of its own, only the numbers of processes tell where the container
   * ends: of what it ran before the container's first program, too.
   */
  @Test
  void identify_startedByARuntimeWithMountsOfItsOwn_doesNotDescendFromIt() throws Exception {
    var runtime = new ProcessBuilder("unshare", "-m", "sleep", "995").start();
    var starts =
        new ProcessBuilder("unshare", "-m", "-p", "-f", "--kill-child", "sleep", "994").start();
    try {
      awaitProgram((int) runtime.pid(), "/usr/bin/sleep");
      var first = awaitProgram("sleep", "994");
      var key = keyOf(first, 9);
      var creates = new ProcessKey(3_999_996, key.startNanos(), 6); // no such processes
      var begins = new ProcessKey(3_999_995, key.startNanos(), 7);
      var forks = 3_999_994;
      births.put(creates.pid(), new Birth(key.startNanos(), 5, (int) runtime.pid()));
      births.put(begins.pid(), new Birth(key.startNanos(), 6, creates.pid()));
      births.put(forks, new Birth(key.startNanos(), 7, begins.pid()));
      births.put(first, new Birth(key.startNanos(), 7, forks));
      var image = imageOf(first, false);
      source.executed(
          execIn((int) runtime.pid(), begins, creates.pid(), image, "/dev/fd/7", "runc", "init"));
      assertThat(identify(new Sighting(begins, 0, 0, creates.pid(), null, image)).imageProved())
          .as("it was looked at")
          .isTrue();

      var fingerprint = identify(new Sighting(key, 0, 0, forks, null, null)).fingerprint();

      assertThat(fingerprint.lineage()).isEmpty();
      assertThat(fingerprint.origin()).isNotEqualTo(Origin.MOUNT);
    } finally {
      runtime.destroyForcibly();
      starts.destroyForcibly();
    }
  }

  /** A process that has ended, and whose parent has not asked for that yet, shows no executable. */
  @Test
  void identify_zombie_isWhatItsExecTold() throws Exception {
    identify(pod.firstPid());
    var image = imageOf(pod.start("sleep 1000"), false);
    var zombie = zombie();
    var key = keyOf(zombie, 7);
    source.executed(exec(key, pod.firstPid(), image, "/bin/sleep", "/bin/sleep", "sleep"));

    var identified = identify(new Sighting(key, 0, 0, pod.firstPid(), null, image));

    assertThat(identified.fingerprint().path()).isEqualTo("/usr/bin/sleep");
    assertThat(identified.fingerprint().sha256()).isEqualTo(sha256("/usr/bin/sleep"));
    assertThat(identified.imageProved()).isTrue();
  }

  /** The report of its exec comes by another way than the question about its connection. */
  @Test
  void identify_zombieWhoseExecIsToldLate_isWaitedFor() throws Exception {
    identify(pod.firstPid());
    var image = imageOf(pod.start("sleep 1000"), false);
    var key = keyOf(zombie(), 7);
    var identified = new CompletableFuture<Identified>();
    var asks =
        Thread.ofPlatform()
            .start(
                () ->
                    identified.complete(
                        identify(new Sighting(key, 0, 0, pod.firstPid(), null, image))));
    while (asks.getState() != Thread.State.TIMED_WAITING && asks.isAlive()) {
      Thread.onSpinWait();
    }

    source.executed(exec(key, pod.firstPid(), image, "/bin/sleep", "/bin/sleep", "sleep"));

    var fingerprint = identified.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).fingerprint();
    assertThat(fingerprint.path()).isEqualTo("/usr/bin/sleep");
    assertThat(fingerprint.sha256()).isEqualTo(sha256("/usr/bin/sleep"));
  }

  /** A process that has ended and is still there. */
  private int zombie() throws Exception {
    var zombie =
        Integer.parseInt(pod.ask("bash -c 'sleep 1000 & echo $!; exec sleep 1000 >/dev/null' &"));
    awaitLink(requireNonNull(ProcFs.of(zombie).stat()).parent(), "/usr/bin/sleep"); // reaps nobody
    ProcessHandle.of(zombie).orElseThrow().destroyForcibly();
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (!requireNonNull(ProcFs.of(zombie).stat()).zombie() && System.nanoTime() < until) {
      Thread.onSpinWait();
    }
    return zombie;
  }

  @Test
  void identify_forkOfAProgram_isThatProgram() throws Exception {
    var living = pod.start("sleep 1000");
    var image = imageOf(living, false);
    var key = keyOf(living, 7);
    source.executed(exec(key, pod.firstPid(), image, "/bin/sleep", "/bin/sleep", "sleep"));
    var child = new ProcessKey(3_999_998, key.startNanos() + 1, 7);
    births.put(child.pid(), new Birth(child.startNanos(), 7, living));

    var forked = identify(new Sighting(child, 0, 0, living, null, image));

    assertThat(forked.id())
        .isEqualTo(identify(new Sighting(key, 0, 0, pod.firstPid(), null, image)).id());
  }

  /** Whoever adopted it runs the same interpreter, and has executed as often. */
  @Test
  void identify_forkThatAnotherProgramAdopted_isWhatForkedIt() throws Exception {
    var adopts = pod.start("bash -c 'read line < /dev/zero'");
    var image = imageOf(pod.firstPid(), false);
    var began = keyOf(adopts, 7);
    source.executed(exec(began, pod.firstPid(), image, "/srv/app.sh", "/bin/bash", "bash", "app"));
    var forks = new ProcessKey(3_999_980, began.startNanos() + 1, 7); // no such processes
    source.executed(exec(forks, adopts, image, "/bin/bash", "/bin/bash", "bash", "-c", "evil"));
    var child = new ProcessKey(3_999_981, began.startNanos() + 2, 7);
    births.put(child.pid(), new Birth(child.startNanos(), 7, forks.pid()));

    var fingerprint = identify(new Sighting(child, 0, 0, adopts, null, image)).fingerprint();

    assertThat(fingerprint.entryKind()).isEqualTo(EntryKind.INLINE);
  }

  /** What it may do in a user namespace of its own, the tests' root may everywhere. */
  @Test
  void identify_programThatNamesAnotherAsItsOwn_isWhatWasExecuted() throws Exception {
    pod.ask("printf '" + RENAMES_ITSELF + "' > /srv/evil; chmod +x /srv/evil; echo");
    var pid = pod.start("/srv/evil");
    awaitLink(pid, "/srv/evil");
    var key = keyOf(pid, 7);
    source.executed(exec(key, 1, imageOf(pid, true), "/srv/evil", "/srv/evil", "/srv/evil"));
    pod.ask("touch /srv/go; echo");
    awaitLink(pid, "/usr/bin/sleep");
    var mounts = ProcFs.of(pid).link("ns/mnt");
    var seen = new Sighting(key, 0, 0, 1, mounts, imageOf(pid, false));

    var identified = identify(seen);

    assertThat(identified.fingerprint().path()).isEqualTo("/srv/evil");
    assertThat(identified.fingerprint().origin()).isEqualTo(Origin.UNKNOWN);
    assertThat(identified.imageProved()).isFalse();
    assertThat(identified.remarks()).contains("it names another executable than was executed");
    assertThat(source.atHand(seen)).isIn(null, identified);
  }

  @Test
  void identify_forkThatNamesAnotherAsItsOwn_isWhatItsForkerExecuted() throws Exception {
    var child = pod.start("sleep 1000");
    var key = keyOf(child, 7);
    var forker = new ProcessKey(3_999_979, key.startNanos() - 1, 7); // no such process
    var bash = imageOf(pod.firstPid(), false);
    source.executed(exec(forker, pod.firstPid(), bash, "/bin/bash", "/bin/bash", "bash", "-c", ""));
    births.put(child, new Birth(key.startNanos(), 7, forker.pid()));

    var identified = identify(new Sighting(key, 0, 0, 1, null, imageOf(child, false)));

    assertThat(identified.fingerprint().program()).isEqualTo("bash");
    assertThat(identified.fingerprint().origin()).isEqualTo(Origin.UNKNOWN);
    assertThat(identified.imageProved()).isFalse();
  }

  /** A runtime restores a container from a checkpoint by forks of a program of the host. */
  @Test
  void identify_forkOfAProgramOfTheHostInAContainer_isWhatItRuns() throws Exception {
    var restored = pod.start("sleep 1000");
    var key = keyOf(restored, 7);
    var forker = new ProcessKey(3_999_979, key.startNanos() - 1, 7); // no such process
    var bash = imageOf(pod.firstPid(), false);
    var self = (int) ProcessHandle.current().pid();
    source.executed(execIn(self, forker, 1, bash, "/usr/sbin/criu", "criu", "swrk"));
    births.put(restored, new Birth(key.startNanos(), 7, forker.pid()));
    var mounts = ProcFs.of(restored).link("ns/mnt");

    var identified = identify(new Sighting(key, 0, 0, 1, mounts, imageOf(restored, false)));

    assertThat(identified.fingerprint().path()).isEqualTo("/usr/bin/sleep");
    assertThat(identified.fingerprint().origin()).isEqualTo(Origin.IMAGE);
    assertThat(identified.imageProved()).isTrue();
  }

  @Test
  void identify_otherImageThanAtConnect_isNotTakenForIt() throws Exception {
    var sleep = pod.start("sleep 1000");
    var bash = imageOf(pod.firstPid(), false);
    var key = keyOf(sleep, 7);

    var identified =
        source.identify(
            new Sighting(key, 0, 0, pod.firstPid(), null, bash), System.nanoTime() + 50_000_000);

    assertThat(identified.imageProved()).isFalse();
    assertThat(identified.fingerprint().path()).isEmpty();
    assertThat(identified.fingerprint().origin()).isEqualTo(Origin.IMAGE);
    assertThat(identified.remarks()).contains("process gone before it was looked at");
  }

  /** The first answer of a new binary may come before its hash does. */
  @Test
  void identify_beforeTheHashIsKnown_isTheSameClassOfProcess() throws Exception {
    pod.ask("cp /usr/bin/sleep /srv/large; truncate -s 300M /srv/large; echo");
    var pid = pod.start("/srv/large 1000");

    var early = source.identify(Sighting.holder(pid), System.nanoTime());
    var late = identify(pid);

    assertThat(early.remarks()).contains("executable: hash pending");
    assertThat(early.fingerprint().sha256()).isNull();
    assertThat(late.fingerprint().sha256()).isNotNull();
    assertThat(early.id()).isNotEqualTo(late.id());
    assertThat(ProcessClass.of(early.fingerprint())).isEqualTo(ProcessClass.of(late.fingerprint()));
    assertThat(early.fingerprint().origin()).isEqualTo(late.fingerprint().origin());
  }

  /** T1036.009: fork, fork, exit. The one in the middle is never seen alive. */
  @Test
  void identify_adoptedAfterADoubleFork_hasTheAncestorsThatForkedIt() throws Exception {
    var script = pod.start("bash -c 'sleep 1000 & wait'");
    var living = pod.start("sleep 1000");
    var middle = 3_999_990; // no such process
    var began = keyOf(living, 0).startNanos();
    births.put(living, new Birth(began, 5, middle));
    births.put(middle, new Birth(began, 5, script));

    assertThat(identify(living).fingerprint().lineage()).containsExactly("/usr/bin/bash");

    births.put(living, new Birth(began, 6, middle)); // the one in the middle had called exec
    source.close();
    start();
    assertThat(identify(living).fingerprint().lineage())
        .containsExactly(ProcessTree.UNSEEN, "/usr/bin/bash");
  }

  /** A lineage that the bridge did not see come about is known from its first look. */
  @Test
  void identify_parentThatEndedSince_isInTheLineageOnlyWhenItWasRemembered() throws Exception {
    var seconds = "1" + ProcessHandle.current().pid();
    var parent =
        pod.start("sh -c 'sleep " + seconds + " & read line < /dev/zero'"); // until it is killed
    var child = awaitProgram("sleep", seconds);
    try (var later = new FingerprintSource(1L << 30, 2, births::get, NO_RUNTIME)) {
      assertThat(source.remember(List.of(parent, child, Integer.MAX_VALUE))).isEqualTo(2);

      ProcessHandle.of(parent).orElseThrow().destroyForcibly();
      awaitParent(child, parent);

      assertThat(identify(child).fingerprint().lineage())
          .containsExactly("/usr/bin/dash", "/usr/bin/bash");
      assertThat(
              later
                  .identify(Sighting.holder(child), System.nanoTime() + PATIENCE.toNanos())
                  .fingerprint()
                  .lineage())
          .doesNotContain("/usr/bin/dash");
    } finally {
      ProcessHandle.of(child).ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  /** The same from one walk of the kernel, which reads a path once for each program. */
  @Test
  void rememberListed_parentThatEndedSince_isInTheLineage() throws Exception {
    var seconds = "2" + ProcessHandle.current().pid();
    var parent = pod.start("sh -c 'sleep " + seconds + " & read line < /dev/zero'");
    var sibling = pod.start("sh -c 'read line < /dev/zero'");
    var child = awaitProgram("sleep", seconds);
    try (var walk = TaskWalk.open(Btf.ofThisKernel())) {
      awaitProgram(sibling, "/usr/bin/dash");
      var ours = Set.of(parent, sibling, child);
      var tasks = walk.tasks().stream().filter(task -> ours.contains(task.pid())).toList();
      assertThat(tasks.stream().map(TaskWalk.Task::program).distinct())
          .as("both shells are one program")
          .hasSize(2);

      assertThat(source.rememberListed(tasks)).isEqualTo(3);
      ProcessHandle.of(parent).orElseThrow().destroyForcibly();
      awaitParent(child, parent);

      assertThat(identify(child).fingerprint().lineage())
          .containsExactly("/usr/bin/dash", "/usr/bin/bash");
    } finally {
      ProcessHandle.of(child).ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  /** What was true when the walk passed by is not told of what the process became since. */
  @Test
  void rememberListed_calledExecSince_isWhatItRunsNow() throws Exception {
    var pid = pod.start("sleep 1000");
    try (var walk = TaskWalk.open(Btf.ofThisKernel())) {
      var now = walk.tasks().stream().filter(task -> task.pid() == pid).findFirst().orElseThrow();
      var before =
          new TaskWalk.Task(
              pid,
              now.parent(),
              now.startNanos(),
              now.execId() - 1,
              now.stack() - 4096,
              now.network(),
              now.mounts(),
              now.pids(),
              new TaskWalk.Program(1, 2, 3, 4, 5));
      var gone =
          new TaskWalk.Task(
              Integer.MAX_VALUE, pid, now.startNanos(), 1, 1, 1, 1, 1, before.program());

      assertThat(source.rememberListed(List.of(gone, before))).isEqualTo(1);

      assertThat(identify(pid).fingerprint().path()).isEqualTo("/usr/bin/sleep");
    }
  }

  private static void awaitProgram(int pid, String path) {
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (!path.equals(ProcFs.of(pid).link("exe"))) {
      assertThat(System.nanoTime()).isLessThan(until);
      Thread.onSpinWait();
    }
  }

  private static void awaitParent(int child, int noLonger) {
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (requireNonNull(ProcFs.of(child).stat()).parent() == noLonger) {
      assertThat(System.nanoTime()).isLessThan(until);
      Thread.onSpinWait();
    }
  }

  /** A pid that is another process by now. */
  @Test
  void identify_recycledPid_isNotTheProcessThatHasItNow() throws Exception {
    var now = pod.start("sleep 1000");
    var key = keyOf(now, 7);
    var before = new ProcessKey(now, key.startNanos() - 5_000_000_000L, 6);

    var identified =
        source.identify(
            new Sighting(before, 0, 0, pod.firstPid(), null, null), System.nanoTime() + 50_000_000);

    assertThat(identified.fingerprint().path()).isEmpty();
    assertThat(identified.fingerprint().sha256()).isNull();
    assertThat(identified.remarks()).contains("process gone before it was looked at");
  }

  /** Each of them ends at another step of the look. */
  @Test
  void identify_processesThatEndMeanwhile_areWhatTheyWereOrUnknown() throws Exception {
    var expected = sha256("/usr/bin/sleep");
    var found = 0;
    for (var i = 0; i < 300; i++) {
      var pid = Integer.parseInt(pod.ask("sleep 0.0" + i % 10 + " > /dev/null & echo $!"));
      var fingerprint = identify(pid).fingerprint();
      assertThat(fingerprint.path()).isIn("", "/usr/bin/sleep", "/usr/bin/bash");
      if (fingerprint.path().equals("/usr/bin/sleep") && fingerprint.sha256() != null) {
        assertThat(fingerprint.sha256()).isEqualTo(expected);
        found++;
      }
    }
    assertThat(found).isPositive();
  }

  @Test
  void identify_nameWithNewlineAndEscapes_isThatFile() throws Exception {
    pod.ask("cp /usr/bin/sleep $'/srv/a\\n) R 1 (\\e[31mb'; echo");
    var pid = pod.start("$'/srv/a\\n) R 1 (\\e[31mb' 1000");

    var fingerprint = identify(pid).fingerprint();

    assertThat(fingerprint.path()).isEqualTo("/srv/a\n) R 1 (\u001b[31mb");
    assertThat(fingerprint.sha256()).isEqualTo(sha256("/usr/bin/sleep"));
    assertThat(fingerprint.lineage()).containsExactly("/usr/bin/bash");
  }

  @Test
  void identify_commandLineOfAMegabyte_isCutAndTheScriptKnown() throws Exception {
    pod.ask("echo 'sleep 1000' > /srv/long.sh; echo");
    var pid =
        pod.start(
            "bash -c 'a=$(head -c 100000 /dev/zero | tr \"\\0\" x);"
                + " exec bash /srv/long.sh $a $a $a $a $a $a $a $a $a $a $a'");
    var until = System.nanoTime() + PATIENCE.toNanos();
    for (var seen = ProcFs.of(pid).commandLine();
        seen == null || !seen.truncated(); // none while an exec is under way
        seen = ProcFs.of(pid).commandLine()) {
      assertThat(System.nanoTime()).isLessThan(until);
      Thread.onSpinWait();
    }

    var identified = identify(pid);

    assertThat(requireNonNull(identified.fingerprint().script()).path()).isEqualTo("/srv/long.sh");
    assertThat(identified.fingerprint().entryKind()).isEqualTo(EntryKind.SCRIPT);
  }

  @Test
  void identify_nobody_isUnknownWithWhy() {
    var identified = identify(Integer.MAX_VALUE);

    assertThat(identified.fingerprint().path()).isEmpty();
    assertThat(identified.fingerprint().origin()).isEqualTo(Origin.UNKNOWN);
    assertThat(identified.remarks()).contains("process gone before it was looked at");
  }

  @Test
  void identify_ourselves_isOfTheHost() {
    var fingerprint = identify((int) ProcessHandle.current().pid()).fingerprint();

    assertThat(fingerprint.origin()).isEqualTo(Origin.HOST);
    assertThat(fingerprint.execSession()).isFalse();
  }

  @Test
  void identify_hugeFile_isNotHashedAndSaysWhy() throws Exception {
    var pid = pod.start("sleep 1000");
    try (var strict = new FingerprintSource(10, 1, Births.UNKNOWN, NO_RUNTIME)) {
      var identified =
          strict.identify(Sighting.holder(pid), System.nanoTime() + PATIENCE.toNanos());

      assertThat(identified.fingerprint().sha256()).isNull();
      assertThat(identified.remarks().getFirst())
          .startsWith("executable: not hashed: ")
          .endsWith("(bridge.hash.maxSize is 10)");
    }
  }

  @Test
  void head_ofAMissingFile_saysSo() {
    assertThatThrownBy(() -> PosixFile.head("/nowhere", 1)).hasMessage("no such file (ENOENT)");
  }
}
