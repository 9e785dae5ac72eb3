package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * Looks keys up in a BPF map, in about half a microsecond. Thread-safe: buffers are lent from
 * look-up to look-up, which suits virtual threads as well.
 */
public final class MapReader {
  private static final int MAP_LOOKUP = 1;

  private final int map;
  private final int keyBytes;
  private final int valueBytes;
  private final ConcurrentLinkedQueue<Buffers> idle = new ConcurrentLinkedQueue<>();

  private record Buffers(MemorySegment key, MemorySegment value, MemorySegment attributes) {}

  public MapReader(Descriptor map, int keyBytes, int valueBytes) {
    this.map = map.number();
    this.keyBytes = keyBytes;
    this.valueBytes = valueBytes;
  }

  private Buffers newBuffers() {
    var arena = Arena.ofAuto();
    var key = arena.allocate(keyBytes, 8);
    var value = arena.allocate(valueBytes, 8);
    var attributes = arena.allocate(32, 8);
    attributes.set(JAVA_INT, 0, map);
    attributes.set(JAVA_LONG, 8, key.address());
    attributes.set(JAVA_LONG, 16, value.address());
    return new Buffers(key, value, attributes);
  }

  /** The value of a key, or null when there is none. */
  public byte @Nullable [] get(byte[] key) {
    var idleOne = idle.poll();
    var own = idleOne == null ? newBuffers() : idleOne;
    MemorySegment.copy(key, 0, own.key, JAVA_BYTE, 0, keyBytes);
    var value = Libc.bpfBriefly(MAP_LOOKUP, own.attributes) ? own.value.toArray(JAVA_BYTE) : null;
    idle.add(own);
    return value;
  }
}
