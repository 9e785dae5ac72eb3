package io.kith.load.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.Endpoint;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.load.mesh.KithProgram;
import io.kith.load.tools.RunningProcess;
import io.kith.server.bridge.BridgeHub;
import io.kith.server.check.Deadlines;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import io.kith.server.net.FolderPlace;
import io.kith.server.net.SocketFile;
import io.kith.server.net.UnixServer;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Bridges of one node that take over from each other, each a process of its own, at the real
 * server's end of their streams: the server is asked about a connection all the time.
 */
@Timeout(600)
class StandByTest {
  private static final SpiffeId SERVER =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/authz-server");
  private static final SpiffeId BRIDGE =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/identity-bridge");
  private static final IpAddress POD = IpAddress.parse("127.0.0.1");
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** How long a server waits for a bridge by default. */
  private static final Duration BRIDGE_TIMEOUT = Duration.ofMillis(300);

  /** Generous: lost are questions that no bridge answers, not those that a busy machine delays. */
  private static final Duration LOST = Duration.ofSeconds(5);

  @TempDir private Path folder;

  private RunningProcess bridge(String name) throws IOException {
    var config = folder.resolve(name + ".yaml");
    Files.writeString(
        config,
        """
        identity: {provider: dev, dev: {directory: %1$s}}
        bridge:
          node: node-1
          spiffeId: %2$s
          serverId: %3$s
          servers: ["unix:%1$s/servers/"]
          status: %1$s/%4$s.sock
          lock: %1$s/guard.lock
          hostNetwork: true
          pin: "off"
          runtime: none
        """
            .formatted(folder, BRIDGE, SERVER, name));
    return KithProgram.BRIDGE.start(
        List.of(), name, log(name), List.of("bridge", "--config", config.toString()));
  }

  private Path log(String name) {
    return folder.resolve(name + ".log");
  }

  private boolean says(String name, String words) throws IOException {
    return Files.exists(log(name)) && Files.readString(log(name)).contains(words);
  }

  private void await(String what, Callable<Boolean> condition) throws Exception {
    var end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  private record Asked(long nanos, Attribution answer) {}

  /** Asks some hundred times a second until told to end. */
  private static Thread asking(
      BridgeHub hub, AtomicBoolean enough, Queue<CompletableFuture<Asked>> all) {
    return Thread.ofVirtual()
        .start(
            () -> {
              for (int number = 0; !enough.get(); number++) {
                var query =
                    new SocketQuery(
                        "node-1",
                        Protocol.TCP,
                        new SocketEnd(POD, 1_024 + number % 60_000),
                        new SocketEnd(IpAddress.parse("127.0.0.9"), 5_432),
                        SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout"),
                        "",
                        LOST);
                var began = System.nanoTime();
                all.add(
                    hub.ask(query, _ -> {})
                        .thenApply(answer -> new Asked(System.nanoTime() - began, answer)));
                try {
                  TimeUnit.MILLISECONDS.sleep(5);
                } catch (InterruptedException _) {
                  return;
                }
              }
            });
  }

  @Test
  void bridge_besideAnother_standsBy_andTakesOverUnnoticed() throws Exception {
    var clock = Clock.systemUTC();
    var running = new ArrayList<RunningProcess>();
    var sockets = Files.createDirectory(folder.resolve("servers"));
    try (var authority =
            DevIdentity.start(
                new DevIdentity.Settings(
                    folder, "dev.kith.local", Duration.ofHours(1), Set.of(SERVER, BRIDGE)),
                clock);
        var own = WorkloadApiSource.start(authority.socketOf(SERVER), SERVER, clock);
        var place = FolderPlace.await(sockets, PATIENCE, _ -> {});
        var deadlines = new Deadlines()) {
      assertThat(own.awaitReady(PATIENCE)).isTrue();
      var hub = new BridgeHub(deadlines, new NodeBridges(), InstantSource.system());
      var socket = ((Endpoint.Unix) place.endpoint()).path();
      try (var _ =
          UnixServer.start(
              "server.bridges.listen",
              socket,
              SocketFile.Access.GROUP,
              (at, _) -> HubServer.builder(at, hub, own, BRIDGE))) {
        running.add(bridge("bridge-0"));
        await("the first attaches", () -> says("bridge-0", "attached to unix:" + socket));
        await("its pod", () -> hub.statuses().stream().anyMatch(status -> status.pods() > 0));

        var unnoticed = false;
        for (int turn = 1; turn <= 3 || (!unnoticed && turn <= 6); turn++) {
          var name = "bridge-" + turn;
          running.add(bridge(name));
          await(name + " stands by", () -> says(name, "stands by: another bridge"));
          assertThat(hub.statuses()).hasSize(1);
          TimeUnit.SECONDS.sleep(1);
          assertThat(says(name, "attached")).as(Files.readString(log(name))).isFalse();
          var enough = new AtomicBoolean();
          var questions = new ConcurrentLinkedQueue<CompletableFuture<Asked>>();
          var asking = asking(hub, enough, questions);
          await("questions", () -> questions.size() > 50);

          running.removeFirst().close(); // by a signal
          await(name + " takes over", () -> says(name, "attached to unix:" + socket));
          var before = questions.size();
          await("more questions", () -> questions.size() > before + 50);
          enough.set(true);
          asking.join();
          var asked = questions.stream().map(CompletableFuture::join).toList();

          var unanswered =
              asked.stream()
                  .filter(one -> one.answer() instanceof Attribution.BridgeUnavailable)
                  .toList();
          var longest = asked.stream().mapToLong(Asked::nanos).max().orElse(0);
          System.out.printf(
              "[stand-by] %s: %d questions, %d without a bridge, the longest took %d ms%n",
              name, asked.size(), unanswered.size(), TimeUnit.NANOSECONDS.toMillis(longest));
          assertThat(asked).hasSizeGreaterThan(100);
          assertThat(unanswered).as(Files.readString(log(name))).isEmpty();
          unnoticed |= longest < BRIDGE_TIMEOUT.toNanos();
        }
        assertThat(unnoticed).as("once within %s", BRIDGE_TIMEOUT).isTrue();
      }
    } finally {
      for (var process : running) {
        process.close();
      }
    }
  }
}
