package io.kith.istio.doctor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A part of a parsed document. What is not there, or of another kind than asked for, is empty: a
 * dump is somebody else's.
 *
 * @param value a map, list, text, number or truth value; null when there is nothing
 */
record Tree(@Nullable Object value) {
  static final Tree NOTHING = new Tree(null);

  /** What lies below a key, below the next, and so on. */
  Tree at(String... keys) {
    Object here = value;
    for (var key : keys) {
      if (!(here instanceof Map<?, ?> map)) {
        return NOTHING;
      }
      here = map.get(key);
    }
    return here == null ? NOTHING : new Tree(here);
  }

  boolean present() {
    return value != null;
  }

  /** Elements of a list. */
  List<Tree> list() {
    return value instanceof List<?> list ? list.stream().map(Tree::new).toList() : List.of();
  }

  Stream<Tree> stream() {
    return list().stream();
  }

  /** Entries of a map, in its order. */
  Map<String, Tree> entries() {
    var entries = new LinkedHashMap<String, Tree>();
    if (value instanceof Map<?, ?> map) {
      map.forEach((key, one) -> entries.put(String.valueOf(key), new Tree(one)));
    }
    return entries;
  }

  /** A text, number or truth value as text; else empty. */
  String text() {
    return value == null || value instanceof Map || value instanceof List ? "" : value.toString();
  }

  /** A whole number, also where it is written as text; else the one given. */
  long number(long otherwise) {
    if (value instanceof Number number) {
      return number.longValue();
    }
    try {
      return Long.parseLong(text().strip());
    } catch (NumberFormatException _) {
      return otherwise;
    }
  }

  boolean isTrue() {
    return text().equals("true");
  }

  boolean is(String text) {
    return text().equals(text);
  }

  /** Whether a text is anywhere in it, as a key's value. */
  boolean holds(String text) {
    return switch (value) {
      case null -> false;
      case Map<?, ?> map -> map.values().stream().anyMatch(one -> new Tree(one).holds(text));
      case List<?> list -> list.stream().anyMatch(one -> new Tree(one).holds(text));
      default -> value.equals(text);
    };
  }
}
