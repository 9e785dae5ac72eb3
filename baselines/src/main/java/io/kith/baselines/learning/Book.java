package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.process.ProcessClass;
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

  /** The destinations of one class, and their groups until one is added. */
  private static final class Page {
    final Map<Exact, Sightings> exact = new HashMap<>();
    @Nullable List<Group> groups;
  }

  Book(LearningSettings settings, Generaliser generaliser) {
    this.maxEdges = settings.maxEdges();
    this.maxPerClass = settings.maxEdgesPerClass();
    this.generaliser = generaliser;
  }

  /** Adds a connection; true when its edge was not known. */
  boolean add(Observation seen, Reach reach) {
    var process = seen.process().processClass();
    var exact = Exact.of(seen.destination());
    var page = pages.get(process);
    var sightings = page == null ? null : page.exact.get(exact);
    if (page != null && sightings != null) {
      sightings.add(seen, reach);
      return false;
    }
    if (size >= maxEdges || (page != null && page.exact.size() >= maxPerClass)) {
      dropped++;
      return false;
    }
    sightings = new Sightings();
    sightings.add(seen, reach);
    put(process, exact, sightings);
    return true;
  }

  private void put(ProcessClass process, Exact exact, Sightings sightings) {
    var page = pages.computeIfAbsent(process, _ -> new Page());
    page.exact.put(exact, sightings);
    page.groups = null;
    size++;
    changes++;
  }

  void merge(Book other) {
    other.pages.forEach(
        (process, theirs) ->
            theirs.exact.forEach(
                (exact, sightings) -> {
                  var page = pages.get(process);
                  var ours = page == null ? null : page.exact.get(exact);
                  if (ours == null) {
                    ours = new Sightings();
                    put(process, exact, ours);
                  }
                  ours.merge(sightings);
                }));
    pages.values().forEach(page -> page.groups = null);
    dropped += other.dropped;
    trim();
  }

  /** Adds what was read from a store; {@link #trim} is due afterwards. */
  void absorb(ProcessClass process, Exact exact, Sightings sightings) {
    var page = pages.get(process);
    var ours = page == null ? null : page.exact.get(exact);
    if (page == null || ours == null) {
      put(process, exact, sightings);
    } else {
      ours.merge(sightings);
      page.groups = null;
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
      while (page.exact.size() > maxPerClass) {
        dropLatest(page);
      }
    }
    while (size > maxEdges) {
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
    page.exact.remove(latest.getKey());
    page.groups = null;
    size--;
    changes++;
  }

  void forget(ProcessClass process) {
    var page = pages.remove(process);
    if (page != null) {
      size -= page.exact.size();
      changes++;
    }
  }

  /** Everything as groups; computed again only for the classes with new destinations. */
  List<Group> groups() {
    return pages.keySet().stream().flatMap(process -> groups(process).stream()).toList();
  }

  List<Group> groups(ProcessClass process) {
    var page = pages.get(process);
    if (page == null) {
      return List.of();
    }
    var groups = page.groups;
    if (groups == null) {
      groups = generaliser.groups(process, page.exact);
      page.groups = groups;
    }
    return groups;
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

  int size() {
    return size;
  }

  long dropped() {
    return dropped;
  }
}
