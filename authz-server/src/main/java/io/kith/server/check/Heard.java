package io.kith.server.check;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * What was heard since one asked last, in order.
 *
 * @param version to ask from the next time
 */
public record Heard<S>(long version, List<S> states) {
  public Heard {
    states = List.copyOf(states);
  }

  /** A state, and the number of its latest change. */
  record Versioned<S>(long version, S state) {}

  /** Nothing since a version. */
  public static <S> Heard<S> nothing(long after) {
    return new Heard<>(after, List.of());
  }

  /**
   * The next ones.
   *
   * @param after 0 for everything
   * @param upTo what has a higher number is for the next time: one before it may not be seen yet;
   *     taken before any of them is looked at
   */
  static <S> Heard<S> after(long after, long upTo, int most, Stream<Versioned<S>> all) {
    if (upTo == after) {
      return nothing(after);
    }
    var news =
        all.filter(one -> one.version > after && one.version <= upTo)
            .sorted(Comparator.comparingLong(Versioned::version))
            .limit(most)
            .toList();
    return new Heard<>(
        news.size() < most ? upTo : news.getLast().version,
        news.stream().map(Versioned::state).toList());
  }
}
