package io.kith.bridge.capture;

import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;

/**
 * The BPF programs that see processes begin: {@code exec} reports every program that starts, {@code
 * fork} remembers who forked whom.
 *
 * <p>This file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants for the helpers
 * that it calls ("Dual BSD/GPL").
 */
final class ProcessPrograms {
  // Registers and stack as in Programs.
  private static final int MAP_UPDATE = 2;
  private static final int CURRENT_PID_TID = 14;
  private static final int CURRENT_TASK = 35;
  private static final int READ_USER = 112;
  private static final int READ_KERNEL_TEXT = 115;
  private static final int RING_RESERVE = 131;
  private static final int RING_SUBMIT = 132;
  private static final int RING_QUERY = 134;
  private static final int RING_UNREAD = 0;
  private static final int ARGUMENTS_AT = -16;
  private static final int LENGTH = -24;
  private static final int BIRTH = -48;

  private final Btf btf;
  private final Descriptor counters;

  /**
   * Programs for a kernel.
   *
   * @param counters map with one value of {@link Counter#BYTES}
   */
  ProcessPrograms(Btf btf, Descriptor counters) {
    this.btf = btf;
    this.counters = counters;
  }

  // ---- exec

  /**
   * The program that reports what starts.
   *
   * @param ringBytes long records are written while a quarter of it at most waits to be read, so
   *     that they leave room for short ones
   */
  Assembler exec(Descriptor ring, int ringBytes) {
    var a = new Assembler();
    a.move(6, 1);
    findArguments(a, btf);
    a.load64(1, 10, LENGTH).jumpIfAtMost(1, ExecRecord.SHORT_ARGUMENTS, "short");
    a.map(1, ring.number()).set(2, RING_UNREAD).call(RING_QUERY);
    a.jumpIfAbove(0, ringBytes / 4, "short");
    a.map(1, ring.number()).set(2, ExecRecord.LONG).set(3, 0).call(RING_RESERVE);
    a.jumpIfEqual(0, 0, "short").move(7, 0);
    arguments(a, ExecRecord.LONG_ARGUMENTS, "all of them");
    a.jump("reserved");
    a.label("short");
    a.map(1, ring.number()).set(2, ExecRecord.SHORT).set(3, 0).call(RING_RESERVE);
    a.jumpIfEqual(0, 0, "full").move(7, 0);
    arguments(a, ExecRecord.SHORT_ARGUMENTS, "all of few");
    a.label("reserved");
    a.load64(1, 10, LENGTH).store64(7, ExecRecord.ARGUMENT_BYTES, 1);
    OwnerCode.process(a);
    a.storeValue64(7, OwnerRecord.COOKIE, 0).storeValue64(7, OwnerRecord.NETNS, 0);
    a.storeValue64(7, OwnerRecord.SENDER, 0).storeValue64(7, OwnerRecord.CLOSE, 0);
    a.storeValue64(7, OwnerRecord.EARLIER, 0);
    a.storeValue32(7, OwnerRecord.MOUNT_NAMESPACE + 4, 0);
    a.storeValue64(7, OwnerRecord.DEVICE, 0);
    OwnerCode.task(a, btf, OwnerCode.Reads.CALLS);
    names(a, btf);
    a.move(1, 7).set(2, 0).call(RING_SUBMIT);
    a.set(0, 0).exit();
    a.label("full");
    Counter.NOT_REPORTED.add(a, counters, "counted");
    return a.set(0, 0).exit();
  }

  // ---- fork

  /**
   * The program that enters every new process into a table, by its pid. The newer of two threads of
   * one process is none.
   */
  Assembler fork(Descriptor births) {
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
    whoForks(a);
    a.store64(10, BIRTH + ForkRecord.PARENT, 0);
    a.map(1, births.number()).move(2, 10).add(2, -16).move(3, 10).add(3, BIRTH);
    a.set(4, 0).call(MAP_UPDATE);
    return a.label("out").set(0, 0).exit();
  }

  /** Register 0 = the process that runs, and when it began. */
  private void whoForks(Assembler a) {
    a.call(CURRENT_TASK).move(8, 0);
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "group_leader"), 8);
    a.load64(8, 10, -8);
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "start_boottime", "real_start_time"), 8);
    a.load64(9, 10, -8).shiftRight(9, ForkRecord.PARENT_UNIT).shiftLeft(9, 33).shiftRight(9, 33);
    a.set64(1, 1L << 31).addRegister(9, 1);
    a.call(CURRENT_PID_TID).shiftRight(0, 32).shiftLeft(0, 32).addRegister(0, 9);
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

  /** Where the new program will find its arguments, and their length: 0 when it has none. */
  private static void findArguments(Assembler a, Btf btf) {
    a.storeValue64(10, ARGUMENTS_AT, 0).storeValue64(10, LENGTH, 0);
    a.call(CURRENT_TASK).move(8, 0);
    OwnerCode.read(a, 8, btf.offsetOf("task_struct", "mm"), 8);
    a.load64(9, 10, -8).jumpIfEqual(9, 0, "no-arguments");
    OwnerCode.read(a, 9, btf.offsetOf("mm_struct", "arg_end"), 8);
    a.load64(8, 10, -8);
    OwnerCode.read(a, 9, btf.offsetOf("mm_struct", "arg_start"), 8);
    a.load64(3, 10, -8).store64(10, ARGUMENTS_AT, 3);
    a.subtract(8, 3).store64(10, LENGTH, 8);
    a.label("no-arguments");
  }

  /** Copies as many of their bytes as there is room for. */
  private static void arguments(Assembler a, int room, String allOfThem) {
    a.load64(2, 10, LENGTH).jumpIfAtMost(2, room, allOfThem).set(2, room);
    a.label(allOfThem);
    a.load64(3, 10, ARGUMENTS_AT).move(1, 7).add(1, ExecRecord.ARGUMENTS).call(READ_USER);
  }
}
