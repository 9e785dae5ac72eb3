package io.kith.server.control;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.baselines.process.Script;
import io.kith.baselines.yaml.Json;
import io.kith.baselines.yaml.JsonObject;
import io.kith.server.check.CheckRecord;
import java.time.Instant;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Decisions on their way from a check server to a control server: canonical JSON. */
final class CheckRecordJson {
  private static final int MAX_LENGTH = 256 << 10;

  /** Of a decision. */
  static final Pattern ID = Pattern.compile("d:[0-9a-f]{16}");

  private static final Pattern TRACE = Pattern.compile("([0-9a-f]{32})?");

  private CheckRecordJson() {}

  static String write(CheckRecord answered) {
    var map = new LinkedHashMap<String, Object>();
    map.put("id", answered.decisionId());
    map.put("trace", answered.traceId());
    map.put("time", answered.time().toString());
    put(map, "reporter", answered.reporter());
    put(map, "owner", answered.workload() == null ? null : answered.workload().owner());
    put(map, "replica", answered.replica());
    if (answered.flow() != null) {
      map.put("flow", map(answered.flow()));
    }
    map.put("decision", map(answered.decision()));
    map.put("repeated", answered.repeated());
    map.put("late", answered.late());
    return Json.write(map);
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @param workloads those that are known here, by owner
   * @throws IllegalArgumentException for anything else, and for a workload that is not known or
   *     does not speak with that SPIFFE ID
   */
  static CheckRecord read(String text, Function<Owner, @Nullable Workload> workloads) {
    var json = read(text);
    json.only(
        "id",
        "trace",
        "time",
        "reporter",
        "owner",
        "replica",
        "flow",
        "decision",
        "repeated",
        "late");
    var flow = json.has("flow") ? flow(json.object("flow")) : null;
    var workload =
        json.has("owner") ? known(json.value("owner", Owner::parse), flow, workloads) : null;
    return new CheckRecord(
        matching("id", json.text("id"), ID),
        matching("trace", json.text("trace"), TRACE),
        json.value("time", Instant::parse),
        json.has("reporter") ? json.value("reporter", SpiffeId::parse) : null,
        workload,
        json.has("replica") ? json.value("replica", IpAddress::parse) : null,
        flow,
        decision(json.object("decision")),
        json.bool("repeated"),
        false,
        json.bool("late"));
  }

  private static JsonObject read(String text) {
    if (text.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          text.length() + " characters (expected: at most " + MAX_LENGTH + ")");
    }
    return Json.read(text);
  }

  private static Workload known(
      Owner owner, @Nullable Flow flow, Function<Owner, @Nullable Workload> workloads) {
    var workload = workloads.apply(owner);
    if (workload == null) {
      throw new IllegalArgumentException("owner: '" + owner + "' (expected: a known workload)");
    }
    if (flow != null && !workload.spiffeIds().contains(flow.spiffeId())) {
      throw new IllegalArgumentException(
          "flow.spiffeId: " + flow.spiffeId() + " (expected: one of " + owner + ")");
    }
    return workload;
  }

  private static String matching(String what, String text, Pattern pattern) {
    if (!pattern.matcher(text).matches()) {
      throw new IllegalArgumentException(what + ": not as " + pattern);
    }
    return text;
  }

  // denials

  static String write(FleetDenial denial) {
    return Json.write(
        Map.of(
            "process", map(denial.process()),
            "destination", map(denial.destination()),
            "reason", map(denial.reason())));
  }

  /**
   * Reads what {@link #write(FleetDenial)} wrote.
   *
   * @throws IllegalArgumentException for anything else
   */
  static FleetDenial readDenial(
      Owner owner, String revision, IpAddress pod, long count, String text) {
    var json = read(text).only("process", "destination", "reason");
    return new FleetDenial(
        owner,
        revision,
        pod,
        count,
        candidate(json.object("process")),
        destination(json.object("destination")),
        reason(json.object("reason")));
  }

  // parts

  private static Map<String, Object> map(Flow flow) {
    var map = new LinkedHashMap<String, Object>();
    map.put("spiffeId", flow.spiffeId().toString());
    map.put("attribution", map(flow.attribution()));
    map.put("destination", map(flow.resolved().destination()));
    put(map, "mismatch", flow.resolved().mismatch());
    return map;
  }

  private static Flow flow(JsonObject json) {
    json.only("spiffeId", "attribution", "destination", "mismatch");
    return new Flow(
        json.value("spiffeId", SpiffeId::parse),
        attribution(json.object("attribution")),
        new Resolved(destination(json.object("destination")), json.textOrNull("mismatch")));
  }

  private static Map<String, Object> map(Attribution attribution) {
    return switch (attribution) {
      case Attribution.Attributed(var candidates, var rung, var reasons) ->
          Map.of(
              "kind",
              "attributed",
              "candidates",
              candidates.stream().map(CheckRecordJson::map).toList(),
              "rung",
              rung.name(),
              "reasons",
              reasons);
      case Attribution.Unattributed(var rung, var reasons) ->
          Map.of("kind", "unattributed", "rung", rung.name(), "reasons", reasons);
      case Attribution.BridgeUnavailable(var why) -> Map.of("kind", "unavailable", "why", why);
    };
  }

  private static Attribution attribution(JsonObject json) {
    return switch (json.text("kind")) {
      case "attributed" ->
          new Attribution.Attributed(
              json.only("kind", "candidates", "rung", "reasons").objects("candidates").stream()
                  .map(CheckRecordJson::candidate)
                  .toList(),
              json.value("rung", Rung::valueOf),
              json.texts("reasons"));
      case "unattributed" ->
          new Attribution.Unattributed(
              json.only("kind", "rung", "reasons").value("rung", Rung::valueOf),
              json.texts("reasons"));
      case "unavailable" -> new Attribution.BridgeUnavailable(json.only("kind", "why").text("why"));
      default -> throw new IllegalArgumentException("attribution.kind: unknown");
    };
  }

  private static Map<String, Object> map(Candidate candidate) {
    var fingerprint = candidate.fingerprint();
    var map = new LinkedHashMap<String, Object>();
    map.put("id", candidate.fingerprintId());
    map.put("quality", candidate.quality().name());
    map.put("attested", candidate.attested().stream().map(SpiffeId::toString).sorted().toList());
    map.put("path", fingerprint.path());
    put(map, "sha256", fingerprint.sha256());
    map.put("origin", fingerprint.origin().name());
    map.put("uid", fingerprint.uid());
    map.put("entryKind", fingerprint.entryKind().name());
    map.put("program", fingerprint.program());
    var script = fingerprint.script();
    if (script != null) {
      var code = new LinkedHashMap<String, Object>();
      code.put("path", script.path());
      put(code, "sha256", script.sha256());
      code.put("origin", script.origin().name());
      code.put("claimed", script.claimed());
      map.put("script", code);
    }
    map.put("lineage", fingerprint.lineage());
    put(map, "container", fingerprint.container());
    put(map, "imageDigest", fingerprint.imageDigest());
    map.put("injectedMappings", fingerprint.injectedMappings());
    map.put("execSession", fingerprint.execSession());
    return map;
  }

  /** The process class is made anew: it is what the fingerprint says. */
  private static Candidate candidate(JsonObject json) {
    json.only(
        "id",
        "quality",
        "attested",
        "path",
        "sha256",
        "origin",
        "uid",
        "entryKind",
        "program",
        "script",
        "lineage",
        "container",
        "imageDigest",
        "injectedMappings",
        "execSession");
    var fingerprint =
        new ProcessFingerprint(
            json.text("path"),
            json.textOrNull("sha256"),
            json.value("origin", Origin::valueOf),
            json.integer("uid"),
            json.value("entryKind", EntryKind::valueOf),
            json.text("program"),
            json.has("script") ? script(json.object("script")) : null,
            json.texts("lineage"),
            json.textOrNull("container"),
            json.textOrNull("imageDigest"),
            json.texts("injectedMappings"),
            json.bool("execSession"));
    var attested = new HashSet<SpiffeId>();
    json.texts("attested").forEach(id -> attested.add(SpiffeId.parse(id)));
    return new Candidate(
        json.text("id"),
        fingerprint,
        ProcessClass.of(fingerprint),
        json.value("quality", Quality::valueOf),
        attested);
  }

  private static Script script(JsonObject json) {
    json.only("path", "sha256", "origin", "claimed");
    return new Script(
        json.text("path"),
        json.textOrNull("sha256"),
        json.value("origin", Origin::valueOf),
        json.bool("claimed"));
  }

  private static Map<String, Object> map(Destination destination) {
    var map = new LinkedHashMap<String, Object>();
    map.put("name", destination.name());
    map.put("evidence", destination.evidence().name());
    put(map, "address", destination.address());
    map.put("port", destination.port());
    map.put("protocol", destination.protocol().name());
    return map;
  }

  private static Destination destination(JsonObject json) {
    json.only("name", "evidence", "address", "port", "protocol");
    return new Destination(
        json.text("name"),
        json.value("evidence", Evidence::valueOf),
        json.has("address") ? json.value("address", IpAddress::parse) : null,
        json.integer("port"),
        json.value("protocol", Protocol::valueOf));
  }

  private static Map<String, Object> map(Decision decision) {
    var map = new LinkedHashMap<String, Object>();
    map.put("applied", map(decision.applied()));
    if (decision.shadow() != null) {
      map.put("shadow", map(decision.shadow()));
    }
    map.put("mode", decision.mode().word());
    put(map, "revision", decision.revision());
    if (decision.subject() != null) {
      map.put("subject", map(decision.subject()));
    }
    return map;
  }

  private static Decision decision(JsonObject json) {
    json.only("applied", "shadow", "mode", "revision", "subject");
    return new Decision(
        verdict(json.object("applied")),
        json.has("shadow") ? verdict(json.object("shadow")) : null,
        json.value("mode", Mode::parse),
        json.textOrNull("revision"),
        json.has("subject") ? candidate(json.object("subject")) : null);
  }

  private static Map<String, Object> map(Verdict verdict) {
    var map = new LinkedHashMap<String, Object>();
    map.put("verdict", verdict.word());
    switch (verdict) {
      case Verdict.Allow(var edge) -> put(map, edge);
      case Verdict.Deny(var nearest, var reason) -> {
        put(map, nearest);
        map.put("reason", map(reason));
      }
    }
    return map;
  }

  private static Verdict verdict(JsonObject json) {
    json.only("verdict", "edge", "reason");
    var edge = json.has("edge") ? json.value("edge", BaselineJson::readEdge) : null;
    return switch (json.text("verdict")) {
      case "allow" -> new Verdict.Allow(edge);
      case "deny" -> new Verdict.Deny(edge, reason(json.object("reason")));
      default -> throw new IllegalArgumentException("verdict: unknown (expected: allow or deny)");
    };
  }

  private static Map<String, Object> map(Reason reason) {
    var map = new LinkedHashMap<String, Object>();
    map.put("code", reason.code());
    switch (reason) {
      case Reason.OriginNotInImage(var origin) -> map.put("origin", origin.name());
      case Reason.HashChanged(var expected, var seen) -> {
        map.put("expected", expected);
        put(map, "seen", seen);
      }
      case Reason.LineageMismatch(var expected) -> map.put("expected", expected);
      case Reason.InjectedCode(var mappings) -> map.put("mappings", mappings);
      case Reason.IdentityMismatch(var detail) -> map.put("detail", detail);
      case Reason.NameMismatch(var detail) -> map.put("detail", detail);
      case Reason.Quarantined(var why) -> map.put("detail", why);
      case Reason.Expired(var until) -> map.put("until", until.toString());
      case Reason.Unattributed(var detail) -> map.put("detail", detail);
      case Reason.BridgeUnavailable(var detail) -> map.put("detail", detail);
      case Reason.DeniedByHand(var note) -> map.put("detail", note);
      case Reason.BadProvenance(var detail) -> map.put("detail", detail);
      case Reason.UnknownReporter(var detail) -> map.put("detail", detail);
      case Reason.Malformed(var detail) -> map.put("detail", detail);
      case Reason.NoBaseline _,
          Reason.NewProcess _,
          Reason.NewDestination _,
          Reason.InterpreterInline _,
          Reason.Unmediated _,
          Reason.Overloaded _,
          Reason.Deadline _,
          Reason.Internal _ -> {}
    }
    return map;
  }

  private static Reason reason(JsonObject json) {
    return switch (json.text("code")) {
      case "no_baseline" -> new Reason.NoBaseline();
      case "new_process" -> new Reason.NewProcess();
      case "new_destination" -> new Reason.NewDestination();
      case "origin_not_in_image" ->
          new Reason.OriginNotInImage(json.value("origin", Origin::valueOf));
      case "hash_changed" -> new Reason.HashChanged(json.text("expected"), json.textOrNull("seen"));
      case "lineage_mismatch" -> new Reason.LineageMismatch(json.texts("expected"));
      case "interpreter_inline" -> new Reason.InterpreterInline();
      case "injected_code" -> new Reason.InjectedCode(json.texts("mappings"));
      case "identity_mismatch" -> new Reason.IdentityMismatch(json.text("detail"));
      case "name_mismatch" -> new Reason.NameMismatch(json.text("detail"));
      case "quarantined" -> new Reason.Quarantined(json.text("detail"));
      case "expired" -> new Reason.Expired(json.value("until", Instant::parse));
      case "unattributed" -> new Reason.Unattributed(json.text("detail"));
      case "bridge_unavailable" -> new Reason.BridgeUnavailable(json.text("detail"));
      case "unmediated" -> new Reason.Unmediated();
      case "denied_by_hand" -> new Reason.DeniedByHand(json.text("detail"));
      case "bad_provenance" -> new Reason.BadProvenance(json.text("detail"));
      case "unknown_reporter" -> new Reason.UnknownReporter(json.text("detail"));
      case "malformed" -> new Reason.Malformed(json.text("detail"));
      case "overloaded" -> new Reason.Overloaded();
      case "deadline" -> new Reason.Deadline();
      case "internal" -> new Reason.Internal();
      default -> throw new IllegalArgumentException("reason.code: unknown");
    };
  }

  private static void put(Map<String, Object> map, @Nullable Edge edge) {
    if (edge != null) {
      map.put("edge", BaselineJson.write(edge));
    }
  }

  private static void put(Map<String, Object> map, String name, @Nullable Object value) {
    if (value != null) {
      map.put(name, value.toString());
    }
  }
}
