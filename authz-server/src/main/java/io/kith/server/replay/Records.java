package io.kith.server.replay;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.kith.baselines.replay.FlowRecord;
import io.kith.baselines.replay.InstanceRecord;
import io.kith.baselines.replay.ReviewAnswer;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Flow, inventory and review lines; unknown fields are ignored, null is not captured. */
final class Records {
  private Records() {}

  static FlowRecord flow(JsonParser parser) throws IOException {
    Double time = null;
    String environment = null;
    String app = null;
    String workload = null;
    String digest = null;
    String replica = null;
    var process = NO_PROCESS;
    FlowRecord.Target target = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      var field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "t" -> time = Fields.number(parser, field);
        case "env" -> environment = Fields.text(parser, field);
        case "app" -> app = Fields.text(parser, field);
        case "workload" -> workload = Fields.text(parser, field);
        case "digest" -> digest = Fields.text(parser, field);
        case "replica" -> replica = Fields.text(parser, field);
        case "process" -> process = Fields.object(parser, field) ? process(parser) : NO_PROCESS;
        case "dst" -> target = Fields.object(parser, field) ? target(parser) : null;
        default -> parser.skipChildren();
      }
    }
    return new FlowRecord(
        Fields.required(time, "t"),
        environment == null ? "" : environment,
        Fields.required(app, "app"),
        Fields.required(workload, "workload"),
        digest,
        Fields.required(replica, "replica"),
        process,
        Fields.required(target, "dst"));
  }

  private static final FlowRecord.Program NO_PROCESS =
      new FlowRecord.Program(
          null, null, null, null, List.of(), null, null, null, false, null, null);

  private static FlowRecord.Program process(JsonParser parser) throws IOException {
    String path = null;
    String sha256 = null;
    Integer uid = null;
    String comm = null;
    List<String> parents = List.of();
    String script = null;
    String origin = null;
    String entry = null;
    var execSession = false;
    String quality = null;
    String container = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      var field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "path" -> path = Fields.text(parser, "process.path");
        case "sha256" -> sha256 = Fields.text(parser, "process.sha256");
        case "uid" -> uid = Fields.integer(parser, "process.uid");
        case "comm" -> comm = Fields.text(parser, "process.comm");
        case "parent" -> parents = Fields.texts(parser, "process.parent");
        case "script" -> script = Fields.text(parser, "process.script");
        case "origin" -> origin = Fields.text(parser, "process.origin");
        case "entry" -> entry = Fields.text(parser, "process.entry");
        case "exec_session" -> execSession = Fields.flag(parser, "process.exec_session");
        case "quality" -> quality = Fields.text(parser, "process.quality");
        case "container" -> container = Fields.text(parser, "process.container");
        default -> parser.skipChildren();
      }
    }
    return new FlowRecord.Program(
        path, sha256, uid, comm, parents, script, origin, entry, execSession, quality, container);
  }

  private static FlowRecord.Target target(JsonParser parser) throws IOException {
    String host = null;
    String ip = null;
    Integer port = null;
    String protocol = null;
    String sni = null;
    String spiffe = null;
    String cluster = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      var field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "host" -> host = Fields.text(parser, "dst.host");
        case "ip" -> ip = Fields.text(parser, "dst.ip");
        case "port" -> port = Fields.integer(parser, "dst.port");
        case "proto" -> protocol = Fields.text(parser, "dst.proto");
        case "sni" -> sni = Fields.text(parser, "dst.sni");
        case "spiffe" -> spiffe = Fields.text(parser, "dst.spiffe");
        case "cluster" -> cluster = Fields.text(parser, "dst.cluster");
        default -> parser.skipChildren();
      }
    }
    return new FlowRecord.Target(
        host,
        ip,
        Fields.required(port, "dst.port"),
        Fields.required(protocol, "dst.proto"),
        sni,
        spiffe,
        cluster);
  }

  static InstanceRecord instance(JsonParser parser) throws IOException {
    Double start = null;
    Double stop = null;
    String app = null;
    String workload = null;
    String digest = null;
    String replica = null;
    String ip = null;
    String kind = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      var field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "start" -> start = Fields.number(parser, field);
        case "stop" -> stop = Fields.number(parser, field);
        case "app" -> app = Fields.text(parser, field);
        case "workload" -> workload = Fields.text(parser, field);
        case "digest" -> digest = Fields.text(parser, field);
        case "replica" -> replica = Fields.text(parser, field);
        case "ip" -> ip = Fields.text(parser, field);
        case "kind" -> kind = Fields.text(parser, field);
        default -> parser.skipChildren();
      }
    }
    return new InstanceRecord(
        Fields.required(start, "start"),
        stop,
        Fields.required(app, "app"),
        Fields.required(workload, "workload"),
        digest,
        Fields.required(replica, "replica"),
        ip,
        kind == null ? "deployment" : kind);
  }

  static ReviewAnswer review(JsonParser parser) throws IOException {
    String app = null;
    String path = null;
    String script = null;
    String host = null;
    String ip = null;
    Integer port = null;
    String answer = null;
    Double after = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      var field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "app" -> app = Fields.text(parser, field);
        case "path" -> path = Fields.text(parser, field);
        case "script" -> script = Fields.text(parser, field);
        case "host" -> host = Fields.text(parser, field);
        case "ip" -> ip = Fields.text(parser, field);
        case "port" -> port = Fields.integer(parser, field);
        case "answer" -> answer = Fields.text(parser, field);
        case "after" -> after = Fields.number(parser, field);
        default -> parser.skipChildren();
      }
    }
    return new ReviewAnswer(
        Fields.required(app, "app"),
        path,
        script,
        host,
        ip,
        Fields.required(port, "port"),
        approves(answer),
        after == null ? 0 : after);
  }

  private static boolean approves(@Nullable String answer) {
    return switch (answer) {
      case "approve" -> true;
      case "reject" -> false;
      case null, default ->
          throw new IllegalArgumentException(
              "answer: " + answer + " (expected: approve or reject)");
    };
  }
}
