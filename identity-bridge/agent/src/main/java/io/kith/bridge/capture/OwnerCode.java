package io.kith.bridge.capture;

import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Btf;
import org.jspecify.annotations.Nullable;

/**
 * The part of a BPF program that writes an {@link OwnerRecord}: who calls.
 *
 * <p>This file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants for the helpers
 * that it calls ("Dual BSD/GPL").
 */
public final class OwnerCode {
  /*
   * Registers. 6: the context. 7: the record being filled. 8: the task. 9: what is being walked.
   * Stack. -8: eight bytes for a value that was read.
   *
   * Helpers, by their numbers in linux/bpf.h.
   */
  private static final int CURRENT_PID_TID = 14;
  private static final int CURRENT_UID_GID = 15;
  private static final int CURRENT_COMM = 16;
  private static final int CURRENT_TASK = 35;
  private static final int SOCKET_COOKIE = 46;
  private static final int CURRENT_CGROUP = 80;
  private static final int READ_KERNEL = 113;
  private static final int NETNS_COOKIE = 122;
  private static final int BOOT_TIME = 125;
  private static final int CURRENT_TASK_TYPED = 158;

  private OwnerCode() {}

  /** How the kernel's memory is read. */
  enum Reads {
    /** By loads whose types the kernel checks when it takes the program: no call for any. */
    TYPED,
    /** By a helper, a call for each: what older kernels take. */
    CALLS
  }

  /**
   * Fills the record in register 7 with who calls connect(2) or sendmsg(2), of which 6 is the
   * context; 0 to 5, 8 and 9 are lost.
   *
   * @param btf null: the executable and the parent stay zero
   */
  public static void caller(Assembler a, @Nullable Btf btf) {
    caller(a, btf, Reads.CALLS);
  }

  static void caller(Assembler a, @Nullable Btf btf, Reads reads) {
    process(a);
    a.move(1, 6).call(SOCKET_COOKIE).store64(7, OwnerRecord.COOKIE, 0);
    a.move(1, 6).call(NETNS_COOKIE).store64(7, OwnerRecord.NETNS, 0);
    a.storeValue64(7, OwnerRecord.SENDER, 0).storeValue64(7, OwnerRecord.CLOSE, 0);
    if (btf != null) {
      task(a, btf, reads);
    }
  }

  /** The process, its user, its cgroup and the time. */
  static void process(Assembler a) {
    a.call(BOOT_TIME).store64(7, OwnerRecord.CONNECT, 0);
    a.call(CURRENT_PID_TID).store64(7, OwnerRecord.PID_TID, 0);
    a.call(CURRENT_UID_GID).store64(7, OwnerRecord.UID_GID, 0);
    a.call(CURRENT_CGROUP).store64(7, OwnerRecord.CGROUP, 0);
    a.move(1, 7).add(1, OwnerRecord.COMM).set(2, 16).call(CURRENT_COMM);
  }

  /** Fills the record in 7 from the task that runs, which is in 8 then. */
  static void task(Assembler a, Btf btf, Reads reads) {
    a.call(reads == Reads.TYPED ? CURRENT_TASK_TYPED : CURRENT_TASK).move(8, 0);
    load64(a, reads, 1, 8, btf.offsetOf("task_struct", "self_exec_id"));
    a.store64(7, OwnerRecord.EXEC_ID, 1);
    load64(a, reads, 9, 8, btf.offsetOf("task_struct", "group_leader"));
    load64(a, reads, 1, 9, btf.offsetOf("task_struct", "start_boottime", "real_start_time"));
    a.store64(7, OwnerRecord.START, 1);
    load64(a, reads, 9, 8, btf.offsetOf("task_struct", "real_parent"));
    load32(a, reads, 1, 9, btf.offsetOf("task_struct", "tgid"));
    a.store32(7, OwnerRecord.PARENT, 1);
    mountNamespace(a, btf, reads);
    executable(a, btf, reads);
  }

  private static void mountNamespace(Assembler a, Btf btf, Reads reads) {
    a.storeValue32(7, OwnerRecord.MOUNT_NAMESPACE, 0);
    load64(a, reads, 9, 8, btf.offsetOf("task_struct", "nsproxy"));
    a.jumpIfEqual(9, 0, "no-namespace");
    load64(a, reads, 9, 9, btf.offsetOf("nsproxy", "mnt_ns"));
    a.jumpIfEqual(9, 0, "no-namespace");
    var common = btf.offsetOf("mnt_namespace", "ns");
    load32(a, reads, 1, 9, common + btf.offsetOf("ns_common", "inum"));
    a.store32(7, OwnerRecord.MOUNT_NAMESPACE, 1);
    a.label("no-namespace");
  }

  private static void executable(Assembler a, Btf btf, Reads reads) {
    a.storeValue64(7, OwnerRecord.INODE, 0).storeValue64(7, OwnerRecord.DEVICE, 0);
    a.storeValue64(7, OwnerRecord.MAGIC, 0).storeValue64(7, OwnerRecord.OVERLAY_UPPER, 0);
    a.storeValue64(7, OwnerRecord.SIZE, 0).storeValue64(7, OwnerRecord.CHANGE_SECONDS, 0);
    a.storeValue32(7, OwnerRecord.CHANGE_NANOS, 0);
    load64(a, reads, 9, 8, btf.offsetOf("task_struct", "mm"));
    a.jumpIfEqual(9, 0, "no-executable");
    load64(a, reads, 9, 9, btf.offsetOf("mm_struct", "exe_file"));
    a.jumpIfEqual(9, 0, "no-executable");
    load64(a, reads, 9, 9, btf.offsetOf("file", "f_inode"));
    a.jumpIfEqual(9, 0, "no-executable");
    load64(a, reads, 1, 9, btf.offsetOf("inode", "i_ino"));
    a.store64(7, OwnerRecord.INODE, 1);
    load32(a, reads, 1, 9, btf.offsetOf("inode", "i_nlink"));
    a.store32(7, OwnerRecord.LINKS, 1);
    load64(a, reads, 1, 9, btf.offsetOf("inode", "i_size"));
    a.store64(7, OwnerRecord.SIZE, 1);
    var seconds = btf.offsetOf("inode", "i_ctime_sec", "__i_ctime", "i_ctime");
    var nanos =
        btf.has("inode", "i_ctime_nsec") ? btf.offsetOf("inode", "i_ctime_nsec") : seconds + 8;
    load64(a, reads, 1, 9, seconds);
    a.store64(7, OwnerRecord.CHANGE_SECONDS, 1);
    load32(a, reads, 1, 9, nanos);
    a.store32(7, OwnerRecord.CHANGE_NANOS, 1);
    // On overlayfs struct ovl_inode follows, and begins with the pointer to the upper file. Its
    // type is that of a module, so it takes a call.
    load64(a, Reads.CALLS, 1, 9, btf.sizeOf("inode"));
    a.jumpIfEqual(1, 0, "lower").storeValue64(7, OwnerRecord.OVERLAY_UPPER, 1);
    a.label("lower");
    load64(a, reads, 9, 9, btf.offsetOf("inode", "i_sb"));
    load32(a, reads, 1, 9, btf.offsetOf("super_block", "s_dev"));
    a.store32(7, OwnerRecord.DEVICE, 1);
    load64(a, reads, 1, 9, btf.offsetOf("super_block", "s_magic"));
    a.store64(7, OwnerRecord.MAGIC, 1);
    a.label("no-executable");
  }

  /** to = eight bytes at base + offset in the kernel's memory; 0 on a fault. */
  private static void load64(Assembler a, Reads reads, int to, int base, int offset) {
    if (reads == Reads.TYPED) {
      a.load64(to, base, offset);
    } else {
      read(a, base, offset, 8);
      a.load64(to, 10, -8);
    }
  }

  /** to = four bytes at base + offset in the kernel's memory; 0 on a fault. */
  private static void load32(Assembler a, Reads reads, int to, int base, int offset) {
    if (reads == Reads.TYPED) {
      a.load32(to, base, offset);
    } else {
      read(a, base, offset, 4);
      a.load32(to, 10, -8);
    }
  }

  /** Reads bytes at base + offset in the kernel's memory to the stack at -8; zeroes on a fault. */
  static void read(Assembler a, int base, int offset, int bytes) {
    a.storeValue64(10, -8, 0).move(1, 10).add(1, -8).set(2, bytes);
    a.move(3, base).add(3, offset).call(READ_KERNEL);
  }
}
