package io.kith.server.files;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A flow log with one specimen connection for each edge, as {@code kith replay} reads it: enough to
 * vouch for them elsewhere, or to feed another tool.
 *
 * <p>JSON Lines have no comments, so what was lost stands in a field {@code lost} of the first
 * line; readers ignore fields that they do not know.
 */
public final class FlowLogExport {
  private static final Gson GSON =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().create();
  private static final List<String> ALWAYS =
      List.of(
          "one specimen for each edge: no counts, no times of its own, one replica",
          "images; hashes, strictness and ends of rules where there are any",
          "digits of paths and names, which are masked as #",
          "patterns: a range has its first port, a block its first address, a wildcard one label",
          "an owner is written as its service");

  private final AssumedPlacement placement;
  private final String environment;
  private final Instant time;
  private final List<String> lines = new ArrayList<>();
  private final List<String> leftOut = new ArrayList<>();

  /**
   * A log that is empty.
   *
   * @param environment name of the environment that all flows are given
   * @param time when all of them are said to have been
   */
  public FlowLogExport(AssumedPlacement placement, String environment, Instant time) {
    this.placement = placement;
    this.environment = environment;
    this.time = time;
  }

  /** The text, one line for each edge; empty when there is no edge to write. */
  public String export(List<Baseline> baselines) {
    var flows = new ArrayList<Map<String, Object>>();
    for (var baseline : baselines) {
      for (var edge : baseline.edges()) {
        var target = target(edge.destination());
        if (target == null) {
          leftOut.add("LEFT OUT: " + baseline.owner() + ": " + edge.words() + " (goes everywhere)");
        } else {
          flows.add(flow(baseline.owner(), edge, target));
        }
      }
    }
    for (var flow : flows) {
      if (lines.isEmpty()) {
        var lost = new ArrayList<>(ALWAYS);
        lost.addAll(leftOut);
        flow.put("lost", lost);
      }
      lines.add(GSON.toJson(flow));
    }
    return lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
  }

  private Map<String, Object> flow(Owner owner, Edge edge, Map<String, Object> target) {
    var flow = new LinkedHashMap<String, Object>();
    flow.put("t", time.getEpochSecond());
    flow.put("env", environment);
    flow.put("app", owner.name());
    flow.put("workload", placement.spiffeId(owner));
    flow.put("replica", owner.name() + "-exported");
    flow.put("process", process(edge.process(), edge.sha256()));
    flow.put("dst", target);
    return flow;
  }

  private static Map<String, Object> process(ProcessClass process, @Nullable String sha256) {
    var map = new LinkedHashMap<String, Object>();
    map.put("path", process.path());
    map.put("sha256", sha256);
    map.put("uid", process.root() ? 0 : null);
    map.put("comm", process.program());
    map.put("parent", process.ancestors());
    map.put("script", process.script());
    map.put("origin", "image");
    return map;
  }

  private @Nullable Map<String, Object> target(DestinationPattern pattern) {
    return switch (pattern) {
      case DestinationPattern.Exact(var name, var weakest, var port, var protocol) ->
          target(name, weakest, port, protocol);
      case DestinationPattern.PortRange(var name, var weakest, var low, _, var protocol) ->
          target(name, weakest, low, protocol);
      case DestinationPattern.HostWildcard(
              var shape,
              var parent,
              var weakest,
              var port,
              var protocol) ->
          target(label(shape) + "." + parent, weakest, port, protocol);
      case DestinationPattern.AddressBlock(var network, _, var port, var protocol) ->
          target(network.toString(), Evidence.ADDRESS, port, protocol);
      case DestinationPattern.Written(var place, var ports, var protocol) ->
          switch (place) {
            case Place.Anywhere() -> null;
            case Place.Named(var name, var weakest) ->
                target(name, weakest, ports.first(), protocol);
            case Place.Below(var parent, var weakest) ->
                target("any." + parent, weakest, ports.first(), protocol);
            case Place.Within(var block, _) ->
                target(block.network().toString(), Evidence.ADDRESS, ports.first(), protocol);
          };
    };
  }

  private static String label(@Nullable String shape) {
    return shape == null ? "any" : shape.replace('#', '0');
  }

  private Map<String, Object> target(
      String name, Evidence weakest, int port, @Nullable Enum<?> protocol) {
    var map = new LinkedHashMap<String, Object>();
    var owner = weakest == Evidence.OWNER ? Owner.parse(name) : null;
    var placed = owner == null ? null : placement.of(owner);
    var isAddress = weakest == Evidence.ADDRESS;
    map.put("host", isAddress ? null : placed == null ? name : placed.host());
    map.put("ip", isAddress ? name : null);
    map.put("port", port);
    map.put("proto", protocol == null ? "tcp" : protocol.name().toLowerCase(Locale.ROOT));
    map.put("spiffe", owner == null ? null : placement.spiffeId(owner));
    map.put("evidence", weakest.name().toLowerCase(Locale.ROOT));
    return map;
  }
}
