package io.kith.bridge.capture;

import io.kith.bridge.capture.Programs.Counter;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Bpf.ProgramKind;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.MapReader;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.RingBuffer;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The BPF programs at work, and the table that they fill. Thread-safe. */
final class KernelCapture implements AutoCloseable {
  private static final int RING_BYTES = 4 << 20;

  private final Deque<AutoCloseable> open;
  private final MapReader owners;
  private final MapReader previous;
  private final MapReader counters;
  private final MapReader storage;
  private final @Nullable RingBuffer execs;
  private final boolean knowsExecutables;
  private final List<String> problems;

  private KernelCapture(
      Deque<AutoCloseable> open,
      MapReader owners,
      MapReader previous,
      MapReader counters,
      MapReader storage,
      @Nullable RingBuffer execs,
      boolean knowsExecutables,
      List<String> problems) {
    this.open = open;
    this.owners = owners;
    this.previous = previous;
    this.counters = counters;
    this.storage = storage;
    this.execs = execs;
    this.knowsExecutables = knowsExecutables;
    this.problems = List.copyOf(problems);
  }

  /**
   * Loads and attaches everything.
   *
   * @param root of the cgroup v2 tree; not needed once this is open
   * @param entries connections remembered
   * @throws KernelException when not even the plainest program can be used
   */
  static KernelCapture open(Descriptor root, int entries) throws KernelException {
    var problems = new ArrayList<String>();
    var btf = types(problems);
    if (btf != null) {
      try {
        return open(root, entries, btf, problems);
      } catch (KernelException | IllegalArgumentException e) {
        problems.add("executables cannot be read in the kernel: " + e.getMessage());
      }
    }
    return open(root, entries, null, problems);
  }

  private static @Nullable Btf types(List<String> problems) {
    try {
      return Btf.ofThisKernel();
    } catch (IOException | IllegalArgumentException e) {
      problems.add(String.valueOf(e.getMessage()));
      return null;
    }
  }

  private static KernelCapture open(
      Descriptor root, int entries, @Nullable Btf btf, List<String> problems)
      throws KernelException {
    var open = new ArrayDeque<AutoCloseable>();
    try {
      var storage = keep(open, Bpf.map(MapKind.SOCKET_STORAGE, 4, OwnerRecord.BYTES, 0));
      var owners = keep(open, table(entries));
      var previous = keep(open, table(Math.max(1_024, entries / 4)));
      var counters = keep(open, Bpf.map(MapKind.ARRAY, 4, Counter.BYTES, 1));
      var programs = new Programs(btf, counters);
      for (var kind : List.of(ProgramKind.CONNECT4, ProgramKind.CONNECT6)) {
        var program = keep(open, Bpf.program("kith_connect", kind, programs.connect(storage)));
        keep(open, Bpf.attach(program, kind, root));
      }
      var operations = keep(open, operations(programs, storage, owners, previous));
      keep(open, Bpf.attach(operations, ProgramKind.SOCKET_OPERATIONS, root));
      var execs = btf == null ? null : execs(open, programs, problems);
      return new KernelCapture(
          open,
          new MapReader(owners, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES),
          new MapReader(previous, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES),
          new MapReader(counters, 4, Counter.BYTES),
          new MapReader(storage, 4, OwnerRecord.BYTES),
          execs,
          btf != null,
          problems);
    } catch (KernelException | RuntimeException e) {
      closeAll(open);
      throw e;
    }
  }

  private static Descriptor table(int entries) throws KernelException {
    return Bpf.map(MapKind.LRU_HASH, OwnerRecord.KEY_BYTES, OwnerRecord.BYTES, entries);
  }

  private static Descriptor operations(
      Programs programs, Descriptor storage, Descriptor owners, Descriptor previous)
      throws KernelException {
    try {
      return Bpf.program(
          "kith_sockops",
          ProgramKind.SOCKET_OPERATIONS,
          programs.socketOperations(storage, owners, previous, true));
    } catch (KernelException _) {
      // Before Linux 6.10 the sender cannot be asked for here; the connector is known all the same.
      return Bpf.program(
          "kith_sockops",
          ProgramKind.SOCKET_OPERATIONS,
          programs.socketOperations(storage, owners, previous, false));
    }
  }

  private static @Nullable RingBuffer execs(
      Deque<AutoCloseable> open, Programs programs, List<String> problems) {
    try {
      var ring = keep(open, Bpf.map(MapKind.RING_BUFFER, 0, 0, RING_BYTES));
      var program =
          keep(open, Bpf.program("kith_exec", ProgramKind.RAW_TRACEPOINT, programs.exec(ring)));
      keep(open, Bpf.attachToTracepoint(program, "sched_process_exec"));
      return keep(open, new RingBuffer(ring, RING_BYTES));
    } catch (KernelException e) {
      problems.add("programs are not seen when they start: " + e.getMessage());
      return null;
    }
  }

  private static <T extends AutoCloseable> T keep(Deque<AutoCloseable> open, T thing) {
    open.push(thing);
    return thing;
  }

  /** Whether the records hold the executable, frozen at connect(). */
  boolean knowsExecutables() {
    return knowsExecutables;
  }

  /** Whether programs are reported when they start. */
  boolean reportsExecs() {
    return execs != null;
  }

  /** What does not work and why; empty when all does. */
  List<String> problems() {
    return problems;
  }

  /** The number under which the programs know the network namespace of the calling thread. */
  long cookieHere() throws KernelException {
    try {
      return NetworkNamespace.cookieHere();
    } catch (KernelException _) { // before Linux 5.14
      return seenCookieHere();
    }
  }

  /** As {@link #cookieHere}, from what the programs noted about a socket of ours. */
  long seenCookieHere() throws KernelException {
    try (var socket = NetworkNamespace.connectedToLoopback()) {
      var key = ByteBuffer.allocate(4).order(ByteOrder.nativeOrder()).putInt(socket.number());
      var noted = storage.get(key.array());
      return noted == null ? 0 : OwnerRecord.netns(noted);
    }
  }

  /** What the programs counted since they were loaded. */
  long count(Counter counter) {
    var values = counters.get(new byte[4]);
    return values == null
        ? 0
        : ByteBuffer.wrap(values).order(ByteOrder.LITTLE_ENDIAN).getLong(counter.offset());
  }

  /**
   * The last two programs that opened a connection with these addresses, the latest first, each
   * with when the owner before it was gone.
   *
   * @param netnsCookie of the network namespace in which it was opened
   */
  List<Sighting> sightings(long netnsCookie, Tuple tuple) {
    var key = OwnerRecord.key(netnsCookie, tuple);
    var latest = owners.get(key);
    if (latest == null) {
      return List.of();
    }
    var before = previous.get(key);
    return before == null ? List.of(sighting(latest)) : List.of(sighting(latest), sighting(before));
  }

  private Sighting sighting(byte[] record) {
    return new Sighting(
        OwnerRecord.owner(record, knowsExecutables), OwnerRecord.earlierNanos(record));
  }

  /**
   * An owner of some addresses.
   *
   * @param earlierNanos when the owner before it closed its end, after boot; 0: there was none
   */
  record Sighting(Owner owner, long earlierNanos) {}

  /** Waits for reports of started programs at most that long. */
  int readExecs(int timeoutMillis, Consumer<Exec> consumer) {
    return execs == null
        ? 0
        : execs.read(timeoutMillis, record -> consumer.accept(ExecRecord.exec(record)));
  }

  @Override
  public void close() {
    closeAll(open);
  }

  private static void closeAll(Deque<AutoCloseable> open) {
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Exception e) {
        throw new IllegalStateException("a descriptor could not be closed", e);
      }
    }
  }
}
