package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.OnFailure;
import io.kith.baselines.identity.SpiffeIdPattern;
import java.time.Duration;
import java.util.List;

/**
 * How Checks are answered.
 *
 * @param reporters who may ask; empty: every SPIFFE ID that the directory knows
 * @param deadline a Check is answered by then
 * @param bridgeTimeout how long a bridge is waited for
 * @param onFailure what a late or failed Check gets; never passes under enforce
 * @param maxWaiting Checks that may wait for a bridge at a time, of one reporter a quarter of them;
 *     more are {@code overloaded}
 * @param probes paths that may be asked for without a certificate
 */
public record CheckSettings(
    List<SpiffeIdPattern> reporters,
    Duration deadline,
    Duration bridgeTimeout,
    OnFailure onFailure,
    int maxWaiting,
    List<String> probes) {
  /** Checks that may wait for a bridge at a time: 10,000 with their messages are some 50 MiB. */
  public static final int MAX_WAITING = 10_000;

  public CheckSettings {
    reporters = List.copyOf(reporters);
    requireNonNull(deadline, "deadline");
    requireNonNull(bridgeTimeout, "bridgeTimeout");
    requireNonNull(onFailure, "onFailure");
    probes = List.copyOf(probes);
  }

  /** With the usual probes. */
  public CheckSettings(
      List<SpiffeIdPattern> reporters,
      Duration deadline,
      Duration bridgeTimeout,
      OnFailure onFailure,
      int maxWaiting) {
    this(reporters, deadline, bridgeTimeout, onFailure, maxWaiting, KithConfig.Server.PROBES);
  }

  /** What {@code kith.yaml} says. */
  public static CheckSettings of(KithConfig.Server server) {
    return new CheckSettings(
        server.reporters(),
        server.deadline(),
        server.bridgeTimeout(),
        server.onFailure(),
        MAX_WAITING,
        server.probes());
  }
}
