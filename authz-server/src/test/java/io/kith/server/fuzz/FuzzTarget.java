package io.kith.server.fuzz;

import io.kith.server.check.CheckMessageFuzz;
import io.kith.server.replay.FlowLogFuzz;
import java.nio.file.Path;

/** What reads bytes of others, each with its corpus in {@code src/test/corpus}. */
enum FuzzTarget {
  CHECK("check", CheckMessageFuzz.class, CheckMessageFuzz::fuzzerTestOneInput),
  ALLOW_LIST("allow-list", AllowListFuzz.class, AllowListFuzz::fuzzerTestOneInput),
  FLOW_LOG("flow-log", FlowLogFuzz.class, FlowLogFuzz::fuzzerTestOneInput),
  BUNDLE("bundle", BundleFuzz.class, BundleFuzz::fuzzerTestOneInput),
  SPIFFE_ID("spiffe-id", SpiffeIdFuzz.class, SpiffeIdFuzz::fuzzerTestOneInput);

  /** Below the module. */
  static final Path CORPORA = Path.of("src", "test", "corpus");

  private final String word;
  private final Class<?> type;
  private final Trial trial;

  /** Tries one input, and throws when it finds something. */
  @FunctionalInterface
  interface Trial {
    void of(byte[] data) throws Exception;
  }

  FuzzTarget(String word, Class<?> type, Trial trial) {
    this.word = word;
    this.type = type;
    this.trial = trial;
  }

  String word() {
    return word;
  }

  Class<?> type() {
    return type;
  }

  Trial trial() {
    return trial;
  }

  /** Inputs that were written by hand; each stays. */
  Path seeds() {
    return CORPORA.resolve(word).resolve("seeds");
  }

  /** Inputs that were found; those that reach nothing new are not kept. */
  Path found() {
    return CORPORA.resolve(word).resolve("found");
  }
}
