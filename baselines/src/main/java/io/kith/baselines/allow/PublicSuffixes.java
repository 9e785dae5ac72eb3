package io.kith.baselines.allow;

/**
 * Below which names anybody may register: {@code com}, {@code co.uk}, and of the private section
 * {@code s3.amazonaws.com}. Port to a maintained copy of the public suffix list.
 */
@FunctionalInterface
public interface PublicSuffixes {
  /**
   * Whether the name itself is a public suffix.
   *
   * @param name lower case, no final dot
   */
  boolean isPublicSuffix(String name);
}
