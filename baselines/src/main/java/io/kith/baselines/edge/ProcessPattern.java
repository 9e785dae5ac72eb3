package io.kith.baselines.edge;

import io.kith.baselines.process.ProcessClass;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Process classes that a person names in a rule. What is null is not asked for.
 *
 * @param path masked path of the executable
 * @param program masked program name
 * @param script which scripts count
 * @param ancestors masked executables, nearest first; compared only where a rule demands lineage
 */
public record ProcessPattern(
    @Nullable String path,
    @Nullable String program,
    ScriptPattern script,
    @Nullable List<String> ancestors) {
  /** Every process, also one that is not known. */
  public static final ProcessPattern ANY =
      new ProcessPattern(null, null, new ScriptPattern.AnyOrNone(), null);

  /** Which scripts count. */
  public sealed interface ScriptPattern {
    /** With a script or without. */
    record AnyOrNone() implements ScriptPattern {}

    /** Only without a script. */
    record None() implements ScriptPattern {}

    /**
     * This one.
     *
     * @param path masked
     */
    record This(String path) implements ScriptPattern {}

    /** Whether the script, or none when null, counts. */
    default boolean covers(@Nullable String script) {
      return switch (this) {
        case AnyOrNone() -> true;
        case None() -> script == null;
        case This(var path) -> path.equals(script);
      };
    }

    /** Whether all that the other covers is covered. */
    default boolean includes(ScriptPattern other) {
      return this instanceof AnyOrNone || this.equals(other);
    }
  }

  public ProcessPattern {
    ancestors = ancestors == null ? null : List.copyOf(ancestors);
  }

  /** Whether nothing at all is asked for. */
  public boolean isAny() {
    return this.equals(ANY);
  }

  /** Whether the class is one of them, whatever its ancestors. */
  public boolean covers(ProcessClass process) {
    return (path == null || path.equals(process.path()))
        && (program == null || program.equals(process.program()))
        && script.covers(process.script());
  }

  /** Whether every class that the other covers is covered by this one. */
  public boolean includes(ProcessPattern other) {
    return (path == null || path.equals(other.path))
        && (program == null || program.equals(other.program))
        && script.includes(other.script)
        && (ancestors == null || ancestors.equals(other.ancestors));
  }

  /** For people. */
  public String words() {
    var words = new StringBuilder(path == null ? "any process" : path);
    if (program != null) {
      words.append(" as ").append(program);
    }
    if (script instanceof ScriptPattern.This(var file)) {
      words.append(' ').append(file);
    }
    if (ancestors != null && !ancestors.isEmpty()) {
      words.append(" ← ").append(String.join(" ← ", ancestors));
    }
    return words.toString();
  }
}
