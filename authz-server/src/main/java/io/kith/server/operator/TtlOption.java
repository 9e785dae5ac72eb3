package io.kith.server.operator;

import com.google.protobuf.Duration;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Words;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option that says how long a rule holds. */
final class TtlOption {
  @Option(
      names = "--ttl",
      paramLabel = "TIME",
      description = "How long: 90s, 30m, 4h or 7d. Default: for ever.")
  @Nullable String text;

  /** Null for ever. */
  @Nullable Duration duration() throws Failure {
    if (text == null) {
      return null;
    }
    try {
      return Duration.newBuilder().setSeconds(Words.duration(text).toSeconds()).build();
    } catch (IllegalArgumentException e) {
      throw Failure.usage("--ttl: " + e.getMessage());
    }
  }
}
