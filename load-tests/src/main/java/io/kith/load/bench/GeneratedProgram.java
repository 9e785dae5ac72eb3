package io.kith.load.bench;

import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Script;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A program of a {@link GeneratedMesh}.
 *
 * @param number tells apart those of one kind
 */
record GeneratedProgram(Kind kind, int number, long salt) {
  private enum Kind {
    JVM,
    NODE,
    PYTHON,
    NATIVE,
    STRANGER
  }

  /** One of an image's programs. */
  static GeneratedProgram of(long seed, int image, int index) {
    var kind = Kind.values()[Math.floorMod(image + index, 4)];
    return new GeneratedProgram(kind, image, GeneratedMesh.mix(seed, image, index));
  }

  /** One that belongs to nobody. */
  static GeneratedProgram stranger(int number) {
    return new GeneratedProgram(Kind.STRANGER, number, number);
  }

  ProcessClass processClass() {
    return ProcessClass.of(fingerprint());
  }

  /** All of its texts are new. */
  ProcessFingerprint fingerprint() {
    var version = Math.floorMod(salt, 20);
    return switch (kind) {
      case JVM ->
          program(
              "/usr/lib/jvm/java-" + version + "-openjdk/bin/java",
              "java",
              EntryKind.JVM_MAIN,
              "/srv/" + name() + "/app-" + version + ".jar");
      case NODE ->
          program(
              "/usr/local/bin/node" + version, "node", EntryKind.SCRIPT, "/srv/" + name() + ".js");
      case PYTHON ->
          program(
              "/usr/bin/python3." + version,
              "python3." + version,
              EntryKind.SCRIPT,
              "/srv/" + name() + "/main.py");
      case NATIVE -> program("/app/bin/" + name(), name(), EntryKind.NATIVE, null);
      case STRANGER -> program("/usr/bin/xfer" + letters(number), "xfer", EntryKind.NATIVE, null);
    };
  }

  private ProcessFingerprint program(
      String path, String program, EntryKind entry, @Nullable String script) {
    var hash = HexFormat.of().toHexDigits(salt).repeat(4);
    return new ProcessFingerprint(
        path,
        hash,
        Origin.IMAGE,
        10_001,
        entry,
        program,
        script == null ? null : new Script(script, hash, Origin.IMAGE, false),
        List.of("/bin/sh" + letters(3), "/sbin/tini" + letters(4)),
        "app",
        "sha256:" + hash,
        List.of(),
        false);
  }

  /** Without digits, which a class masks. */
  private String name() {
    return "service-" + letters(number) + "-" + letters((int) (salt & 0xff));
  }

  private static String letters(int number) {
    var text = new StringBuilder();
    for (var rest = number; text.isEmpty() || rest > 0; rest /= 20) {
      text.append((char) ('a' + rest % 20));
    }
    return text.toString();
  }
}
