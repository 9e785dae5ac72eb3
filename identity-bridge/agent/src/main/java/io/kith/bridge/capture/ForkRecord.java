package io.kith.bridge.capture;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The layout in which the fork program writes, by pid. */
final class ForkRecord {
  /*
   *  value, little-endian                       key
   *    0  process start, ns after boot u64        0  pid  u32
   *    8  exec id                      u64        4
   *   16  when who forked began       u32      (below)
   *   20  who forked                  u32
   *   24
   *
   * When it began is in 2^20 ns, a millisecond or so, the low 31 bits, and bit 31 set. Programs of
   * before wrote a thread's number there, which is below 2^22.
   */
  static final int START = 0;
  static final int EXEC_ID = 8;
  static final int PARENT = 16;
  static final int PARENT_UNIT = 20;
  static final int BYTES = 24;
  static final int KEY_BYTES = 4;

  private ForkRecord() {}

  static byte[] key(int pid) {
    return ByteBuffer.allocate(KEY_BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(pid).array();
  }

  static Fork fork(byte[] record) {
    var in = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
    return new Fork(
        in.getLong(START),
        in.getLong(EXEC_ID),
        in.getInt(PARENT + 4),
        Math.min(0, in.getInt(PARENT)));
  }
}
