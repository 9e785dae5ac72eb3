package io.kith.server.rehearsal;

import io.kith.baselines.identity.SpiffeId;
import io.kith.server.net.CheckClient;
import io.kith.server.net.EncodedCheck;
import io.kith.server.net.RehearsedBridge;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** The sidecar of the pod: asks about connections and requests to one destination. */
final class RehearsedEnvoy implements AutoCloseable {
  static final String DESTINATION = "192.0.2.20";
  private static final String NAME = "db.rehearsal.invalid";
  private static final int DESTINATION_PORT = 5432;
  private static final Map<String, String> HEADERS =
      Map.of(
          "grpc-timeout", "10S",
          "x-kith-direction", "outbound",
          "x-kith-node", RehearsedBridge.NODE,
          "x-kith-cluster", "PassthroughCluster");
  private static final int ROUNDS = 15;
  private static final int SOCKETS = 200;
  private static final Duration LIMIT = Duration.ofMinutes(1);

  private final WorkloadApiSource identity;
  private final CheckClient client;

  private RehearsedEnvoy(WorkloadApiSource identity, CheckClient client) {
    this.identity = identity;
    this.client = client;
  }

  static RehearsedEnvoy connect(int port, DevIdentity issuer, SpiffeId server)
      throws InterruptedException, IOException {
    var identity = Rehearsal.identity(issuer, Rehearsal.POD);
    return new RehearsedEnvoy(
        identity,
        CheckClient.connect(
            port, SpiffeTls.grpcClientContext(identity, server::equals), List.of(HEADERS)));
  }

  /** Asks once about a connection and once about a request. */
  void ask(boolean allowed, int port) throws IOException, InterruptedException {
    ask(allowed, List.of(question(port, false), question(port, true)));
  }

  /** Asks about some sockets again and again, all of which are allowed. */
  void askMany(int firstPort) throws IOException, InterruptedException {
    var questions =
        IntStream.range(0, SOCKETS).mapToObj(i -> question(firstPort + i, i % 2 == 1)).toList();
    for (var round = 0; round < ROUNDS; round++) {
      ask(true, questions);
    }
  }

  private void ask(boolean allowed, List<CheckClient.Question> questions)
      throws IOException, InterruptedException {
    var permitted = client.ask(questions, LIMIT);
    if (permitted != (allowed ? questions.size() : 0)) {
      throw new IllegalStateException(permitted + " of " + questions.size() + " allowed");
    }
  }

  private static CheckClient.Question question(int port, boolean request) {
    return new CheckClient.Question(
        EncodedCheck.of(
            Rehearsal.POD_ADDRESS.toString(),
            port,
            DESTINATION,
            DESTINATION_PORT,
            NAME,
            request ? NAME + ":" + DESTINATION_PORT : null),
        Map.of("x-kith-conn", Integer.toString(port)));
  }

  @Override
  public void close() {
    client.close();
    identity.close();
  }
}
