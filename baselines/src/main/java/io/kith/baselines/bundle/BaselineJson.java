package io.kith.baselines.bundle;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.yaml.Json;
import io.kith.baselines.yaml.JsonObject;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A baseline as canonical JSON: the text that is signed and stored.
 *
 * <p>Reading refuses members that it does not know and a revision that is not the address of the
 * edges, so that nothing is obeyed that was not understood.
 */
public final class BaselineJson {
  private BaselineJson() {}

  public static String write(Baseline baseline) {
    return Json.write(map(baseline));
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IllegalArgumentException for anything else, naming the member
   */
  public static Baseline read(String text) {
    return baseline(Json.read(text));
  }

  /** One edge as it stands in a baseline. */
  public static String write(Edge edge) {
    return Json.write(map(edge));
  }

  /**
   * Reads what {@link #write(Edge)} wrote.
   *
   * @throws IllegalArgumentException for anything else, naming the member
   */
  public static Edge readEdge(String text) {
    return edge(Json.read(text));
  }

  static Map<String, Object> map(Baseline baseline) {
    var map = new LinkedHashMap<String, Object>();
    map.put("revision", baseline.revision());
    map.put("owner", baseline.owner().toString());
    put(map, "parent", baseline.parent());
    map.put("edges", baseline.edges().stream().map(BaselineJson::map).toList());
    return map;
  }

  static Baseline baseline(JsonObject json) {
    json.only("revision", "owner", "parent", "edges");
    var edges = json.objects("edges").stream().map(BaselineJson::edge).toList();
    var read = Baseline.of(json.value("owner", Owner::parse), json.textOrNull("parent"), edges);
    if (!read.revision().equals(json.text("revision"))) {
      throw new IllegalArgumentException(
          "revision: "
              + Dsse.printable(json.text("revision"))
              + " (expected: "
              + read.revision()
              + ", the address of these edges)");
    }
    return read;
  }

  static Map<String, Object> map(Edge edge) {
    var map = new LinkedHashMap<String, Object>();
    map.put("id", edge.id());
    map.put("process", map(edge.process()));
    map.put("destination", map(edge.destination()));
    map.put("strictness", edge.strictness().name());
    put(map, "sha256", edge.sha256());
    put(map, "scriptSha256", edge.scriptSha256());
    map.put("provenance", map(edge.provenance()));
    return map;
  }

  static Edge edge(JsonObject json) {
    json.only("id", "process", "destination", "strictness", "sha256", "scriptSha256", "provenance");
    return edge(json, json.text("id"));
  }

  /** The same where the object need not have an id. */
  static Edge edge(JsonObject json, String id) {
    return new Edge(
        id,
        process(json.object("process")),
        destination(json.object("destination")),
        json.value("strictness", Strictness::valueOf),
        json.textOrNull("sha256"),
        json.textOrNull("scriptSha256"),
        provenance(json.object("provenance")));
  }

  /** A process class as the members of an object. */
  public static Map<String, Object> map(ProcessClass process) {
    var map = new LinkedHashMap<String, Object>();
    map.put("path", process.path());
    map.put("program", process.program());
    put(map, "script", process.script());
    map.put("ancestors", process.ancestors());
    map.put("root", process.root());
    return map;
  }

  /**
   * Reads a process class.
   *
   * @throws IllegalArgumentException naming the member
   */
  public static ProcessClass process(JsonObject json) {
    json.only("path", "program", "script", "ancestors", "root");
    return new ProcessClass(
        json.text("path"),
        json.text("program"),
        json.textOrNull("script"),
        json.texts("ancestors"),
        json.bool("root"));
  }

  private static Map<String, Object> map(Provenance provenance) {
    var map = new LinkedHashMap<String, Object>();
    switch (provenance) {
      case Provenance.Learned() -> map.put("kind", "learned");
      case Provenance.Grace(var why, var until) -> {
        map.put("kind", "grace");
        map.put("why", why);
        put(map, "until", until);
      }
      case Provenance.ByHand(var by, var note, var until) -> {
        map.put("kind", "byHand");
        map.put("by", by);
        map.put("note", note);
        put(map, "until", until);
      }
    }
    return map;
  }

  private static Provenance provenance(JsonObject json) {
    return switch (json.text("kind")) {
      case "learned" -> {
        json.only("kind");
        yield new Provenance.Learned();
      }
      case "grace" -> {
        json.only("kind", "why", "until");
        yield new Provenance.Grace(json.text("why"), json.value("until", Instant::parse));
      }
      case "byHand" -> {
        json.only("kind", "by", "note", "until");
        yield new Provenance.ByHand(
            json.text("by"),
            json.text("note"),
            json.has("until") ? json.value("until", Instant::parse) : null);
      }
      default -> throw unknown("provenance", json.text("kind"));
    };
  }

  /** A pattern as the members of an object. */
  public static Map<String, Object> map(DestinationPattern pattern) {
    var map = new LinkedHashMap<String, Object>();
    switch (pattern) {
      case DestinationPattern.Exact(var name, var weakest, var port, var protocol) -> {
        map.put("kind", "exact");
        map.put("name", name);
        map.put("weakest", weakest.name());
        map.put("port", port);
        map.put("protocol", protocol.name());
      }
      case DestinationPattern.HostWildcard(
              var shape,
              var parent,
              var weakest,
              var port,
              var protocol) -> {
        map.put("kind", "hostWildcard");
        put(map, "shape", shape);
        map.put("parent", parent);
        map.put("weakest", weakest.name());
        map.put("port", port);
        map.put("protocol", protocol.name());
      }
      case DestinationPattern.AddressBlock(var network, var prefix, var port, var protocol) -> {
        map.put("kind", "addressBlock");
        map.put("network", network.toString());
        map.put("prefix", prefix);
        map.put("port", port);
        map.put("protocol", protocol.name());
      }
      case DestinationPattern.PortRange(var name, var weakest, var low, var high, var protocol) -> {
        map.put("kind", "portRange");
        map.put("name", name);
        map.put("weakest", weakest.name());
        map.put("low", low);
        map.put("high", high);
        map.put("protocol", protocol.name());
      }
      case DestinationPattern.Written(var place, var ports, var protocol) -> {
        map.put("kind", "written");
        place(map, place);
        map.put("first", ports.first());
        map.put("last", ports.last());
        put(map, "protocol", protocol);
      }
    }
    return map;
  }

  private static void place(Map<String, Object> map, Place place) {
    switch (place) {
      case Place.Anywhere() -> map.put("place", "anywhere");
      case Place.Named(var name, var weakest) -> {
        map.put("place", "named");
        map.put("name", name);
        map.put("weakest", weakest.name());
      }
      case Place.Below(var parent, var weakest) -> {
        map.put("place", "below");
        map.put("name", parent);
        map.put("weakest", weakest.name());
      }
      case Place.Within(var block, var virtualToo) -> {
        map.put("place", "within");
        map.put("block", block.toString());
        map.put("virtualToo", virtualToo);
      }
    }
  }

  /**
   * Reads a pattern.
   *
   * @throws IllegalArgumentException naming the member
   */
  public static DestinationPattern destination(JsonObject json) {
    return switch (json.text("kind")) {
      case "exact" -> {
        json.only("kind", "name", "weakest", "port", "protocol");
        yield new DestinationPattern.Exact(
            json.text("name"),
            json.value("weakest", Evidence::valueOf),
            json.integer("port"),
            json.value("protocol", Protocol::valueOf));
      }
      case "hostWildcard" -> {
        json.only("kind", "shape", "parent", "weakest", "port", "protocol");
        yield new DestinationPattern.HostWildcard(
            json.textOrNull("shape"),
            json.text("parent"),
            json.value("weakest", Evidence::valueOf),
            json.integer("port"),
            json.value("protocol", Protocol::valueOf));
      }
      case "addressBlock" -> {
        json.only("kind", "network", "prefix", "port", "protocol");
        yield new DestinationPattern.AddressBlock(
            json.value("network", IpAddress::parse),
            json.integer("prefix"),
            json.integer("port"),
            json.value("protocol", Protocol::valueOf));
      }
      case "portRange" -> {
        json.only("kind", "name", "weakest", "low", "high", "protocol");
        yield new DestinationPattern.PortRange(
            json.text("name"),
            json.value("weakest", Evidence::valueOf),
            json.integer("low"),
            json.integer("high"),
            json.value("protocol", Protocol::valueOf));
      }
      case "written" -> {
        json.only(
            "kind", "place", "name", "weakest", "block", "virtualToo", "first", "last", "protocol");
        yield new DestinationPattern.Written(
            place(json),
            new Ports(json.integer("first"), json.integer("last")),
            json.has("protocol") ? json.value("protocol", Protocol::valueOf) : null);
      }
      default -> throw unknown("destination", json.text("kind"));
    };
  }

  private static Place place(JsonObject json) {
    return switch (json.text("place")) {
      case "anywhere" -> new Place.Anywhere();
      case "named" -> new Place.Named(json.text("name"), json.value("weakest", Evidence::valueOf));
      case "below" -> new Place.Below(json.text("name"), json.value("weakest", Evidence::valueOf));
      case "within" -> new Place.Within(json.value("block", Cidr::parse), json.bool("virtualToo"));
      default -> throw unknown("place", json.text("place"));
    };
  }

  private static IllegalArgumentException unknown(String what, String kind) {
    return new IllegalArgumentException(
        what + ": unknown kind '" + Dsse.printable(kind) + "' (made by a newer Kith?)");
  }

  private static void put(Map<String, Object> map, String key, @Nullable Object value) {
    if (value != null) {
      map.put(key, value.toString());
    }
  }
}
