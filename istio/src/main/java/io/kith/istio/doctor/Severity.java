package io.kith.istio.doctor;

/** How bad a finding is; the worst comes first. */
public enum Severity {
  /** Something is not checked, can be got around, or fails the wrong way. */
  ERROR("error"),
  /** Something will be, or may be. */
  WARNING("warning"),
  /** Something that whoever enforces should know. */
  NOTE("note");

  private final String word;

  Severity(String word) {
    this.word = word;
  }

  /** As people and machines read it. */
  public String word() {
    return word;
  }
}
