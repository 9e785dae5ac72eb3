package io.kith.server.bridge;

import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Attribution.Unattributed;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.v1.Answer;
import io.kith.server.check.Untrusted;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Turns a bridge's answers into attributions. Used by the thread of one stream only. */
final class AnswerReader {
  private static final int MAX_CANDIDATES = 64;
  private static final int MAX_IDS = 64;
  private static final int MAX_REASONS = 8;
  private static final int MAX_REASON = 200;

  private static final ProcessFingerprint NO_FINGERPRINT =
      new ProcessFingerprint(
          "",
          null,
          Origin.UNKNOWN,
          -1,
          EntryKind.UNKNOWN,
          "",
          null,
          List.of(),
          null,
          null,
          List.of(),
          false);
  private static final ProcessClass NO_CLASS = ProcessClass.of(NO_FINGERPRINT);

  private final Fingerprints fingerprints;

  /** Answers without a doubt: the same one for all connections of a process. */
  private final Map<Rung, Map<Candidate, Attributed>> clear = new EnumMap<>(Rung.class);

  AnswerReader(Fingerprints fingerprints) {
    this.fingerprints = fingerprints;
  }

  /**
   * The attribution.
   *
   * @param pod the pod that the socket is in
   * @param reporter what the pod's proxy proved to be
   */
  Attribution read(Answer answer, RegisteredPod pod, SpiffeId reporter) {
    var rung = Enums.rung(answer.getRung());
    var reasons = reasons(answer);
    var foreign = !pod.attested().isEmpty() && !pod.attested().contains(reporter);
    var candidates = new ArrayList<Candidate>();
    if (answer.getCandidatesCount() > MAX_CANDIDATES) {
      reasons.add(
          "the bridge named "
              + answer.getCandidatesCount()
              + " processes (expected: at most "
              + MAX_CANDIDATES
              + ")");
    } else {
      for (var named : answer.getCandidatesList()) {
        switch (candidate(named, pod, foreign)) {
          case Fingerprints.Found.Here(var candidate) -> candidates.add(candidate);
          case Fingerprints.Found.Missing(var why) -> reasons.add(why);
        }
      }
    }
    if (!candidates.isEmpty() && candidates.size() == answer.getCandidatesCount()) {
      return attributed(candidates, rung, reasons);
    }
    return foreign ? ofAnotherWorkload(pod, rung, reasons) : new Unattributed(rung, reasons);
  }

  private Attributed attributed(List<Candidate> candidates, Rung rung, List<String> reasons) {
    if (candidates.size() != 1 || !reasons.isEmpty()) {
      return new Attributed(candidates, rung, reasons);
    }
    var known = clear.computeIfAbsent(rung, _ -> new IdentityHashMap<>());
    if (known.size() >= Fingerprints.MAX) {
      known.clear();
    }
    return known.computeIfAbsent(
        candidates.getFirst(), one -> new Attributed(List.of(one), rung, List.of()));
  }

  /**
   * An unknown process of a pod that the identity provider attests as another workload than its
   * proxy claims to be. Being unknown is weaker than being somebody else, and some scopes allow it:
   * so it is a candidate without a program, which nothing allows.
   */
  private static Attributed ofAnotherWorkload(RegisteredPod pod, Rung rung, List<String> reasons) {
    return new Attributed(
        List.of(new Candidate("", NO_FINGERPRINT, NO_CLASS, Quality.UNKNOWN, pod.attested())),
        rung,
        reasons);
  }

  private Fingerprints.Found candidate(
      io.kith.bridge.v1.Candidate named, RegisteredPod pod, boolean foreign) {
    var attested = new HashSet<SpiffeId>();
    if (named.getSpiffeIdsCount() > MAX_IDS) {
      return new Fingerprints.Found.Missing(
          "the bridge attests a process by "
              + named.getSpiffeIdsCount()
              + " SPIFFE IDs (expected: at most "
              + MAX_IDS
              + ")");
    }
    if (!foreign) {
      try {
        named.getSpiffeIdsList().forEach(id -> attested.add(SpiffeId.parse(id)));
      } catch (IllegalArgumentException e) {
        return new Fingerprints.Found.Missing(
            "the bridge attests a process by something else than a SPIFFE ID: " + e.getMessage());
      }
    }
    return fingerprints.candidate(
        named.getFingerprintId(),
        Enums.quality(named.getQuality()),
        attested.isEmpty() ? pod.attested() : Set.copyOf(attested));
  }

  private static List<String> reasons(Answer answer) {
    var reasons = new ArrayList<String>();
    answer.getReasonsList().stream()
        .limit(MAX_REASONS)
        .map(reason -> Untrusted.plain(reason, MAX_REASON))
        .forEach(reasons::add);
    return reasons;
  }
}
