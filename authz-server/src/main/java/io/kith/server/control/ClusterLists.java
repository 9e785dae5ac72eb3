package io.kith.server.control;

import io.kith.baselines.allow.AllowList;
import io.kith.baselines.allow.AllowLists;
import io.kith.baselines.allow.AllowLists.Replacement;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.yaml.Problem;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The allow-lists that objects of a cluster hold, as the log of changes has them. Never changed: an
 * entry makes others.
 *
 * @param texts what is in force, by object
 * @param lists the same, read
 */
record ClusterLists(Map<String, String> texts, AllowLists lists) {
  ClusterLists {
    texts = Map.copyOf(texts);
  }

  static ClusterLists none(PublicSuffixes suffixes) {
    return new ClusterLists(Map.of(), AllowLists.none(suffixes));
  }

  /** For people, and where a rule comes from: {@code egressallowlist shop/checkout}. */
  static String nameOf(String object) {
    return "egressallowlist " + object;
  }

  /** For people: how much a text is, which is too long to be shown. */
  static String sizeOf(@Nullable String text) {
    return text == null ? "none" : text.lines().count() + " lines";
  }

  /** What is wrong with a text; empty when it may be in force. */
  List<Problem> problems(String object, String text, Predicate<ScopeName> mayName, String whom) {
    return switch (lists.replaceObject(nameOf(object), text, mayName, whom)) {
      case Replacement.Accepted _ -> List.of();
      case Replacement.Refused(var problems) -> problems;
    };
  }

  /**
   * With a text in place of what the object said before.
   *
   * @param text null: the object is gone. One that this version cannot read changes nothing:
   *     whoever wrote it could, and the server goes on by what it understood last.
   */
  ClusterLists with(String object, @Nullable String text) {
    var next = new HashMap<>(texts);
    if (text == null) {
      next.remove(object);
      return new ClusterLists(next, lists.without(nameOf(object)));
    }
    return switch (lists.replaceObject(nameOf(object), text, _ -> true, "any")) {
      case Replacement.Accepted(var read) -> {
        next.put(object, text);
        yield new ClusterLists(next, read);
      }
      case Replacement.Refused _ -> this;
    };
  }

  /** Whom an object speaks for, here or there. */
  Set<ScopeName> touched(String object, ClusterLists next) {
    var scopes = new HashSet<ScopeName>();
    for (var one : List.of(this, next)) {
      one.lists
          .all()
          .filter(list -> list.name().equals(nameOf(object)))
          .map(AllowList::workload)
          .forEach(scopes::add);
    }
    return scopes;
  }
}
