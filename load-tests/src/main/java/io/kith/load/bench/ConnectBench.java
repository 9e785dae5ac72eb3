package io.kith.load.bench;

import io.kith.bridge.capture.SocketOwners;
import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.ffm.RawConnections;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.ToDoubleFunction;

/**
 * What the bridge's programs in the kernel cost: two threads connect, with and without them, in
 * rounds that take turns, so that what else the machine does hits both.
 */
final class ConnectBench {
  private static final int THREADS = 2;
  private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");

  /** Nobody listens there, or the threads themselves do. */
  private static final int TARGET_PORT = 15_900;

  private final NetworkNamespace namespace;
  private final SocketOwners.Settings settings;

  private ConnectBench(NetworkNamespace namespace, SocketOwners.Settings settings) {
    this.namespace = namespace;
    this.settings = settings;
  }

  /** Connects so many times and says the nanoseconds of a processor that it took. */
  private interface Load {
    long run(InetAddress address, int port, int times) throws IOException;
  }

  private record Round(double perSecond, double nanosEach) {}

  private record Pair(Round without, Round with, long recorded) {}

  /**
   * The figures.
   *
   * @param refused connects to a port where nobody listens: what is measured is connect(2)
   * @param whole connections that are made, accepted, reset and closed at both ends
   */
  record Figures(Side refused, Side whole) {}

  /**
   * One kind of load, the middle rounds.
   *
   * @param addedNanosMean processor time that one takes more, on average over a round
   * @param recorded those that the kernel wrote down, in all rounds
   */
  record Side(
      double perSecond, double perSecondWithout, double addedNanosMean, long recorded, long made) {}

  /** Runs it in a network without rules, where what is sent to itself meets no other filter. */
  static Figures run(NetworkNamespace namespace, SocketOwners.Settings settings)
      throws IOException, InterruptedException {
    var bench = new ConnectBench(namespace, settings);
    try (var own = OwnCgroup.enter()) {
      return new Figures(
          bench.side(own, RawConnections::connectToNobody, 100_000, 5),
          bench.side(own, RawConnections::connectAndReset, 30_000, 9));
    }
  }

  private Side side(OwnCgroup own, Load load, int perThread, int rounds)
      throws IOException, InterruptedException {
    round(load, perThread); // warm
    var pairs = new ArrayList<Pair>();
    for (var i = 0; i < rounds; i++) {
      var without = round(load, perThread);
      try (var cgroup = own.open();
          var owners = SocketOwners.open(settings, cgroup)) {
        if (!owners.canaryFound()) {
          throw new IOException("no bridge to compare with: " + owners.problems());
        }
        var before = owners.connectsSeen();
        var with = round(load, perThread);
        pairs.add(new Pair(without, with, owners.connectsSeen() - before));
      }
    }
    return new Side(
        middle(pairs, pair -> pair.with.perSecond),
        middle(pairs, pair -> pair.without.perSecond),
        middle(pairs, pair -> pair.with.nanosEach - pair.without.nanosEach),
        pairs.stream().mapToLong(Pair::recorded).sum(),
        (long) rounds * THREADS * perThread);
  }

  private Round round(Load load, int perThread) throws IOException, InterruptedException {
    var nanos = new ConcurrentLinkedQueue<Long>();
    var failures = new ConcurrentLinkedQueue<Exception>();
    var threads = new ArrayList<Thread>();
    var began = System.nanoTime();
    for (var i = 0; i < THREADS; i++) {
      var port = TARGET_PORT + i;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      nanos.add(namespace.call(() -> load.run(LOOPBACK, port, perThread)));
                    } catch (IOException | InterruptedException e) {
                      failures.add(e);
                    }
                  }));
    }
    for (var thread : threads) {
      thread.join();
    }
    var seconds = (System.nanoTime() - began) / 1e9;
    if (!failures.isEmpty()) {
      throw new IOException("connections failed: " + failures.peek());
    }
    var made = THREADS * perThread;
    return new Round(made / seconds, nanos.stream().mapToLong(n -> n).sum() / (double) made);
  }

  private static double middle(List<Pair> pairs, ToDoubleFunction<Pair> figure) {
    return pairs.stream().mapToDouble(figure).sorted().skip(pairs.size() / 2).findFirst().orElse(0);
  }
}
