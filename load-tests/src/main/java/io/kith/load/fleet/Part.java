package io.kith.load.fleet;

import io.kith.baselines.identity.SpiffeId;

/**
 * What a server of a fleet does.
 *
 * @param role as in {@code kith.yaml}
 * @param id its identity
 * @param settings further keys of {@code server}, indented by two spaces after the first, or empty
 */
public record Part(String role, SpiffeId id, String settings) {
  /** Everything. */
  public static Part all() {
    return new Part("all", Fleet.SERVER, "");
  }

  /** It keeps the store, and check servers follow it at that port. */
  public static Part control(int port) {
    return new Part(
        "control",
        Fleet.SERVER,
        "control: {listen: \"127.0.0.1:%d\"}\n  checkIds: [\"%s\"]".formatted(port, Fleet.CHECK));
  }

  /** It answers Checks. */
  public static Part check() {
    return new Part("check", Fleet.CHECK, "");
  }

  /** It would answer Checks, but is none that a control server knows. */
  public static Part stranger() {
    return new Part("check", Fleet.BRIDGE, "");
  }

  boolean isCheck() {
    return role.equals("check");
  }
}
