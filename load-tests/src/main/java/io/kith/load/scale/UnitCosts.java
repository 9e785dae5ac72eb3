package io.kith.load.scale;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What one of each thing costs, as measured with the real parts on one machine.
 *
 * @param handshakeMillis of a processor of the server, for a new connection of a sidecar: mutual
 *     TLS, HTTP/2, its first Check
 * @param connectionKib needed in the server, live objects and native, for a connection that has
 *     asked once and is idle
 * @param bridgeKib needed in the server for a bridge's stream without pods
 * @param podKib needed in the server for a pod that a bridge registered
 * @param busyCheckMicros of a processor of the server, for a Check where many are in flight
 * @param quietCheckMicros the same where they come one by one
 * @param checkBytes on the network for a Check and its answer, without what TCP and IP add
 * @param questionMicros of a processor of the server, for a message to an attached bridge and its
 *     answer
 * @param serverMib resident in a server that has only started
 * @param workloadKib heap that is held for a workload: baseline, snapshot, index
 * @param compileMicros of a processor, to make a snapshot of a baseline
 * @param revisionKib a workload's baseline as text, as it is stored and sent
 * @param liveMillis from a change until all of few replicas on PostgreSQL have it
 * @param liveMillisPerReplica what each replica more adds to that
 * @param changeMillis of the database and its readers, for a change when changes follow one another
 * @param changeMillisPerReplica what each replica more adds to that
 * @param partsPerSecond learned parts that one PostgreSQL takes
 */
record UnitCosts(
    @JsonProperty(value = "handshake_ms", required = true) double handshakeMillis,
    @JsonProperty(value = "connection_kib", required = true) double connectionKib,
    @JsonProperty(value = "bridge_kib", required = true) double bridgeKib,
    @JsonProperty(value = "pod_kib", required = true) double podKib,
    @JsonProperty(value = "check_busy_us", required = true) double busyCheckMicros,
    @JsonProperty(value = "check_quiet_us", required = true) double quietCheckMicros,
    @JsonProperty(value = "check_bytes", required = true) double checkBytes,
    @JsonProperty(value = "question_us", required = true) double questionMicros,
    @JsonProperty(value = "server_mib", required = true) double serverMib,
    @JsonProperty(value = "workload_kib", required = true) double workloadKib,
    @JsonProperty(value = "compile_us", required = true) double compileMicros,
    @JsonProperty(value = "revision_kib", required = true) double revisionKib,
    @JsonProperty(value = "live_ms", required = true) double liveMillis,
    @JsonProperty(value = "live_ms_per_replica", required = true) double liveMillisPerReplica,
    @JsonProperty(value = "change_ms", required = true) double changeMillis,
    @JsonProperty(value = "change_ms_per_replica", required = true) double changeMillisPerReplica,
    @JsonProperty(value = "parts_per_s", required = true) double partsPerSecond) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Those of an earlier run.
   *
   * @param file its output, whose last line is the object of {@code -o json}
   */
  static UnitCosts read(Path file) throws IOException {
    var line = Files.readString(file).strip();
    line = line.substring(line.lastIndexOf('\n') + 1);
    try {
      var costs = JSON.readTree(line).get("costs");
      if (costs == null) {
        throw new IOException(file + ": no 'costs' in its last line (expected: output of -o json)");
      }
      return JSON.treeToValue(costs, UnitCosts.class);
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": " + e.getOriginalMessage() + " (expected: output of -o json)", e);
    }
  }

  /** One object in one line. */
  String json() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
