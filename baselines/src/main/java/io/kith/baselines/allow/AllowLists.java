package io.kith.baselines.allow;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.allow.AllowRule.Action;
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
import java.util.stream.Stream;

/**
 * Every allow-list there is, by file. Never changed: a new text makes new lists, or is refused and
 * leaves these.
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
    var reader = new AllowListReader(file, text, suffixes);
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

  /** Without that file. */
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
