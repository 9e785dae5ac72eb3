package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
@Timeout(60)
class ContainersTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** As a runtime does it: the namespace first, then what it holds, then the program. */
  private static final String MAKE =
      """
      set -e
      echo made
      read go
      mount -t tmpfs layers $1
      mkdir $1/upper $1/work $1/merged
      mount -t overlay image -o lowerdir=/,upperdir=$1/upper,workdir=$1/work $1/merged
      cd $1/merged
      pivot_root . mnt
      exec sleep 1000
      """;

  @TempDir private Path folder;

  @Test
  void of_containerThatIsFoundWhileItIsMade_hasTheRootThatItGets() throws Exception {
    var process =
        new ProcessBuilder(
                "unshare", "-m", "--propagation", "private", "sh", "-c", MAKE, "sh", "" + folder)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (var lines = process.inputReader(UTF_8);
        var go = process.outputWriter(UTF_8)) {
      assertThat(lines.readLine()).isEqualTo("made");
      var namespace =
          Files.readSymbolicLink(Path.of("/proc/" + process.pid() + "/ns/mnt")).toString();
      var containers = new Containers(System::nanoTime);
      var early = requireNonNull(containers.of(namespace, 0));
      assertThat(early.overlay()).isFalse();

      go.write("go\n");
      go.flush();
      awaitSleep((int) process.pid());

      var found = requireNonNull(containers.of(namespace, 0));
      assertThat(found.overlay()).isTrue();
      assertThat(found.root()).isNotEqualTo(early.root());
      assertThat(found.firstPid()).isEqualTo((int) process.pid());
    } finally {
      process.destroyForcibly().onExit().join();
    }
  }

  /** A process can make one, and leave it, again and again. */
  @Test
  void of_namespacesThatAreGone_areLookedForTogether_andOneWithAProcessAtOnce() throws Exception {
    var clock = new AtomicLong();
    var looks = new AtomicInteger();
    var containers = new Containers(clock::get, () -> counted(looks));
    var processes = new ArrayList<Process>();
    try {
      for (var i = 0; i < 1_000; i++) {
        assertThat(containers.of("mnt:[" + i + "]", 0)).isNull();
      }
      assertThat(looks).as("one for all that are gone").hasValue(1);
      var pid = startSleep(processes);
      var namespace = namespaceOf(pid);
      var found = containers.of(namespace, pid);

      assertThat(requireNonNull(found).firstPid()).isEqualTo(pid);
      assertThat(looks).hasValue(2);
      clock.addAndGet(1_000_000_000);
      assertThat(containers.of("mnt:[1]", 0)).isNull();
      assertThat(looks).as("another, later").hasValue(3);
      assertThat(containers.of(namespace, 0)).as("its mounts were not read again").isSameAs(found);
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
  }

  private static List<Integer> counted(AtomicInteger looks) {
    looks.incrementAndGet();
    return ProcFs.pids();
  }

  /** The answers of all pods waited for each other's looks. */
  @Test
  void of_whileSomebodyLooks_tellsWhatIsKnown_andOneLookServesAllThatWait() throws Exception {
    var looks = new AtomicInteger();
    var mayLook = new CountDownLatch(1);
    var containers =
        new Containers(
            () -> 0,
            () -> {
              if (looks.get() == 1) {
                await(mayLook);
              }
              return counted(looks);
            });
    var processes = new ArrayList<Process>();
    var asking = new ArrayList<Thread>();
    var found = ConcurrentHashMap.<Integer>newKeySet();
    try {
      var known = startSleep(processes);
      assertThat(containers.of(namespaceOf(known), known)).isNotNull();
      for (var i = 0; i < 8; i++) {
        var pid = startSleep(processes);
        asking.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      if (containers.of(namespaceOf(pid), pid) != null) {
                        found.add(pid);
                      }
                    }));
      }
      for (var thread : asking) {
        while (thread.getState() != Thread.State.BLOCKED
            && thread.getState() != Thread.State.WAITING) {
          Thread.onSpinWait();
        }
      }

      assertThat(containers.of(namespaceOf(known), 0)).isNotNull();

      mayLook.countDown();
      for (var thread : asking) {
        thread.join();
      }
      assertThat(found).hasSize(8);
      assertThat(looks).as("one before, one that was under way, one for all").hasValueLessThan(4);
    } finally {
      mayLook.countDown();
      processes.forEach(Process::destroyForcibly);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private static String namespaceOf(int pid) {
    return requireNonNull(ProcFs.of(pid).link("ns/mnt"));
  }

  /** In a mount namespace of its own. */
  private static int startSleep(List<Process> processes) throws Exception {
    var process = new ProcessBuilder("unshare", "-m", "sleep", "1000").start();
    processes.add(process);
    awaitSleep((int) process.pid());
    return (int) process.pid();
  }

  private static void awaitSleep(int pid) {
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (!isSleep(pid)) {
      assertThat(System.nanoTime()).isLessThan(until);
      Thread.onSpinWait();
    }
  }

  private static boolean isSleep(long pid) {
    var arguments = ProcFs.of((int) pid).commandLine();
    return arguments != null && arguments.words().equals(List.of("sleep", "1000"));
  }
}
