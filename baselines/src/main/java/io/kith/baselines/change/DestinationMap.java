package io.kith.baselines.change;

import io.kith.baselines.allow.DestinationReader;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.yaml.Problem;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the destinations of one environment are called in another.
 *
 * <p>Shape, as YAML of kind {@code DestinationMap}: {@code spec.from} and {@code spec.to} name the
 * environments; {@code spec.namespaces} has {@code from}/{@code to} pairs; each of {@code
 * spec.destinations} has {@code from} (a host or cidr, with or without a port) and either {@code
 * to} (the same form) or {@code same: true}. What is not named does not map.
 */
public record DestinationMap(
    String from, String to, Map<String, String> namespaces, List<Entry> entries) {
  /**
   * One line of the map.
   *
   * @param from a name or block; every port when it had none
   * @param to null for the same
   */
  public record Entry(Written from, @Nullable Written to) {}

  public DestinationMap {
    namespaces = Map.copyOf(namespaces);
    entries = List.copyOf(entries);
  }

  /** What became of a text. */
  public sealed interface Read {
    /** It is a map. */
    record Accepted(DestinationMap map) implements Read {}

    /**
     * It is not.
     *
     * @param problems all of them, at least one
     */
    record Refused(List<Problem> problems) implements Read {
      public Refused {
        problems = List.copyOf(problems);
      }
    }
  }

  /** Reads the YAML form. */
  public static Read read(String file, String text, PublicSuffixes suffixes) {
    var document = YamlDocument.read(file, text, Map.of());
    var destinations = new DestinationReader(suffixes);
    document.required("apiVersion", Values.exactly("kith.io/v1"), "kith.io/v1");
    document.required("kind", Values.exactly("DestinationMap"), "DestinationMap");
    document.section("metadata").optional("name", Values::text);
    var spec = document.section("spec");
    var from = spec.required("from", Values::text, "the environment that was learned");
    var to = spec.required("to", Values::text, "the environment to promote to");
    var namespaces = namespaces(spec);
    var entries = new ArrayList<Entry>();
    for (var section : spec.sections("destinations")) {
      var entry = entry(section, destinations);
      if (entry != null) {
        entries.add(entry);
      }
    }
    document.finish();
    return document.problems().isEmpty() && from != null && to != null
        ? new Read.Accepted(new DestinationMap(from, to, namespaces, entries))
        : new Read.Refused(document.problems());
  }

  private static Map<String, String> namespaces(Section spec) {
    var namespaces = new java.util.HashMap<String, String>();
    for (var section : spec.sections("namespaces")) {
      var from = section.required("from", Values::text, "a namespace");
      var to = section.required("to", Values::text, "a namespace");
      if (from != null && to != null && namespaces.put(from, to) != null) {
        section.problem("from", "'" + from + "' given twice (expected: once)");
      }
    }
    return namespaces;
  }

  private static @Nullable Entry entry(Section section, DestinationReader destinations) {
    if (!section.has("from")) {
      section.problem("from", "missing (expected: {host: …} or {cidr: …})");
    }
    var from = section.has("from") ? destinations.read(section.section("from"), true, false) : null;
    var same = section.value("same", Values::bool, false);
    if (section.has("to") == same) {
      section.problem("to", "beside same or without it (expected: to: {host: …} or same: true)");
      return null;
    }
    var to = same ? null : destinations.read(section.section("to"), false, false);
    return from == null || (to == null && !same) ? null : new Entry(from, to);
  }

  /** The first entry whose {@code from} is the name or block with that port, or null. */
  @Nullable Entry entryOf(String host, int port) {
    for (var entry : entries) {
      if (entry.from().ports().contains(port) && names(entry.from().place(), host)) {
        return entry;
      }
    }
    return null;
  }

  private static boolean names(Place place, String host) {
    return switch (place) {
      case Place.Named(var name, _) -> name.equals(host);
      case Place.Below(var parent, _) -> host.equals("*." + parent);
      case Place.Within(var block, _) ->
          host.equals(block.toString())
              || (block + "").equals(host + "/32")
              || (block + "").equals(host + "/128");
      case Place.Anywhere() -> false;
    };
  }

  /** Entries that no destination needed, in order; mostly a name that was spelt wrong. */
  List<Entry> without(HashSet<Entry> used) {
    return entries.stream().filter(entry -> !used.contains(entry)).toList();
  }
}
