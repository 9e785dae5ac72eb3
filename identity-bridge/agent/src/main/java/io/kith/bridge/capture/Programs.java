package io.kith.bridge.capture;

import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import org.jspecify.annotations.Nullable;

/**
 * The BPF programs that see connections.
 *
 * <p>{@code connect} runs in connect(2) and writes who is calling into the socket. {@code
 * socketOperations} runs before the SYN leaves, when the source port is known, and puts what {@code
 * connect} wrote into a table under the connection's addresses.
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
  static final int MAP_LOOKUP = 1;
  static final int MAP_UPDATE = 2;
  private static final int CURRENT_PID_TID = 14;
  static final int SOCKET_OPERATION_FLAGS = 59;
  private static final int SOCKET_STORAGE_GET = 107;
  static final int NETNS_COOKIE = 122;
  private static final int BOOT_TIME = 125;

  // struct bpf_sock_addr and struct bpf_sock_ops
  private static final int ADDRESS_SOCKET = 64;
  private static final int OPERATION = 0;
  private static final int ARGUMENT_1 = 8;
  private static final int FAMILY = 20;
  static final int REMOTE_IP4 = 24;
  private static final int LOCAL_IP4 = 28;
  static final int REMOTE_IP6 = 32;
  private static final int LOCAL_IP6 = 48;
  static final int REMOTE_PORT = 64;
  private static final int LOCAL_PORT = 68;
  static final int FLAGS = 84;
  static final int RECEIVE_NEXT = 100;
  static final int SEND_NEXT = 104;
  private static final int OPERATION_SOCKET = 184;

  private static final int ON_CONNECT = 3;
  private static final int ON_ESTABLISHED = 4;
  private static final int ON_ACCEPTED = 5;
  private static final int ON_STATE = 10;
  static final int STATE_FLAG = 4;
  private static final int TCP_CLOSE = 7;
  private static final int AF_INET = 2;
  static final int KEY = -64;
  private static final int COOKIE = -8;
  private static final int PROTOCOL = KEY + OwnerRecord.KEY_PROTOCOL;

  /** Offset of the upper half of the pid and thread id. */
  private static final int PID = OwnerRecord.PID_TID + 4;

  private static final int SENDER_PID = OwnerRecord.SENDER + 4;

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

  // ---- connect(2)

  /** The program that notes who calls in the socket. */
  Assembler connect(Descriptor storage, Tables tables, OwnerCode.Reads reads) {
    var a = new Assembler();
    a.move(6, 1).load64(2, 6, ADDRESS_SOCKET).jumpIfEqual(2, 0, "out");
    a.map(1, storage.number()).set(3, 0).set(4, 1).call(SOCKET_STORAGE_GET);
    a.jumpIfEqual(0, 0, "lost").move(7, 0);
    OwnerCode.caller(a, btf, reads);
    a.jump("out");
    // Who makes the kernel have no room for the note (its bound for each socket can be filled by
    // filters) would be taken for whoever had these addresses before: in a pod connect(2) says
    // EPERM.
    a.label("lost");
    Counter.NOT_NOTED.add(a, counters, "counted");
    a.move(1, 6).call(NETNS_COOKIE).store64(10, COOKIE, 0);
    a.map(1, tables.reserves().number()).move(2, 10).add(2, COOKIE).call(MAP_LOOKUP);
    a.jumpIfEqual(0, 0, "out").set(0, 0).exit();
    return a.label("out").set(0, 1).exit();
  }

  // ---- before the SYN

  /**
   * The program that enters connections into the table.
   *
   * @param openers where it is noted in one word too; null: nowhere
   * @param withSender ask who sends, which kernels before 6.10 do not answer here
   */
  Assembler socketOperations(
      Descriptor storage, Tables tables, @Nullable Openers openers, boolean withSender) {
    var owners = tables.owners();
    var previous = tables.previous();
    var a = new Assembler();
    a.move(6, 1).load32(1, 6, OPERATION);
    a.jumpIfEqual(1, ON_CONNECT, "connect").jumpIfEqual(1, ON_STATE, "state");
    if (openers != null) {
      a.jumpIfEqual(1, ON_ESTABLISHED, "established").jumpIfEqual(1, ON_ACCEPTED, "accepted");
    }
    a.jump("out");

    a.label("connect");
    storageOf(a, storage);
    key(a, "c");
    check(a);
    if (withSender) {
      a.call(CURRENT_PID_TID).store64(7, OwnerRecord.SENDER, 0);
    }
    a.storeValue64(7, OwnerRecord.EARLIER, 0).storeValue32(7, OwnerRecord.NUMBER, 0);
    a.map(1, owners.number()).move(2, 10).add(2, KEY).call(MAP_LOOKUP);
    a.jumpIfEqual(0, 0, "forgotten").move(8, 0);
    // The same program of the same process again: the owner before it stays the one before, and the
    // record is written over where it stands, which spares the kernel to find room for another.
    // Who reads it meanwhile asks about the connection before, and gets this process either way.
    // The word with the check of the key is the last that is written (OwnerRecord.isOf).
    sameProgram(a, "other");
    a.load32(1, 8, OwnerRecord.NUMBER).store32(7, OwnerRecord.NUMBER, 1);
    for (var i = 0; i <= OwnerRecord.CHECK; i += 8) {
      a.load64(1, 7, i).store64(8, i, 1);
    }
    earlier(a);
    a.jump("reserve");
    // Other pods have pushed it out, but the pod's own reserve has it: it counts all the same.
    a.label("forgotten");
    reserveOf(a, tables, "enter");
    a.move(1, 0).move(2, 10).add(2, KEY).call(MAP_LOOKUP);
    a.jumpIfEqual(0, 0, "enter").move(8, 0);
    sameProgram(a, "other");
    a.load32(1, 8, OwnerRecord.NUMBER).store32(7, OwnerRecord.NUMBER, 1);
    earlier(a);
    a.jump("enter");
    // Another one: who had the key stays a candidate, and the record says until when he had it.
    a.label("other");
    a.load64(1, 8, OwnerRecord.CLOSE).jumpUnlessEqual(1, 0, "closed");
    a.load64(1, 7, OwnerRecord.CONNECT);
    a.label("closed").store64(7, OwnerRecord.EARLIER, 1);
    // Under the key itself too, which is what a bridge reads that knows no slots.
    a.map(1, previous.number()).move(2, 10).add(2, KEY).move(3, 8).set(4, 0).call(MAP_UPDATE);
    a.load32(1, 8, OwnerRecord.NUMBER).move(2, 1).add(2, 1).store32(7, OwnerRecord.NUMBER, 2);
    a.and(1, OwnerRecord.SLOTS - 1).add(1, 1).shiftLeft(1, OwnerRecord.SLOT_SHIFT);
    a.load32(2, 10, PROTOCOL).addRegister(2, 1).store32(10, PROTOCOL, 2);
    a.map(1, previous.number()).move(2, 10).add(2, KEY).move(3, 8).set(4, 0).call(MAP_UPDATE);
    a.load32(1, 10, PROTOCOL).and(1, (1 << OwnerRecord.SLOT_SHIFT) - 1).store32(10, PROTOCOL, 1);
    a.label("enter");
    a.map(1, owners.number()).move(2, 10).add(2, KEY).move(3, 7).set(4, 0).call(MAP_UPDATE);
    // Once more where only the pod's own connections push each other out.
    a.label("reserve");
    reserveOf(a, tables, "flag");
    a.move(1, 0).move(2, 10).add(2, KEY).move(3, 7).set(4, 0).call(MAP_UPDATE);
    a.label("flag");
    if (openers != null) {
      openers.reckon(a);
      openers.clear(a, "cleared");
    }
    a.move(1, 6).set(2, STATE_FLAG).call(SOCKET_OPERATION_FLAGS);
    Counter.CONNECTS.add(a, counters, "counted");
    a.jump("out");

    a.label("state");
    a.load32(1, 6, ARGUMENT_1).jumpUnlessEqual(1, TCP_CLOSE, "out");
    if (openers != null) {
      openers.farEndCloses(a, "near-end");
    }
    storageOf(a, storage);
    key(a, "s");
    a.call(BOOT_TIME).move(9, 0);
    a.map(1, owners.number()).move(2, 10).add(2, KEY).call(MAP_LOOKUP);
    closed(a, "reserve-closed");
    a.label("reserve-closed");
    reserveOf(a, tables, "all-closed");
    a.move(1, 0).move(2, 10).add(2, KEY).call(MAP_LOOKUP);
    closed(a, "all-closed");
    a.label("all-closed");
    if (openers != null) {
      openers.reckon(a);
      openers.forget(a, "forgotten-word");
      a.jump("out");

      // The near end has the SYN's answer: the connection is there, and the far end accepts it
      // next.
      a.label("established");
      storageOf(a, storage);
      key(a, "e");
      openers.reckon(a);
      openers.awaitTheFarEnd(a);
      a.jump("out");

      a.label("accepted");
      openers.confirm(a, owners, "out");
    }
    return a.label("out").set(0, 1).exit();
  }

  /**
   * Goes on when the records at 7 and 8 are of one program of one process, as one user, with one
   * sender.
   */
  private static void sameProgram(Assembler a, String otherwise) {
    a.load32(1, 8, PID).load32(2, 7, PID).jumpUnlessSame(1, 2, otherwise);
    a.load32(1, 8, SENDER_PID).load32(2, 7, SENDER_PID).jumpUnlessSame(1, 2, otherwise);
    a.load64(1, 8, OwnerRecord.UID_GID).load64(2, 7, OwnerRecord.UID_GID);
    a.jumpUnlessSame(1, 2, otherwise);
    a.load64(1, 8, OwnerRecord.START).load64(2, 7, OwnerRecord.START);
    a.jumpUnlessSame(1, 2, otherwise);
    a.load64(1, 8, OwnerRecord.EXEC_ID).load64(2, 7, OwnerRecord.EXEC_ID);
    a.jumpUnlessSame(1, 2, otherwise);
  }

  /** The owner before the one at 8 is the one before that at 7. */
  private static void earlier(Assembler a) {
    a.load64(1, 8, OwnerRecord.EARLIER).store64(7, OwnerRecord.EARLIER, 1);
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
    stored(a, storage, 0, "out");
    a.move(7, 0);
  }

  /** 0 = what the context's socket has in a storage. */
  static void stored(Assembler a, Descriptor storage, int flags, String otherwise) {
    a.load64(2, 6, OPERATION_SOCKET).jumpIfEqual(2, 0, otherwise);
    a.map(1, storage.number()).set(3, 0).set(4, flags).call(SOCKET_STORAGE_GET);
    a.jumpIfEqual(0, 0, otherwise);
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

  /** Writes the check of the key on the stack into the record at 7, as OwnerRecord reckons it. */
  private static void check(Assembler a) {
    a.set(1, 0);
    for (var i = OwnerRecord.KEY_CHECKED; i < OwnerRecord.KEY_BYTES; i += 4) {
      a.load32(2, 10, KEY + i).multiply(1, OwnerRecord.CHECK_FACTOR).addRegister(1, 2);
    }
    a.or(1, 1).store32(7, OwnerRecord.CHECK, 1);
  }
}
