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

  private OwnerCode() {}

  /**
   * Fills the record in register 7 with who calls connect(2) or sendmsg(2), of which 6 is the
   * context; 0 to 5, 8 and 9 are lost.
   *
   * @param btf null: the executable and the parent stay zero
   */
  public static void caller(Assembler a, @Nullable Btf btf) {
    process(a);
    a.move(1, 6).call(SOCKET_COOKIE).store64(7, OwnerRecord.COOKIE, 0);
    a.move(1, 6).call(NETNS_COOKIE).store64(7, OwnerRecord.NETNS, 0);
    a.storeValue64(7, OwnerRecord.SENDER, 0).storeValue64(7, OwnerRecord.CLOSE, 0);
    if (btf != null) {
      a.call(CURRENT_TASK).move(8, 0);
      task(a, btf);
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

  /** Fills the record in 7 from the task in 8. */
  static void task(Assembler a, Btf btf) {
    read(a, 8, btf.offsetOf("task_struct", "self_exec_id"), 8);
    a.load64(1, 10, -8).store64(7, OwnerRecord.EXEC_ID, 1);
    read(a, 8, btf.offsetOf("task_struct", "group_leader"), 8);
    a.load64(9, 10, -8);
    read(a, 9, btf.offsetOf("task_struct", "start_boottime", "real_start_time"), 8);
    a.load64(1, 10, -8).store64(7, OwnerRecord.START, 1);
    read(a, 8, btf.offsetOf("task_struct", "real_parent"), 8);
    a.load64(9, 10, -8);
    read(a, 9, btf.offsetOf("task_struct", "tgid"), 4);
    a.load32(1, 10, -8).store32(7, OwnerRecord.PARENT, 1);
    mountNamespace(a, btf);
    executable(a, btf);
  }

  private static void mountNamespace(Assembler a, Btf btf) {
    a.storeValue32(7, OwnerRecord.MOUNT_NAMESPACE, 0);
    read(a, 8, btf.offsetOf("task_struct", "nsproxy"), 8);
    a.load64(9, 10, -8).jumpIfEqual(9, 0, "no-namespace");
    read(a, 9, btf.offsetOf("nsproxy", "mnt_ns"), 8);
    a.load64(9, 10, -8).jumpIfEqual(9, 0, "no-namespace");
    var common = btf.offsetOf("mnt_namespace", "ns");
    read(a, 9, common + btf.offsetOf("ns_common", "inum"), 4);
    a.load32(1, 10, -8).store32(7, OwnerRecord.MOUNT_NAMESPACE, 1);
    a.label("no-namespace");
  }

  private static void executable(Assembler a, Btf btf) {
    a.storeValue64(7, OwnerRecord.INODE, 0).storeValue64(7, OwnerRecord.DEVICE, 0);
    a.storeValue64(7, OwnerRecord.MAGIC, 0).storeValue64(7, OwnerRecord.OVERLAY_UPPER, 0);
    a.storeValue64(7, OwnerRecord.SIZE, 0).storeValue64(7, OwnerRecord.CHANGE_SECONDS, 0);
    a.storeValue32(7, OwnerRecord.CHANGE_NANOS, 0);
    read(a, 8, btf.offsetOf("task_struct", "mm"), 8);
    a.load64(9, 10, -8).jumpIfEqual(9, 0, "no-executable");
    read(a, 9, btf.offsetOf("mm_struct", "exe_file"), 8);
    a.load64(9, 10, -8).jumpIfEqual(9, 0, "no-executable");
    read(a, 9, btf.offsetOf("file", "f_inode"), 8);
    a.load64(9, 10, -8).jumpIfEqual(9, 0, "no-executable");
    read(a, 9, btf.offsetOf("inode", "i_ino"), 8);
    a.load64(1, 10, -8).store64(7, OwnerRecord.INODE, 1);
    read(a, 9, btf.offsetOf("inode", "i_nlink"), 4);
    a.load32(1, 10, -8).store32(7, OwnerRecord.LINKS, 1);
    read(a, 9, btf.offsetOf("inode", "i_size"), 8);
    a.load64(1, 10, -8).store64(7, OwnerRecord.SIZE, 1);
    var seconds = btf.offsetOf("inode", "i_ctime_sec", "__i_ctime", "i_ctime");
    var nanos =
        btf.has("inode", "i_ctime_nsec") ? btf.offsetOf("inode", "i_ctime_nsec") : seconds + 8;
    read(a, 9, seconds, 8);
    a.load64(1, 10, -8).store64(7, OwnerRecord.CHANGE_SECONDS, 1);
    read(a, 9, nanos, 4);
    a.load32(1, 10, -8).store32(7, OwnerRecord.CHANGE_NANOS, 1);
    // On overlayfs struct ovl_inode follows, and begins with the pointer to the upper file.
    read(a, 9, btf.sizeOf("inode"), 8);
    a.load64(1, 10, -8).jumpIfEqual(1, 0, "lower").storeValue64(7, OwnerRecord.OVERLAY_UPPER, 1);
    a.label("lower");
    read(a, 9, btf.offsetOf("inode", "i_sb"), 8);
    a.load64(9, 10, -8);
    read(a, 9, btf.offsetOf("super_block", "s_dev"), 4);
    a.load32(1, 10, -8).store32(7, OwnerRecord.DEVICE, 1);
    read(a, 9, btf.offsetOf("super_block", "s_magic"), 8);
    a.load64(1, 10, -8).store64(7, OwnerRecord.MAGIC, 1);
    a.label("no-executable");
  }

  /** Reads bytes at base + offset in the kernel's memory to the stack at -8; zeroes on a fault. */
  static void read(Assembler a, int base, int offset, int bytes) {
    a.storeValue64(10, -8, 0).move(1, 10).add(1, -8).set(2, bytes);
    a.move(3, base).add(3, offset).call(READ_KERNEL);
  }
}
