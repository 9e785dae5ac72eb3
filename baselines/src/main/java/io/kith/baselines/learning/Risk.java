package io.kith.baselines.learning;

import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Quality;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What an intruder would add: flows that are never learned by themselves, however often seen. */
final class Risk {
  private static final Set<Quality> LEARNABLE =
      EnumSet.of(Quality.HOLDER, Quality.EXACT_SHARED, Quality.EXACT);

  private Risk() {}

  /**
   * Why flows of the process may not be learned, in words, or null when they may.
   *
   * @param origin where the workload's code has to come from: image or host
   */
  static @Nullable String of(Candidate process, Origin origin) {
    var fingerprint = process.fingerprint();
    if (fingerprint.path().isEmpty()) {
      return "the executable is not known";
    }
    if (!LEARNABLE.contains(process.quality())) {
      return "the process could not be proved at that moment";
    }
    if (fingerprint.origin() != origin) {
      return "the executable is not from the " + origin.words() + from(fingerprint.origin());
    }
    if (fingerprint.entryKind() == EntryKind.INLINE) {
      return "the code came from the command line or standard input";
    }
    var script = fingerprint.script();
    if (script != null
        && script.origin() != origin
        && fingerprint.entryKind() != EntryKind.MODULE) {
      return "the script is not from the " + origin.words() + from(script.origin());
    }
    if (!fingerprint.injectedMappings().isEmpty()) {
      return "code is loaded that is not from the image";
    }
    if (fingerprint.execSession()) {
      return "it ran in an interactive session";
    }
    return null;
  }

  private static String from(Origin seen) {
    return " (from: " + seen.words() + ")";
  }
}
