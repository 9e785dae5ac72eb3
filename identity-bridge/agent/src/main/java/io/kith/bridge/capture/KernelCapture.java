package io.kith.bridge.capture;

import io.kith.bridge.capture.OwnerCode.Reads;
import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Bpf.ProgramKind;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.MapReader;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.RingBuffer;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.TaskWalk;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The BPF programs at work, and the table that they fill. Thread-safe. */
final class KernelCapture implements AutoCloseable {
  private static final int RING_BYTES = 4 << 20;
  private static final int BIRTHS_KEPT = 32_768;

  private final Deque<AutoCloseable> open; // guarded by this
  private @Nullable Attachment later; // guarded by this; null: all is attached
  private final Tables tables;
  private final Descriptor storage;
  private final @Nullable Openers openers;
  private final @Nullable RingBuffer execs;
  private final @Nullable MapReader births;
  private final @Nullable TaskWalk walk;
  private final boolean knowsExecutables;
  private final List<String> problems;

  /** Attaches a program. */
  @FunctionalInterface
  private interface Attachment {
    AutoCloseable attach() throws KernelException;
  }

  private KernelCapture(
      Deque<AutoCloseable> open,
      @Nullable Attachment later,
      Tables tables,
      Descriptor storage,
      @Nullable Openers openers,
      @Nullable RingBuffer execs,
      @Nullable MapReader births,
      @Nullable TaskWalk walk,
      boolean knowsExecutables,
      List<String> problems) {
    this.open = open;
    this.later = later;
    this.tables = tables;
    this.storage = storage;
    this.openers = openers;
    this.execs = execs;
    this.births = births;
    this.walk = walk;
    this.knowsExecutables = knowsExecutables;
    this.problems = problems;
  }

  /**
   * Loads and attaches everything.
   *
   * @param root of the cgroup v2 tree; not needed once this is open
   * @param entries connections remembered
   * @param pin folder on the BPF file system where all of it outlives us, or null
   * @throws KernelException when not even the plainest program can be used
   */
  static KernelCapture open(Descriptor root, int entries, @Nullable Path pin)
      throws KernelException {
    var problems = new CopyOnWriteArrayList<String>(); // more may come for as long as it is open
    var pins = Pins.at(pin, root, problems);
    var btf = types(problems);
    if (btf != null) {
      try {
        return open(root, entries, btf, pins, problems);
      } catch (KernelException | IllegalArgumentException e) {
        problems.removeIf(one -> one.startsWith(Openers.NO_TABLE)); // said anew, if it is so
        problems.add("executables cannot be read in the kernel: " + e.getMessage());
      }
    }
    return open(root, entries, null, pins, problems);
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
      Descriptor root, int entries, @Nullable Btf btf, Pins pins, List<String> problems)
      throws KernelException {
    var open = new ArrayDeque<AutoCloseable>();
    try {
      var storage =
          keep(open, pins.map("socket-storage", MapKind.SOCKET_STORAGE, 4, OwnerRecord.BYTES, 0));
      var tables = keep(open, Tables.open(pins, entries));
      var programs = new Programs(btf, tables.counters());
      for (var kind : List.of(ProgramKind.CONNECT4, ProgramKind.CONNECT6)) {
        var program = keep(open, connect(programs, kind, storage, tables));
        keep(open, pins.attach(name(kind), program, anew -> Bpf.attach(anew, kind, root)));
      }
      // Never taken over: what another bridge noted there has another seed.
      var noting = operations(programs, storage, tables, Openers.open(entries, problems), problems);
      var openers = noting.openers();
      if (openers != null) {
        keep(open, openers);
      }
      var operations = keep(open, noting.program());
      var name = name(ProgramKind.SOCKET_OPERATIONS);
      var kept = keep(open, Descriptor.open("/proc/self/fd/" + root.number()));
      // Beside that of another bridge, never in its place: servers believe its openers for as long
      // as it works, so nothing may be missing there.
      Attachment attachment =
          () -> {
            var attached =
                pins.kept(name, Bpf.attach(operations, ProgramKind.SOCKET_OPERATIONS, kept));
            kept.close();
            return attached;
          };
      // That one writes the same tables, but for the openers, if they are the same.
      var isThere = pins.hasWithAllMaps(name);
      if (!isThere) {
        keep(open, attachment.attach());
      }
      var starts = btf == null ? null : new ProcessPrograms(btf, tables.counters());
      var execs = starts == null ? null : execs(open, pins, starts, problems);
      var births = starts == null ? null : births(open, pins, starts, problems);
      var walk = btf == null ? null : walk(open, btf, problems);
      pins.removeOthers();
      return new KernelCapture(
          open,
          isThere ? attachment : null,
          tables,
          storage,
          openers,
          execs,
          births,
          walk,
          btf != null,
          problems);
    } catch (KernelException | RuntimeException e) {
      closeAll(open);
      throw e;
    }
  }

  private static String name(ProgramKind kind) {
    return kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static Descriptor connect(
      Programs programs, ProgramKind kind, Descriptor storage, Tables tables)
      throws KernelException {
    try {
      return Bpf.program("kith_connect", kind, programs.connect(storage, tables, Reads.TYPED));
    } catch (KernelException _) {
      // Older kernels do not let this kind of program look at a process by its type.
      return Bpf.program("kith_connect", kind, programs.connect(storage, tables, Reads.CALLS));
    }
  }

  /** A program that sees connections, and where it notes their openers; null: nowhere. */
  private record Noting(Descriptor program, @Nullable Openers openers) {}

  private static Noting operations(
      Programs programs,
      Descriptor storage,
      Tables tables,
      @Nullable Openers openers,
      List<String> problems)
      throws KernelException {
    try {
      return new Noting(
          operations(programs.socketOperations(storage, tables, openers, true)), openers);
    } catch (KernelException _) {
      // Before Linux 6.10 the sender cannot be asked for here; the connector is known all the same.
    }
    try {
      return new Noting(
          operations(programs.socketOperations(storage, tables, openers, false)), openers);
    } catch (KernelException e) {
      if (openers == null) {
        throw e;
      }
      openers.close();
      problems.add(Openers.NO_TABLE + e.getMessage() + " (this wants Linux 5.15)");
      return operations(programs, storage, tables, null, problems);
    }
  }

  private static Descriptor operations(Assembler program) throws KernelException {
    return Bpf.program("kith_sockops", ProgramKind.SOCKET_OPERATIONS, program);
  }

  private static @Nullable RingBuffer execs(
      Deque<AutoCloseable> open, Pins pins, ProcessPrograms programs, List<String> problems) {
    try {
      var ring = keep(open, pins.map("execs", MapKind.RING_BUFFER, 0, 0, RING_BYTES));
      var program =
          keep(
              open,
              Bpf.program(
                  "kith_exec", ProgramKind.RAW_TRACEPOINT, programs.exec(ring, RING_BYTES)));
      keep(
          open,
          pins.attach("exec", program, anew -> Bpf.attachToTracepoint(anew, "sched_process_exec")));
      return keep(open, new RingBuffer(ring, RING_BYTES));
    } catch (KernelException e) {
      problems.add("programs are not seen when they start: " + e.getMessage());
      return null;
    }
  }

  private static @Nullable MapReader births(
      Deque<AutoCloseable> open, Pins pins, ProcessPrograms programs, List<String> problems) {
    try {
      var births =
          keep(
              open,
              pins.map(
                  "births", MapKind.LRU_HASH, ForkRecord.KEY_BYTES, ForkRecord.BYTES, BIRTHS_KEPT));
      var program =
          keep(open, Bpf.program("kith_fork", ProgramKind.RAW_TRACEPOINT, programs.fork(births)));
      keep(
          open,
          pins.attach("fork", program, anew -> Bpf.attachToTracepoint(anew, "sched_process_fork")));
      return new MapReader(births, ForkRecord.KEY_BYTES, ForkRecord.BYTES);
    } catch (KernelException e) {
      problems.add("it is not seen who forks whom: " + e.getMessage());
      return null;
    }
  }

  private static @Nullable TaskWalk walk(
      Deque<AutoCloseable> open, Btf btf, List<String> problems) {
    try {
      return keep(open, TaskWalk.open(btf));
    } catch (KernelException | IOException | IllegalArgumentException e) {
      problems.add("processes are looked for in /proc, which takes longer: " + e.getMessage());
      return null;
    }
  }

  private static <T extends AutoCloseable> T keep(Deque<AutoCloseable> open, T thing) {
    open.push(thing);
    return thing;
  }

  /**
   * Attaches what is not attached yet because that of a bridge before is.
   *
   * @return whether there was something
   */
  synchronized boolean takeOver() throws KernelException {
    if (later == null) {
      return false;
    }
    open.push(later.attach());
    later = null;
    return true;
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
    return List.copyOf(problems);
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
      var noted = new MapReader(storage, 4, OwnerRecord.BYTES).get(key.array());
      return noted == null ? 0 : OwnerRecord.netns(noted);
    }
  }

  /**
   * The process that opened a connection with these addresses last, or null.
   *
   * @param netnsCookie of the network namespace in which it was opened
   */
  @Nullable Owner latest(long netnsCookie, Tuple tuple) {
    var record = tables.owner(netnsCookie, OwnerRecord.key(netnsCookie, tuple));
    return record == null ? null : OwnerRecord.owner(record, knowsExecutables);
  }

  /**
   * The processes that opened a connection with these addresses, the latest first, as far as they
   * are remembered and had their end open until shortly before the latest connected.
   *
   * @param netnsCookie of the network namespace in which it was opened
   * @param nanos that are short
   * @return null when the tables know none
   */
  @Nullable Sightings sightings(long netnsCookie, Tuple tuple, long nanos) {
    var key = OwnerRecord.key(netnsCookie, tuple);
    var record = tables.owner(netnsCookie, key);
    return record == null ? null : sightings(record, key, nanos);
  }

  /**
   * As {@link #sightings(long, Tuple, long)}, from what {@link #notes} has.
   *
   * @param note not empty
   */
  Sightings sightings(byte[] note, long netnsCookie, Tuple tuple, long nanos) {
    return sightings(note, OwnerRecord.key(netnsCookie, tuple), nanos);
  }

  /**
   * What the programs noted in the sockets with these addresses, which is there for as long as they
   * are open, whatever the tables have forgotten.
   *
   * @param diag of the network namespace in which they were opened
   * @return one for each socket; empty when it was connected before the programs were attached
   */
  List<byte[]> notes(SockDiag diag, Tuple tuple) throws KernelException {
    return diag.stored(tuple, storage);
  }

  private Sightings sightings(byte[] latest, byte[] key, long nanos) {
    var record = latest;
    var owners = new ArrayList<Owner>();
    owners.add(OwnerRecord.owner(record, knowsExecutables));
    var since = Math.max(1, owners.getFirst().connectNanos() - nanos);
    var gone = OwnerRecord.earlierNanos(record);
    while (gone >= since && owners.size() <= OwnerRecord.SLOTS) {
      record = tables.earlierOwner(key, OwnerRecord.number(record) - 1);
      var before = record == null ? null : OwnerRecord.owner(record, knowsExecutables);
      if (record == null || before == null || !isUntil(before, gone)) {
        break; // it is forgotten
      }
      owners.add(before);
      gone = OwnerRecord.earlierNanos(record);
    }
    return new Sightings(owners, gone < since);
  }

  /** Whether that one had the addresses until then: else it is another of that number. */
  private static boolean isUntil(Owner owner, long nanos) {
    return owner.closeNanos() == 0 || owner.closeNanos() == nanos;
  }

  /**
   * Owners of some addresses.
   *
   * @param owners the latest first
   * @param all whether no other one is forgotten that had them shortly before the latest
   */
  record Sightings(List<Owner> owners, boolean all) {}

  /** The words for servers of this node; null where the kernel shares none. */
  @Nullable Openers openers() {
    return openers;
  }

  /** What the kernel has written down. */
  Tables tables() {
    return tables;
  }

  /** How the last process with this pid was forked; null when that was not seen. */
  @Nullable Fork fork(int pid) {
    var record = births == null ? null : births.get(ForkRecord.key(pid));
    return record == null ? null : ForkRecord.fork(record);
  }

  /** Every process there is; null when the kernel does not list them to us. */
  @Nullable List<TaskWalk.Task> tasks() {
    try {
      return walk == null ? null : walk.tasks();
    } catch (KernelException _) {
      return null;
    }
  }

  /** Waits for reports of started programs at most that long. */
  int readExecs(int timeoutMillis, Consumer<Exec> consumer) {
    return execs == null
        ? 0
        : execs.read(timeoutMillis, record -> consumer.accept(ExecRecord.exec(record)));
  }

  /**
   * Hands over once more the reports that a bridge before was handed last.
   *
   * @throws IllegalStateException afterwards, when some could not be read or taken
   */
  int readExecsAgain(Consumer<Exec> consumer) {
    return execs == null ? 0 : execs.readAgain(record -> consumer.accept(ExecRecord.exec(record)));
  }

  @Override
  public synchronized void close() {
    later = null;
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
