package io.kith.bridge.guard;

import io.kith.bridge.capture.OwnerCode;
import io.kith.bridge.capture.OwnerRecord;
import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Bpf.ProgramKind;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.guard.GuardRecord.Kind;
import org.jspecify.annotations.Nullable;

/**
 * The programs that run where a process says where it wants to go: connect(2) and sendmsg(2). They
 * are made for one cgroup each, whose id stands in their code.
 *
 * <p>{@code connect} judges TCP and notes who connects, of UDP as well. {@code send} notes who
 * sends from a socket that is not connected. What leaves is judged in {@link PacketPrograms}.
 *
 * <p>This file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants for the helpers
 * that it calls ("Dual BSD/GPL").
 */
final class GuardPrograms {
  // struct bpf_sock_addr
  private static final int USER_IP4 = 4;
  private static final int USER_IP6 = 8;
  private static final int USER_PORT = 24;
  private static final int TYPE = 32;
  private static final int SOCKET = 64;
  private static final int STREAM = 1;

  private static final int CURRENT_PID_TID = 14;

  private final GuardMaps maps;
  private final @Nullable Btf btf;

  /**
   * Programs that share these maps.
   *
   * @param btf null: the executable is not read, so that the proxy is known by cgroup and user only
   */
  GuardPrograms(GuardMaps maps, @Nullable Btf btf) {
    this.maps = maps;
    this.btf = btf;
  }

  /** For {@link ProgramKind#CONNECT4} or {@link ProgramKind#CONNECT6}. */
  Assembler connect(ProgramKind kind, long cgroup) {
    var code = new GuardCode(maps, cgroup);
    var a = code.assembler();
    a.move(6, 1).load64(2, 6, SOCKET).jumpIfEqual(2, 0, "unnoted");
    code.storage("unnoted");
    OwnerCode.caller(a, btf);
    a.storeValue32(7, GuardCode.IN_RECORD + GuardRecord.JUDGED, 0);
    a.load32(1, 6, TYPE).jumpUnlessEqual(1, STREAM, "pass");
    code.policy("pass");
    var family = destination(code, kind);

    code.proxy(btf != null, "proxy", "pass");
    code.rule(Kind.OWN); // whether it is so is judged by where its first packet goes
    a.jumpIfEqual(0, 0, "leaves");
    code.ruleWithPort(Kind.PROXY_PORT);
    a.jumpIfEqual(0, 0, "pass");
    code.reason(GuardReason.PROXY_PORT);
    a.jump("bypass");

    a.label("leaves");
    code.hasProxyUser("bypass");
    code.reason(GuardReason.FAMILY);
    a.load32(1, 8, GuardRecord.FLAGS);
    if (family != 0) {
      a.and(1, family).jumpIfEqual(1, 0, "bypass");
    } else { // IPv6 that may be IPv4 inside
      code.isMapped("mapped");
      a.load32(1, 8, GuardRecord.FLAGS).and(1, GuardRecord.REDIRECTS_V6);
      a.jumpIfEqual(1, 0, "bypass").jump("redirected");
      a.label("mapped");
      a.load32(1, 8, GuardRecord.FLAGS).and(1, GuardRecord.REDIRECTS_V4);
      a.jumpIfEqual(1, 0, "bypass");
      a.label("redirected");
    }
    code.reason(GuardReason.EXCLUDED);
    code.anyRule(Kind.EXCLUDED, "bypass");
    a.jump("pass");

    a.label("bypass");
    code.anyRule(Kind.APPROVED_TCP, "pass");
    code.ruleWithPort(Kind.RESOLVER);
    a.jumpUnlessEqual(0, 0, "pass");
    a.storeValue32(7, GuardCode.IN_RECORD + GuardRecord.JUDGED, 1);
    a.storeValue8(10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL, GuardCode.TCP);
    code.verdict();

    // No memory to note the caller: under enforce TCP is refused, since nobody can be judged.
    a.label("unnoted");
    code.lost("unnoted-counted");
    a.load32(1, 6, TYPE).jumpUnlessEqual(1, STREAM, "pass");
    code.policy("pass");
    a.load32(1, 8, GuardRecord.MODE).jumpUnlessEqual(1, GuardRecord.ENFORCE, "pass");
    a.set(0, 0).exit();
    return a.label("pass").set(0, 1).exit();
  }

  /**
   * The destination of the context, in both keys and with its port in register 9.
   *
   * @return the flag of its family; 0: it has to be looked at
   */
  private static int destination(GuardCode code, ProgramKind kind) {
    var a = code.assembler();
    if (kind == ProgramKind.CONNECT4) {
      a.load32(1, 6, USER_IP4);
      code.address4(1);
    } else {
      for (var i = 0; i < 16; i += 4) {
        a.load32(1, 6, USER_IP6 + i);
        code.address6(1, i);
      }
    }
    a.load32(9, 6, USER_PORT).bigEndian16(9);
    return kind == ProgramKind.CONNECT4 ? GuardRecord.REDIRECTS_V4 : 0;
  }

  /** For {@link ProgramKind#SEND4} and {@link ProgramKind#SEND6}; refuses nothing. */
  Assembler send(long cgroup) {
    var code = new GuardCode(maps, cgroup);
    var a = code.assembler();
    a.move(6, 1).load64(2, 6, SOCKET).jumpIfEqual(2, 0, "pass");
    code.storage("pass");
    a.call(CURRENT_PID_TID).load64(1, 7, OwnerRecord.PID_TID).jumpIfSame(0, 1, "pass");
    OwnerCode.caller(a, btf);
    return a.label("pass").set(0, 1).exit();
  }
}
