package io.kith.load.tools;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Fetched tools: {@code ${XDG_CACHE_HOME:-~/.cache}/kith/TOOL/VERSION}. A folder appears there
 * complete or not at all, so several processes may fetch at once.
 */
public record ToolCache(Path root) {

  /** Fills an empty folder. */
  @FunctionalInterface
  public interface Filler {
    void fill(Path folder) throws IOException, InterruptedException;
  }

  /** The cache of this user. */
  public static ToolCache ofUser() {
    return of(System.getenv(), System.getProperty("user.home"));
  }

  static ToolCache of(Map<String, String> environment, String home) {
    var cache = environment.getOrDefault("XDG_CACHE_HOME", "");
    return new ToolCache(
        (cache.isBlank() ? Path.of(home, ".cache") : Path.of(cache)).resolve("kith"));
  }

  /** Folder of one version of a tool; it need not exist. */
  public Path folder(String tool, String version) {
    return root.resolve(tool).resolve(version);
  }

  /** The folder of this version, filled now if it is not there. */
  public Path fetch(String tool, String version, Filler filler) throws InterruptedException {
    var folder = folder(tool, version);
    if (Files.isDirectory(folder)) {
      return folder;
    }
    try {
      Files.createDirectories(folder.getParent());
      var fresh = Files.createTempDirectory(folder.getParent(), ".fetching-");
      try {
        filler.fill(fresh);
        appear(fresh, folder);
      } finally {
        delete(fresh);
      }
      return folder;
    } catch (IOException e) {
      throw new MissingToolException(
          tool
              + " "
              + version
              + ": cannot be put into "
              + folder
              + ": "
              + e.getMessage()
              + " (set XDG_CACHE_HOME to a writable folder with space)");
    }
  }

  /** The same; says where it was from the cache. */
  public Path fetch(String tool, String version, Filler filler, Consumer<String> say)
      throws InterruptedException {
    if (Files.isDirectory(folder(tool, version))) {
      say.accept(tool + " " + version + " from the cache");
    }
    return fetch(tool, version, filler);
  }

  private static void appear(Path fresh, Path folder) throws IOException {
    Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rwxr-xr-x"));
    try {
      Files.move(fresh, folder);
    } catch (IOException e) {
      if (!Files.isDirectory(folder)) { // else another process was faster
        throw e;
      }
    }
  }

  /** Deletes a folder and everything in it; nothing happens if it is not there. */
  public static void delete(Path folder) {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (var paths = Files.walk(folder)) {
      for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
