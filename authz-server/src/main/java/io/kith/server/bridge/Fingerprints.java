package io.kith.server.bridge;

import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Script;
import io.kith.bridge.v1.Fingerprint;
import io.kith.server.check.Untrusted;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The fingerprints that one bridge described on one stream, and the candidates made of them.
 *
 * <p>Used by the thread of that stream only. A candidate is made once, since its process class
 * takes a while to compute.
 */
final class Fingerprints {
  /** More on one stream are refused: the bridge attaches again and starts from nothing. */
  static final int MAX = 65_536;

  /** The same: octets of descriptions, 1 KiB for each, and of the SPIFFE IDs of candidates. */
  static final long MAX_OCTETS = MAX * 1_024L;

  private static final int MAX_ID = 64; // of a bridge's own: fp: and 32 digits
  private static final int MAX_TEXT = 4096;
  private static final int MAX_LINEAGE = 8;
  private static final int MAX_MAPPINGS = 16;
  private static final int ID_OCTETS = 100; // of one, beside its characters

  private sealed interface Known {
    record Valid(ProcessFingerprint fingerprint, ProcessClass processClass) implements Known {}

    record Invalid(String why) implements Known {}
  }

  /** A candidate, or why there is none. */
  sealed interface Found {
    record Here(Candidate candidate) implements Found {}

    record Missing(String why) implements Found {}
  }

  private record CandidateKey(String id, Quality quality, Set<SpiffeId> attested) {}

  private final Map<String, Known> byId = new HashMap<>();
  private final Map<CandidateKey, Candidate> candidates = new HashMap<>();
  private long octets; // of all that was described, and of candidates

  boolean isFull() {
    return byId.size() >= MAX || octets >= MAX_OCTETS;
  }

  /** Takes a description; one that makes no sense is kept as such, but for one that is long. */
  void add(Fingerprint described) {
    octets += described.getSerializedSize();
    if (described.getId().length() > MAX_ID) {
      return;
    }
    byId.put(described.getId(), read(described));
    candidates.keySet().removeIf(key -> key.id().equals(described.getId()));
  }

  /** What was described; null when it was not, or makes no sense. */
  @Nullable ProcessFingerprint described(String id) {
    return byId.get(id) instanceof Known.Valid(var fingerprint, _) ? fingerprint : null;
  }

  Found candidate(String id, Quality quality, Set<SpiffeId> attested) {
    return switch (byId.get(id)) {
      case null ->
          new Found.Missing(
              "the bridge named a fingerprint that it never described: " + Untrusted.quoted(id));
      case Known.Invalid(var why) -> new Found.Missing(why);
      case Known.Valid(var fingerprint, var processClass) -> {
        if (candidates.size() >= MAX) {
          candidates.clear();
        }
        yield new Found.Here(
            candidates.computeIfAbsent(
                new CandidateKey(id, quality, attested),
                _ -> {
                  attested.forEach(one -> octets += ID_OCTETS + one.toString().length());
                  return new Candidate(id, fingerprint, processClass, quality, attested);
                }));
      }
    };
  }

  private static Known read(Fingerprint described) {
    try {
      var fingerprint =
          new ProcessFingerprint(
              text("path", described.getPath()),
              orNull(described.getSha256()),
              Enums.origin(described.getOrigin()),
              described.getUid(),
              Enums.entryKind(described.getEntryKind()),
              text("program", described.getProgram()),
              described.hasScript() ? script(described.getScript()) : null,
              texts("lineage", described.getLineageList(), MAX_LINEAGE),
              orNull(text("container", described.getContainer())),
              orNull(text("image_digest", described.getImageDigest())),
              texts("injected_mappings", described.getInjectedMappingsList(), MAX_MAPPINGS),
              described.getExecSession());
      return new Known.Valid(fingerprint, ProcessClass.of(fingerprint));
    } catch (IllegalArgumentException e) {
      return new Known.Invalid(
          "the bridge's fingerprint "
              + Untrusted.quoted(described.getId())
              + " is not valid: "
              + Untrusted.plain(String.valueOf(e.getMessage()), 200));
    }
  }

  private static Script script(io.kith.bridge.v1.Script script) {
    return new Script(
        text("script.path", script.getPath()),
        orNull(script.getSha256()),
        Enums.origin(script.getOrigin()),
        script.getClaimed());
  }

  private static List<String> texts(String field, List<String> texts, int limit) {
    texts.forEach(text -> text(field, text));
    return texts.stream().limit(limit).toList();
  }

  private static String text(String field, String text) {
    if (text.length() > MAX_TEXT) {
      throw new IllegalArgumentException(
          field + " of " + text.length() + " characters (expected: at most " + MAX_TEXT + ")");
    }
    return text;
  }

  private static @Nullable String orNull(String text) {
    return text.isEmpty() ? null : text;
  }
}
