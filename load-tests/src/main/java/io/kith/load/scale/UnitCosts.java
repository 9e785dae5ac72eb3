package io.kith.load.scale;

import java.util.Locale;

/**
 * What one of each thing costs, as measured with the real parts on one machine.
 *
 * @param handshakeMillis of a processor of the server, for a new connection of a sidecar: mutual
 *     TLS, HTTP/2, its first Check
 * @param connectionKib needed in the server, live objects and native, for a connection that has asked once and is idle
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
    double handshakeMillis,
    double connectionKib,
    double bridgeKib,
    double podKib,
    double busyCheckMicros,
    double quietCheckMicros,
    double checkBytes,
    double questionMicros,
    double serverMib,
    double workloadKib,
    double compileMicros,
    double revisionKib,
    double liveMillis,
    double liveMillisPerReplica,
    double changeMillis,
    double changeMillisPerReplica,
    double partsPerSecond) {

  /** One object in one line. */
  String json() {
    return String.format(
        Locale.ROOT,
        "{\"handshake_ms\":%.3f,\"connection_kib\":%.2f,\"bridge_kib\":%.2f,\"pod_kib\":%.3f,"
            + "\"check_busy_us\":%.2f,\"check_quiet_us\":%.2f,\"check_bytes\":%.0f,"
            + "\"question_us\":%.2f,\"server_mib\":%.1f,\"workload_kib\":%.2f,\"compile_us\":%.1f,"
            + "\"revision_kib\":%.2f,\"live_ms\":%.2f,\"live_ms_per_replica\":%.3f,"
            + "\"change_ms\":%.3f,\"change_ms_per_replica\":%.3f,\"parts_per_s\":%.0f}",
        handshakeMillis,
        connectionKib,
        bridgeKib,
        podKib,
        busyCheckMicros,
        quietCheckMicros,
        checkBytes,
        questionMicros,
        serverMib,
        workloadKib,
        compileMicros,
        revisionKib,
        liveMillis,
        liveMillisPerReplica,
        changeMillis,
        changeMillisPerReplica,
        partsPerSecond);
  }
}
