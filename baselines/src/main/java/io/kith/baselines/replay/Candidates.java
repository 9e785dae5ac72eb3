package io.kith.baselines.replay;

import io.kith.baselines.edge.ContentId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.baselines.process.Script;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The processes of a log as the decider knows them; remembers the recent ones. */
final class Candidates {
  private static final int MAX = 16_384;

  /** Characters; longer ones are made anew each time, so that a hostile log cannot fill memory. */
  private static final int MAX_LENGTH = 2_048;

  private final Bounded<Key, Attribution.Attributed> recent = new Bounded<>(MAX);

  private record Key(FlowRecord.Program process, @Nullable String digest) {}

  /**
   * The attribution that a bridge would have given.
   *
   * @throws IllegalArgumentException when a field has no such value
   */
  Attribution.Attributed of(FlowRecord flow) {
    var key = new Key(flow.process(), flow.digest());
    var known = recent.get(key);
    if (known == null) {
      known =
          new Attribution.Attributed(
              List.of(candidate(flow.process(), flow.digest())), Rung.KERNEL_EXACT, List.of());
      if (length(flow.process()) <= MAX_LENGTH) {
        recent.put(key, known);
      }
    }
    return known;
  }

  private static int length(FlowRecord.Program process) {
    var length = 0;
    for (var text : Arrays.asList(process.path(), process.comm(), process.script())) {
      length += text == null ? 0 : text.length();
    }
    for (var parent : process.parents()) {
      length += parent.length();
    }
    return length;
  }

  private static Candidate candidate(FlowRecord.Program process, @Nullable String digest) {
    var origin = origin(process.origin());
    var path = process.path() == null ? "" : process.path();
    var entry = entry(process);
    var fingerprint =
        new ProcessFingerprint(
            path,
            process.sha256(),
            origin,
            process.uid() == null ? -1 : process.uid(),
            entry,
            process.comm() == null ? path.substring(path.lastIndexOf('/') + 1) : process.comm(),
            process.script() == null ? null : new Script(process.script(), null, origin, false),
            process.parents(),
            process.container(),
            digest,
            List.of(),
            process.execSession());
    return new Candidate(
        ContentId.of("fp:", 12, fingerprint.toString()),
        fingerprint,
        ProcessClass.of(fingerprint),
        quality(process.quality()),
        Set.of());
  }

  private static Origin origin(@Nullable String word) {
    return switch (word) {
      case null -> Origin.UNKNOWN;
      case "image" -> Origin.IMAGE;
      case "runtime" -> Origin.WRITABLE_LAYER;
      case "unknown" -> Origin.UNKNOWN;
      default ->
          throw new IllegalArgumentException(
              "process.origin: '" + word + "' (expected: image, runtime or unknown)");
    };
  }

  private static EntryKind entry(FlowRecord.Program process) {
    return switch (process.entry()) {
      case null -> guess(process.script());
      case "native" -> EntryKind.NATIVE;
      case "script" -> EntryKind.SCRIPT;
      case "jvm-main" -> EntryKind.JVM_MAIN;
      case "module" -> EntryKind.MODULE;
      case "inline" -> EntryKind.INLINE;
      default ->
          throw new IllegalArgumentException(
              "process.entry: '"
                  + process.entry()
                  + "' (expected: native, script, jvm-main, module or inline)");
    };
  }

  private static EntryKind guess(@Nullable String script) {
    if (script == null) {
      return EntryKind.NATIVE;
    }
    return script.endsWith(".jar") ? EntryKind.JVM_MAIN : EntryKind.SCRIPT;
  }

  private static Quality quality(@Nullable String word) {
    if (word == null) {
      return Quality.EXACT;
    }
    try {
      return Quality.valueOf(word.toUpperCase(Locale.ROOT).replace('-', '_'));
    } catch (IllegalArgumentException _) {
      throw new IllegalArgumentException(
          "process.quality: '"
              + word
              + "' (expected: exact, exact-shared, holder, image-unverified, pre-existing or"
              + " unknown)");
    }
  }
}
