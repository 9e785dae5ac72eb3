package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;

/**
 * Events of BPF programs, in order. One reader at a time.
 *
 * <p>Where the buffer outlives its reader, the next one can have again what this one was handed
 * last: between a quarter and half of the buffer, unless newer events have taken the place.
 *
 * <p>Source: kernel/bpf/ringbuf.c.
 */
public final class RingBuffer implements AutoCloseable {
  /*
   *  page 0            consumer's position, written by us; behind it, where the kernel looks at
   *                    nothing: since which position a later reader is to read again
   *  page 1            producer's position
   *  page 2 …          data, mapped twice in a row so that a record never wraps
   *  record            length u32 (bit 31: being written, bit 30: thrown away), page offset u32, data
   */
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int MAP_SHARED = 1;
  private static final long PAGE = Libc.pageBytes();
  private static final int BUSY = 1 << 31;
  private static final int DISCARDED = 1 << 30;
  private static final int HEADER = 8;
  private static final long AGAIN = 8;
  private static final short POLLIN = 1;
  private static final VarHandle POSITION = JAVA_LONG.varHandle();
  private static final VarHandle LENGTH = JAVA_INT.varHandle();

  private final Descriptor map;
  private final long size;
  private final MemorySegment consumer;
  private final MemorySegment producer;
  private long turn; // where the latest quarter begins

  /**
   * Maps a ring buffer.
   *
   * @param size bytes that the map was made with: a power of two, at least a page
   */
  public RingBuffer(Descriptor map, long size) throws KernelException {
    this.map = map;
    this.size = size;
    var write = Libc.mmap(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, map.number(), 0);
    if (write < 0) {
      throw new KernelException("map the ring buffer", (int) -write);
    }
    var read = Libc.mmap(PAGE + 2 * size, PROT_READ, MAP_SHARED, map.number(), PAGE);
    if (read < 0) {
      Libc.munmap(write, PAGE);
      throw new KernelException("map the ring buffer", (int) -read);
    }
    consumer = MemorySegment.ofAddress(write).reinterpret(PAGE);
    producer = MemorySegment.ofAddress(read).reinterpret(PAGE + 2 * size);
    turn = (long) POSITION.getAcquire(consumer, 0L);
  }

  /**
   * Hands over once more what a reader before was handed last, as far as it is still there.
   *
   * @return how many there were
   * @throws IllegalStateException when all were handed over and the handling of some threw
   */
  public int readAgain(Consumer<byte[]> event) {
    var count = 0;
    var mistakes = 0;
    Throwable first = null;
    var position = (long) POSITION.getAcquire(consumer, AGAIN);
    var end = (long) POSITION.getAcquire(consumer, 0L);
    while (position < end && isStillThere(position)) {
      var at = PAGE + (position & (size - 1));
      var length = (int) LENGTH.getAcquire(producer, at);
      var bytes = length & ~(BUSY | DISCARDED);
      if (bytes > size / 4) {
        break; // no event begins here
      }
      var record = producer.asSlice(at + HEADER, bytes).toArray(JAVA_BYTE);
      if (!isStillThere(position)) {
        break;
      }
      if ((length & (BUSY | DISCARDED)) == 0) {
        count++;
        try {
          event.accept(record);
        } catch (RuntimeException | Error e) {
          mistakes++;
          first = first == null ? e : first;
        }
      }
      position += step(bytes);
    }
    if (first != null) {
      throw new IllegalStateException(
          "%d of %d events were not taken".formatted(mistakes, count), first);
    }
    return count;
  }

  /** Newer events are far from it. */
  private boolean isStillThere(long position) {
    return (long) POSITION.getAcquire(producer, 0L) - position <= size - size / 4;
  }

  private static long step(int bytes) {
    return ((long) bytes + HEADER + 7) & ~7L;
  }

  private void keep(long position) {
    if (position - turn >= size / 4) {
      POSITION.setRelease(consumer, AGAIN, turn);
      turn = position;
    }
  }

  /**
   * Waits for events at most that long and hands them over. After one whose handling throws the
   * next call goes on.
   *
   * @return how many there were
   */
  public int read(int timeoutMillis, Consumer<byte[]> event) {
    try (var arena = Arena.ofConfined()) {
      var poll = arena.allocate(8, 4);
      poll.set(JAVA_INT, 0, map.number());
      poll.set(JAVA_SHORT, 4, POLLIN);
      Libc.poll(poll, 1, timeoutMillis);
    }
    var count = 0;
    var position = (long) POSITION.getAcquire(consumer, 0L);
    var end = (long) POSITION.getAcquire(producer, 0L);
    while (position < end) {
      var at = PAGE + (position & (size - 1));
      var length = (int) LENGTH.getAcquire(producer, at);
      if ((length & BUSY) != 0) {
        break;
      }
      var bytes = length & ~(BUSY | DISCARDED);
      try {
        if ((length & DISCARDED) == 0) {
          event.accept(producer.asSlice(at + HEADER, bytes).toArray(JAVA_BYTE));
          count++;
        }
      } finally {
        position += step(bytes);
        POSITION.setRelease(consumer, 0L, position);
        keep(position);
      }
      if (position >= end) {
        end = (long) POSITION.getAcquire(producer, 0L);
      }
    }
    return count;
  }

  @Override
  public void close() {
    Libc.munmap(consumer.address(), PAGE);
    Libc.munmap(producer.address(), PAGE + 2 * size);
  }
}
