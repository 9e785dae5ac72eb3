package io.kith.load.lab;

import static java.util.Objects.requireNonNull;

import io.kith.load.tools.Command;
import io.kith.load.tools.MissingToolException;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * A container image as one folder: the root file system that pods share and cannot change. It is
 * made of this machine's own programs with the libraries they need, and of files given as text; it
 * is made once and kept in the cache.
 *
 * @param digest of what it was made from, in hex
 * @param root its root file system
 */
public record Image(String digest, Path root) {
  /** Programs of every image; those that this machine lacks are left out. */
  private static final List<String> PROGRAMS =
      List.of(
          "bash",
          "sh",
          "env",
          "cat",
          "ls",
          "cp",
          "mv",
          "rm",
          "mkdir",
          "rmdir",
          "chmod",
          "ln",
          "sleep",
          "head",
          "tail",
          "wc",
          "date",
          "id",
          "dd",
          "seq",
          "sort",
          "tr",
          "cut",
          "touch",
          "timeout",
          "sed",
          "grep",
          "readlink",
          "mktemp",
          "setpriv",
          "umount",
          "curl",
          "perl");

  /** Programs without which there is no workload. */
  private static final List<String> REQUIRED =
      List.of("bash", "env", "cat", "cp", "rmdir", "sleep", "setpriv", "umount", "curl", "perl");

  /** What a perl script may use; perl itself says which files that takes. */
  private static final String PERL_MODULES =
      "-MSocket -MIO::Socket::INET -MIO::Socket::IP -MFcntl -MPOSIX -MTime::HiRes -MErrno"
          + " -MIO::Select -MIO::Socket::UNIX";

  private static final Duration LIMIT = Duration.ofMinutes(1);

  /**
   * The image with these files in it.
   *
   * @param files text by absolute path; text that begins with {@code #!} becomes a program
   * @param say takes one line of progress when the image has to be made
   */
  public static Image of(Map<String, String> files, Consumer<String> say)
      throws IOException, InterruptedException {
    for (var program : REQUIRED) {
      if (Command.find(program) == null) {
        throw new MissingToolException(
            "the program "
                + program
                + " is missing: the demo's workload is made of this machine's programs (install"
                + " it)");
      }
    }
    var all = new TreeMap<>(files);
    all.putIfAbsent("/entrypoint", resource("entrypoint"));
    all.putIfAbsent(
        "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\napp:x:1000:1000:app:/:/bin/bash\n");
    all.putIfAbsent("/etc/group", "root:x:0:\napp:x:1000:\n");
    all.putIfAbsent("/etc/nsswitch.conf", "hosts: files\n");
    var digest = digest(all);
    var cache = ToolCache.ofUser();
    if (!Files.isDirectory(cache.folder("image", digest))) {
      say.accept("making the workload's image of this machine's programs (once)");
    }
    return new Image(digest, cache.fetch("image", digest, folder -> fill(folder, all)));
  }

  private static void fill(Path root, Map<String, String> files)
      throws IOException, InterruptedException {
    for (var folder : List.of("usr", "proc", "dev", "tmp", "run", "etc", "root", "var/tmp")) {
      Files.createDirectories(root.resolve(folder));
    }
    for (var link : List.of("bin", "sbin", "lib", "lib64")) {
      var here = Path.of("/", link);
      if (Files.isSymbolicLink(here)) {
        Files.createSymbolicLink(root.resolve(link), Files.readSymbolicLink(here));
        Files.createDirectories(root.resolve("usr").resolve(link));
      }
    }
    for (var temporary : List.of("tmp", "var/tmp")) {
      Files.setAttribute(root.resolve(temporary), "unix:mode", 01777);
    }
    var wanted = new TreeSet<Path>();
    for (var name : PROGRAMS) {
      var program = Command.find(name);
      if (program != null) {
        wanted.add(program);
      }
    }
    var perl = filesOfPerl();
    wanted.addAll(perl);
    var libraries = new TreeSet<Path>();
    for (var file : wanted) {
      libraries.addAll(librariesOf(file));
    }
    wanted.addAll(libraries);
    for (var file : wanted) {
      copy(file, root);
    }
    for (var entry : files.entrySet()) {
      var file = root.resolve(Path.of("/").relativize(Path.of(entry.getKey())));
      Files.createDirectories(file.getParent());
      Files.writeString(file, entry.getValue());
      Files.setPosixFilePermissions(
          file,
          PosixFilePermissions.fromString(
              entry.getValue().startsWith("#!") ? "rwxr-xr-x" : "rw-r--r--"));
    }
  }

  /**
   * The shared libraries that a program is linked with, and the loader; empty for scripts and
   * static programs.
   */
  private static List<Path> librariesOf(Path program) throws IOException, InterruptedException {
    var outcome = Command.run(LIMIT, List.of("ldd", program.toString()));
    if (!outcome.succeeded()) {
      return List.of();
    }
    return outcome
        .output()
        .lines()
        .map(line -> line.contains("=>") ? line.substring(line.indexOf("=>") + 2) : line)
        .map(line -> line.strip().split(" ", 2)[0])
        .filter(path -> path.startsWith("/"))
        .map(Path::of)
        .toList();
  }

  private static List<Path> filesOfPerl() throws IOException, InterruptedException {
    var argv = new ArrayList<>(List.of("perl"));
    argv.addAll(List.of(PERL_MODULES.split(" ", -1)));
    argv.addAll(List.of("-e", "print \"$_\\n\" for values %INC, @DynaLoader::dl_shared_objects"));
    return Command.run(LIMIT, argv)
        .orFail()
        .output()
        .lines()
        .filter(line -> line.startsWith("/"))
        .map(Path::of)
        .toList();
  }

  /** Copies a file to the place that its folder really has, under the name it was asked for. */
  private static void copy(Path file, Path root) throws IOException {
    var folder = requireNonNull(file.getParent()).toRealPath();
    var copy = root.resolve(Path.of("/").relativize(folder)).resolve(file.getFileName());
    if (Files.exists(copy, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.createDirectories(copy.getParent());
    Files.copy(file.toRealPath(), copy, StandardCopyOption.REPLACE_EXISTING);
    Files.setPosixFilePermissions(
        copy,
        PosixFilePermissions.fromString(Files.isExecutable(file) ? "rwxr-xr-x" : "rw-r--r--"));
  }

  /** Changes when a file changes or this machine's programs do. */
  private static String digest(Map<String, String> files) throws IOException {
    try {
      var sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(PERL_MODULES.getBytes(StandardCharsets.UTF_8));
      for (var name : PROGRAMS) {
        var program = Command.find(name);
        if (program != null) {
          var real = program.toRealPath();
          var state =
              program + " " + Files.size(real) + " " + Files.getLastModifiedTime(real) + "\n";
          sha256.update(state.getBytes(StandardCharsets.UTF_8));
        }
      }
      for (var entry : files.entrySet()) {
        sha256.update(
            (entry.getKey() + "\0" + entry.getValue() + "\0").getBytes(StandardCharsets.UTF_8));
      }
      return HexFormat.of().formatHex(sha256.digest()).substring(0, 32);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  static String resource(String name) {
    try (InputStream stream = requireNonNull(Image.class.getResourceAsStream(name), name)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
