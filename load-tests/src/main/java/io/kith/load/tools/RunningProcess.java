package io.kith.load.tools;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A program that runs beside us, with its log in a file. It ends with {@link #close}, or with us.
 */
public final class RunningProcess implements AutoCloseable {
  private static final Set<RunningProcess> RUNNING = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(RunningProcess::closeAll, "stop-processes"));
  }

  private final String name;
  private final Path log;
  private final Process process;

  private RunningProcess(String name, Path log, Process process) {
    this.name = name;
    this.log = log;
    this.process = process;
  }

  /** Ends all that run. */
  public static void closeAll() {
    RUNNING.forEach(RunningProcess::close);
  }

  /** Starts a program; {@code name} is what messages call it. */
  public static RunningProcess start(
      String name, Path log, Map<String, String> environment, List<String> argv) {
    var builder = new ProcessBuilder(argv).redirectErrorStream(true);
    builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    try {
      var running = new RunningProcess(name, log, builder.start());
      RUNNING.add(running);
      return running;
    } catch (IOException e) {
      throw new UncheckedIOException(name + " does not start: " + e.getMessage(), e);
    }
  }

  public long pid() {
    return process.pid();
  }

  public boolean alive() {
    return process.isAlive();
  }

  /** Everything that the program wrote so far. */
  public String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Waits until the program is ready; if it ends first or takes too long, says so with the end of
   * its log.
   */
  public void awaitReady(Duration limit, BooleanSupplier ready) throws InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (!ready.getAsBoolean()) {
      if (process.waitFor(20, TimeUnit.MILLISECONDS)) {
        throw new IllegalStateException(
            name
                + " ended with "
                + process.exitValue()
                + " before it was ready:\n"
                + Command.tail(log(), 15));
      }
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            name + " is not ready after " + limit.toSeconds() + " s:\n" + Command.tail(log(), 15));
      }
    }
  }

  /** Waits until the program has ended by itself; its exit code. */
  int awaitEnd() throws InterruptedException {
    return process.waitFor();
  }

  /** Stops the program where it is, as an overloaded machine would; it loses nothing. */
  public void freeze() throws IOException, InterruptedException {
    signal("-STOP");
  }

  /** Lets a frozen program go on. */
  public void thaw() throws IOException, InterruptedException {
    signal("-CONT");
  }

  /** Stops the program and those that it started. */
  public void freezeAll() throws IOException, InterruptedException {
    signal("-STOP"); // starts none any more
    signalChildren("-STOP");
  }

  /** Lets the program go on after {@link #freezeAll}. */
  public void thawAll() throws IOException, InterruptedException {
    signalChildren("-CONT");
    signal("-CONT");
  }

  private void signalChildren(String signal) throws IOException, InterruptedException {
    for (var child : process.descendants().toList()) {
      // One that has ended meanwhile is not there to be signalled.
      var _ =
          Command.run(Duration.ofMinutes(1), List.of("kill", signal, Long.toString(child.pid())));
    }
  }

  private void signal(String signal) throws IOException, InterruptedException {
    Command.run(Duration.ofMinutes(1), List.of("kill", signal, Long.toString(pid()))).orFail();
  }

  /** Kills the program without a chance to say goodbye, as a crash would. */
  public void kill() {
    if (process.isAlive()) { // else its number may be another's by now
      process.descendants().forEach(ProcessHandle::destroyForcibly);
    }
    process.destroyForcibly();
    awaitEnd(Duration.ofSeconds(5));
    RUNNING.remove(this);
  }

  /** Asks the program to end, and kills it if it does not within five seconds. */
  @Override
  public void close() {
    process.destroy();
    if (!awaitEnd(Duration.ofSeconds(5))) {
      kill();
    }
    RUNNING.remove(this);
  }

  private boolean awaitEnd(Duration limit) {
    try {
      return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
