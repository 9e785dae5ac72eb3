package io.kith.bridge.ffm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A BPF program, written instruction by instruction.
 *
 * <p>Registers are 0 to 10: 0 holds results, 1 to 5 arguments (lost in every call), 6 to 9 stay, 10
 * points to the end of a stack of 512 bytes. Jumps go to labels, forwards only.
 *
 * <p>Source: Documentation/bpf/standardization/instruction-set.rst.
 */
public final class Assembler {
  /*
   *  0      1         2        4          8
   *  ┌──────┬────┬────┬────────┬──────────┐
   *  │opcode│ src│ dst│ offset │ immediate│   src in the high half of byte 1
   *  └──────┴────┴────┴────────┴──────────┘
   */
  private record Instruction(int opcode, int dst, int src, int offset, int immediate) {}

  private final List<Instruction> instructions = new ArrayList<>();
  private final Map<String, Integer> labels = new HashMap<>();
  private final Map<Integer, String> jumps = new HashMap<>();

  private Assembler add(int opcode, int dst, int src, int offset, int immediate) {
    if (dst < 0 || dst > 10 || src < 0 || src > 10) {
      throw new IllegalArgumentException("register " + dst + "/" + src + " (expected: 0 to 10)");
    }
    if (offset != (short) offset) {
      throw new IllegalArgumentException(
          "offset " + offset + " (expected: -32768 to 32767, a structure that small)");
    }
    instructions.add(new Instruction(opcode, dst, src, offset, immediate));
    return this;
  }

  /** dst = src. */
  public Assembler move(int dst, int src) {
    return add(0xbf, dst, src, 0, 0);
  }

  /** dst = value, sign extended. */
  public Assembler set(int dst, int value) {
    return add(0xb7, dst, 0, 0, value);
  }

  /** dst += value. */
  public Assembler add(int dst, int value) {
    return add(0x07, dst, 0, 0, value);
  }

  /** dst -= src. */
  public Assembler subtract(int dst, int src) {
    return add(0x1f, dst, src, 0, 0);
  }

  /** dst += src. */
  public Assembler addRegister(int dst, int src) {
    return add(0x0f, dst, src, 0, 0);
  }

  /** dst ^= src. */
  public Assembler xorRegister(int dst, int src) {
    return add(0xaf, dst, src, 0, 0);
  }

  /** dst *= src. */
  public Assembler multiplyRegister(int dst, int src) {
    return add(0x2f, dst, src, 0, 0);
  }

  /** dst *= value, sign extended. */
  public Assembler multiply(int dst, int value) {
    return add(0x27, dst, 0, 0, value);
  }

  /** dst &= value, sign extended. */
  public Assembler and(int dst, int value) {
    return add(0x57, dst, 0, 0, value);
  }

  /** dst |= value, sign extended. */
  public Assembler or(int dst, int value) {
    return add(0x47, dst, 0, 0, value);
  }

  /** dst <<= bits. */
  public Assembler shiftLeft(int dst, int bits) {
    return add(0x67, dst, 0, 0, bits);
  }

  /** dst >>>= bits. */
  public Assembler shiftRight(int dst, int bits) {
    return add(0x77, dst, 0, 0, bits);
  }

  /** dst = value of 64 bits; takes the room of two instructions. */
  public Assembler set64(int dst, long value) {
    add(0x18, dst, 0, 0, (int) value);
    return add(0, 0, 0, 0, (int) (value >>> 32));
  }

  /** dst = the low 16 bits of dst, turned from big-endian or into it. */
  public Assembler bigEndian16(int dst) {
    return add(0xdc, dst, 0, 0, 16);
  }

  /** dst = the low 32 bits of dst, turned from big-endian or into it. */
  public Assembler bigEndian32(int dst) {
    return add(0xdc, dst, 0, 0, 32);
  }

  /** dst = eight bytes at src + offset. */
  public Assembler load64(int dst, int src, int offset) {
    return add(0x79, dst, src, offset, 0);
  }

  /** dst = four bytes at src + offset. */
  public Assembler load32(int dst, int src, int offset) {
    return add(0x61, dst, src, offset, 0);
  }

  /** dst = two bytes at src + offset. */
  public Assembler load16(int dst, int src, int offset) {
    return add(0x69, dst, src, offset, 0);
  }

  /** dst = one byte at src + offset. */
  public Assembler load8(int dst, int src, int offset) {
    return add(0x71, dst, src, offset, 0);
  }

  /** Eight bytes at base + offset = src. */
  public Assembler store64(int base, int offset, int src) {
    return add(0x7b, base, src, offset, 0);
  }

  /** Four bytes at base + offset = src. */
  public Assembler store32(int base, int offset, int src) {
    return add(0x63, base, src, offset, 0);
  }

  /** Two bytes at base + offset = src. */
  public Assembler store16(int base, int offset, int src) {
    return add(0x6b, base, src, offset, 0);
  }

  /** One byte at base + offset = src. */
  public Assembler store8(int base, int offset, int src) {
    return add(0x73, base, src, offset, 0);
  }

  /** Eight bytes at base + offset = value. */
  public Assembler storeValue64(int base, int offset, int value) {
    return add(0x7a, base, 0, offset, value);
  }

  /** Four bytes at base + offset = value. */
  public Assembler storeValue32(int base, int offset, int value) {
    return add(0x62, base, 0, offset, value);
  }

  /** One byte at base + offset = value. */
  public Assembler storeValue8(int base, int offset, int value) {
    return add(0x72, base, 0, offset, value);
  }

  /** Eight bytes at base + offset += src, in one step for all processors. */
  public Assembler addAtomically64(int base, int offset, int src) {
    return add(0xdb, base, src, offset, 0);
  }

  /** Calls a helper; its result is in register 0. */
  public Assembler call(int helper) {
    return add(0x85, 0, 0, 0, helper);
  }

  /** Ends with register 0 as the result. */
  public Assembler exit() {
    return add(0x95, 0, 0, 0, 0);
  }

  /** dst = the map with this descriptor; takes the room of two instructions. */
  public Assembler map(int dst, int descriptor) {
    add(0x18, dst, 1, 0, descriptor);
    return add(0, 0, 0, 0, 0);
  }

  /** Where a jump leads. */
  public Assembler label(String name) {
    if (labels.put(name, instructions.size()) != null) {
      throw new IllegalStateException("label " + name + " stands twice");
    }
    return this;
  }

  /** Jumps. */
  public Assembler jump(String label) {
    return jump(0x05, 0, 0, 0, label);
  }

  /** Jumps when dst == value, sign extended to 64 bits. */
  public Assembler jumpIfEqual(int dst, int value, String label) {
    return jump(0x15, dst, 0, value, label);
  }

  /** Jumps when dst != value, sign extended to 64 bits. */
  public Assembler jumpUnlessEqual(int dst, int value, String label) {
    return jump(0x55, dst, 0, value, label);
  }

  /**
   * Jumps when the low 32 bits of dst are not value. The 64-bit form would extend the sign of a
   * value such as 0xffff0000 and never be equal.
   */
  public Assembler jumpUnlessEqual32(int dst, int value, String label) {
    return jump(0x56, dst, 0, value, label);
  }

  /** Jumps when dst != src. */
  public Assembler jumpUnlessSame(int dst, int src, String label) {
    return jump(0x5d, dst, src, 0, label);
  }

  /** Jumps when dst == src. */
  public Assembler jumpIfSame(int dst, int src, String label) {
    return jump(0x1d, dst, src, 0, label);
  }

  /** Jumps when dst has one of these bits. */
  public Assembler jumpIfAnyOf(int dst, int bits, String label) {
    return jump(0x45, dst, 0, bits, label);
  }

  /** Jumps when dst > value, unsigned. */
  public Assembler jumpIfAbove(int dst, int value, String label) {
    return jump(0x25, dst, 0, value, label);
  }

  /** Jumps when dst > src, unsigned. */
  public Assembler jumpIfMore(int dst, int src, String label) {
    return jump(0x2d, dst, src, 0, label);
  }

  /** Jumps when dst <= value, unsigned. */
  public Assembler jumpIfAtMost(int dst, int value, String label) {
    return jump(0xb5, dst, 0, value, label);
  }

  private Assembler jump(int opcode, int dst, int src, int value, String label) {
    jumps.put(instructions.size(), label);
    return add(opcode, dst, src, 0, value);
  }

  /** How many instructions there are. */
  public int size() {
    return instructions.size();
  }

  /** The program as the kernel takes it, eight bytes an instruction. */
  public byte[] bytes() {
    var code = ByteBuffer.allocate(instructions.size() * 8).order(ByteOrder.LITTLE_ENDIAN);
    for (var i = 0; i < instructions.size(); i++) {
      var instruction = instructions.get(i);
      var target = jumps.get(i);
      code.put((byte) instruction.opcode);
      code.put((byte) (instruction.dst | (instruction.src << 4)));
      code.putShort((short) (target == null ? instruction.offset : distance(i, target)));
      code.putInt(instruction.immediate);
    }
    return code.array();
  }

  private int distance(int from, String label) {
    var to = labels.get(label);
    if (to == null) {
      throw new IllegalStateException("no label " + label);
    }
    var distance = to - from - 1;
    if (distance < 0) {
      throw new IllegalStateException("label " + label + " lies behind (loops are not allowed)");
    }
    return distance;
  }
}
