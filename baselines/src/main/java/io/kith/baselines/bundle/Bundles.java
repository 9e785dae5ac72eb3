package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.ContentId;
import io.kith.baselines.yaml.Json;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Bundles as text: a {@link Dsse} envelope around an in-toto Statement.
 *
 * <p>Shape of the statement: {@code predicateType} {@value #PREDICATE_TYPE}; one {@code subject}
 * for each baseline, its name the revision and its digest the SHA-256 of the baseline's canonical
 * JSON; the {@code predicate} has the environment, both times and the baselines.
 */
public final class Bundles {
  static final String PAYLOAD_TYPE = "application/vnd.in-toto+json";
  static final String STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
  static final String PREDICATE_TYPE = "https://kith.io/baseline/v1";

  /** A bundle may be made by a clock that is a little ahead. */
  private static final Duration SKEW = Duration.ofMinutes(5);

  private Bundles() {}

  /** What became of a bundle. */
  public sealed interface Opened {
    /** It may be used. */
    record Accepted(Bundle bundle, String keyId) implements Opened {}

    /**
     * It may not; nothing of it is used.
     *
     * @param why what is wrong and what to do
     */
    record Refused(String why) implements Opened {}
  }

  /** Signs a bundle. */
  public static String seal(Bundle bundle, SigningKey key) {
    return Dsse.seal(PAYLOAD_TYPE, Json.write(statement(bundle)), key);
  }

  /** Verifies and reads a bundle; nothing of it is looked at before its signature holds. */
  public static Opened open(String text, Keyring keys, Instant now) {
    return switch (Dsse.open(text, PAYLOAD_TYPE, keys, Role.BUNDLER)) {
      case Dsse.Opened.Refused(var why) -> new Opened.Refused(why);
      case Dsse.Opened.Payload(var payload, var keyId) -> {
        try {
          yield checked(read(payload), keyId, now);
        } catch (IllegalArgumentException e) {
          yield new Opened.Refused("signed by " + keyId + ", and not a bundle: " + e.getMessage());
        }
      }
    };
  }

  /** As {@link #open(String, Keyring, Instant)}, of a file's bytes. */
  public static Opened open(byte[] bytes, Keyring keys, Instant now) {
    var text = new String(bytes, UTF_8);
    return java.util.Arrays.equals(text.getBytes(UTF_8), bytes)
        ? open(text, keys, now)
        : new Opened.Refused("not UTF-8, or altered");
  }

  private static Opened checked(Bundle bundle, String keyId, Instant now) {
    if (!now.isBefore(bundle.expiresAt())) {
      return new Opened.Refused(
          "expired at " + bundle.expiresAt() + " (make a new one in " + bundle.environment() + ")");
    }
    if (bundle.createdAt().isAfter(now.plus(SKEW))) {
      return new Opened.Refused(
          "made at " + bundle.createdAt() + ", which is to come (check the clocks)");
    }
    return new Opened.Accepted(bundle, keyId);
  }

  private static Map<String, Object> statement(Bundle bundle) {
    var predicate = new LinkedHashMap<String, Object>();
    predicate.put("environment", bundle.environment());
    predicate.put("createdAt", bundle.createdAt().toString());
    predicate.put("expiresAt", bundle.expiresAt().toString());
    predicate.put("baselines", bundle.baselines().stream().map(BaselineJson::map).toList());
    return Map.of(
        "_type", STATEMENT_TYPE,
        "predicateType", PREDICATE_TYPE,
        "subject", bundle.baselines().stream().map(Bundles::subject).toList(),
        "predicate", predicate);
  }

  private static Map<String, Object> subject(Baseline baseline) {
    return Map.of(
        "name",
        baseline.revision(),
        "digest",
        Map.of("sha256", ContentId.of("", 64, BaselineJson.write(baseline))));
  }

  private static Bundle read(String payload) {
    var statement = Json.read(payload).only("_type", "predicateType", "subject", "predicate");
    expect(statement.text("_type"), STATEMENT_TYPE, "_type");
    expect(statement.text("predicateType"), PREDICATE_TYPE, "predicateType");
    var predicate =
        statement.object("predicate").only("environment", "createdAt", "expiresAt", "baselines");
    var bundle =
        new Bundle(
            predicate.text("environment"),
            predicate.value("createdAt", Instant::parse),
            predicate.value("expiresAt", Instant::parse),
            predicate.objects("baselines").stream().map(BaselineJson::baseline).toList());
    if (!Json.write(statement(bundle)).equals(payload)) {
      throw new IllegalArgumentException("subject: not of these baselines");
    }
    return bundle;
  }

  private static void expect(String actual, String expected, String key) {
    if (!actual.equals(expected)) {
      throw new IllegalArgumentException(
          key + ": '" + Dsse.printable(actual) + "' (expected: " + expected + ")");
    }
  }
}
