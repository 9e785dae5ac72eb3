package io.kith.spiffe;

import io.kith.baselines.identity.SpiffeId;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Where the own identity and the trust bundles come from, kept current in the background.
 *
 * <p>Thread-safe; no method but {@link #awaitReady} and {@link #close} blocks.
 */
public interface X509Source extends AutoCloseable {

  /** What happened to the identity. Listeners hear it in order, on a thread of the source. */
  sealed interface Event {
    /** A new SVID or new bundles are in use. */
    record Updated(SpiffeId id, Instant expires) implements Event {}

    /** The issuer no longer gives this identity; it is not used any more. */
    record Redacted(String reason) implements Event {}

    /**
     * The issuer cannot be asked or gave nonsense; the last good identity is used until it expires.
     */
    record Stale(String reason) implements Event {}
  }

  /** How far the identity can be relied on. */
  enum Condition {
    /** Nothing was received yet. */
    WAITING,
    /** Valid and current. */
    READY,
    /** Valid, but the issuer cannot be asked or gave nonsense. */
    STALE,
    /** Withdrawn by the issuer. */
    REDACTED,
    /** Past its validity, whatever the issuer says. */
    EXPIRED
  }

  /**
   * The condition and why, for people.
   *
   * @param words one sentence, never empty
   */
  record State(Condition condition, String words) {
    /** Whether TLS handshakes can succeed. */
    public boolean usable() {
      return condition == Condition.READY || condition == Condition.STALE;
    }
  }

  /** The current SVID; empty when there is none that may be used (waiting, redacted, expired). */
  Optional<Svid> svid();

  /** CA certificates by trust domain; may be empty, and a missing domain is not trusted. */
  Map<String, List<X509Certificate>> bundles();

  State state();

  /** Until the SVID expires, negative after; empty when there never was one or it was redacted. */
  OptionalLong secondsToExpiry();

  /** When the identity was last received; empty when never. */
  Optional<Instant> lastUpdate();

  /** Hears every event from now on. A listener must be quick and must not throw. */
  void addListener(Consumer<Event> listener);

  /**
   * Waits for a usable identity.
   *
   * @return false when there is none after that time; {@link #state} says why
   */
  boolean awaitReady(Duration timeout) throws InterruptedException;

  @Override
  void close();
}
