package io.kith.baselines.change;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.Printable;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What differs between two baselines, new behaviour kept apart from the rest.
 *
 * @param newProcesses edges of classes that the first does not have
 * @param newDestinations further edges of classes that both have
 * @param goneProcesses edges of classes that the second does not have
 * @param goneDestinations edges that only the first has, of classes that both have
 * @param otherFiles the same process and destination with another hash: a rebuilt program, no new
 *     behaviour
 * @param otherTerms the same process and destination under another strictness or end
 * @param same edges that both have
 */
public record BaselineDiff(
    List<Edge> newProcesses,
    List<Edge> newDestinations,
    List<Edge> goneProcesses,
    List<Edge> goneDestinations,
    List<Change> otherFiles,
    List<Change> otherTerms,
    int same) {
  private static final Comparator<Edge> BY_WORDS =
      Comparator.comparing(Edge::words).thenComparing(Edge::id);

  /** One edge in two baselines. */
  public record Change(Edge before, Edge after) {}

  private record Key(ProcessClass process, Object destination) {
    static Key of(Edge edge) {
      return new Key(edge.process(), edge.destination());
    }
  }

  public BaselineDiff {
    newProcesses = List.copyOf(newProcesses);
    newDestinations = List.copyOf(newDestinations);
    goneProcesses = List.copyOf(goneProcesses);
    goneDestinations = List.copyOf(goneDestinations);
    otherFiles = List.copyOf(otherFiles);
    otherTerms = List.copyOf(otherTerms);
  }

  /**
   * What changes on the way from one to the other.
   *
   * @param before null for none
   */
  public static BaselineDiff of(@Nullable Baseline before, Baseline after) {
    var was = before == null ? List.<Edge>of() : before.edges();
    var added = new ArrayList<Edge>();
    var files = new ArrayList<Change>();
    var terms = new ArrayList<Change>();
    var same = 0;
    var left = byKey(was);
    for (var edge : after.edges().stream().sorted(BY_WORDS).toList()) {
      var twin = take(left, edge);
      if (twin == null) {
        added.add(edge);
      } else if (sameGrant(twin, edge)) {
        same++;
      } else if (sameTerms(twin, edge)) {
        files.add(new Change(twin, edge));
      } else {
        terms.add(new Change(twin, edge));
      }
    }
    var gone = left.values().stream().flatMap(List::stream).sorted(BY_WORDS).toList();
    var classesBefore = classes(was);
    var classesAfter = classes(after.edges());
    return new BaselineDiff(
        only(added, edge -> !classesBefore.contains(edge.process())),
        only(added, edge -> classesBefore.contains(edge.process())),
        only(gone, edge -> !classesAfter.contains(edge.process())),
        only(gone, edge -> classesAfter.contains(edge.process())),
        files,
        terms,
        same);
  }

  private static Map<Key, List<Edge>> byKey(List<Edge> edges) {
    return edges.stream()
        .collect(
            Collectors.groupingBy(
                Key::of, LinkedHashMap::new, Collectors.toCollection(ArrayList::new)));
  }

  /** The edge of the same process and destination, the most alike first. */
  private static @Nullable Edge take(Map<Key, List<Edge>> left, Edge edge) {
    var candidates = left.getOrDefault(Key.of(edge), List.of());
    var best =
        candidates.stream()
            .filter(other -> sameGrant(other, edge))
            .findFirst()
            .or(() -> candidates.stream().filter(other -> sameTerms(other, edge)).findFirst())
            .or(() -> candidates.stream().findFirst())
            .orElse(null);
    if (best != null) {
      candidates.remove(best);
    }
    return best;
  }

  private static boolean sameGrant(Edge one, Edge other) {
    return sameTerms(one, other)
        && Objects.equals(one.sha256(), other.sha256())
        && Objects.equals(one.scriptSha256(), other.scriptSha256());
  }

  private static boolean sameTerms(Edge one, Edge other) {
    return one.strictness() == other.strictness()
        && Objects.equals(one.provenance().until(), other.provenance().until());
  }

  private static Set<ProcessClass> classes(List<Edge> edges) {
    return edges.stream().map(Edge::process).collect(Collectors.toSet());
  }

  private static List<Edge> only(List<Edge> edges, Predicate<Edge> wanted) {
    return edges.stream().filter(wanted).toList();
  }

  /** Whether the second allows nothing that the first did not. */
  public boolean hasNoNewBehaviour() {
    return newProcesses.isEmpty() && newDestinations.isEmpty() && otherTerms.isEmpty();
  }

  /** For people: one line per edge, {@code +} new, {@code -} gone, {@code ~} changed. */
  public String text() {
    var text = new StringBuilder();
    edges(text, "New processes", "+", newProcesses);
    edges(text, "New destinations", "+", newDestinations);
    edges(text, "Gone processes", "-", goneProcesses);
    edges(text, "Gone destinations", "-", goneDestinations);
    if (!otherTerms.isEmpty()) {
      text.append("Other terms\n");
      for (var change : otherTerms) {
        line(text, "~", change.after())
            .append(": ")
            .append(terms(change.before()))
            .append(" -> ")
            .append(terms(change.after()))
            .append('\n');
      }
    }
    if (!otherFiles.isEmpty()) {
      text.append("Only the file changed\n");
      for (var change : otherFiles) {
        line(text, "~", change.after())
            .append(": ")
            .append(hashes(change.before()))
            .append(" -> ")
            .append(hashes(change.after()))
            .append('\n');
      }
    }
    return text.append(text.isEmpty() ? "No difference" : "Unchanged")
        .append(": ")
        .append(same)
        .append(same == 1 ? " edge\n" : " edges\n")
        .toString();
  }

  private static void edges(StringBuilder text, String title, String sign, List<Edge> edges) {
    if (!edges.isEmpty()) {
      text.append(title).append('\n');
      edges.forEach(edge -> line(text, sign, edge).append('\n'));
    }
  }

  /** Names come from processes; what cannot be printed must not reach a terminal. */
  private static StringBuilder line(StringBuilder text, String sign, Edge edge) {
    return text.append("  ").append(sign).append(' ').append(Printable.of(edge.words()));
  }

  private static String terms(Edge edge) {
    var until = edge.provenance().until();
    return edge.strictness().name().toLowerCase(java.util.Locale.ROOT)
        + (until == null ? "" : " until " + until);
  }

  private static String hashes(Edge edge) {
    return edge.strictness() == Strictness.HASH
        ? shortened(edge.sha256())
            + (edge.scriptSha256() == null ? "" : "/" + shortened(edge.scriptSha256()))
        : "any file";
  }

  private static String shortened(@Nullable String sha256) {
    return sha256 == null ? "none" : sha256.substring(0, 12);
  }
}
