package io.kith.baselines.edge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An immutable revision of what is normal for a workload.
 *
 * @param revision content address: {@code bl:} and 32 hex digits
 * @param parent revision that it follows, or null
 * @param edges in the order of their ids, without repeats
 */
public record Baseline(String revision, Owner owner, @Nullable String parent, List<Edge> edges) {
  public Baseline {
    requireNonNull(revision, "revision");
    requireNonNull(owner, "owner");
    edges = edges instanceof CompactEdges ? edges : sharing(edges);
  }

  /** The same, with one object for all classes and ancestors that are equal. */
  private static List<Edge> sharing(List<Edge> edges) {
    var classes = new HashMap<ProcessClass, ProcessClass>();
    var ancestors = new HashMap<List<String>, List<String>>();
    var shared = new Edge[edges.size()];
    for (var i = 0; i < shared.length; i++) {
      var edge = edges.get(i);
      shared[i] =
          edge.of(classes.computeIfAbsent(edge.process(), process -> process.sharing(ancestors)));
    }
    return List.of(shared);
  }

  public static Baseline of(Owner owner, @Nullable String parent, List<Edge> edges) {
    var sorted = edges.stream().distinct().sorted(Comparator.comparing(Edge::id)).toList();
    var text =
        sorted.stream().map(Edge::toString).collect(Collectors.joining("\n", owner + "\n", ""));
    return new Baseline(ContentId.of("bl:", 32, parent + "\n" + text), owner, parent, sorted);
  }
}
