package io.kith.server.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.bundle.Bundles;
import io.kith.baselines.bundle.Bundles.Opened;
import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.bundle.Keyring.Trusted;
import io.kith.baselines.bundle.Pem;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;

/**
 * Only the bundle that was signed is opened, to the byte; and what is inside of one is read as it
 * would be written, or refused.
 */
public final class BundleFuzz {
  private static final Instant NOW = Instant.parse("2026-11-26T12:00:00Z");
  private static final Keyring KEYS;
  private static final byte[] SIGNED;

  static {
    try {
      var key = Pem.publicKey(Files.readString(FuzzTarget.CORPORA.resolve("bundle.pem")));
      KEYS = new Keyring(List.of(new Trusted(Role.BUNDLER, key)));
      SIGNED = Files.readAllBytes(FuzzTarget.BUNDLE.seeds().resolve("signed"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private BundleFuzz() {}

  /** One input, as Jazzer calls it. */
  public static void fuzzerTestOneInput(byte[] data) {
    var opened = Bundles.open(data, KEYS, NOW);
    if ((opened instanceof Opened.Accepted) != Arrays.equals(data, SIGNED)) {
      throw new AssertionError(opened.toString());
    }
    var text = new String(data, UTF_8);
    try {
      var edge = BaselineJson.readEdge(text);
      if (!BaselineJson.readEdge(BaselineJson.write(edge)).equals(edge)) {
        throw new AssertionError("another edge when it is written and read: " + edge);
      }
    } catch (IllegalArgumentException _) {
      // nothing else may come of it
    }
    try {
      var baseline = BaselineJson.read(text);
      if (!BaselineJson.read(BaselineJson.write(baseline)).equals(baseline)) {
        throw new AssertionError("another baseline when it is written and read: " + baseline);
      }
    } catch (IllegalArgumentException _) {
      // nothing else may come of it
    }
  }
}
