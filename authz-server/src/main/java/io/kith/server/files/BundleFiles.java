package io.kith.server.files;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.bundle.Bundles;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.edge.Baseline;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import io.kith.server.verb.Words;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/** Signed bundles, as they are written. */
public final class BundleFiles {
  private BundleFiles() {}

  /** Signs baselines from now on and writes them to a file. */
  public static Bundle write(
      Path file, String environment, Duration ttl, List<Baseline> baselines, SigningKey key)
      throws Failure {
    var now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    try {
      var bundle = new Bundle(environment, now, now.plus(ttl), baselines);
      TextFile.write(file, Bundles.seal(bundle, key));
      return bundle;
    } catch (IllegalArgumentException e) {
      throw Failure.refused(file + ": not written: " + e.getMessage());
    }
  }

  /** How long a bundle may be used. */
  public static Duration ttl(String text) throws Failure {
    try {
      return Words.duration(text);
    } catch (IllegalArgumentException e) {
      throw Failure.usage("--ttl: " + e.getMessage());
    }
  }
}
