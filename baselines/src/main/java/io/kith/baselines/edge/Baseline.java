package io.kith.baselines.edge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.Owner;
import java.util.Comparator;
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
    edges = List.copyOf(edges);
  }

  public static Baseline of(Owner owner, @Nullable String parent, List<Edge> edges) {
    var sorted = edges.stream().distinct().sorted(Comparator.comparing(Edge::id)).toList();
    var text =
        sorted.stream().map(Edge::toString).collect(Collectors.joining("\n", owner + "\n", ""));
    return new Baseline(ContentId.of("bl:", 32, parent + "\n" + text), owner, parent, sorted);
  }
}
