package io.kith.server.oidc;

import io.kith.baselines.config.AdminRole;
import org.jspecify.annotations.Nullable;

/** What became of a token. The words are for its bearer, and repeat nothing of it but its names. */
public sealed interface TokenVerdict {
  /**
   * It is the issuer's, it is for this server, and it counts now.
   *
   * @param subject who the bearer is for the issuer
   * @param name what the issuer calls them, or null
   * @param role the highest of their roles, or null
   */
  record Accepted(String subject, @Nullable String name, @Nullable AdminRole role)
      implements TokenVerdict {}

  /** It is not to be accepted. */
  record Refused(String why) implements TokenVerdict {}

  /** The issuer's keys cannot be had, so nothing is known of it. */
  record Unavailable(String why) implements TokenVerdict {}
}
