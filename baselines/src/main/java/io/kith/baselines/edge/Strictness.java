package io.kith.baselines.edge;

/** What an edge demands of a process beyond its class, weakest first. */
public enum Strictness {
  /** The path alone; `lint` warns about it. */
  PATH,
  /** The process class, run from an image. The default. */
  CLASS,
  /** {@link #CLASS}, with exactly these ancestors. */
  LINEAGE,
  /** This very binary and script. */
  HASH
}
