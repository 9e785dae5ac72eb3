package io.kith.server.provenance;

import static java.util.Objects.requireNonNull;

/** What a token proves to the one who got it. */
public sealed interface Proof {
  /** The request was let out of the caller's pod, for this receiver. */
  record Good(ProvenanceToken token) implements Proof {
    public Good {
      requireNonNull(token, "token");
    }
  }

  /**
   * Nothing.
   *
   * @param why what the token is or was, in words that follow "a token that"; fit to be shown
   */
  record Bad(String why) implements Proof {
    public Bad {
      requireNonNull(why, "why");
    }
  }
}
