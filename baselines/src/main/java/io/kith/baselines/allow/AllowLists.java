package io.kith.baselines.allow;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.allow.AllowRule.Action;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.Problem;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Every allow-list there is, by file or object. Never changed: a new text makes new lists, or is
 * refused and leaves these.
 */
public final class AllowLists {
  private final PublicSuffixes suffixes;
  private final SortedMap<String, List<AllowList>> byFile;

  private AllowLists(PublicSuffixes suffixes, SortedMap<String, List<AllowList>> byFile) {
    this.suffixes = suffixes;
    this.byFile = Collections.unmodifiableSortedMap(byFile);
  }

  public static AllowLists none(PublicSuffixes suffixes) {
    return new AllowLists(requireNonNull(suffixes, "suffixes"), new TreeMap<>());
  }

  /** What became of a file. */
  public sealed interface Replacement {
    /** It is in use. */
    record Accepted(AllowLists lists) implements Replacement {}

    /**
     * It is not; what was in use before it still is.
     *
     * @param problems all of them, at least one
     */
    record Refused(List<Problem> problems) implements Replacement {
      public Refused {
        problems = List.copyOf(problems);
      }
    }
  }

  /** Puts a file in place of the one of that name, when there is nothing wrong with it. */
  public Replacement replace(String file, String text) {
    var reader = AllowListReader.ofFile(file, text, suffixes);
    var lists = reader.read();
    var problems = new ArrayList<>(reader.problems());
    var names = new HashMap<String, String>();
    byFile.forEach(
        (other, otherLists) -> {
          if (!other.equals(file)) {
            otherLists.forEach(list -> names.put(list.name(), list.where()));
          }
        });
    for (var list : lists) {
      var first = names.putIfAbsent(list.name(), list.where());
      if (first != null) {
        problems.add(
            new Problem(
                list.where(),
                "metadata.name",
                "'" + list.name() + "' is taken by " + first + " (expected: a name of its own)"));
      }
    }
    if (!problems.isEmpty()) {
      return new Replacement.Refused(problems);
    }
    var next = new TreeMap<>(byFile);
    next.put(file, lists);
    return new Replacement.Accepted(new AllowLists(suffixes, next));
  }

  /**
   * Puts an object of an API in place of the one of that name, when there is nothing wrong with it.
   * Its list is called as the object is, so that it shares no name with one of a file.
   *
   * @param object as {@code egressallowlist shop/checkout}; the place of its rules begins with it
   * @param text one document
   * @param mayName whom the object may speak for
   * @param whom the same in words, as {@code workloads of namespace 'shop'}
   */
  public Replacement replaceObject(
      String object, String text, Predicate<ScopeName> mayName, String whom) {
    var reader = AllowListReader.ofObject(object, text, suffixes);
    var lists = reader.read();
    var problems = new ArrayList<>(reader.problems());
    for (var list : lists) {
      if (!mayName.test(list.workload())) {
        problems.add(
            new Problem(
                object, "spec.workload", "'" + list.workload() + "' (expected: " + whom + ")"));
      }
    }
    if (problems.isEmpty() && lists.size() != 1) {
      problems.add(
          new Problem(object, "", lists.size() + " documents (expected: one for an object)"));
    }
    if (!problems.isEmpty()) {
      return new Replacement.Refused(problems);
    }
    var list = lists.getFirst();
    var next = new TreeMap<>(byFile);
    next.put(object, List.of(new AllowList(object, object, list.workload(), list.rules())));
    return new Replacement.Accepted(new AllowLists(suffixes, next));
  }

  /** These and those of the others; where both have one of a name, that of the others. */
  public AllowLists and(AllowLists others) {
    if (others.byFile.isEmpty()) {
      return this;
    }
    var all = new TreeMap<>(byFile);
    all.putAll(others.byFile);
    return new AllowLists(suffixes, all);
  }

  /** Without that file or object. */
  public AllowLists without(String file) {
    var next = new TreeMap<>(byFile);
    next.remove(file);
    return new AllowLists(suffixes, next);
  }

  /** Every list, by file and then as written. */
  public Stream<AllowList> all() {
    return byFile.values().stream().flatMap(List::stream);
  }

  /** What people wrote for a workload; the rules of all its lists together. */
  public HandRules of(Owner owner) {
    return new HandRules(rules(owner, Action.ALLOW), rules(owner, Action.DENY));
  }

  private List<HandRule> rules(Owner owner, Action action) {
    return all()
        .filter(list -> list.workload().covers(owner))
        .flatMap(list -> list.rules().stream())
        .filter(rule -> rule.action() == action)
        .map(AllowRule::rule)
        .toList();
  }
}
