package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What sidecars' filters do while the server cannot be asked, as their latest Checks say: the proof
 * that a sidecar took the filter that it was given. Thread-safe.
 *
 * <p>A Check that says what the one before said costs a comparison; where the sidecar has the
 * filter of a connection that is drained beside a newer one, the latest Check counts.
 *
 * <p>The clock may be set back: what is known counts as of now at the latest, and a Check that is
 * heard here counts in any case.
 */
public final class Sidecars {
  /** A change counts once no Check contradicted it for so long: old connections are drained. */
  public static final Duration SETTLED = Duration.ofSeconds(5);

  private static final String OPEN = "open";

  /** Of what was forgotten: no pod has that address, so the next Check is heard anew. */
  private static final State GONE =
      new State(IpAddress.of(new byte[4]), true, Instant.MIN, Instant.MIN);

  private final InstantSource clock;
  private final ConcurrentHashMap<IpAddress, Sidecar> byPod = new ConcurrentHashMap<>();
  private final Versions versions = new Versions();
  private volatile Consumer<IpAddress> opened = _ -> {};

  public Sidecars(InstantSource clock) {
    this.clock = requireNonNull(clock, "clock");
  }

  /**
   * A sidecar.
   *
   * @param open whether its latest Check is from a filter that lets pass what cannot be asked about
   * @param asked when it was last heard of: at a change, or at the first Check of a connection
   * @param changed since when it says so
   */
  public record State(IpAddress pod, boolean open, Instant asked, Instant changed) {
    /** Whether it said more than once that it is open, and does not only pass for it. */
    public boolean saysOpen() {
      return open && asked.isAfter(changed);
    }

    private State notAfter(Instant now) {
      return asked.isAfter(now) || changed.isAfter(now)
          ? new State(pod, open, earlier(asked, now), earlier(changed, now))
          : this;
    }

    /** Whether nothing passes what could not be asked about, nor did a moment ago. */
    public boolean isClosed(Instant now) {
      return !open && !now.isBefore(changed.plus(SETTLED));
    }
  }

  /** What is remembered of a sidecar; changed only while its entry of the map is. */
  private static final class Sidecar {
    volatile State state;
    volatile long version;

    Sidecar(State state) {
      this.state = state;
    }
  }

  /** A connection of a sidecar to the server, and whose it is as soon as a Check told. */
  public static final class Connection {
    private volatile @Nullable Sidecar sidecar;
  }

  /**
   * Takes note of a Check of a known workload.
   *
   * @param pod one end of what it is about, which is the sidecar's pod
   * @param failure as the recipe says it; empty where it says nothing
   */
  void said(Connection connection, IpAddress pod, String failure) {
    if (!isNews(connection, pod, failure)) {
      return;
    }
    var open = failure.equals(OPEN);
    var now = clock.instant();
    connection.sidecar = heard(new State(pod, open, now, now), false);
  }

  /** Takes what another server heard, if it is newer. */
  public void elsewhere(State told) {
    var _ = heard(told, true);
  }

  /**
   * Has what a sidecar said not count any more, since it gets another filter: it passes for open
   * until a Check says otherwise. One that was not heard of stays so.
   */
  public void outdate(IpAddress pod) {
    var opens = new AtomicBoolean();
    change(
        pod,
        (known, number) -> {
          var now = clock.instant();
          opens.set(!known.state.open);
          known.state = new State(pod, true, now, now);
          if (opens.get()) {
            known.version = number;
          }
        });
    if (opens.get()) {
      opened.accept(pod);
    }
  }

  /** Has what a sidecar said be among what was heard last, for who did not take it before. */
  public void again(IpAddress pod) {
    change(pod, (known, number) -> known.version = number);
  }

  /** Changes one that is known, which may have the number of the change. */
  private void change(IpAddress pod, ObjLongConsumer<Sidecar> how) {
    var _ =
        versions.next(
            number ->
                byPod.computeIfPresent(
                    pod,
                    (_, known) -> {
                      how.accept(known, number);
                      return known;
                    }));
  }

  /** Whether {@link #said} would note something: seldom, as each Check says the same. */
  boolean isNews(Connection connection, IpAddress pod, String failure) {
    var known = connection.sidecar;
    var state = known == null ? null : known.state;
    var open = failure.equals(OPEN);
    return !failure.isEmpty()
        && (state == null
            || state.open != open
            || (open && !state.saysOpen())
            || !state.pod.equals(pod));
  }

  /**
   * Has somebody told, from now on and in place of the one before, of the pod of each sidecar that
   * was closed and passes for open now.
   */
  public void whenOpened(Consumer<IpAddress> told) {
    opened = requireNonNull(told, "told");
  }

  private Sidecar heard(State told, boolean elsewhere) {
    var opens = new AtomicBoolean();
    var sidecar =
        versions.next(
            number ->
                byPod.compute(
                    told.pod, (_, known) -> heard(known, told, elsewhere, number, opens)));
    if (opens.get()) {
      opened.accept(told.pod);
    }
    return sidecar;
  }

  private Sidecar heard(
      @Nullable Sidecar known, State told, boolean elsewhere, long number, AtomicBoolean opens) {
    var now = clock.instant();
    var news = told.notAfter(now);
    if (known == null) {
      known = new Sidecar(news);
    } else {
      var before = known.state.notAfter(now);
      if (elsewhere && isOlder(news, before, known.state)) {
        known.state = before;
        return known;
      }
      opens.set(news.open && !before.open);
      known.state =
          new State(
              news.pod,
              news.open,
              later(news.asked, before.asked),
              changed(before, news, elsewhere));
    }
    known.version = number;
    return known;
  }

  /** Where the clock was set back, nobody knows which is: then open counts. */
  private static boolean isOlder(State news, State before, State known) {
    var isSetBack = before.asked.isBefore(known.asked);
    return news.asked.isBefore(before.asked) && !(isSetBack && news.open);
  }

  private static Instant changed(State before, State told, boolean elsewhere) {
    if (before.open != told.open) {
      return later(told.changed, before.asked);
    }
    // Another server passes on that a sidecar passes for open: it did not say so.
    var passesFor = elsewhere && told.open && !told.saysOpen() && !before.saysOpen();
    return passesFor ? told.asked : before.changed;
  }

  private static Instant later(Instant one, Instant other) {
    return one.isAfter(other) ? one : other;
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }

  /** Of the pod that has this address; null when it did not ask yet. */
  public @Nullable State of(IpAddress pod) {
    var sidecar = byPod.get(pod);
    return sidecar == null ? null : sidecar.state;
  }

  /** How many let pass what cannot be asked about, or how many do not. */
  public long count(boolean open) {
    return byPod.values().stream().filter(sidecar -> sidecar.state.open == open).count();
  }

  /**
   * What was heard after a version, in order.
   *
   * @param after 0 for everything
   */
  public Heard<State> after(long after, int most) {
    return Heard.after(
        after,
        versions.latest(),
        most,
        byPod.values().stream()
            .map(sidecar -> new Heard.Versioned<>(sidecar.version, sidecar.state)));
  }

  /** Forgets those of addresses that no pod has any more. */
  public void retain(Predicate<IpAddress> isOfPod) {
    for (var pod : byPod.keySet()) {
      if (!isOfPod.test(pod)) {
        byPod.computeIfPresent(
            pod,
            (_, sidecar) -> {
              sidecar.state = GONE;
              return null;
            });
      }
    }
  }
}
