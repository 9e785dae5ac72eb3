package io.kith.baselines.process;

/** How sure it is that a process opened a socket, least sure first. */
public enum Quality {
  UNKNOWN,
  /** Opened before anybody looked. */
  PRE_EXISTING,
  /** Holds the socket now; who opened it is not known. */
  HOLDER,
  /** The pid is exact; its executable could not be proved. */
  IMAGE_UNVERIFIED,
  /** Exact, and others may use the socket as well. */
  EXACT_SHARED,
  EXACT
}
