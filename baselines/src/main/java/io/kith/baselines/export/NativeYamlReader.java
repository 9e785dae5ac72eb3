package io.kith.baselines.export;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.ContentId;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads the documents of one file, collecting problems. */
final class NativeYamlReader {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  private final String file;
  private final YamlDocument.Documents documents;

  NativeYamlReader(String file, String text) {
    this.file = file;
    this.documents = YamlDocument.readAll(file, text);
  }

  NativeYaml.Read read() {
    var baselines = new ArrayList<Baseline>();
    var owners = new HashMap<Owner, String>();
    for (var document : documents.sections()) {
      var baseline = baseline(document);
      document.finish();
      document.refuseEmpty(Set.of("edges"));
      if (baseline == null) {
        continue;
      }
      var first = owners.putIfAbsent(baseline.owner(), document.place());
      if (first != null) {
        document.problem(
            "spec", baseline.owner() + " is at " + first + " already (expected: one of each)");
      }
      baselines.add(baseline);
    }
    if (documents.sections().isEmpty() && documents.problems().isEmpty()) {
      documents
          .problems()
          .add(
              new io.kith.baselines.yaml.Problem(
                  file, "", "empty (expected: a document of kind " + NativeYaml.KIND + ")"));
    }
    return documents.problems().isEmpty()
        ? new NativeYaml.Read.Accepted(baselines)
        : new NativeYaml.Read.Refused(documents.problems());
  }

  private @Nullable Baseline baseline(Section document) {
    var before = documents.problems().size();
    document.required("apiVersion", Values.exactly(NativeYaml.API_VERSION), NativeYaml.API_VERSION);
    document.required("kind", Values.exactly(NativeYaml.KIND), NativeYaml.KIND);
    var metadata = document.section("metadata");
    var revision = metadata.optional("revision", Values::text);
    var parent = metadata.optional("parent", Values::text);
    var spec = document.section("spec");
    var owner = spec.required("workload", Owner::parse, "namespace/kind/name");
    if (!spec.has("edges")) {
      spec.problem("edges", "missing (expected: a list of edges, which may be empty)");
    }
    var edges = new ArrayList<Edge>();
    for (var section : spec.sections("edges")) {
      var edge = edge(section);
      if (edge != null) {
        edges.add(edge);
      }
    }
    if (owner == null || documents.problems().size() > before) {
      return null;
    }
    var baseline = Baseline.of(owner, parent, edges);
    if (revision != null && !revision.equals(baseline.revision())) {
      metadata.problem(
          "revision",
          "'"
              + revision
              + "' is not the address of these edges, which is "
              + baseline.revision()
              + " (expected: no revision after an edit)");
    }
    return baseline;
  }

  private @Nullable Edge edge(Section section) {
    var id = section.optional("id", Values::text);
    var process = section.section("process");
    var path = process.required("path", Function.identity(), "masked path of the executable");
    var program = process.optional("program", Function.identity());
    var script = process.optional("script", Function.identity());
    var ancestors = process.list("lineage", Function.identity());
    var root = process.value("root", Values::bool, false);
    var sha256 = process.optional("sha256", NativeYamlReader::sha256);
    var scriptSha256 = process.optional("scriptSha256", NativeYamlReader::sha256);
    var strictness = section.value("strictness", Values.oneOf(Strictness.class), Strictness.CLASS);
    var provenance = provenance(section);
    var destination = destination(section);
    if (strictness == Strictness.HASH && sha256 == null) {
      process.problem("sha256", "missing (expected: the executable's, for strictness hash)");
      return null;
    }
    if (path == null || destination == null) {
      return null;
    }
    var processClass =
        new ProcessClass(path, program == null ? "" : program, script, ancestors, root);
    return new Edge(
        id == null ? id(processClass, destination, sha256, scriptSha256, provenance) : id,
        processClass,
        destination,
        strictness,
        sha256,
        scriptSha256,
        provenance);
  }

  /** As {@link Edge#learned} and {@link Edge#byHand} name theirs. */
  private static String id(
      ProcessClass process,
      DestinationPattern destination,
      @Nullable String sha256,
      @Nullable String scriptSha256,
      Provenance provenance) {
    return provenance instanceof Provenance.ByHand hand
        ? Edge.byHand(process, destination, sha256, scriptSha256, hand).id()
        : sha256 == null
            ? Edge.learned(process, destination).id()
            : ContentId.of("e:", 12, process + "\n" + destination + "\n" + sha256);
  }

  private static Provenance provenance(Section section) {
    if (section.has("grace")) {
      var grace = section.section("grace");
      var why = grace.required("why", Values::text, "the new version");
      var until = grace.required("until", NativeYamlReader::instant, "a time");
      return why == null || until == null
          ? new Provenance.Learned()
          : new Provenance.Grace(why, until);
    }
    if (section.has("byHand")) {
      var hand = section.section("byHand");
      var by = hand.required("by", Values::text, "who allowed it");
      var why = hand.required("why", Values::text, "why it is allowed");
      var until = hand.optional("until", NativeYamlReader::instant);
      return by == null || why == null
          ? new Provenance.Learned()
          : new Provenance.ByHand(by, why, until);
    }
    return new Provenance.Learned();
  }

  private static Instant instant(String text) {
    try {
      return Instant.parse(text);
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException("'" + text + "' (expected: 2027-01-31T18:00:00Z)", e);
    }
  }

  private static String sha256(String text) {
    if (!SHA256.matcher(text).matches()) {
      throw new IllegalArgumentException("'" + text + "' (expected: 64 lower-case hex digits)");
    }
    return text;
  }

  private @Nullable DestinationPattern destination(Section edge) {
    if (!edge.has("destination")) {
      edge.problem("destination", "missing (expected: {host: …, port: …, evidence: …})");
    }
    var section = edge.section("destination");
    if (section.has("written")) {
      return written(section.section("written"));
    }
    if (section.has("dynamic")) {
      return dynamic(section.section("dynamic"));
    }
    var parts = new Parts(section, false);
    if (parts.isWrong()) {
      return null;
    }
    var port = parts.ports.first();
    var protocol = parts.protocol;
    if (protocol == null || parts.ports.size() > 1) {
      section.problem("ports", "several, or no protocol (expected: port: 443 and protocol: tcp)");
      return null;
    }
    return guarded(
        section,
        () ->
            switch (parts.key) {
              case "host" ->
                  new DestinationPattern.Exact(parts.where, parts.weakest, port, protocol);
              case "below" ->
                  new DestinationPattern.HostWildcard(
                      section.optional("shape", Function.identity()),
                      parts.where,
                      parts.weakest,
                      port,
                      protocol);
              default -> block(parts.where, port, protocol);
            });
  }

  private static DestinationPattern block(String text, int port, Protocol protocol) {
    var slash = text.indexOf('/');
    if (slash < 0) {
      throw new IllegalArgumentException("'" + text + "' (expected: 10.1.2.0/28)");
    }
    return new DestinationPattern.AddressBlock(
        IpAddress.parse(text.substring(0, slash)),
        Values.integer(24, 32).apply(text.substring(slash + 1)),
        port,
        protocol);
  }

  private @Nullable DestinationPattern dynamic(Section section) {
    var parts = new Parts(section, false);
    var protocol = parts.protocol;
    if (parts.isWrong() || protocol == null || !parts.key.equals("host")) {
      section.problem(
          "host", "not a name with ports and a protocol (expected: {host: …, ports: …})");
      return null;
    }
    return guarded(
        section,
        () ->
            new DestinationPattern.PortRange(
                parts.where, parts.weakest, parts.ports.first(), parts.ports.last(), protocol));
  }

  private @Nullable DestinationPattern written(Section section) {
    var parts = new Parts(section, true);
    if (parts.isWrong()) {
      return null;
    }
    return guarded(
        section,
        () ->
            new DestinationPattern.Written(
                switch (parts.key) {
                  case "host" -> new Place.Named(parts.where, parts.weakest);
                  case "below" -> new Place.Below(parts.where, parts.weakest);
                  case "cidr" ->
                      new Place.Within(
                          Cidr.parse(parts.where),
                          section.value("virtualToo", Values::bool, false));
                  default -> new Place.Anywhere();
                },
                parts.ports,
                parts.protocol));
  }

  private static @Nullable DestinationPattern guarded(
      Section section, Supplier<DestinationPattern> made) {
    try {
      return made.get();
    } catch (IllegalArgumentException e) {
      section.problem("", String.valueOf(e.getMessage()));
      return null;
    }
  }

  /** What every form of a destination has. */
  private static final class Parts {
    final String key;
    final String where;
    final Evidence weakest;
    final Ports ports;
    final @Nullable Protocol protocol;
    private final boolean wrong;

    Parts(Section section, boolean anywhereToo) {
      var keys =
          anywhereToo
              ? List.of("host", "below", "cidr", "anywhere")
              : List.of("host", "below", "cidr");
      var given = keys.stream().filter(section::has).toList();
      var read = given.size() == 1 ? section.optional(given.getFirst(), Values::text) : null;
      if (given.size() != 1) {
        section.problem("host", "with another or without any (expected: one of " + keys + ")");
      }
      key = given.isEmpty() ? "" : given.getFirst();
      where = read == null ? "" : read;
      var named = key.equals("host") || key.equals("below");
      var evidence =
          named
              ? section.required("evidence", Values.oneOf(Evidence.class), "owner, dns, …")
              : Evidence.ADDRESS;
      weakest = evidence == null ? Evidence.OWNER : evidence;
      if (section.has("port") == section.has("ports")) {
        section.problem("port", "beside ports or without both (expected: one of them)");
      }
      var one = section.optional("port", Ports::parse);
      var several = section.optional("ports", Ports::parse);
      ports = one != null ? one : several != null ? several : Ports.ANY;
      protocol = section.optional("protocol", Values.oneOf(Protocol.class));
      wrong = read == null || evidence == null || (one == null && several == null);
    }

    boolean isWrong() {
      return wrong;
    }
  }
}
