package io.kith.bridge.capture;

import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.MapReader;
import io.kith.bridge.ffm.Processors;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The maps in which the kernel writes down who opened which connection. Thread-safe. */
final class Tables implements AutoCloseable {
  /*
   *  owners     LRU hash, of all pods              the latest owner of each key
   *  previous   LRU hash, of all pods              owners before that, each in a slot of the key
   *  reserves   netns cookie → LRU hash of a pod   again the latest owners, of that pod only
   *  counters   one value of Counter
   *
   * A pod that opens many connections pushes those of others out of owners, never out of their
   * reserves (docs/adr/0004-connections-remembered.md).
   */
  private static final int PODS = 4_096;
  private static final int RESERVE_PER_PROCESSOR = 256;
  private static final int LEAST_RESERVE = 1_024;
  private static final int MOST_RESERVE = 2_048;

  /** Of all reserves together: it is the bridge's own memory to the kernel. */
  static final long RESERVES_BYTES = 128L << 20;

  /**
   * A key, a record, 48 bytes of the kernel's, a bucket, and a share of what each processor has.
   */
  static final int ENTRY_BYTES = 300;

  private static final int COOKIE_BYTES = 8;
  private static final String RESERVE = "reserve-";
  private static final int ENOMEM = 12;
  private static final String OUT_OF_RESERVES =
      "their reserves would take more than " + (RESERVES_BYTES >> 20) + " MiB";

  private final Pins pins;
  private final int entries;
  private final int processors;
  private final Descriptor owners;
  private final Descriptor previous;
  private final Descriptor reserves;
  private final Descriptor counters;
  private final MapReader ownersReader;
  private final MapReader previousReader;
  private final MapReader countersReader;
  private final Map<Long, Reserve> open = new HashMap<>(); // guarded by this
  private volatile Map<Long, MapReader> readers = Map.of();

  private Tables(
      Pins pins,
      int entries,
      int processors,
      Descriptor owners,
      Descriptor previous,
      Descriptor reserves,
      Descriptor counters) {
    this.pins = pins;
    this.entries = entries;
    this.processors = processors;
    this.owners = owners;
    this.previous = previous;
    this.reserves = reserves;
    this.counters = counters;
    this.ownersReader = reader(owners);
    this.previousReader = reader(previous);
    this.countersReader = new MapReader(counters, 4, Counter.BYTES);
  }

  private record Reserve(Descriptor table, int entries) {}

  private static MapReader reader(Descriptor table) {
    return new MapReader(table, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES);
  }

  /**
   * Makes the maps, or takes over what is pinned.
   *
   * @param entries connections remembered of all pods together
   */
  static Tables open(Pins pins, int entries) throws KernelException {
    var processors = Processors.possible();
    var owners = table(pins, "owners", entries);
    var previous = table(pins, "previous", Math.max(1_024, entries / 4));
    var counters = pins.map("counters", MapKind.ARRAY, 4, Counter.BYTES, 1);
    try (var example =
        Bpf.map(
            MapKind.LRU_HASH, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES, reserve(processors, 0))) {
      var reserves =
          pins.map(
              "reserves",
              MapKind.HASH_OF_MAPS,
              COOKIE_BYTES,
              4,
              PODS,
              () -> Bpf.mapOfMaps(COOKIE_BYTES, PODS, example));
      return new Tables(pins, entries, processors, owners, previous, reserves, counters);
    }
  }

  /**
   * Entries of one more reserve; 0 when there is no memory for it.
   *
   * @param used bytes of all reserves that there are
   */
  static int reserve(int processors, long used) {
    var wanted = Math.clamp((long) RESERVE_PER_PROCESSOR * processors, LEAST_RESERVE, MOST_RESERVE);
    var entries = used < RESERVES_BYTES / 2 ? wanted : LEAST_RESERVE;
    return used + (long) entries * ENTRY_BYTES <= RESERVES_BYTES ? entries : 0;
  }

  private static Descriptor table(Pins pins, String name, int entries) throws KernelException {
    return pins.map(name, MapKind.LRU_HASH, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES, entries);
  }

  Descriptor owners() {
    return owners;
  }

  Descriptor previous() {
    return previous;
  }

  Descriptor reserves() {
    return reserves;
  }

  Descriptor counters() {
    return counters;
  }

  /** Connections of each pod with a reserve that nobody else pushes out, at least. */
  synchronized int reservePerPod() {
    return open.values().stream().mapToInt(Reserve::entries).min().orElse(reserve(processors, 0));
  }

  /** What the programs counted since they were first attached. */
  long count(Counter counter) {
    var values = countersReader.get(new byte[4]);
    return values == null
        ? 0
        : ByteBuffer.wrap(values).order(ByteOrder.LITTLE_ENDIAN).getLong(counter.offset());
  }

  /**
   * Connections that the table of all pods has given up for newer ones, at least: a full one gives
   * up one for each that comes.
   */
  long evicted() {
    return Math.max(0, count(Counter.CONNECTS) - entries);
  }

  /**
   * The record of a key, from the table of all pods or else from the reserve of the pod.
   *
   * @param netnsCookie the pod's, as in the key
   */
  byte @Nullable [] owner(long netnsCookie, byte[] key) {
    var found = own(ownersReader.get(key), key);
    var reader = found == null ? readers.get(netnsCookie) : null;
    return reader == null ? found : own(reader.get(key), key);
  }

  private static byte @Nullable [] own(byte @Nullable [] record, byte[] key) {
    return record != null && OwnerRecord.isOf(record, key) ? record : null;
  }

  /**
   * The record of an earlier owner of a key; null when it had to give way to others.
   *
   * @param number how many owners the key had before that one
   */
  byte @Nullable [] earlierOwner(byte[] key, int number) {
    var record = own(previousReader.get(OwnerRecord.key(key, number)), key);
    return record == null || OwnerRecord.number(record) != number ? null : record;
  }

  /**
   * Gives each of these pods a reserve, the oldest first, and takes it from all others.
   *
   * @param cookies of their network namespaces
   * @throws KernelException when some got none; the others have theirs
   */
  synchronized void reserveFor(Set<Long> cookies) throws KernelException {
    var gone = new HashSet<>(open.keySet());
    gone.removeAll(cookies);
    var stay = new HashMap<>(readers);
    stay.keySet().retainAll(cookies);
    readers = Map.copyOf(stay);
    for (var cookie : gone) {
      Bpf.remove(reserves, bytes(cookie));
      var reserve = open.remove(cookie);
      if (reserve != null) {
        reserve.table.close();
      }
    }
    for (var name : pins.namesThatBeginWith(RESERVE)) {
      var cookie = Long.parseUnsignedLong(name.substring(RESERVE.length()));
      if (!cookies.contains(cookie)) {
        Bpf.remove(reserves, bytes(cookie));
        pins.forget(name);
      }
    }
    KernelException refused = null;
    var without = 0;
    for (var cookie : new TreeSet<>(cookies)) {
      try {
        if (!open.containsKey(cookie) && !reserveFor(cookie)) {
          without++;
        }
      } catch (KernelException e) {
        refused = e;
      }
    }
    open.forEach((cookie, reserve) -> stay.computeIfAbsent(cookie, _ -> reader(reserve.table)));
    readers = Map.copyOf(stay);
    if (refused != null) {
      throw refused;
    }
    if (without > 0) {
      throw new KernelException(
          "keep those of " + without + " networks apart", ENOMEM, OUT_OF_RESERVES);
    }
  }

  /** Whether there is memory for it. */
  private boolean reserveFor(long cookie) throws KernelException {
    var used = open.values().stream().mapToLong(Reserve::entries).sum() * ENTRY_BYTES;
    var entries = reserve(processors, used);
    if (entries == 0) {
      return false;
    }
    var table = table(pins, RESERVE + Long.toUnsignedString(cookie), entries);
    try {
      Bpf.put(reserves, bytes(cookie), bytes(table.number()));
    } catch (KernelException e) {
      table.close();
      throw e;
    }
    open.put(cookie, new Reserve(table, entries));
    return true;
  }

  private static byte[] bytes(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }

  private static byte[] bytes(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  @Override
  public synchronized void close() {
    open.values().forEach(reserve -> reserve.table.close());
    open.clear();
    counters.close();
    reserves.close();
    previous.close();
    owners.close();
  }
}
