package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What the bridges of nodes said last of themselves, here and at other servers: that they find
 * their own connections again and guard pods, or why not. Thread-safe.
 */
public final class NodeBridges {
  /** A bridge says how it is every 30 s, and a check server tells it within seconds. */
  public static final Duration RECENT = Duration.ofSeconds(90);

  /** More are not remembered: a mesh has fewer. */
  private static final int MAX_NODES = 50_000;

  private final ConcurrentHashMap<String, Heard.Versioned<State>> byNode =
      new ConcurrentHashMap<>();
  private final Versions versions = new Versions();

  /**
   * A bridge.
   *
   * @param node its name, 1 to 253 characters
   * @param problem why not all of its node is attributed and guarded, in words; empty when it is
   * @param heard when it said so
   */
  public record State(String node, String problem, Instant heard) {
    public State {
      if (node.isEmpty() || node.length() > 253) {
        throw new IllegalArgumentException(
            "node: " + node.length() + " characters (expected: 1 to 253)");
      }
      requireNonNull(problem, "problem");
      requireNonNull(heard, "heard");
    }

    private State notAfter(Instant now) {
      return heard.isAfter(now) ? new State(node, problem, now) : this;
    }

    public boolean isReady() {
      return problem.isEmpty();
    }
  }

  /** Takes what a bridge said here just now, which counts in any case. */
  public void said(State state) {
    take(state, _ -> true);
  }

  /**
   * Takes what a bridge said to another server, if it is newer; or if what is known is of later
   * than now, since the clock was set back then.
   */
  public void elsewhere(State state, Instant now) {
    var told = state.notAfter(now);
    take(told, known -> !told.heard.isBefore(known.heard) || known.heard.isAfter(now));
  }

  private void take(State state, Predicate<State> replaces) {
    if (byNode.size() >= MAX_NODES && !byNode.containsKey(state.node)) {
      return;
    }
    var _ =
        versions.next(
            number ->
                byNode.merge(
                    state.node,
                    new Heard.Versioned<>(number, state),
                    (known, news) -> replaces.test(known.state()) ? news : known));
  }

  /** Of the node; null when nothing was heard of its bridge. */
  public @Nullable State of(String node) {
    var known = byNode.get(node);
    return known == null ? null : known.state();
  }

  /** What was heard no longer ago than {@link #RECENT}, by node. */
  public List<State> recent(Instant now) {
    return byNode.values().stream()
        .map(Heard.Versioned::state)
        .filter(state -> !state.heard.plus(RECENT).isBefore(now))
        .sorted(Comparator.comparing(State::node))
        .toList();
  }

  /**
   * What was heard after a version, in order.
   *
   * @param after 0 for everything
   */
  public Heard<State> after(long after, int most) {
    return Heard.after(after, versions.latest(), most, byNode.values().stream());
  }

  /**
   * Forgets those that were not heard for so long. Those of later than now, as the clock was set
   * back, were heard now.
   */
  public void forget(Duration after, Instant now) {
    byNode.replaceAll((_, one) -> new Heard.Versioned<>(one.version(), one.state().notAfter(now)));
    var before = now.minus(after);
    byNode.values().removeIf(one -> one.state().heard.isBefore(before));
  }
}
