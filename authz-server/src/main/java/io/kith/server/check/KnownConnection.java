package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.process.Attribution;
import org.jspecify.annotations.Nullable;

/**
 * A connection that its bridge answered about a moment ago, and what of it was noted since.
 * Thread-safe.
 */
public final class KnownConnection {
  private final Attribution attribution;

  /*
   * Where its latest request went to. It spares a look into SeenConnections, which has it as well: two
   * requests that race are noted there, and one of them is a repetition.
   */
  private volatile @Nullable Destination noted;

  public KnownConnection(Attribution attribution) {
    this.attribution = requireNonNull(attribution, "attribution");
  }

  /** Whose it is. */
  public Attribution attribution() {
    return attribution;
  }

  /** Whether this destination was the last that was noted. */
  boolean hasNoted(Destination destination) {
    return destination.equals(noted);
  }

  void note(Destination destination) {
    noted = destination;
  }
}
