package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import java.time.Instant;

/** Somebody saw something; it changes no trust. */
public record Acknowledgement(String by, Instant at, String note) {
  public Acknowledgement {
    requireNonNull(by, "by");
    requireNonNull(at, "at");
    requireNonNull(note, "note");
  }
}
