package io.kith.server.fuzz;

import io.kith.server.bridge.BridgeMessagesFuzz;
import io.kith.server.check.CheckMessageFuzz;
import io.kith.server.provenance.ProvenanceFuzz;
import io.kith.server.replay.FlowLogFuzz;
import io.kith.server.rpc.CheckStreamFuzz;
import java.io.IOException;
import java.nio.file.Path;

/** What reads bytes of others, each with its corpus in {@code src/test/corpus}. */
enum FuzzTarget {
  CHECK("check", CheckMessageFuzz.class),
  ALLOW_LIST("allow-list", AllowListFuzz.class),
  FLOW_LOG("flow-log", FlowLogFuzz.class),
  BUNDLE("bundle", BundleFuzz.class),
  SPIFFE_ID("spiffe-id", SpiffeIdFuzz.class),
  CHECK_STREAM("check-stream", CheckStreamFuzz.class),
  PROVENANCE("provenance", ProvenanceFuzz.class),
  BRIDGE("bridge", BridgeMessagesFuzz.class);

  /** Below the module. */
  static final Path CORPORA = Path.of("src", "test", "corpus");

  private final String word;
  private final Class<?> type;

  FuzzTarget(String word, Class<?> type) {
    this.word = word;
    this.type = type;
  }

  String word() {
    return word;
  }

  Class<?> type() {
    return type;
  }

  /** Tries one input, and throws when it finds something. */
  void tryOne(byte[] data) throws IOException {
    switch (this) {
      case CHECK -> CheckMessageFuzz.fuzzerTestOneInput(data);
      case ALLOW_LIST -> AllowListFuzz.fuzzerTestOneInput(data);
      case FLOW_LOG -> FlowLogFuzz.fuzzerTestOneInput(data);
      case BUNDLE -> BundleFuzz.fuzzerTestOneInput(data);
      case SPIFFE_ID -> SpiffeIdFuzz.fuzzerTestOneInput(data);
      case CHECK_STREAM -> CheckStreamFuzz.fuzzerTestOneInput(data);
      case PROVENANCE -> ProvenanceFuzz.fuzzerTestOneInput(data);
      case BRIDGE -> BridgeMessagesFuzz.fuzzerTestOneInput(data);
    }
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
