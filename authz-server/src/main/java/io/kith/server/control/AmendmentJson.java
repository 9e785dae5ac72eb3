package io.kith.server.control;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.bundle.SignedBaseline.Seal;
import io.kith.baselines.change.Voucher;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.store.Change;
import io.kith.baselines.yaml.Json;
import io.kith.baselines.yaml.JsonObject;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Amendments as the body of a {@link Change}: canonical JSON, members by kind; edges and revisions
 * are texts of {@link BaselineJson} within.
 */
final class AmendmentJson {
  private AmendmentJson() {}

  static String write(Amendment amendment) {
    var map = new LinkedHashMap<String, Object>();
    switch (amendment) {
      case Amendment.SetMode(_, var mode, var steps) -> {
        map.put("mode", mode.word());
        map.put("steps", steps.stream().map(AmendmentJson::map).toList());
      }
      case Amendment.InheritMode(_, var mode) -> map.put("mode", mode.word());
      case Amendment.Declare(_, var declared, var steps) -> {
        if (declared != null) {
          map.put("object", declared.object());
          map.put("mode", declared.mode().word());
          if (declared.unattributedAllowed() != null) {
            map.put("unattributedAllowed", declared.unattributedAllowed());
          }
          if (declared.inbound() != null) {
            map.put("inbound", declared.inbound().name());
          }
          map.put("steps", steps.stream().map(AmendmentJson::map).toList());
        }
      }
      case Amendment.WriteList(var object, var text) -> {
        map.put("object", object);
        if (text != null) {
          map.put("text", text);
        }
      }
      case Amendment.Propose(_, var signed) -> {
        map.put("text", signed.text());
        map.put("signature", map(signed.signature()));
        map.put("approvals", maps(signed.approvals()));
      }
      case Amendment.Approve(_, var approval) -> map.put("approval", map(approval));
      case Amendment.Reject(_, var revision) -> map.put("revision", revision);
      case Amendment.Rollback(_, var from, var to) -> {
        map.put("from", from);
        map.put("to", to);
      }
      case Amendment.Allow(_, var edge, var approval) -> {
        map.put("edge", BaselineJson.write(edge));
        if (approval != null) {
          map.put("approval", map(approval));
        }
      }
      case Amendment.Deny(_, var edge) -> map.put("edge", BaselineJson.write(edge));
      case Amendment.Quarantine(_, var edge) -> map.put("edge", BaselineJson.write(edge));
      case Amendment.Remove(_, var id) -> map.put("id", id);
      case Amendment.Ack(_, var id) -> map.put("id", id);
      case Amendment.Relearn(_, var process) -> {
        if (process != null) {
          map.put("process", BaselineJson.write(everywhere(process)));
        }
      }
      case Amendment.Import(var environment, var to, var keyId, var vouchers, var withdrawn) -> {
        map.put("environment", environment);
        map.put("keyId", keyId);
        map.put("vouchers", vouchers.stream().map(AmendmentJson::map).toList());
        if (to != null) {
          map.put("to", to);
          map.put("withdrawn", withdrawn.stream().map(Owner::toString).toList());
        }
      }
      case Amendment.Reopen(_, var revision, var edge) -> {
        map.put("revision", revision);
        map.put("edge", BaselineJson.write(edge));
      }
    }
    return Json.write(map);
  }

  /** An edge of a process class to every destination. */
  static Edge everywhere(ProcessClass process) {
    return Edge.learned(process, new Written(new Place.Anywhere(), Ports.ANY, null));
  }

  private static Map<String, Object> map(Amendment.SetMode.Step step) {
    return Map.of(
        "owner", step.owner().toString(),
        "revision", step.revision(),
        "approvals", maps(step.approvals()));
  }

  private static Map<String, Object> map(Voucher voucher) {
    return Map.of(
        "owner", voucher.owner().toString(),
        "edge", BaselineJson.write(Edge.learned(voucher.process(), voucher.destination())),
        "revision", voucher.revision());
  }

  private static List<Map<String, Object>> maps(List<Approval> approvals) {
    return approvals.stream().map(AmendmentJson::map).toList();
  }

  private static Map<String, Object> map(Approval approval) {
    return Map.of(
        "owner", approval.owner().toString(),
        "grants", approval.grants(),
        "signature", map(approval.signature()));
  }

  private static Map<String, Object> map(Seal seal) {
    return Map.of("keyId", seal.keyId(), "base64", seal.base64());
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IllegalArgumentException for anything else; a kind of a later version is named
   */
  static Amendment read(Change change) {
    var json = Json.read(change.body());
    return switch (change.kind()) {
      case "mode" -> {
        json.only("mode", "steps");
        yield new Amendment.SetMode(
            ScopeName.parse(change.subject()),
            json.value("mode", Mode::parse),
            json.objects("steps").stream().map(AmendmentJson::step).toList());
      }
      case "inherit" ->
          new Amendment.InheritMode(
              ScopeName.parse(change.subject()), json.only("mode").value("mode", Mode::parse));
      case "declare" -> {
        json.only("object", "mode", "unattributedAllowed", "inbound", "steps");
        var declared =
            json.has("object")
                ? new DeclaredScope(
                    json.text("object"),
                    json.value("mode", Mode::parse),
                    json.has("unattributedAllowed") ? json.bool("unattributedAllowed") : null,
                    json.has("inbound") ? json.value("inbound", Inbound::valueOf) : null)
                : null;
        yield new Amendment.Declare(
            ScopeName.parse(change.subject()),
            declared,
            declared == null
                ? List.of()
                : json.objects("steps").stream().map(AmendmentJson::step).toList());
      }
      case "list" -> {
        json.only("object", "text");
        yield new Amendment.WriteList(json.text("object"), json.textOrNull("text"));
      }
      case "propose" -> {
        json.only("text", "signature", "approvals");
        yield new Amendment.Propose(
            owner(change),
            new SignedBaseline(json.text("text"), seal(json.object("signature")), approvals(json)));
      }
      case "approve" ->
          new Amendment.Approve(owner(change), approval(json.only("approval").object("approval")));
      case "reject" -> new Amendment.Reject(owner(change), json.only("revision").text("revision"));
      case "rollback" -> {
        json.only("from", "to");
        yield new Amendment.Rollback(owner(change), json.text("from"), json.text("to"));
      }
      case "allow" -> {
        json.only("edge", "approval");
        yield new Amendment.Allow(
            owner(change),
            edge(json),
            json.has("approval") ? approval(json.object("approval")) : null);
      }
      case "deny" -> new Amendment.Deny(owner(change), edge(json.only("edge")));
      case "quarantine" -> new Amendment.Quarantine(owner(change), edge(json.only("edge")));
      case "remove" -> new Amendment.Remove(owner(change), json.only("id").text("id"));
      case "ack" -> new Amendment.Ack(owner(change), json.only("id").text("id"));
      case "relearn" -> {
        json.only("process");
        yield new Amendment.Relearn(
            owner(change),
            json.has("process") ? json.value("process", BaselineJson::readEdge).process() : null);
      }
      case "import" -> {
        json.only("environment", "to", "keyId", "vouchers", "withdrawn");
        var environment = json.text("environment");
        var to = json.textOrNull("to");
        yield new Amendment.Import(
            environment,
            to,
            json.text("keyId"),
            json.objects("vouchers").stream().map(one -> voucher(one, environment)).toList(),
            to == null ? List.of() : json.texts("withdrawn").stream().map(Owner::parse).toList());
      }
      case "reopen" -> {
        json.only("revision", "edge");
        yield new Amendment.Reopen(owner(change), json.text("revision"), edge(json));
      }
      default ->
          throw new IllegalArgumentException(
              "its kind is '"
                  + change.kind()
                  + "', which this version does not know (update this server)");
    };
  }

  private static Owner owner(Change change) {
    return Owner.parse(change.subject());
  }

  private static Edge edge(JsonObject json) {
    return json.value("edge", BaselineJson::readEdge);
  }

  private static Amendment.SetMode.Step step(JsonObject json) {
    json.only("owner", "revision", "approvals");
    return new Amendment.SetMode.Step(
        json.value("owner", Owner::parse), json.text("revision"), approvals(json));
  }

  private static Voucher voucher(JsonObject json, String environment) {
    json.only("owner", "edge", "revision");
    var edge = edge(json);
    return new Voucher(
        json.value("owner", Owner::parse),
        edge.process(),
        edge.destination(),
        environment,
        json.text("revision"));
  }

  private static List<Approval> approvals(JsonObject json) {
    return json.objects("approvals").stream().map(AmendmentJson::approval).toList();
  }

  private static Approval approval(JsonObject json) {
    json.only("owner", "grants", "signature");
    return new Approval(
        json.value("owner", Owner::parse), json.texts("grants"), seal(json.object("signature")));
  }

  private static Seal seal(JsonObject json) {
    json.only("keyId", "base64");
    return new Seal(json.text("keyId").intern(), json.text("base64")); // one key for most
  }
}
