package io.kith.baselines.destination;

import org.jspecify.annotations.Nullable;

/**
 * Under which names anybody can register one: {@code com}, {@code co.uk}, and the private section
 * ({@code s3.eu-central-1.amazonaws.com}), where neighbours belong to different owners.
 *
 * <p>Source: the Public Suffix List, publicsuffix.org.
 */
public interface PublicSuffixes {
  /** Knows nothing, so that no name is ever below a suffix and nothing becomes a wildcard. */
  PublicSuffixes UNKNOWN = _ -> null;

  /**
   * The part of a name that somebody registered: {@code example.com} for {@code a.b.example.com}.
   *
   * @param host in lower case
   * @return null when the name is a public suffix itself, below none, or not a name
   */
  @Nullable String registrable(String host);
}
