package io.kith.baselines.process;

import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a fingerprint is for: the key under which its flows are learned, and which survives
 * versions.
 *
 * <p>Runs of digits in paths and names are masked as {@code #}, since {@code python3.11} becomes
 * {@code python3.12} and is still the same part of the workload. Hash, digest and origin are
 * conditions on a class, not part of it.
 *
 * @param path masked path of the executable
 * @param program masked program name
 * @param script masked path of the script; code on a command line keeps its hash
 * @param ancestors masked executables of up to three ancestors, nearest first, repeats collapsed
 * @param root runs as uid 0
 */
public record ProcessClass(
    String path, String program, @Nullable String script, List<String> ancestors, boolean root) {
  private static final int MAX_ANCESTORS = 3;
  private static final Pattern DIGITS = Pattern.compile("[0-9]+");

  public ProcessClass {
    ancestors = List.copyOf(ancestors);
  }

  public static ProcessClass of(ProcessFingerprint fingerprint) {
    var script = fingerprint.script();
    return new ProcessClass(
        mask(fingerprint.path()),
        mask(fingerprint.program()),
        script == null
            ? null
            : script.path().startsWith("inline:") ? script.path() : mask(script.path()),
        fingerprint.lineage().stream().limit(MAX_ANCESTORS).map(ProcessClass::mask).toList(),
        fingerprint.uid() == 0);
  }

  /**
   * Whether the other is the same program and script at another place or with other ancestors, and
   * with no more rights.
   */
  public boolean isMovedTo(ProcessClass other) {
    return program.equals(other.program)
        && (root || !other.root)
        && Objects.equals(fileOf(script), fileOf(other.script))
        && !equals(other);
  }

  private static @Nullable String fileOf(@Nullable String path) {
    return path == null || path.startsWith("inline:")
        ? path
        : path.substring(path.lastIndexOf('/') + 1);
  }

  /** Replaces every run of digits by {@code #}. */
  public static String mask(String text) {
    return DIGITS.matcher(text).replaceAll("#");
  }

  /** For people: executable, script and the nearest ancestor. */
  public String words() {
    var words = new StringBuilder(path);
    if (script != null) {
      words.append(' ').append(script);
    }
    if (!ancestors.isEmpty()) {
      words.append(" ← ").append(ancestors.getFirst());
    }
    return words.toString();
  }
}
