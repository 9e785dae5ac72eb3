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
    FlowRecord.Program process = null;
    FlowRecord.Target target = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      var field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "t" -> time = Fields.once(time, field, Fields.number(parser, field));
        case "env" -> environment = Fields.once(environment, field, Fields.text(parser, field));
        case "app" -> app = Fields.once(app, field, Fields.text(parser, field));
        case "workload" -> workload = Fields.once(workload, field, Fields.text(parser, field));
        case "digest" -> digest = Fields.once(digest, field, Fields.text(parser, field));
        case "replica" -> replica = Fields.once(replica, field, Fields.text(parser, field));
        case "process" ->
            process =
                Fields.once(process, field, Fields.object(parser, field) ? process(parser) : null);
        case "dst" ->
            target =
                Fields.once(target, field, Fields.object(parser, field) ? target(parser) : null);
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
        process == null ? NO_PROCESS : process,
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
    List<String> parents = null;
    String script = null;
    String origin = null;
    String entry = null;
    Boolean execSession = null;
    String quality = null;
    String container = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      var field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "path" ->
            path = Fields.once(path, "process.path", Fields.text(parser, "process.path"));
        case "sha256" ->
            sha256 = Fields.once(sha256, "process.sha256", Fields.text(parser, "process.sha256"));
        case "uid" -> uid = Fields.once(uid, "process.uid", Fields.integer(parser, "process.uid"));
        case "comm" ->
            comm = Fields.once(comm, "process.comm", Fields.text(parser, "process.comm"));
        case "parent" ->
            parents =
                Fields.once(parents, "process.parent", Fields.texts(parser, "process.parent"));
        case "script" ->
            script = Fields.once(script, "process.script", Fields.text(parser, "process.script"));
        case "origin" ->
            origin = Fields.once(origin, "process.origin", Fields.text(parser, "process.origin"));
        case "entry" ->
            entry = Fields.once(entry, "process.entry", Fields.text(parser, "process.entry"));
        case "exec_session" ->
            execSession =
                Fields.once(
                    execSession,
                    "process.exec_session",
                    Fields.flag(parser, "process.exec_session"));
        case "quality" ->
            quality =
                Fields.once(quality, "process.quality", Fields.text(parser, "process.quality"));
        case "container" ->
            container =
                Fields.once(
                    container, "process.container", Fields.text(parser, "process.container"));
        default -> parser.skipChildren();
      }
    }
    return new FlowRecord.Program(
        path,
        sha256,
        uid,
        comm,
        parents == null ? List.of() : parents,
        script,
        origin,
        entry,
        execSession != null && execSession,
        quality,
        container);
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
        case "host" -> host = Fields.once(host, "dst.host", Fields.text(parser, "dst.host"));
        case "ip" -> ip = Fields.once(ip, "dst.ip", Fields.text(parser, "dst.ip"));
        case "port" -> port = Fields.once(port, "dst.port", Fields.integer(parser, "dst.port"));
        case "proto" ->
            protocol = Fields.once(protocol, "dst.proto", Fields.text(parser, "dst.proto"));
        case "sni" -> sni = Fields.once(sni, "dst.sni", Fields.text(parser, "dst.sni"));
        case "spiffe" ->
            spiffe = Fields.once(spiffe, "dst.spiffe", Fields.text(parser, "dst.spiffe"));
        case "cluster" ->
            cluster = Fields.once(cluster, "dst.cluster", Fields.text(parser, "dst.cluster"));
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
        case "start" -> start = Fields.once(start, field, Fields.number(parser, field));
        case "stop" -> stop = Fields.once(stop, field, Fields.number(parser, field));
        case "app" -> app = Fields.once(app, field, Fields.text(parser, field));
        case "workload" -> workload = Fields.once(workload, field, Fields.text(parser, field));
        case "digest" -> digest = Fields.once(digest, field, Fields.text(parser, field));
        case "replica" -> replica = Fields.once(replica, field, Fields.text(parser, field));
        case "ip" -> ip = Fields.once(ip, field, Fields.text(parser, field));
        case "kind" -> kind = Fields.once(kind, field, Fields.text(parser, field));
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
        case "app" -> app = Fields.once(app, field, Fields.text(parser, field));
        case "path" -> path = Fields.once(path, field, Fields.text(parser, field));
        case "script" -> script = Fields.once(script, field, Fields.text(parser, field));
        case "host" -> host = Fields.once(host, field, Fields.text(parser, field));
        case "ip" -> ip = Fields.once(ip, field, Fields.text(parser, field));
        case "port" -> port = Fields.once(port, field, Fields.integer(parser, field));
        case "answer" -> answer = Fields.once(answer, field, Fields.text(parser, field));
        case "after" -> after = Fields.once(after, field, Fields.number(parser, field));
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
