package io.kith.server.provenance;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import java.time.Instant;
import java.util.regex.Pattern;

/**
 * What a caller's side says about a request that it let out.
 *
 * <p>Text form: {@code 1;EXPIRES;SPIFFE-ID;WORKLOAD;CLASS;AUDIENCE}, with the time as seconds since
 * 1970; plain ASCII without spaces, commas or quotes, so it is a header's value as it stands.
 * {@link MeshKeys} puts a MAC behind it.
 *
 * @param expires whole seconds; from then on it proves nothing
 * @param caller what the caller's proxy proved to be; the receiver's proxy has to have seen the
 *     same
 * @param workload owner of the caller
 * @param processClass {@link io.kith.baselines.process.ProcessClass#id} of the program that asked
 * @param audience owner of the only workload that it is meant for
 */
public record ProvenanceToken(
    Instant expires, SpiffeId caller, Owner workload, String processClass, Owner audience) {
  private static final String VERSION = "1";
  private static final int PARTS = 6;
  private static final Pattern CLASS = Pattern.compile("[0-9a-f]{16}");
  private static final Pattern SECONDS = Pattern.compile("[1-9][0-9]{0,10}");

  public ProvenanceToken {
    requireNonNull(expires, "expires");
    requireNonNull(caller, "caller");
    requireNonNull(workload, "workload");
    requireNonNull(audience, "audience");
    if (!CLASS.matcher(processClass).matches()) {
      throw new IllegalArgumentException(
          "process class: '" + processClass + "' (expected: 16 hex digits)");
    }
  }

  /** Its text form, without a MAC. */
  String text() {
    return String.join(
        ";",
        VERSION,
        Long.toString(expires.getEpochSecond()),
        caller.toString(),
        workload.toString(),
        processClass,
        audience.toString());
  }

  /**
   * Reads the text form.
   *
   * @throws IllegalArgumentException when it is anything else
   */
  static ProvenanceToken parse(String text) {
    var parts = text.split(";", -1);
    if (parts.length != PARTS || !parts[0].equals(VERSION) || !isNumber(parts[1])) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: 1;EXPIRES;SPIFFE-ID;WORKLOAD;CLASS;AUDIENCE)");
    }
    return new ProvenanceToken(
        Instant.ofEpochSecond(Long.parseLong(parts[1])),
        SpiffeId.parse(parts[2]),
        Owner.parse(parts[3]),
        parts[4],
        Owner.parse(parts[5]));
  }

  private static boolean isNumber(String text) {
    return SECONDS.matcher(text).matches();
  }
}
