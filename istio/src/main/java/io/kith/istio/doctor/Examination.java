package io.kith.istio.doctor;

import java.util.List;

/**
 * What came out.
 *
 * @param findings the worst first
 * @param sidecars whose configuration was judged
 * @param notJudged what was not, and why, in words
 */
public record Examination(List<Finding> findings, int sidecars, List<String> notJudged) {
  public Examination {
    findings = List.copyOf(findings);
    notJudged = List.copyOf(notJudged);
  }

  /** Findings that are at least so bad. */
  public long atLeast(Severity severity) {
    return findings.stream()
        .filter(finding -> finding.rule().severity().compareTo(severity) <= 0)
        .count();
  }
}
