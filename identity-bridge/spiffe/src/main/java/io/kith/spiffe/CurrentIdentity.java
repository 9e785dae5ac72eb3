package io.kith.spiffe;

import static java.util.Objects.requireNonNull;

import io.kith.spiffe.X509Source.Condition;
import io.kith.spiffe.X509Source.Event;
import io.kith.spiffe.X509Source.State;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What a source knows now: one immutable snapshot, replaced as a whole, and who listens to it. */
final class CurrentIdentity {
  private static final Logger LOG = System.getLogger(CurrentIdentity.class.getName());

  private record Snapshot(
      @Nullable Svid svid,
      Map<String, List<X509Certificate>> bundles,
      State state,
      @Nullable Instant lastUpdate) {}

  private final Clock clock;
  private final List<Consumer<Event>> listeners = new CopyOnWriteArrayList<>();
  private volatile Snapshot current;

  CurrentIdentity(Clock clock, String waitingFor) {
    this.clock = requireNonNull(clock, "clock");
    this.current =
        new Snapshot(
            null, Map.of(), new State(Condition.WAITING, "waiting for " + waitingFor), null);
  }

  synchronized void update(Svid svid, Map<String, List<X509Certificate>> bundles) {
    var copy = new HashMap<String, List<X509Certificate>>();
    bundles.forEach((domain, authorities) -> copy.put(domain, List.copyOf(authorities)));
    var words = svid.id() + " until " + svid.expires();
    replace(
        new Snapshot(svid, Map.copyOf(copy), new State(Condition.READY, words), clock.instant()));
    LOG.log(Level.DEBUG, "identity updated: id={0} expires={1}", svid.id(), svid.expires());
    publish(new Event.Updated(svid.id(), svid.expires()));
  }

  /** Withdraws the SVID. The bundles go as well: who is nobody verifies nobody. */
  synchronized void redact(String reason) {
    var was = current;
    replace(new Snapshot(null, Map.of(), new State(Condition.REDACTED, reason), was.lastUpdate()));
    if (was.state().condition() != Condition.REDACTED) {
      LOG.log(Level.WARNING, "identity redacted: reason={0}", reason);
      publish(new Event.Redacted(reason));
    }
  }

  /** Keeps what there is. */
  synchronized void stale(String reason) {
    var was = current;
    var condition =
        switch (was.state().condition()) {
          case READY, STALE, EXPIRED -> Condition.STALE;
          case WAITING -> Condition.WAITING;
          case REDACTED -> Condition.REDACTED;
        };
    var state = new State(condition, reason);
    replace(new Snapshot(was.svid(), was.bundles(), state, was.lastUpdate()));
    if (!state.equals(was.state())) {
      LOG.log(Level.WARNING, "identity source fails: reason={0}", reason);
    }
    if (was.state().condition() == Condition.READY) {
      publish(new Event.Stale(reason));
    }
  }

  Optional<Svid> svid() {
    var svid = current.svid();
    return svid == null || expired(svid) ? Optional.empty() : Optional.of(svid);
  }

  Map<String, List<X509Certificate>> bundles() {
    return current.bundles();
  }

  State state() {
    var now = current;
    var svid = now.svid();
    return svid != null && expired(svid)
        ? new State(
            Condition.EXPIRED,
            svid.id() + " expired at " + svid.expires() + "; last known: " + now.state().words())
        : now.state();
  }

  OptionalLong secondsToExpiry() {
    var svid = current.svid();
    return svid == null
        ? OptionalLong.empty()
        : OptionalLong.of(Duration.between(clock.instant(), svid.expires()).toSeconds());
  }

  Optional<Instant> lastUpdate() {
    return Optional.ofNullable(current.lastUpdate());
  }

  void addListener(Consumer<Event> listener) {
    listeners.add(requireNonNull(listener, "listener"));
  }

  synchronized boolean awaitReady(Duration timeout) throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (!state().usable()) {
      long left = (deadline - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return false;
      }
      wait(left);
    }
    return true;
  }

  private boolean expired(Svid svid) {
    return clock.instant().isAfter(svid.expires());
  }

  private synchronized void replace(Snapshot snapshot) {
    current = snapshot;
    notifyAll();
  }

  private void publish(Event event) {
    for (var listener : listeners) {
      try {
        listener.accept(event);
      } catch (RuntimeException | Error e) { // the identity is what it is all the same
        LOG.log(Level.ERROR, "a mistake inside while a change of identity was told", e);
      }
    }
  }
}
