package io.kith.bridge.ffm;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.ffm.TaskWalk.Task;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real processes, which the walk must show as {@code /proc} does. */
@Tag("root")
@Timeout(600)
class TaskWalkTest {
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final List<Process> started = new ArrayList<>();
  private TaskWalk walk;

  @BeforeEach
  void open() throws Exception {
    walk = TaskWalk.open(Btf.ofThisKernel());
  }

  @AfterEach
  void close() {
    started.forEach(Process::destroyForcibly);
    started.forEach(process -> process.onExit().join());
    walk.close();
  }

  private Process start(String... command) throws IOException {
    var process = new ProcessBuilder(command).start();
    started.add(process);
    return process;
  }

  private @Nullable Task find(Predicate<Task> wanted) throws KernelException {
    return walk.tasks().stream().filter(wanted).findFirst().orElse(null);
  }

  /** The first process that is as wanted, as soon as there is one. */
  private Task await(Predicate<Task> wanted) throws Exception {
    var until = System.nanoTime() + LIMIT.toNanos();
    var found = find(wanted);
    while (found == null) {
      assertThat(System.nanoTime()).as("it never came").isLessThan(until);
      Thread.sleep(5);
      found = find(wanted);
    }
    return found;
  }

  /** One that has called exec to the end: until then it is half its parent, half the program. */
  private Task awaitProgram(Process process, String path) throws Exception {
    return await(
        task ->
            task.pid() == process.pid()
                && isAt(process, path)
                && task.stack() != 0
                && task.stack() == stack(process));
  }

  private static boolean isAt(Process process, String path) {
    try {
      return PosixFile.readLink("/proc/" + process.pid() + "/exe").endsWith(path);
    } catch (IOException _) {
      return false;
    }
  }

  /** Where the stack starts, which the kernel writes down last; -1 when it is gone. */
  private static long stack(Process process) {
    var stat = ProcStat.read("/proc/" + process.pid());
    return stat == null ? -1 : stat.stack();
  }

  @Test
  void tasks_livingProcess_isAsProcShowsIt() throws Exception {
    var process = start("sleep", "1000");

    var task = awaitProgram(process, "/sleep");

    var folder = "/proc/" + process.pid();
    var stat = requireNonNull(ProcStat.read(folder));
    assertThat(task.parent()).isEqualTo((int) ProcessHandle.current().pid());
    assertThat(stat.startedAt(task.startNanos())).isTrue();
    assertThat(TaskWalk.namespace("net", task.network()))
        .isEqualTo(PosixFile.readLink(folder + "/ns/net"));
    assertThat(TaskWalk.namespace("mnt", task.mounts()))
        .isEqualTo(PosixFile.readLink(folder + "/ns/mnt"));
    assertThat(TaskWalk.namespace("pid", task.pids()))
        .isEqualTo(PosixFile.readLink(folder + "/ns/pid"));
    assertThat(requireNonNull(task.program()).inode())
        .isEqualTo(PosixFile.stat(folder + "/exe").inode());
  }

  @Test
  void tasks_processInNamespacesOfItsOwn_hasTheirNumbers() throws Exception {
    var outside = start("unshare", "--net", "--mount", "--pid", "--fork", "sleep", "1000").pid();

    var inside = await(task -> task.parent() == outside);

    var self = requireNonNull(find(task -> task.pid() == ProcessHandle.current().pid()));
    assertThat(List.of(inside.network(), inside.mounts(), inside.pids()))
        .doesNotContain(0L, self.network(), self.mounts(), self.pids())
        .doesNotHaveDuplicates();
    assertThat(TaskWalk.namespace("pid", inside.pids()))
        .isEqualTo(PosixFile.readLink("/proc/" + inside.pid() + "/ns/pid"));
  }

  @Test
  void program_ofTwoProcesses_isTheSameForTheSameProgramInTheSameRoot() throws Exception {
    var sleeper = awaitProgram(start("sleep", "1000"), "/sleep").program();

    assertThat(sleeper).isNotNull();
    assertThat(awaitProgram(start("sleep", "1000"), "/sleep").program()).isEqualTo(sleeper);
    assertThat(awaitProgram(start("cat"), "/cat").program()).isNotNull().isNotEqualTo(sleeper);
    assertThat(awaitProgram(start("chroot", "/proc/self/root", "sleep", "1000"), "/sleep"))
        .extracting(Task::program)
        .isEqualTo(sleeper);
    assertThat(awaitProgram(start("unshare", "--mount", "sleep", "1000"), "/sleep").program())
        .as("in mounts of its own, where the name may lead elsewhere")
        .isNotNull()
        .isNotEqualTo(sleeper);
  }

  @Test
  void tasks_exec_isAnotherProgramOfTheSameProcess() throws Exception {
    var process = start("bash", "-c", "read line; exec sleep 1000");
    var before = awaitProgram(process, "/bash");

    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
    var after = awaitProgram(process, "/sleep");

    assertThat(after.startNanos()).isEqualTo(before.startNanos());
    assertThat(after.execId()).isGreaterThan(before.execId());
    assertThat(after.program()).isNotEqualTo(before.program());
  }

  /** Nothing is left of it but its number: it is in no pod and runs no program. */
  @Test
  void tasks_endedAndNotWaitedFor_hasNoProgram() throws Exception {
    // It ends when its parent has become a program that waits for nobody.
    var script =
        "(until readlink /proc/$$/exe | grep -q sleep; do sleep 0.05; done) & exec sleep 1000";
    var parent = start("sh", "-c", script).pid();

    var ended = await(task -> task.parent() == parent && task.program() == null);

    assertThat(ended.network()).isZero();
    assertThat(TaskWalk.namespace("net", ended.network())).isNull();
  }

  @Test
  void tasks_afterClose_areRefused() {
    walk.close();

    assertThat(org.assertj.core.api.Assertions.catchThrowable(walk::tasks))
        .isInstanceOf(IllegalStateException.class);
  }
}
