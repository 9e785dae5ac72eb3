package io.kith.bridge.capture;

import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import org.jspecify.annotations.Nullable;

/**
 * The BPF programs.
 *
 * <p>{@code connect} runs in connect(2) and writes who is calling into the socket. {@code
 * socketOperations} runs before the SYN leaves, when the source port is known, and puts what {@code
 * connect} wrote into a table under the connection's addresses. {@code exec} reports every program
 * that starts, {@code fork} remembers who forked whom.
 *
 * <p>This file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants for the helpers
 * that it calls ("Dual BSD/GPL").
 */
final class Programs {
  /*
   * Registers. 6: the context. 7: the record being filled. 8: the task. 9: what is being walked.
   * Stack. -8: eight bytes for a value that was read. -64 to -16: a key.
   *
   * Helpers, by their numbers in linux/bpf.h.
   */
  private static final int MAP_LOOKUP = 1;
  private static final int MAP_UPDATE = 2;
  private static final int CURRENT_PID_TID = 14;
  private static final int CURRENT_TASK = 35;
  private static final int SOCKET_OPERATION_FLAGS = 59;
  private static final int SOCKET_STORAGE_GET = 107;
  private static final int READ_USER = 112;
  private static final int READ_KERNEL_TEXT = 115;
  private static final int BOOT_TIME = 125;
  private static final int RING_RESERVE = 131;
  private static final int RING_SUBMIT = 132;

  // struct bpf_sock_addr and struct bpf_sock_ops
  private static final int ADDRESS_SOCKET = 64;
  private static final int OPERATION = 0;
  private static final int ARGUMENT_1 = 8;
  private static final int FAMILY = 20;
  private static final int REMOTE_IP4 = 24;
  private static final int LOCAL_IP4 = 28;
  private static final int REMOTE_IP6 = 32;
  private static final int LOCAL_IP6 = 48;
  private static final int REMOTE_PORT = 64;
  private static final int LOCAL_PORT = 68;
  private static final int OPERATION_SOCKET = 184;

  private static final int ON_CONNECT = 3;
  private static final int ON_STATE = 10;
  private static final int STATE_FLAG = 4;
  private static final int TCP_CLOSE = 7;
  private static final int AF_INET = 2;
  private static final int KEY = -64;
  private static final int BIRTH = -48;

  /** Offset of the upper half of the pid and thread id. */
  private static final int PID = OwnerRecord.PID_TID + 4;

  /** What the programs count, with its place in the counters' only value. */
  enum Counter {
    /** Connections entered into the table. */
    CONNECTS(0),
    /** Calls of connect(2) without memory to note who it was. */
    NOT_NOTED(8),
    /** Programs that started without a report, since the ring was full. */
    NOT_REPORTED(16);

    static final int BYTES = 24;
    private final int offset;

    Counter(int offset) {
      this.offset = offset;
    }

    int offset() {
      return offset;
    }
  }

  private final @Nullable Btf btf;
  private final Descriptor counters;

  /**
   * Programs for a kernel.
   *
   * @param btf null: the executable and the parent cannot be read, pid and user can
   * @param counters map with one value of {@link Counter#BYTES}
   */
  Programs(@Nullable Btf btf, Descriptor counters) {
    this.btf = btf;
    this.counters = counters;
  }

  /** Adds one; registers 0 to 5 are lost. */
  private void count(Assembler a, Counter counter, String after) {
    a.storeValue32(10, -8, 0).move(2, 10).add(2, -8);
    a.map(1, counters.number()).call(MAP_LOOKUP).jumpIfEqual(0, 0, after);
    a.set(1, 1).addAtomically64(0, counter.offset(), 1);
    a.label(after);
  }

  // ---- connect(2)

  Assembler connect(Descriptor storage) {
    var a = new Assembler();
    a.move(6, 1).load64(2, 6, ADDRESS_SOCKET).jumpIfEqual(2, 0, "out");
    a.map(1, storage.number()).set(3, 0).set(4, 1).call(SOCKET_STORAGE_GET);
    a.jumpIfEqual(0, 0, "lost").move(7, 0);
    OwnerCode.caller(a, btf);
    a.label("out").set(0, 1).exit();
    a.label("lost");
    count(a, Counter.NOT_NOTED, "counted");
    return a.set(0, 1).exit();
  }

  // ---- before the SYN

  /**
   * The program that enters connections into the table.
   *
   * @param withSender ask who sends, which kernels before 6.10 do not answer here
   */
  Assembler socketOperations(Descriptor storage, Tables tables, boolean withSender) {
    var owners = tables.owners();
    var previous = tables.previous();
    var a = new Assembler();
    a.move(6, 1).load32(1, 6, OPERATION);
    a.jumpIfEqual(1, ON_CONNECT, "connect").jumpIfEqual(1, ON_STATE, "state").jump("out");

    a.label("connect");
    storageOf(a, storage);
    key(a, "c");
    if (withSender) {
      a.call(CURRENT_PID_TID).store64(7, OwnerRecord.SENDER, 0);
    }
    a.storeValue64(7, OwnerRecord.EARLIER, 0);
    a.map(1, owners.number()).move(2, 10).add(2, KEY).call(MAP_LOOKUP);
    a.jumpIfEqual(0, 0, "enter").move(8, 0);
    // The same program of the same process again: the owner before it stays the one before.
    a.load32(1, 8, PID).load32(2, 7, PID).jumpUnlessSame(1, 2, "other");
    a.load64(1, 8, OwnerRecord.START).load64(2, 7, OwnerRecord.START);
    a.jumpUnlessSame(1, 2, "other");
    a.load64(1, 8, OwnerRecord.EXEC_ID).load64(2, 7, OwnerRecord.EXEC_ID);
    a.jumpUnlessSame(1, 2, "other");
    a.load64(1, 8, OwnerRecord.EARLIER).store64(7, OwnerRecord.EARLIER, 1).jump("enter");
    // Another one: who had the key stays a candidate, and the record says until when he had it.
    a.label("other");
    a.load64(1, 8, OwnerRecord.CLOSE).jumpUnlessEqual(1, 0, "closed");
    a.load64(1, 7, OwnerRecord.CONNECT);
    a.label("closed").store64(7, OwnerRecord.EARLIER, 1);
    a.map(1, previous.number()).move(2, 10).add(2, KEY).move(3, 8).set(4, 0).call(MAP_UPDATE);
    a.label("enter");
    a.map(1, owners.number()).move(2, 10).add(2, KEY).move(3, 7).set(4, 0).call(MAP_UPDATE);
    // Once more where only the pod's own connections push each other out.
    reserveOf(a, tables, "flag");
    a.move(1, 0).move(2, 10).add(2, KEY).move(3, 7).set(4, 0).call(MAP_UPDATE);
    a.label("flag");
    a.move(1, 6).set(2, STATE_FLAG).call(SOCKET_OPERATION_FLAGS);
    count(a, Counter.CONNECTS, "counted");
    a.jump("out");

    a.label("state");
    a.load32(1, 6, ARGUMENT_1).jumpUnlessEqual(1, TCP_CLOSE, "out");
    storageOf(a, storage);
    key(a, "s");
    a.call(BOOT_TIME).move(9, 0);
    a.map(1, owners.number()).move(2, 10).add(2, KEY).call(MAP_LOOKUP);
    closed(a, "reserve");
    a.label("reserve");
    reserveOf(a, tables, "out");
    a.move(1, 0).move(2, 10).add(2, KEY).call(MAP_LOOKUP);
    closed(a, "out");

    return a.label("out").set(0, 1).exit();
  }

  /** 0 = the table that only the pod writes whose key is on the stack, when it has one. */
  private static void reserveOf(Assembler a, Tables tables, String otherwise) {
    a.map(1, tables.reserves().number()).move(2, 10).add(2, KEY + OwnerRecord.KEY_NETNS);
    a.call(MAP_LOOKUP).jumpIfEqual(0, 0, otherwise);
  }

  /** Writes the time in 9 into the record at 0, when there is one and it is of the socket at 7. */
  private static void closed(Assembler a, String otherwise) {
    a.jumpIfEqual(0, 0, otherwise);
    a.load64(1, 0, OwnerRecord.COOKIE).load64(2, 7, OwnerRecord.COOKIE);
    a.jumpUnlessSame(1, 2, otherwise).store64(0, OwnerRecord.CLOSE, 9);
  }

  /** 7 = the record of the context's socket; leaves when connect(2) was not seen. */
  private static void storageOf(Assembler a, Descriptor storage) {
    a.load64(2, 6, OPERATION_SOCKET).jumpIfEqual(2, 0, "out");
    a.map(1, storage.number()).set(3, 0).set(4, 0).call(SOCKET_STORAGE_GET);
    a.jumpIfEqual(0, 0, "out").move(7, 0);
  }

  /** The key of the context's connection on the stack; IPv4 written as IPv6 becomes IPv4. */
  private static void key(Assembler a, String prefix) {
    for (var i = 0; i < OwnerRecord.KEY_BYTES; i += 8) {
      a.storeValue64(10, KEY + i, 0);
    }
    a.load64(1, 7, OwnerRecord.NETNS).store64(10, KEY + OwnerRecord.KEY_NETNS, 1);
    a.load32(1, 6, FAMILY).jumpIfEqual(1, AF_INET, prefix + "v4");
    a.load32(2, 6, REMOTE_IP6).jumpUnlessEqual(2, 0, prefix + "v6");
    a.load32(2, 6, REMOTE_IP6 + 4).jumpUnlessEqual(2, 0, prefix + "v6");
    a.load32(2, 6, REMOTE_IP6 + 8).jumpUnlessEqual32(2, 0xffff0000, prefix + "v6");
    a.label(prefix + "v4");
    a.load32(1, 6, LOCAL_IP4).store32(10, KEY + OwnerRecord.KEY_SOURCE, 1);
    a.load32(1, 6, REMOTE_IP4).store32(10, KEY + OwnerRecord.KEY_DESTINATION, 1);
    a.set(3, OwnerRecord.TCP).jump(prefix + "ports");
    a.label(prefix + "v6");
    for (var i = 0; i < 16; i += 4) {
      a.load32(1, 6, LOCAL_IP6 + i).store32(10, KEY + OwnerRecord.KEY_SOURCE + i, 1);
      a.load32(1, 6, REMOTE_IP6 + i).store32(10, KEY + OwnerRecord.KEY_DESTINATION + i, 1);
    }
    a.set(3, OwnerRecord.TCP_OVER_IPV6);
    a.label(prefix + "ports");
    a.load32(1, 6, LOCAL_PORT).store16(10, KEY + OwnerRecord.KEY_SOURCE_PORT, 1);
    a.load32(1, 6, REMOTE_PORT).bigEndian32(1);
    a.store16(10, KEY + OwnerRecord.KEY_DESTINATION_PORT, 1);
    a.store32(10, KEY + OwnerRecord.KEY_PROTOCOL, 3);
  }

  // ---- exec

  /** The program that reports what starts; the kernel must have BTF. */
  Assembler exec(Descriptor ring) {
    if (btf == null) {
      throw new IllegalStateException("no BTF, no report of what starts");
    }
    var a = new Assembler();
    a.move(6, 1);
    a.map(1, ring.number()).set(2, ExecRecord.BYTES).set(3, 0).call(RING_RESERVE);
    a.jumpIfEqual(0, 0, "full").move(7, 0);
    a.storeValue64(7, ExecRecord.ARGUMENT_BYTES, 0);
    OwnerCode.process(a);
    a.storeValue64(7, OwnerRecord.COOKIE, 0).storeValue64(7, OwnerRecord.NETNS, 0);
    a.storeValue64(7, OwnerRecord.SENDER, 0).storeValue64(7, OwnerRecord.CLOSE, 0);
    a.storeValue64(7, OwnerRecord.EARLIER, 0);
    a.storeValue32(7, OwnerRecord.MOUNT_NAMESPACE + 4, 0);
    a.storeValue64(7, OwnerRecord.DEVICE, 0);
    a.call(CURRENT_TASK).move(8, 0);
    OwnerCode.task(a, btf);
    names(a, btf);
    arguments(a, btf);
    a.move(1, 7).set(2, 0).call(RING_SUBMIT);
    a.set(0, 0).exit();
    a.label("full");
    count(a, Counter.NOT_REPORTED, "counted");
    return a.set(0, 0).exit();
  }

  // ---- fork

  /**
   * The program that enters every new process into a table, by its pid; the kernel must have BTF.
   * The newer of two threads of one process is none.
   */
  Assembler fork(Descriptor births) {
    if (btf == null) {
      throw new IllegalStateException("no BTF, no table of what is forked");
    }
    var a = new Assembler();
    a.load64(8, 1, 8); // second argument: the child
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "tgid"), 4);
    a.load32(7, 10, -8);
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "pid"), 4);
    a.load32(1, 10, -8).jumpUnlessSame(1, 7, "out");
    a.store64(10, -16, 7);
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "start_boottime", "real_start_time"), 8);
    a.load64(1, 10, -8).store64(10, BIRTH + ForkRecord.START, 1);
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "self_exec_id"), 8);
    a.load64(1, 10, -8).store64(10, BIRTH + ForkRecord.EXEC_ID, 1);
    a.call(CURRENT_PID_TID).store64(10, BIRTH + ForkRecord.PARENT, 0);
    a.map(1, births.number()).move(2, 10).add(2, -16).move(3, 10).add(3, BIRTH);
    a.set(4, 0).call(MAP_UPDATE);
    return a.label("out").set(0, 0).exit();
  }

  /** What was executed and what runs, from the third argument: struct linux_binprm. */
  private static void names(Assembler a, Btf btf) {
    a.load64(9, 6, 16);
    OwnerCode.read(a, 9, btf.offsetOf("linux_binprm", "filename"), 8);
    a.load64(3, 10, -8).move(1, 7).add(1, ExecRecord.FILENAME).set(2, ExecRecord.NAME_BYTES);
    a.call(READ_KERNEL_TEXT);
    OwnerCode.read(a, 9, btf.offsetOf("linux_binprm", "interp"), 8);
    a.load64(3, 10, -8).move(1, 7).add(1, ExecRecord.INTERPRETER).set(2, ExecRecord.NAME_BYTES);
    a.call(READ_KERNEL_TEXT);
  }

  /** The beginning of the arguments, as the new program will find them. */
  private static void arguments(Assembler a, Btf btf) {
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "mm"), 8);
    a.load64(9, 10, -8).jumpIfEqual(9, 0, "no-arguments");
    OwnerCode.read(a, 9, btf.offsetOf("mm_struct", "arg_end"), 8);
    a.load64(8, 10, -8);
    OwnerCode.read(a, 9, btf.offsetOf("mm_struct", "arg_start"), 8);
    a.load64(3, 10, -8).subtract(8, 3).store64(7, ExecRecord.ARGUMENT_BYTES, 8);
    a.move(2, 8).jumpIfAtMost(2, ExecRecord.MAX_ARGUMENTS, "short");
    a.set(2, ExecRecord.MAX_ARGUMENTS);
    a.label("short");
    a.move(1, 7).add(1, ExecRecord.ARGUMENTS).call(READ_USER);
    a.label("no-arguments");
  }
}
