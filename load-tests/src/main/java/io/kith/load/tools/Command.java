package io.kith.load.tools;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A program run to its end, with what it said. */
public final class Command {
  private Command() {}

  /**
   * How a program ended.
   *
   * @param output standard output and standard error, in the order of arrival
   */
  public record Outcome(List<String> argv, int exit, String output) {
    public boolean succeeded() {
      return exit == 0;
    }

    /**
     * This outcome, or an exception that says what failed with the last lines that the program
     * wrote.
     */
    public Outcome orFail() throws IOException {
      if (!succeeded()) {
        throw new IOException(
            String.join(" ", argv) + " ended with " + exit + ": " + tail(output, 10));
      }
      return this;
    }
  }

  /**
   * The program of this name on {@code PATH} or in the folders of administration, absent if there
   * is none.
   */
  public static @Nullable Path find(String name) {
    var folders =
        new ArrayList<>(
            List.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)));
    folders.addAll(List.of("/usr/sbin", "/sbin", "/usr/bin", "/bin"));
    for (var folder : folders) {
      if (!folder.isBlank()) {
        var program = Path.of(folder, name);
        if (Files.isRegularFile(program) && Files.isExecutable(program)) {
          return program;
        }
      }
    }
    return null;
  }

  /** Runs a program and waits; after {@code limit} it is killed and counts as failed. */
  public static Outcome run(Duration limit, List<String> argv)
      throws IOException, InterruptedException {
    return run(limit, null, Map.of(), argv);
  }

  /** Runs a program in {@code folder} with these additions to the environment. */
  public static Outcome run(
      Duration limit, @Nullable Path folder, Map<String, String> environment, List<String> argv)
      throws IOException, InterruptedException {
    var builder = new ProcessBuilder(argv).redirectErrorStream(true);
    builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    builder.environment().putAll(environment);
    if (folder != null) {
      builder.directory(folder.toFile());
    }
    var process = builder.start();
    var output = new ByteArrayOutputStream(); // synchronized: the reader may still be writing
    var reader = Thread.ofVirtual().start(() -> drain(process.getInputStream(), output));
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly().waitFor();
      return new Outcome(
          argv,
          124,
          output.toString(StandardCharsets.UTF_8) + "\nkilled after " + limit.toSeconds() + " s");
    }
    // A child that outlives the program may hold the pipe open.
    reader.join(Duration.ofSeconds(1));
    return new Outcome(argv, process.exitValue(), output.toString(StandardCharsets.UTF_8));
  }

  private static void drain(InputStream stream, ByteArrayOutputStream output) {
    try (stream) {
      stream.transferTo(output);
    } catch (IOException _) {
      // The program was killed; what it said before is there.
    }
  }

  /** The last lines of a text. */
  public static String tail(String text, int lines) {
    var all = text.strip().lines().toList();
    return String.join("\n", all.subList(Math.max(0, all.size() - lines), all.size()));
  }
}
