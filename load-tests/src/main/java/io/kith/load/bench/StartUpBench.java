package io.kith.load.bench;

import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.SocketOwners;
import io.kith.bridge.ffm.Tuple;
import io.kith.load.lab.Pod;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * A bridge that starts where many processes are: how soon it knows them, and who opened a
 * connection that is older than it.
 */
final class StartUpBench {
  private static final int PROCESSES = 10_000;
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /** Forks, connects from the last child, and lets all end with it. Argument: how many. */
  private static final String CROWD =
      """
      use strict; use Socket;
      pipe(my $wait, my $hold) or die "pipe: $!";
      for my $i (2 .. $ARGV[0]) {
        my $pid = fork();
        defined $pid or die "fork: $!";
        next if $pid;
        close $hold;
        my $s;
        if ($i == $ARGV[0]) {
          socket($s, AF_INET, SOCK_STREAM, 0) or die;
          connect($s, sockaddr_in(443, inet_aton("198.18.6.1"))) or die "connect: $!";
          syswrite $s, "$$ 198.18.6.1 443\\n";
        }
        sysread $wait, my $nothing, 1;
        exit;
      }
      <STDIN>;
      """;

  private StartUpBench() {}

  private record Older(int pid, Tuple seen) {}

  /** What a started bridge says, and its memory. */
  record Figures(BridgeFigures.StartUp startUp, long residentMebibytes) {}

  static Figures run(Pod pod, Path config, Path log, Supplier<SocketOwners> bridge)
      throws IOException, InterruptedException {
    var older = new CompletableFuture<Older>();
    try (var _ =
        RedirectedListener.open(
            pod.namespace(), (pid, seen) -> older.complete(new Older(pid, seen)))) {
      var crowd = crowd(pod);
      try {
        var connection = older.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
        try (var process = BridgeProcess.start(config, log)) {
          var found = process.found();
          return new Figures(
              new BridgeFigures.StartUp(
                  PROCESSES,
                  found.processes(),
                  found.millis(),
                  olderConnectionMillis(bridge, connection)),
              process.residentMebibytes());
        }
      } catch (ExecutionException | TimeoutException e) {
        throw new IOException("the processes did not start", e);
      } finally {
        crowd.destroyForcibly().onExit().join();
      }
    }
  }

  private static Process crowd(Pod pod) throws IOException {
    var script = pod.folder().resolve("crowd.pl");
    Files.writeString(script, CROWD);
    return new ProcessBuilder(
            "nsenter",
            "--net=" + pod.namespace().handle(),
            "sh",
            "-c",
            "ulimit -u unlimited; exec perl \"$@\"",
            "sh",
            script.toString(),
            Integer.toString(PROCESSES))
        .redirectErrorStream(true)
        .redirectOutput(pod.folder().resolve("crowd.log").toFile())
        .start();
  }

  /** By another bridge, whose capture knows as little of it; -1 when it is nobody's. */
  private static long olderConnectionMillis(Supplier<SocketOwners> bridge, Older older)
      throws InterruptedException {
    try (var owners = bridge.get()) {
      var began = System.nanoTime();
      var found = owners.resolve(older.seen());
      var millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
      var pids = found.owners().stream().map(Owner::pid).toList();
      return pids.equals(List.of(older.pid())) ? millis : -1;
    }
  }
}
