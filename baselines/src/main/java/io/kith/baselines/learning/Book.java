package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was seen, by process class and exact destination.
 *
 * <p>Bounded as a whole and per class: what came first stays, what came later is counted and
 * dropped, so the order of merging does not decide. Not thread-safe.
 */
final class Book {
  private static final Comparator<Map.Entry<Exact, Sightings>> LATEST =
      Comparator.<Map.Entry<Exact, Sightings>, java.time.Instant>comparing(
              entry -> entry.getValue().first())
          .thenComparing(entry -> entry.getKey().toString());

  private final int maxEdges;
  private final int maxPerClass;
  private final Generaliser generaliser;
  private final Map<ProcessClass, Page> pages = new HashMap<>();
  private int size;
  private long dropped;
  private int changes;
  private int seenChanges;

  /** The destinations of one class, and what was made of them until there are others. */
  private static final class Page {
    final Map<Exact, Sightings> exact = new HashMap<>();
    private @Nullable List<Group> groups;
    private @Nullable Map<Exact, Group> groupOf;
    private @Nullable Parents parents;

    void changed() {
      if (groups != null) {
        exact.values().forEach(Sightings::leaveSums);
      }
      groups = null;
      groupOf = null;
      parents = null;
    }
  }

  Book(LearningSettings settings, Generaliser generaliser) {
    this.maxEdges = settings.maxEdges();
    this.maxPerClass = settings.maxEdgesPerClass();
    this.generaliser = generaliser;
  }

  /**
   * Adds a connection; true when its edge was not known.
   *
   * @param replica {@link Hash} of the pod's name
   */
  boolean add(Observation seen, long replica, Reach reach) {
    var process = seen.process().processClass();
    var exact = Exact.of(seen.destination());
    var page = pages.get(process);
    var sightings = page == null ? null : page.exact.get(exact);
    if (page != null && sightings != null) {
      var before = sightings.reach();
      seenChanges += sightings.add(seen, replica, reach) ? 1 : 0;
      if (sightings.reach() != before) {
        page.changed();
      }
      return false;
    }
    if (size >= maxEdges || (page != null && page.exact.size() >= maxPerClass)) {
      dropped++;
      return false;
    }
    sightings = new Sightings();
    sightings.add(seen, replica, reach);
    put(page(process), exact, sightings);
    return true;
  }

  private Page page(ProcessClass process) {
    return pages.computeIfAbsent(process, _ -> new Page());
  }

  private void put(Page page, Exact exact, Sightings sightings) {
    page.exact.put(exact, sightings);
    page.changed();
    size++;
    changed();
  }

  private void changed() {
    changes++;
    seenChanges++;
  }

  void merge(Book other) {
    other.pages.forEach(
        (process, theirs) ->
            theirs.exact.forEach(
                (exact, sightings) -> {
                  var page = page(process);
                  var ours = page.exact.get(exact);
                  if (ours == null) {
                    ours = new Sightings();
                    put(page, exact, ours);
                  }
                  ours.merge(sightings);
                }));
    pages.values().forEach(Page::changed);
    seenChanges++;
    dropped += other.dropped;
    trim();
  }

  /** Adds what was read from a store; {@link #trim} is due afterwards. */
  void absorb(ProcessClass process, Exact exact, Sightings sightings) {
    var page = page(process);
    var ours = page.exact.get(exact);
    if (ours == null) {
      put(page, exact, sightings);
    } else {
      ours.merge(sightings);
      page.changed();
      seenChanges++;
    }
  }

  void addDropped(long more) {
    dropped += more;
  }

  /** One edge of the book. */
  interface Visitor {
    void visit(ProcessClass process, Exact exact, Sightings sightings);
  }

  void forEach(Visitor visitor) {
    pages.forEach(
        (process, page) ->
            page.exact.forEach((exact, sightings) -> visitor.visit(process, exact, sightings)));
  }

  /** Drops what came last until the bounds are kept. */
  void trim() {
    for (var page : pages.values()) {
      for (var more = page.exact.size() - maxPerClass; more > 0; more--) {
        dropLatest(page);
      }
    }
    for (var more = size - maxEdges; more > 0; more--) {
      dropLatest(
          pages.values().stream()
              .filter(page -> !page.exact.isEmpty())
              .max(Comparator.comparing(page -> latest(page), LATEST))
              .orElseThrow());
    }
  }

  private static Map.Entry<Exact, Sightings> latest(Page page) {
    return page.exact.entrySet().stream().max(LATEST).orElseThrow();
  }

  private void dropLatest(Page page) {
    var latest = latest(page);
    dropped += latest.getValue().evidence().connections();
    page.changed();
    page.exact.remove(latest.getKey());
    size--;
    changed();
  }

  void forget(ProcessClass process) {
    var page = pages.remove(process);
    if (page != null) {
      size -= page.exact.size();
      changed();
    }
  }

  /** Everything as groups; made again only for the classes with new destinations. */
  List<Group> groups() {
    var all = new ArrayList<Group>();
    pages.forEach((process, page) -> all.addAll(groups(process, page)));
    return all;
  }

  List<Group> groups(ProcessClass process) {
    var page = pages.get(process);
    return page == null ? List.of() : groups(process, page);
  }

  private List<Group> groups(ProcessClass process, Page page) {
    var groups = page.groups;
    if (groups == null) {
      groups = generaliser.groups(process, page.exact);
      page.groups = groups;
    }
    return groups;
  }

  /** The group that a destination belongs to, or null. */
  @Nullable Group groupOf(ProcessClass process, Exact exact) {
    var page = pages.get(process);
    if (page == null) {
      return null;
    }
    var groupOf = page.groupOf;
    if (groupOf == null) {
      groupOf = new HashMap<>();
      for (var group : groups(process, page)) {
        for (var member : group.members()) {
          groupOf.put(member.getKey(), group);
        }
      }
      page.groupOf = groupOf;
    }
    return groupOf.get(exact);
  }

  /** Unrelated owners of external names that a class reaches on the port of this destination. */
  int unrelatedParents(ProcessClass process, Exact destination) {
    var page = pages.get(process);
    if (page == null) {
      return 0;
    }
    var parents = page.parents;
    if (parents == null) {
      parents = generaliser.parents(page.exact);
      page.parents = parents;
    }
    return parents.count(destination.port(), destination.protocol());
  }

  /** The destinations of one class as they were seen; a view. */
  Map<Exact, Sightings> exact(ProcessClass process) {
    var page = pages.get(process);
    return page == null ? Map.of() : Collections.unmodifiableMap(page.exact);
  }

  /** Grows when an edge is added or dropped. */
  int changes() {
    return changes;
  }

  /** Grows when more than counts and times has changed. */
  int seenChanges() {
    return seenChanges;
  }

  long dropped() {
    return dropped;
  }
}
