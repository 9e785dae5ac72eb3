package io.kith.baselines.process;

/** How a program came to run. */
public enum EntryKind {
  /** A binary with no code given to it. */
  NATIVE,
  /** An interpreter with a script file. */
  SCRIPT,
  /** A JVM with a jar or a main class. */
  JVM_MAIN,
  /** An interpreter with a named module ({@code python3 -m http.server}). */
  MODULE,
  /** An interpreter with code on its command line or on standard input. */
  INLINE,
  /** Not captured. */
  UNKNOWN
}
