package io.kith.load.scale;

import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.load.tools.Postgres;
import io.kith.server.store.PostgresStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * What changes cost on a real PostgreSQL with many replicas, each with a store of its own as a
 * server has it, and how many learned parts it takes.
 *
 * @param live by number of replicas: from one change alone until all have read it, in milliseconds,
 *     the middle
 * @param change the same: from one of many changes in a row to the next, all of them read by all
 * @param partsPerSecond parts that one writer got rid of, in the batches of a server
 */
record ChangeCosts(List<Slope.Point> live, List<Slope.Point> change, double partsPerSecond) {
  private static final Duration LIMIT = Duration.ofMinutes(1);
  private static final int BATCH = 2_000;
  private static final Instant NOON = Instant.parse("2026-11-26T12:00:00Z");

  /**
   * How much to measure.
   *
   * @param replicas of each point, two numbers or more, rising
   * @param alone changes of which each is waited for
   * @param inRow changes that are not
   * @param parts learned parts
   */
  record Extent(List<Integer> replicas, int alone, int inRow, int parts) {
    Extent {
      replicas = List.copyOf(replicas);
    }
  }

  ChangeCosts {
    live = List.copyOf(live);
    change = List.copyOf(change);
  }

  /** Nothing measured. */
  static ChangeCosts none() {
    return new ChangeCosts(List.of(), List.of(), 0);
  }

  /** Starts a database and measures it. */
  static ChangeCosts measure(Path folder, Extent extent, double revisionKib, Consumer<String> say)
      throws IOException, InterruptedException, SQLException, StoreException {
    var password = Files.writeString(folder.resolve("password"), Postgres.PASSWORD);
    var live = new ArrayList<Slope.Point>();
    var change = new ArrayList<Slope.Point>();
    try (var postgres = Postgres.start(say)) {
      for (var replicas : extent.replicas()) {
        say.accept(replicas + " replicas on PostgreSQL");
        var settings =
            new StoreSettings.Postgresql(
                postgres.newDatabase(), Postgres.USER, password, 2, Duration.ofSeconds(5), null);
        try (var readers = Readers.open(settings, replicas)) {
          var body = "{\"x\":\"" + "x".repeat((int) (revisionKib * 1_024)) + "\"}";
          readers.change(1, body); // connections are made, and what runs once has run
          readers.change(1, body);
          var alone = new double[extent.alone()];
          for (var i = 0; i < alone.length; i++) {
            alone[i] = readers.change(1, body);
          }
          Arrays.sort(alone);
          live.add(new Slope.Point(replicas, alone[alone.length / 2]));
          change.add(
              new Slope.Point(replicas, readers.change(extent.inRow(), body) / extent.inRow()));
        }
      }
      say.accept(extent.parts() + " learned parts");
      return new ChangeCosts(live, change, parts(postgres, password, extent.parts()));
    }
  }

  private static double parts(Postgres postgres, Path password, int parts)
      throws IOException, SQLException, StoreException {
    var settings =
        new StoreSettings.Postgresql(
            postgres.newDatabase(), Postgres.USER, password, 2, Duration.ofSeconds(5), null);
    try (var store = PostgresStore.open(settings, LIMIT)) {
      save(store, 0); // what is new the first time, and replaced after
      var began = System.nanoTime();
      for (var i = 0; i < parts; i += BATCH) {
        save(store, i / 2);
      }
      return Math.ceilDiv(parts, BATCH) * BATCH * 1e9 / (System.nanoTime() - began);
    }
  }

  private static void save(PostgresStore store, int from) throws StoreException {
    var parts = new ArrayList<LearnedPart>();
    for (var i = from; i < from + BATCH; i++) {
      // as long as an edge that was seen on one pod, with its seal
      parts.add(
          new LearnedPart(
              "kith-0",
              Owner.parse("team-" + i % 97 + "/deployment/app-" + i / 30),
              "edge:" + "0".repeat(50) + i,
              "{\"x\":\"" + "x".repeat(1_000) + "\"}"));
    }
    store.saveLearned(parts);
  }

  /** One replica, which reads every change as soon as it hears of it, as a server does. */
  private static final class Reader implements AutoCloseable {
    private final PostgresStore store;
    private final Runnable moved;
    private long position;
    private boolean closed;

    private Reader(PostgresStore store, Runnable moved) {
      this.store = store;
      this.moved = moved;
    }

    static Reader open(StoreSettings.Postgresql settings, Runnable moved) throws StoreException {
      var store = PostgresStore.open(settings, LIMIT);
      var reader = new Reader(store, moved);
      var _ = store.watch(reader::read); // as long as the store
      return reader;
    }

    private synchronized void read() {
      if (closed) {
        return;
      }
      try {
        var entries = store.after(position, 1_000);
        if (!entries.isEmpty()) {
          position = entries.getLast().position();
          moved.run();
        }
      } catch (StoreException e) {
        throw new IllegalStateException(e); // it is read the next time, or not in time
      }
    }

    synchronized long position() {
      return position;
    }

    @Override
    public synchronized void close() {
      closed = true;
      store.close();
    }
  }

  private static final class Readers implements AutoCloseable {
    private final Semaphore moved = new Semaphore(0);
    private final List<Reader> all = new ArrayList<>();
    private long last;

    static Readers open(StoreSettings.Postgresql settings, int replicas) throws StoreException {
      var readers = new Readers();
      for (var i = 0; i < replicas; i++) {
        readers.all.add(Reader.open(settings, readers.moved::release));
      }
      return readers;
    }

    /** Adds so many changes; milliseconds until all replicas have the last one. */
    double change(int changes, String body)
        throws IOException, StoreException, InterruptedException {
      var began = System.nanoTime();
      for (var i = 0; i < changes; i++) {
        last++;
        var change = new Change(NOON, "learner", "measured", "baseline", "shop/deployment/w", body);
        if (!all.getFirst().store.append(new Entry(last, change, "seal-" + last))) {
          throw new IOException("position " + last + " is taken");
        }
      }
      while (all.stream().anyMatch(reader -> reader.position() < last)) {
        if (!moved.tryAcquire(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
          throw new IOException("not all replicas have read change " + last + " after " + LIMIT);
        }
      }
      return (System.nanoTime() - began) / 1e6;
    }

    @Override
    public void close() {
      all.forEach(Reader::close);
    }
  }
}
