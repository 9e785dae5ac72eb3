package io.kith.load.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.baselines.replay.FlowRecord;
import io.kith.baselines.replay.FlowRecord.Program;
import io.kith.baselines.replay.FlowRecord.Target;
import io.kith.baselines.replay.InstanceRecord;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/** Records of a log in memory. */
final class LogRecords {
  private static final ObjectMapper JSON = new ObjectMapper();

  private LogRecords() {}

  /** When each pod ran; the file is plain, or gzip'd when its name ends in {@code .gz}. */
  static List<InstanceRecord> read(Path file) throws IOException {
    var pods = new ArrayList<InstanceRecord>();
    try (var lines = new BufferedReader(new InputStreamReader(open(file), UTF_8))) {
      for (var line = lines.readLine(); line != null; line = lines.readLine()) {
        var pod = JSON.readTree(line);
        pods.add(
            new InstanceRecord(
                pod.path("start").asDouble(),
                pod.path("stop").isNumber() ? pod.path("stop").asDouble() : null,
                pod.path("app").asText(),
                pod.path("workload").asText(),
                text(pod.path("digest")),
                pod.path("replica").asText(),
                text(pod.path("ip")),
                pod.path("kind").asText()));
      }
    }
    return pods;
  }

  private static InputStream open(Path file) throws IOException {
    var in = Files.newInputStream(file);
    return file.toString().endsWith(".gz") ? new GZIPInputStream(in, 1 << 16) : in;
  }

  private static @Nullable String text(JsonNode node) {
    return node.isTextual() ? node.asText() : null;
  }

  /** The same record, all of its texts new. */
  static FlowRecord copy(FlowRecord flow) {
    var process = flow.process();
    var target = flow.target();
    return new FlowRecord(
        flow.time(),
        copy(flow.environment()),
        copy(flow.app()),
        copy(flow.workload()),
        copyOrNull(flow.digest()),
        copy(flow.replica()),
        new Program(
            copyOrNull(process.path()),
            copyOrNull(process.sha256()),
            process.uid(),
            copyOrNull(process.comm()),
            process.parents().stream().map(LogRecords::copy).toList(),
            copyOrNull(process.script()),
            copyOrNull(process.origin()),
            copyOrNull(process.entry()),
            process.execSession(),
            copyOrNull(process.quality()),
            copyOrNull(process.container())),
        new Target(
            copyOrNull(target.host()),
            copyOrNull(target.ip()),
            target.port(),
            copy(target.protocol()),
            copyOrNull(target.sni()),
            copyOrNull(target.spiffe()),
            copyOrNull(target.cluster())));
  }

  private static @Nullable String copyOrNull(@Nullable String text) {
    return text == null ? null : copy(text);
  }

  private static String copy(String text) {
    return String.valueOf(text.toCharArray());
  }
}
