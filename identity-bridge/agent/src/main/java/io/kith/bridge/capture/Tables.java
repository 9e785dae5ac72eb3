package io.kith.bridge.capture;

import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.MapReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
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
  private static final int COOKIE_BYTES = 8;
  private static final String RESERVE = "reserve-";

  private final Pins pins;
  private final int entries;
  private final int reserve;
  private final Descriptor owners;
  private final Descriptor previous;
  private final Descriptor reserves;
  private final Descriptor counters;
  private final MapReader ownersReader;
  private final MapReader previousReader;
  private final MapReader countersReader;
  private final Map<Long, Descriptor> open = new HashMap<>(); // guarded by this
  private volatile Map<Long, MapReader> readers = Map.of();

  private Tables(
      Pins pins,
      int entries,
      int reserve,
      Descriptor owners,
      Descriptor previous,
      Descriptor reserves,
      Descriptor counters) {
    this.pins = pins;
    this.entries = entries;
    this.reserve = reserve;
    this.owners = owners;
    this.previous = previous;
    this.reserves = reserves;
    this.counters = counters;
    this.ownersReader = reader(owners);
    this.previousReader = reader(previous);
    this.countersReader = new MapReader(counters, 4, Counter.BYTES);
  }

  private static MapReader reader(Descriptor table) {
    return new MapReader(table, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES);
  }

  /**
   * Makes the maps, or takes over what is pinned.
   *
   * @param entries connections remembered of all pods together
   */
  static Tables open(Pins pins, int entries) throws KernelException {
    var reserve =
        Math.max(LEAST_RESERVE, RESERVE_PER_PROCESSOR * Runtime.getRuntime().availableProcessors());
    var owners = table(pins, "owners", entries);
    var previous = table(pins, "previous", Math.max(1_024, entries / 4));
    var counters = pins.map("counters", MapKind.ARRAY, 4, Counter.BYTES, 1);
    try (var example =
        Bpf.map(MapKind.LRU_HASH, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES, reserve)) {
      var reserves =
          pins.map(
              "reserves",
              MapKind.HASH_OF_MAPS,
              COOKIE_BYTES,
              4,
              PODS,
              () -> Bpf.mapOfMaps(COOKIE_BYTES, PODS, example));
      return new Tables(pins, entries, reserve, owners, previous, reserves, counters);
    }
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

  /** Connections of each pod that nobody else pushes out. */
  int reservePerPod() {
    return reserve;
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
   * Gives each of these pods a reserve, and takes it from all others.
   *
   * @param cookies of their network namespaces
   */
  synchronized void reserveFor(Set<Long> cookies) throws KernelException {
    for (var cookie : cookies) {
      if (!open.containsKey(cookie)) {
        var table = table(pins, RESERVE + Long.toUnsignedString(cookie), reserve);
        Bpf.put(reserves, bytes(cookie), bytes(table.number()));
        open.put(cookie, table);
      }
    }
    var gone = new HashSet<>(open.keySet());
    gone.removeAll(cookies);
    for (var cookie : gone) {
      Bpf.remove(reserves, bytes(cookie));
    }
    var all = new HashMap<Long, MapReader>();
    for (var cookie : cookies) {
      var known = readers.get(cookie);
      var table = open.get(cookie);
      if (table != null) {
        all.put(cookie, known == null ? reader(table) : known);
      }
    }
    readers = Map.copyOf(all);
    for (var cookie : gone) {
      var table = open.remove(cookie);
      if (table != null) {
        table.close();
      }
    }
    for (var name : pins.namesThatBeginWith(RESERVE)) {
      var cookie = Long.parseUnsignedLong(name.substring(RESERVE.length()));
      if (!cookies.contains(cookie)) {
        Bpf.remove(reserves, bytes(cookie));
        pins.forget(name);
      }
    }
  }

  private static byte[] bytes(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }

  private static byte[] bytes(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  @Override
  public synchronized void close() {
    open.values().forEach(Descriptor::close);
    open.clear();
    counters.close();
    reserves.close();
    previous.close();
    owners.close();
  }
}
