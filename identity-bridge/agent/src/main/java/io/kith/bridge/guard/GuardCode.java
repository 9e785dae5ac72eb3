package io.kith.bridge.guard;

import io.kith.bridge.capture.OwnerRecord;
import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.guard.GuardRecord.Kind;

/**
 * What the guard's programs have in common, as pieces of one program.
 *
 * <p>This file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants for the helpers
 * that it calls ("Dual BSD/GPL").
 */
final class GuardCode {
  /*
   * Registers. 6: the context. 7: the owner record inside the socket's storage. 8: the policy.
   * 9: the destination's port, later whether it is refused.
   *
   * Stack, from its end
   *    -8  for the pieces: a value that was read; of a packet, where the payload begins
   *   -16  the cgroup's id
   *   -48  RULE, a key of the prefix tree
   *   -80  ATTEMPT, a key
   *  -120  HEADER of a packet
   *  -144  TRANSPORT header of a packet
   *  -176  PEER, a key
   *  -184  a time
   */
  static final int CGROUP = -16;
  static final int RULE = -48;
  static final int ATTEMPT = -80;
  static final int HEADER = -120;
  static final int TRANSPORT = -144;
  static final int PEER = -176;
  static final int TIME = -184;

  /** From the owner record, in register 7, to the beginning of the storage that it lies in. */
  static final int IN_RECORD = -GuardRecord.OWNER;

  static final int TCP = 6;
  static final int MAP_LOOKUP = 1;
  static final int MAP_UPDATE = 2;
  private static final int SOCKET_STORAGE_GET = 107;
  private static final int CREATE = 1;
  private static final int ONLY_IF_NEW = 1;
  private static final int MAPPED = 0xffff0000;

  private final Assembler a = new Assembler();
  private final GuardMaps maps;
  private final long cgroup;

  GuardCode(GuardMaps maps, long cgroup) {
    this.maps = maps;
    this.cgroup = cgroup;
  }

  Assembler assembler() {
    return a;
  }

  long cgroup() {
    return cgroup;
  }

  /** 7 = the record of the socket in register 2, made when missing. */
  void storage(String otherwise) {
    a.map(1, maps.storage().number()).set(3, 0).set(4, CREATE).call(SOCKET_STORAGE_GET);
    a.jumpIfEqual(0, 0, otherwise).move(7, 0).add(7, GuardRecord.OWNER);
  }

  /** 8 = the policy; and the keys are begun. */
  void policy(String otherwise) {
    a.set64(1, cgroup).store64(10, CGROUP, 1);
    a.store64(10, RULE + GuardRecord.RULE_CGROUP, 1).store64(10, ATTEMPT, 1);
    a.storeValue32(10, RULE, GuardRecord.RULE_BITS);
    lookup(maps.policies(), CGROUP);
    a.jumpIfEqual(0, 0, otherwise).move(8, 0);
  }

  /** The IPv4 address in a register becomes that of both keys. */
  void address4(int register) {
    for (var key :
        new int[] {RULE + GuardRecord.RULE_ADDRESS, ATTEMPT + GuardRecord.ATTEMPT_ADDRESS}) {
      a.storeValue64(10, key, 0).storeValue32(10, key + 8, MAPPED).store32(10, key + 12, register);
    }
  }

  /** Four bytes of an IPv6 address in a register become those of both keys. */
  void address6(int register, int at) {
    a.store32(10, RULE + GuardRecord.RULE_ADDRESS + at, register);
    a.store32(10, ATTEMPT + GuardRecord.ATTEMPT_ADDRESS + at, register);
  }

  /** Jumps when the address is IPv4 written as IPv6. */
  void isMapped(String label) {
    var address = ATTEMPT + GuardRecord.ATTEMPT_ADDRESS;
    a.load64(1, 10, address).jumpUnlessEqual(1, 0, label + "-not");
    a.load32(1, 10, address + 8).set(2, MAPPED).shiftLeft(1, 32).shiftLeft(2, 32);
    a.jumpIfSame(1, 2, label);
    a.label(label + "-not");
  }

  /** 0 = the rule of this kind for the address and every port, or 0. */
  void rule(Kind kind) {
    a.storeValue32(10, RULE + GuardRecord.RULE_KIND, kind.number);
    lookup(maps.rules(), RULE);
  }

  /** 0 = the rule of this kind for the address and the port in 9, or 0. */
  void ruleWithPort(Kind kind) {
    a.move(1, 9).shiftLeft(1, 16).or(1, kind.number);
    a.store32(10, RULE + GuardRecord.RULE_KIND, 1);
    lookup(maps.rules(), RULE);
  }

  /** 0 = the rule that the pod's network is that whose number a register holds, or 0. */
  void network(int register) {
    a.store64(10, RULE + GuardRecord.RULE_ADDRESS, register);
    a.storeValue64(10, RULE + GuardRecord.RULE_ADDRESS + 8, 0);
    rule(Kind.NETWORK);
  }

  /** Jumps when there is either. */
  void anyRule(Kind kind, String label) {
    ruleWithPort(kind);
    a.jumpUnlessEqual(0, 0, label);
    rule(kind);
    a.jumpUnlessEqual(0, 0, label);
  }

  void lookup(Descriptor map, int key) {
    a.map(1, map.number()).move(2, 10).add(2, key).call(MAP_LOOKUP);
  }

  /**
   * Jumps when the record in 7 is the proxy's: in the cgroup of its container, with its user or
   * group, and not running code from memory, a deleted file or the container's writable layer.
   */
  void proxy(boolean withExecutable, String prefix, String label) {
    var no = prefix + "-not";
    a.load64(1, 7, OwnerRecord.CGROUP).load64(2, 8, GuardRecord.PROXY_CGROUP);
    a.jumpUnlessSame(1, 2, no);
    a.load32(1, 7, OwnerRecord.UID_GID).load32(2, 8, GuardRecord.PROXY_UID);
    a.jumpIfSame(1, 2, prefix + "-user");
    a.load32(1, 7, OwnerRecord.UID_GID + 4).load32(2, 8, GuardRecord.PROXY_GID);
    a.jumpUnlessSame(1, 2, no);
    a.label(prefix + "-user");
    if (withExecutable) {
      a.load32(1, 7, OwnerRecord.LINKS).jumpIfEqual(1, 0, no);
      a.load64(1, 7, OwnerRecord.MAGIC).set(2, (int) OwnerRecord.OVERLAYFS);
      a.jumpUnlessSame(1, 2, label);
      a.load64(1, 7, OwnerRecord.OVERLAY_UPPER).jumpIfEqual(1, 0, label);
    } else {
      a.jump(label);
    }
    a.label(no);
  }

  /** Jumps, with the reason, when the record has the proxy's user or group. */
  void hasProxyUser(String label) {
    reason(GuardReason.PROXY_USER);
    a.load32(1, 7, OwnerRecord.UID_GID).load32(2, 8, GuardRecord.PROXY_UID);
    a.jumpIfSame(1, 2, label);
    a.load32(1, 7, OwnerRecord.UID_GID + 4).load32(2, 8, GuardRecord.PROXY_GID);
    a.jumpIfSame(1, 2, label);
  }

  void reason(GuardReason reason) {
    a.storeValue8(10, ATTEMPT + GuardRecord.ATTEMPT_REASON, reason.code());
  }

  /** One more that could not be noted; the label stands after it. */
  void lost(String after) {
    a.set64(1, cgroup).store64(10, CGROUP, 1);
    lookup(maps.totals(), CGROUP);
    a.jumpIfEqual(0, 0, after).set(1, 1).addAtomically64(0, 16 * GuardRecord.LOST, 1);
    a.label(after);
  }

  /**
   * Counts the attempt, and ends the program: with 0 when it is refused, else 1. The key holds
   * address, protocol and reason; 7 may be 0 when nobody is known.
   */
  void verdict() {
    a.store16(10, ATTEMPT + GuardRecord.ATTEMPT_PORT, 9);
    refused();
    a.jumpIfEqual(7, 0, "total");
    a.load32(1, 7, OwnerRecord.PID_TID + 4).store32(10, ATTEMPT + GuardRecord.ATTEMPT_PID, 1);
    lookup(maps.attempts(), ATTEMPT);
    a.jumpUnlessEqual(0, 0, "attempt");
    a.map(1, maps.attempts().number()).move(2, 10).add(2, ATTEMPT);
    a.move(3, 7).add(3, IN_RECORD).set(4, ONLY_IF_NEW).call(MAP_UPDATE);
    lookup(maps.attempts(), ATTEMPT);
    a.jumpIfEqual(0, 0, "total");
    a.label("attempt").set(1, 1).addAtomically64(0, GuardRecord.SEEN, 1);
    a.addAtomically64(0, GuardRecord.REFUSED, 9);
    a.label("total");
    lookup(maps.totals(), CGROUP);
    a.jumpIfEqual(0, 0, "counted");
    a.load8(1, 10, ATTEMPT + GuardRecord.ATTEMPT_REASON).and(1, 15).shiftLeft(1, 4);
    a.addRegister(0, 1).set(1, 1);
    a.addAtomically64(0, GuardRecord.SEEN, 1).addAtomically64(0, GuardRecord.REFUSED, 9);
    a.label("counted").set(0, 1).jumpIfEqual(9, 0, "done").set(0, 0).label("done").exit();
  }

  /** 9 = 1 when the policy refuses, else 0. */
  private void refused() {
    a.set(9, 0).load32(1, 8, GuardRecord.MODE);
    a.jumpUnlessEqual(1, GuardRecord.ENFORCE, "judged");
    // As long as the proxy's container is not found, who has its user may be the proxy.
    a.load8(1, 10, ATTEMPT + GuardRecord.ATTEMPT_REASON);
    a.jumpIfEqual(1, GuardReason.RESOLVER.code(), "judged");
    a.jumpUnlessEqual(1, GuardReason.PROXY_USER.code(), "certain");
    a.load32(1, 8, GuardRecord.FLAGS);
    a.jumpIfAnyOf(1, GuardRecord.PROXY_KNOWN, "certain").jump("judged");
    a.label("certain").set(9, 1);
    a.label("judged");
  }
}
