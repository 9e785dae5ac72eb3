package io.kith.server.fleet;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.bundle.LearnedSeals.Opened;
import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.check.Sidecars;
import io.kith.server.check.Sidecars.State;
import io.kith.server.check.Untrusted;
import io.kith.server.store.SidecarTable;
import io.kith.server.store.SidecarTable.Place;
import io.kith.server.store.SidecarTable.Row;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Tells the other servers of a store what sidecars said to this one and to the check servers that
 * follow it, and takes what was said to them: a batch each second, on a thread of its own.
 *
 * <p>While the store is away what was heard here counts as ever; the rest comes when it is back.
 */
public final class SharedSidecars implements AutoCloseable {
  /*
   * Servers' clocks differ, so what is told has times of the database. Its clock is read before each
   * batch, and is known as exactly as the answer was quick. Where that leaves a choice a closed
   * sidecar was heard earlier and an open one later: the order of the two is never turned round in
   * favour of closed.
   *
   * Rows are sealed as learned parts are: who can write to the database cannot close a sidecar.
   * He can keep back that one opened.
   */

  private static final System.Logger LOG = System.getLogger(SharedSidecars.class.getName());
  private static final Duration PERIOD = Duration.ofSeconds(1);

  /** How exactly the database's clock has to be known. */
  private static final Duration EXACT = Duration.ofSeconds(1);

  /**
   * Other connections of a sidecar that says the same are news only after so long: no longer than
   * what is allowed for between a pod's start and its first Check, so that a new pod with an old
   * address is heard.
   */
  private static final Duration SAME = Duration.ofSeconds(10);

  /** Another server may know a pod earlier. */
  private static final Duration GONE = Duration.ofMinutes(10);

  private static final int PAGE = 1_000;
  private static final int PAGES = 10;
  private static final int LOOK_FOR_GONE = 60;

  private final SidecarTable table;
  private final Sidecars sidecars;
  private final WorkloadDirectory directory;
  private final String replica;
  private final SigningKey key;
  private final LearnedSeals seals;
  private final InstantSource clock;
  private final CountDownLatch closed = new CountDownLatch(1);

  // of one thread
  private final Map<IpAddress, Told> known = new HashMap<>();
  private final Map<IpAddress, Instant> withoutPod = new HashMap<>();
  private Place place = Place.START;
  private long told;
  private int rounds;
  private boolean failed;
  private boolean refused;

  /** What a row says, in times of the database. */
  record Told(Owner owner, boolean open, Instant asked, Instant changed) {
    /** Shape: {@code open|closed ASKED CHANGED}, in milliseconds. */
    String body() {
      return (open ? "open " : "closed ") + asked.toEpochMilli() + " " + changed.toEpochMilli();
    }

    static Told parse(Owner owner, String body) {
      var words = body.split(" ", -1);
      if (words.length != 3 || !words[0].matches("open|closed")) {
        throw new IllegalArgumentException("body: not what a sidecar says");
      }
      return new Told(
          owner,
          words[0].equals("open"),
          Instant.ofEpochMilli(Long.parseLong(words[1])),
          Instant.ofEpochMilli(Long.parseLong(words[2])));
    }

    boolean isNewsAfter(@Nullable Told known) {
      return known == null
          || (!asked.isBefore(known.asked)
              && (open != known.open
                  || !owner.equals(known.owner)
                  || asked.isAfter(known.asked.plus(SAME))));
    }
  }

  /**
   * What is added to a time here to have the database's.
   *
   * @param least if its answer took no time to be asked for
   * @param most if its answer took no time to come
   * @param now here
   */
  record Offset(Duration least, Duration most, Instant now) {
    boolean isExact() {
      var doubt = most.minus(least);
      return !doubt.isNegative() && doubt.compareTo(EXACT) <= 0;
    }

    Told there(Owner owner, State state) {
      return new Told(
          owner,
          state.open(),
          past(state.asked()).plus(state.open() ? most : least),
          past(state.changed()).plus(most));
    }

    /**
     * Of open ones as late as they can have been, as the table has whole milliseconds: of two that
     * came in one it keeps the open one, which has to count here as well.
     */
    State here(IpAddress pod, Told told) {
      return told.open
          ? new State(
              pod,
              true,
              past(told.asked.minus(least).plusMillis(1)),
              past(told.changed.minus(least).plusMillis(1)))
          : new State(pod, false, past(told.asked.minus(most)), past(told.changed.minus(least)));
    }

    /** This clock may have been put back, or was not known as exactly. */
    private Instant past(Instant time) {
      return time.isBefore(now) ? time : now;
    }
  }

  /**
   * Shares nothing yet.
   *
   * @param replica name of this server in the store
   * @param key which the other servers trust
   * @param trusted keys of the servers of the store
   */
  public SharedSidecars(
      SidecarTable table,
      Sidecars sidecars,
      WorkloadDirectory directory,
      String replica,
      SigningKey key,
      Keyring trusted,
      InstantSource clock) {
    this.table = requireNonNull(table, "table");
    this.sidecars = requireNonNull(sidecars, "sidecars");
    this.directory = requireNonNull(directory, "directory");
    this.replica = requireNonNull(replica, "replica");
    this.key = requireNonNull(key, "key");
    this.seals = new LearnedSeals(trusted);
    this.clock = requireNonNull(clock, "clock");
  }

  /** Shares from now on, until closed. */
  public SharedSidecars start() {
    Thread.ofPlatform().daemon().name("kith-sidecars").start(this::run);
    return this;
  }

  private void run() {
    try {
      while (!closed.await(PERIOD.toMillis(), TimeUnit.MILLISECONDS)) {
        try {
          exchange();
          failed = false;
        } catch (StoreException e) {
          LOG.log(
              failed ? Level.DEBUG : Level.WARNING,
              "sidecars of other servers not known; tried again",
              e);
          failed = true;
        } catch (RuntimeException | Error e) {
          LOG.log(Level.ERROR, "sidecars of other servers not known; tried again", e);
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** Tells what is new here, takes what is new there, and forgets pods that are gone; once. */
  public void exchange() throws StoreException {
    var before = clock.instant();
    var table = this.table.now();
    var now = clock.instant();
    var offset =
        new Offset(
            Duration.between(now, table.time()), Duration.between(before, table.time()), now);
    if (!offset.isExact()) {
      LOG.log(Level.DEBUG, "the store was too slow to tell the time; asked again");
      return;
    }
    if (table.version() < place.version()) {
      place = Place.START;
      known.clear();
      told = 0;
    }
    tell(offset);
    read(offset);
    if (++rounds % LOOK_FOR_GONE == 0) {
      known.forEach(
          (pod, said) -> {
            if (!isThere(pod, said)) {
              withoutPod.putIfAbsent(pod, now);
            }
          });
    }
    forget(offset, table.time());
  }

  private boolean isThere(IpAddress pod, Told said) {
    var workload = directory.at(pod);
    return workload != null && workload.owner().equals(said.owner);
  }

  private void tell(Offset offset) throws StoreException {
    var news = sidecars.after(told, PAGE);
    var said = new LinkedHashMap<IpAddress, Told>();
    for (var state : news.states()) {
      var workload = directory.at(state.pod());
      if (workload != null) {
        var now = offset.there(workload.owner(), state);
        if (now.isNewsAfter(known.get(state.pod()))) {
          said.put(state.pod(), now);
        }
      }
    }
    table.tell(rows(said));
    known.putAll(said);
    told = news.version();
  }

  private List<Row> rows(Map<IpAddress, Told> said) {
    var plain = new ArrayList<Plain>();
    said.forEach(
        (pod, now) ->
            plain.add(new Plain(new LearnedPart(replica, now.owner, keyOf(pod), now.body()), 0)));
    var sealed = LearnedSeals.seal(plain, key).iterator();
    var rows = new ArrayList<Row>();
    said.forEach(
        (pod, now) ->
            rows.add(
                new Row(
                    pod.toString(),
                    now.open,
                    now.asked,
                    replica,
                    now.owner.toString(),
                    sealed.next().body())));
    return rows;
  }

  /** No learned part has such a key, nor such a body: the one never counts as the other. */
  private static String keyOf(IpAddress pod) {
    return "sidecar:" + pod;
  }

  private void read(Offset offset) throws StoreException {
    for (var page = 0; page < PAGES; page++) {
      var rows = table.after(place, PAGE);
      for (var one : rows) {
        take(one.row(), offset);
        place = one.place();
      }
      if (rows.size() < PAGE) {
        return;
      }
    }
  }

  private void take(Row row, Offset offset) {
    try {
      var pod = IpAddress.parse(row.pod());
      var sealed = new LearnedPart(row.replica(), Owner.parse(row.owner()), keyOf(pod), row.body());
      switch (seals.open(sealed)) {
        case Opened.Good(var plain) -> {
          var said = Told.parse(plain.part().owner(), plain.part().body());
          known.put(pod, said);
          if (isThere(pod, said)) {
            sidecars.elsewhere(offset.here(pod, said));
            var here = sidecars.of(pod);
            if (!said.open && here != null && here.open()) {
              sidecars.again(pod); // who said it does not know that it counts no more
            }
          } else {
            withoutPod.putIfAbsent(pod, offset.now);
          }
        }
        case Opened.Refused(var why) -> refuse(row, why);
      }
    } catch (IllegalArgumentException e) {
      refuse(row, String.valueOf(e.getMessage()));
    }
  }

  private void refuse(Row row, String why) {
    LOG.log(
        refused ? Level.DEBUG : Level.WARNING,
        () -> "what sidecar " + Untrusted.plain(row.pod(), 100) + " said is not used: " + why);
    refused = true;
  }

  /** A pod that this server gets to know later is heard then. */
  private void forget(Offset offset, Instant time) throws StoreException {
    var gone = new ArrayList<IpAddress>();
    withoutPod
        .entrySet()
        .removeIf(
            one -> {
              var pod = one.getKey();
              var said = known.get(pod);
              if (said == null) {
                return true;
              }
              if (isThere(pod, said)) {
                sidecars.elsewhere(offset.here(pod, said));
                return true;
              }
              if (gone.size() < PAGE
                  && offset.now.isAfter(one.getValue().plus(GONE))
                  && said.asked.isBefore(time.minus(GONE))) {
                gone.add(pod);
              }
              return false;
            });
    table.remove(gone.stream().map(IpAddress::toString).toList(), time.minus(GONE));
    gone.forEach(known::remove);
  }

  @Override
  public void close() {
    closed.countDown();
  }
}
