package io.kith.baselines.export;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.yaml.Problem;
import io.kith.baselines.yaml.YamlText;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Kith's own form, for reading, reviewing and editing: one document for each baseline. What is
 * written is read back the same.
 */
public final class NativeYaml implements BaselineExporter {
  static final String API_VERSION = "kith.io/v1";
  static final String KIND = "Baseline";

  /** What became of a text. */
  public sealed interface Read {
    /**
     * It holds baselines.
     *
     * @param baselines of distinct workloads, at least one
     */
    record Accepted(List<Baseline> baselines) implements Read {
      public Accepted {
        baselines = List.copyOf(baselines);
      }
    }

    /**
     * It does not.
     *
     * @param problems all of them, at least one
     */
    record Refused(List<Problem> problems) implements Read {
      public Refused {
        problems = List.copyOf(problems);
      }
    }
  }

  /**
   * Reads baselines as {@link #export} writes them, or as a person edited them.
   *
   * <p>A revision that is given must be the address of the edges; whoever edits takes it out.
   */
  public static Read read(String file, String text) {
    return new NativeYamlReader(file, text).read();
  }

  @Override
  public String export(List<Baseline> baselines, Placement placement) {
    return write(baselines);
  }

  /** One text for all of them. */
  public static String write(List<Baseline> baselines) {
    return YamlText.write(
        new Losses().comment("Baselines", baselines, List.of("signatures (use a bundle)")),
        baselines.stream().map(NativeYaml::document).toList());
  }

  /** A baseline as a map that keeps its order: the document that {@link #write} writes. */
  public static Map<String, Object> document(Baseline baseline) {
    var metadata = new LinkedHashMap<String, Object>();
    metadata.put("revision", baseline.revision());
    if (baseline.parent() != null) {
      metadata.put("parent", baseline.parent());
    }
    var spec = new LinkedHashMap<String, Object>();
    spec.put("workload", baseline.owner().toString());
    spec.put("edges", baseline.edges().stream().map(NativeYaml::edge).toList());
    return Manifests.of(API_VERSION, KIND, metadata, spec);
  }

  /** An edge as a map that keeps its order. */
  public static Map<String, Object> edge(Edge edge) {
    var process = new LinkedHashMap<String, Object>();
    process.put("path", edge.process().path());
    process.put("program", edge.process().program());
    put(process, "script", edge.process().script());
    if (!edge.process().ancestors().isEmpty()) {
      process.put("lineage", new ArrayList<>(edge.process().ancestors()));
    }
    if (edge.process().root()) {
      process.put("root", true);
    }
    put(process, "sha256", edge.sha256());
    put(process, "scriptSha256", edge.scriptSha256());
    var map = new LinkedHashMap<String, Object>();
    map.put("id", edge.id());
    map.put("process", process);
    map.put("destination", destination(edge.destination()));
    map.put("strictness", word(edge.strictness()));
    switch (edge.provenance()) {
      case Provenance.Learned() -> {}
      case Provenance.Grace(var why, var until) ->
          map.put("grace", Manifests.map("why", why, "until", until.toString()));
      case Provenance.ByHand(var by, var why, var until) -> {
        var hand = Manifests.map("by", by, "why", why);
        put(hand, "until", until == null ? null : until.toString());
        map.put("byHand", hand);
      }
    }
    return map;
  }

  private static Map<String, Object> destination(DestinationPattern pattern) {
    return switch (pattern) {
      case DestinationPattern.Exact(var name, var weakest, var port, var protocol) ->
          place("host", name, new Ports(port, port), protocol, weakest);
      case DestinationPattern.PortRange(var name, var weakest, var low, var high, var protocol) ->
          Manifests.map("dynamic", place("host", name, new Ports(low, high), protocol, weakest));
      case DestinationPattern.HostWildcard(
              var shape,
              var parent,
              var weakest,
              var port,
              var protocol) -> {
        var map = place("below", parent, new Ports(port, port), protocol, weakest);
        put(map, "shape", shape);
        yield map;
      }
      case DestinationPattern.AddressBlock(var network, var prefix, var port, var protocol) ->
          place("cidr", network + "/" + prefix, new Ports(port, port), protocol, null);
      case DestinationPattern.Written(var place, var ports, var protocol) ->
          Manifests.map("written", written(place, ports, protocol));
    };
  }

  private static Map<String, Object> written(
      Place place, Ports ports, @Nullable Protocol protocol) {
    return switch (place) {
      case Place.Anywhere() -> place("anywhere", true, ports, protocol, null);
      case Place.Named(var name, var weakest) -> place("host", name, ports, protocol, weakest);
      case Place.Below(var parent, var weakest) -> place("below", parent, ports, protocol, weakest);
      case Place.Within(var block, var virtualToo) -> {
        var map = place("cidr", block.toString(), ports, protocol, null);
        if (virtualToo) {
          map.put("virtualToo", true);
        }
        yield map;
      }
    };
  }

  private static Map<String, Object> place(
      String key,
      Object where,
      Ports ports,
      @Nullable Protocol protocol,
      @Nullable Evidence weakest) {
    var map = Manifests.map(key, where);
    if (ports.size() == 1) {
      map.put("port", ports.first());
    } else {
      map.put("ports", ports.first() + "-" + ports.last());
    }
    put(map, "protocol", protocol == null ? null : word(protocol));
    put(map, "evidence", weakest == null ? null : word(weakest));
    return map;
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static void put(Map<String, Object> map, String key, @Nullable Object value) {
    if (value != null) {
      map.put(key, value);
    }
  }
}
