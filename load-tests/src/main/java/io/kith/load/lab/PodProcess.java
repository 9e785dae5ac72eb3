package io.kith.load.lab;

import io.kith.load.tools.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A program that was started in a pod's container. */
public final class PodProcess {
  private final Pod pod;
  private final List<String> argv;
  private final Path place;

  PodProcess(Pod pod, List<String> argv, Path place) {
    this.pod = pod;
    this.argv = List.copyOf(argv);
    this.place = place;
  }

  /** How a program ended. */
  public record Outcome(int exit, String stdout, String stderr) {}

  /** The process as the container numbers it. */
  public long pid() throws IOException, InterruptedException {
    return Long.parseLong(awaitLine("pid", Duration.ofMinutes(1)));
  }

  /** The process as this machine numbers it. */
  public long pidOnMachine() throws IOException, InterruptedException {
    long inside = pid();
    var container =
        Files.readSymbolicLink(Path.of("/proc", Long.toString(pod.firstPid()), "ns/pid"));
    for (var process : ProcessHandle.allProcesses().toList()) {
      var folder = Path.of("/proc", Long.toString(process.pid()));
      try {
        if (Files.readSymbolicLink(folder.resolve("ns/pid")).equals(container)
            && Files.readString(folder.resolve("status"))
                .lines()
                .anyMatch(line -> line.matches("NSpid:.*\\s" + inside))) {
          return process.pid();
        }
      } catch (IOException _) {
        // Gone since it was listed.
      }
    }
    throw new IOException(argv.getFirst() + " (" + inside + " in " + pod.name() + ") has ended");
  }

  /** What it wrote to standard output so far. */
  public String stdout() throws IOException {
    return read("stdout");
  }

  /** What it wrote to standard error so far. */
  public String stderr() throws IOException {
    return read("stderr");
  }

  public boolean alive() throws IOException {
    return !read("exit").endsWith("\n");
  }

  /** Waits for its end; after {@code limit} it is killed and an exception says so. */
  public Outcome await(Duration limit) throws IOException, InterruptedException {
    var exit = awaitLine("exit", limit);
    return new Outcome(Integer.parseInt(exit), stdout(), stderr());
  }

  /** Kills it. */
  public void kill() throws IOException, InterruptedException {
    if (alive()) {
      ProcessHandle.of(pidOnMachine()).ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  private String awaitLine(String file, Duration limit) throws IOException, InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      var text = read(file);
      if (text.endsWith("\n")) {
        return text.strip();
      }
      if (System.nanoTime() > end) {
        var said = Command.tail(stdout() + stderr(), 5);
        if (file.equals("exit")) {
          kill();
        }
        throw new IOException(
            String.join(" ", argv)
                + " in "
                + pod.name()
                + " took longer than "
                + limit.toMillis()
                + " ms; it wrote: "
                + said);
      }
      Thread.sleep(Duration.ofMillis(3));
    }
  }

  private String read(String file) throws IOException {
    try {
      return Files.readString(place.resolve(file));
    } catch (NoSuchFileException _) {
      return "";
    }
  }
}
