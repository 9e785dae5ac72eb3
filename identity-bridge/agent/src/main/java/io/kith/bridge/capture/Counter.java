package io.kith.bridge.capture;

import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Descriptor;

/** What the programs count, with its place in the counters' only value. */
enum Counter {
  /** Connections entered into the table. */
  CONNECTS(0),
  /** Calls of connect(2) without memory to note who it was. */
  NOT_NOTED(8),
  /** Programs that started without a report, since the ring was full. */
  NOT_REPORTED(16);

  static final int BYTES = 24;
  private static final int MAP_LOOKUP = 1; // linux/bpf.h
  private final int offset;

  Counter(int offset) {
    this.offset = offset;
  }

  int offset() {
    return offset;
  }

  /**
   * Adds one; registers 0 to 5 and the stack at -8 are lost.
   *
   * @param counters map with one value of {@link #BYTES}
   * @param after label that follows
   */
  void add(Assembler a, Descriptor counters, String after) {
    a.storeValue32(10, -8, 0).move(2, 10).add(2, -8);
    a.map(1, counters.number()).call(MAP_LOOKUP).jumpIfEqual(0, 0, after);
    a.set(1, 1).addAtomically64(0, offset, 1);
    a.label(after);
  }
}
