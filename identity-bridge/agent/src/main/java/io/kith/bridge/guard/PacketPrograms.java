package io.kith.bridge.guard;

import io.kith.bridge.capture.OwnerRecord;
import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.guard.GuardRecord.Kind;

/**
 * The programs that see the packets of a pod's sockets.
 *
 * <p>{@code out} runs after address translation: what was redirected to the proxy goes to loopback
 * by then, so a first packet of TCP that still leaves was not, and one of the proxy's own should.
 * UDP and everything else is judged here, by who was noted at the socket and never by who runs now.
 * {@code in} remembers who asked a UDP server, so that it may answer, and hands DNS answers to the
 * bridge. What is approved {@code out} remembers as begun here, so that nothing from there is a
 * question when it is approved no more.
 *
 * <p>This file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants for the helpers
 * that it calls ("Dual BSD/GPL").
 */
final class PacketPrograms {
  // struct __sk_buff
  private static final int LENGTH = 0;
  private static final int ETHERTYPE = 16;
  private static final int INTERFACE = 40;
  private static final int SOCKET = 168;
  private static final int LOOPBACK_INTERFACE = 1;

  // struct bpf_sock
  private static final int SOCKET_FAR_IP4 = 52;
  private static final int SOCKET_FAR_IP6 = 56;

  // As a little-endian machine reads network byte order.
  private static final int IPV4 = 0x0008;
  private static final int IPV6 = 0xdd86;
  private static final int FRAGMENT_OFFSET = 0xff1f;
  private static final int LINK_LOCAL_MULTICAST = 0x02ff;
  private static final int MULTICAST4 = 0xe0;

  private static final int IP4_BYTES = 20;
  private static final int IP6_BYTES = 40;
  private static final int ICMP = 1;
  private static final int IGMP = 2;
  private static final int UDP = 17;
  private static final int ICMP6 = 58;
  private static final int HOP_BY_HOP = 0;
  private static final int FRAGMENT = 255;
  private static final int ECHO_REPLY = 0;
  private static final int UNREACHABLE = 3;
  private static final int TIME_EXCEEDED = 11;
  private static final int PARAMETER_PROBLEM = 12;
  private static final int LAST_ERROR6 = 4;
  private static final int ECHO6 = 128; // its reply, listeners and neighbours follow
  private static final int REDIRECT6 = 137;
  private static final int LISTENER_REPORT6 = 143;
  private static final int SYN = 0x02;
  private static final int SYN_ACK = 0x12;
  private static final int UDP_HEADER = 8;

  private static final int LOAD_BYTES = 26;
  private static final int SOCKET_COOKIE = 46;
  private static final int SOCKET_UID = 47;
  private static final int PACKET_CGROUP = 79;
  private static final int FULL_SOCKET = 95;
  private static final int BOOT_TIME = 125;
  private static final int RING_RESERVE = 131;
  private static final int RING_SUBMIT = 132;
  private static final int RING_DISCARD = 133;

  /** How long after a packet from somewhere an answer is one: as long as connection tracking. */
  private static final long ASKED_NANOS = 120_000_000_000L;

  private final GuardMaps maps;
  private final boolean withExecutable;

  /**
   * Programs that share these maps.
   *
   * @param withExecutable the notes about sockets tell of the executable
   */
  PacketPrograms(GuardMaps maps, boolean withExecutable) {
    this.maps = maps;
    this.withExecutable = withExecutable;
  }

  /**
   * What leaves the sockets of the cgroup.
   *
   * @param peers who asked them last, of the cgroup only
   */
  Assembler out(long cgroup, Descriptor peers) {
    var code = new GuardCode(maps, cgroup);
    var a = code.assembler();
    a.move(6, 1);
    header(a, code, IP4_BYTES - 4, IP6_BYTES - 16, "pass");
    a.load8(1, 10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL);
    a.jumpIfEqual(1, GuardCode.TCP, "tcp").jumpIfEqual(1, UDP, "udp").jump("other");

    a.label("tcp");
    transport(a, 14, "other");
    a.load8(1, 10, GuardCode.TRANSPORT + 13).and(1, SYN_ACK).jumpUnlessEqual(1, SYN, "pass");
    a.load16(9, 10, GuardCode.TRANSPORT + 2).bigEndian16(9).jump("judge");

    a.label("udp");
    transport(a, UDP_HEADER, "other");
    a.load16(9, 10, GuardCode.TRANSPORT + 2).bigEndian16(9).jump("judge");

    a.label("other");
    harmless(a);
    a.set(9, 0);

    a.label("judge");
    code.policy("pass");
    // Whoever rules a pod's network may call any address its own, and route it out all the same;
    // and what goes to loopback for another address may be forwarded.
    a.load32(1, 6, INTERFACE).jumpUnlessEqual(1, LOOPBACK_INTERFACE, "leaves");
    code.rule(Kind.OWN);
    a.jumpIfEqual(0, 0, "leaves");
    returns(a, code);
    a.label("leaves");
    code.ruleWithPort(Kind.RESOLVER);
    a.jumpIfEqual(0, 0, "no-resolver");
    a.load8(1, 10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL);
    a.jumpUnlessEqual(1, UDP, "pass").jump("noted");
    a.label("no-resolver");
    a.load8(1, 10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL);
    a.jumpIfEqual(1, GuardCode.TCP, "tcp-approved").jumpUnlessEqual(1, UDP, "noted");
    code.anyRule(Kind.APPROVED_UDP, "udp-approved");
    a.jump("noted");
    a.label("udp-approved");
    asked(a, peers, "approved", "pass", "pass");
    a.storeValue64(10, GuardCode.TIME, GuardRecord.BEGUN);
    note(a, peers);
    a.jump("pass");
    a.label("tcp-approved");
    code.anyRule(Kind.APPROVED_TCP, "pass");

    a.label("noted");
    record(a, code, "unnoted");
    proxy(a, code);
    a.load8(1, 10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL);
    a.jumpIfEqual(1, GuardCode.TCP, "judged-before").jumpIfEqual(1, UDP, "answer");
    code.reason(GuardReason.OTHER_PROTOCOL);
    a.jump("verdict");

    a.label("judged-before");
    a.load32(1, 7, GuardCode.IN_RECORD + GuardRecord.JUDGED).jumpUnlessEqual(1, 0, "pass");
    code.reason(GuardReason.NOT_REDIRECTED);
    a.jump("verdict");

    a.label("answer");
    code.ruleWithPort(Kind.RESOLVER);
    a.jumpIfEqual(0, 0, "asks-nobody");
    code.reason(GuardReason.RESOLVER);
    a.jump("verdict");
    a.label("asks-nobody");
    answers(a, peers);
    // What is refused nobody hears, so that nobody's packets are answers to it.
    a.load32(1, 8, GuardRecord.MODE).jumpIfEqual(1, GuardRecord.ENFORCE, "unheard");
    a.storeValue32(7, GuardCode.IN_RECORD + GuardRecord.INITIATED, 1);
    a.label("unheard");
    code.reason(GuardReason.UDP);
    a.jump("verdict");

    a.label("unnoted"); // no memory to note anything: it is judged as nobody's
    code.ruleWithPort(Kind.RESOLVER);
    a.jumpUnlessEqual(0, 0, "pass").set(7, 0);
    code.reason(GuardReason.OTHER_PROTOCOL);
    a.label("verdict");
    code.verdict();
    return a.label("pass").set(0, 1).exit();
  }

  /**
   * The address at one end, in both keys, and the protocol; where the payload of IP begins stands
   * on the stack at -8.
   *
   * @param in4 where the address stands in an IPv4 header
   * @param in6 where it stands in an IPv6 header
   */
  private static void header(Assembler a, GuardCode code, int in4, int in6, String otherwise) {
    a.load32(1, 6, ETHERTYPE).jumpIfEqual(1, IPV4, "v4").jumpUnlessEqual(1, IPV6, otherwise);
    load(a, GuardCode.HEADER, IP6_BYTES, otherwise);
    for (var i = 0; i < 16; i += 4) {
      a.load32(1, 10, GuardCode.HEADER + in6 + i);
      code.address6(1, i);
    }
    a.storeValue32(10, -8, IP6_BYTES);
    a.load8(1, 10, GuardCode.HEADER + 6).jump("header");

    a.label("v4");
    load(a, GuardCode.HEADER, IP4_BYTES, otherwise);
    a.load32(1, 10, GuardCode.HEADER + in4);
    code.address4(1);
    a.load8(1, 10, GuardCode.HEADER).and(1, 15).shiftLeft(1, 2).store32(10, -8, 1);
    a.load16(2, 10, GuardCode.HEADER + 6).and(2, FRAGMENT_OFFSET);
    a.load8(1, 10, GuardCode.HEADER + 9).jumpIfEqual(2, 0, "header").set(1, FRAGMENT);
    a.label("header").store8(10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL, 1);
  }

  /** The first bytes of the packet, on the stack. */
  private static void load(Assembler a, int to, int bytes, String otherwise) {
    a.move(1, 6).set(2, 0).move(3, 10).add(3, to).set(4, bytes).call(LOAD_BYTES);
    a.jumpUnlessEqual(0, 0, otherwise);
  }

  /** The first bytes of what IP carries, on the stack. */
  private static void transport(Assembler a, int bytes, String otherwise) {
    a.move(1, 6).load32(2, 10, -8).move(3, 10).add(3, GuardCode.TRANSPORT).set(4, bytes);
    a.call(LOAD_BYTES).jumpUnlessEqual(0, 0, otherwise);
  }

  /**
   * Lets pass what the kernel itself says for the pod: group membership, neighbour discovery,
   * errors and echo replies. Some of the rest of ICMP needs no capability, such as extended echo.
   */
  private static void harmless(Assembler a) {
    var protocol = GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL;
    var address = GuardCode.ATTEMPT + GuardRecord.ATTEMPT_ADDRESS;
    a.load8(1, 10, protocol).jumpIfEqual(1, ICMP, "icmp").jumpIfEqual(1, ICMP6, "icmp");
    a.jumpIfEqual(1, IGMP, "igmp").jumpUnlessEqual(1, HOP_BY_HOP, "harmful");
    // The kernel's reports of listeners have an option before them.
    a.load16(1, 10, address).jumpIfEqual(1, LINK_LOCAL_MULTICAST, "pass").jump("harmful");
    a.label("igmp");
    a.load32(1, 6, ETHERTYPE).jumpUnlessEqual(1, IPV4, "harmful");
    a.load8(1, 10, address + 12).and(1, 0xf0).jumpIfEqual(1, MULTICAST4, "pass").jump("harmful");
    a.label("icmp");
    transport(a, 1, "harmful");
    a.load8(2, 10, GuardCode.TRANSPORT).load8(1, 10, protocol).jumpIfEqual(1, ICMP6, "icmp6");
    a.jumpIfEqual(2, UNREACHABLE, "pass").jumpIfEqual(2, TIME_EXCEEDED, "pass");
    a.jumpIfEqual(2, PARAMETER_PROBLEM, "pass").jumpIfEqual(2, ECHO_REPLY, "pass").jump("harmful");
    a.label("icmp6").jumpIfEqual(2, 0, "harmful").jumpIfAtMost(2, LAST_ERROR6, "pass");
    a.jumpIfAtMost(2, ECHO6, "harmful").jumpIfAtMost(2, REDIRECT6, "pass");
    a.jumpIfEqual(2, LISTENER_REPORT6, "pass");
    a.label("harmful");
  }

  /** 7 = what was noted at the packet's socket. */
  private static void record(Assembler a, GuardCode code, String otherwise) {
    a.load64(1, 6, SOCKET).jumpIfEqual(1, 0, otherwise);
    a.call(FULL_SOCKET).jumpIfEqual(0, 0, otherwise).move(2, 0);
    code.storage(otherwise);
  }

  /** Lets the proxy pass; one whose socket is older than the guard by the socket's own marks. */
  private void proxy(Assembler a, GuardCode code) {
    a.load64(1, 7, OwnerRecord.CONNECT).jumpIfEqual(1, 0, "older");
    code.proxy(withExecutable, "proxy", "pass");
    a.jump("no-proxy");
    a.label("older");
    a.move(1, 6).call(PACKET_CGROUP).load64(1, 8, GuardRecord.PROXY_CGROUP);
    a.jumpUnlessSame(0, 1, "no-proxy");
    a.move(1, 6).call(SOCKET_UID).load32(1, 8, GuardRecord.PROXY_UID).jumpIfSame(0, 1, "pass");
    a.label("no-proxy");
  }

  /**
   * Drops the first packet of a connection of the proxy's that would come back to the proxy: its
   * socket goes out of the pod, and the packet to one of the proxy's ports. Connection tracking
   * takes it for a client's that had the same addresses and was reset; {@link Reopening} has it
   * sent out when it is sent again. What the proxy sends to the pod itself is redirected as well.
   */
  private void returns(Assembler a, GuardCode code) {
    a.load8(1, 10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL);
    a.jumpUnlessEqual(1, GuardCode.TCP, "pass");
    a.load32(1, 8, GuardRecord.MODE).jumpUnlessEqual(1, GuardRecord.ENFORCE, "pass");
    code.ruleWithPort(Kind.PROXY_PORT);
    a.jumpIfEqual(0, 0, "pass");
    record(a, code, "pass");
    code.proxy(withExecutable, "returns", "proxys");
    a.jump("pass");
    a.label("proxys");
    a.load64(1, 6, SOCKET).jumpIfEqual(1, 0, "pass");
    a.call(FULL_SOCKET).jumpIfEqual(0, 0, "pass");
    a.load32(1, 6, ETHERTYPE).jumpIfEqual(1, IPV4, "out-v4");
    for (var i = 0; i < 16; i += 4) {
      a.load32(1, 0, SOCKET_FAR_IP6 + i);
      code.address6(1, i);
    }
    a.jump("out-address");
    a.label("out-v4").load32(1, 0, SOCKET_FAR_IP4);
    code.address4(1);
    a.label("out-address");
    code.rule(Kind.OWN);
    a.jumpUnlessEqual(0, 0, "pass");
    code.lookup(maps.totals(), GuardCode.CGROUP);
    a.jumpIfEqual(0, 0, "returned").set(1, 1);
    a.addAtomically64(0, 16 * GuardRecord.RETURNED, 1);
    a.label("returned").set(0, 0).exit();
  }

  /** Lets pass what answers a packet from there, of a socket that was never let speak unasked. */
  private void answers(Assembler a, Descriptor peers) {
    a.load32(1, 7, GuardCode.IN_RECORD + GuardRecord.INITIATED).jumpUnlessEqual(1, 0, "first");
    asked(a, peers, "peer", "pass", "first");
    a.label("first");
  }

  /**
   * Whether the packet's socket was asked by the other end of late; goes on when it was not.
   *
   * @param begun the socket itself began, when that was approved
   */
  private void asked(Assembler a, Descriptor peers, String prefix, String asked, String begun) {
    peer(a);
    lookup(a, peers);
    a.jumpIfEqual(0, 0, prefix + "-of-all");
    a.load64(1, 0, 0).jumpIfEqual(1, GuardRecord.BEGUN, begun).jump(prefix + "-time");
    a.label(prefix + "-of-all");
    lookup(a, maps.peers());
    a.jumpIfEqual(0, 0, prefix + "-not").load64(1, 0, 0);
    a.label(prefix + "-time").store64(10, GuardCode.TIME, 1);
    a.call(BOOT_TIME).load64(1, 10, GuardCode.TIME).subtract(0, 1);
    a.set64(2, ASKED_NANOS).jumpIfMore(2, 0, asked);
    a.label(prefix + "-not");
  }

  /** The key of the packet's socket with the other end, which the attempt's key and 9 hold. */
  private static void peer(Assembler a) {
    a.move(1, 6).call(SOCKET_COOKIE).store64(10, GuardCode.PEER, 0);
    for (var i = 0; i < 16; i += 8) {
      a.load64(1, 10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_ADDRESS + i);
      a.store64(10, GuardCode.PEER + 8 + i, 1);
    }
    a.store64(10, GuardCode.PEER + 24, 9);
  }

  /** 0 = what a table has of the peer, or 0. */
  private static void lookup(Assembler a, Descriptor table) {
    a.map(1, table.number()).move(2, 10).add(2, GuardCode.PEER).call(GuardCode.MAP_LOOKUP);
  }

  /** Has a table keep the time for the peer. */
  private static void note(Assembler a, Descriptor table) {
    a.map(1, table.number()).move(2, 10).add(2, GuardCode.PEER);
    a.move(3, 10).add(3, GuardCode.TIME).set(4, 0).call(GuardCode.MAP_UPDATE);
  }

  /**
   * What arrives at the sockets of the cgroup; nothing is refused.
   *
   * @param peers as for {@link #out}
   */
  Assembler in(long cgroup, Descriptor peers) {
    var code = new GuardCode(maps, cgroup);
    var a = code.assembler();
    a.move(6, 1);
    // What comes over loopback was written in the pod itself, from whatever address; and what
    // answers a process of the pod does not leave it.
    a.load32(1, 6, INTERFACE).jumpIfEqual(1, LOOPBACK_INTERFACE, "pass");
    header(a, code, IP4_BYTES - 8, IP6_BYTES - 32, "pass");
    a.load8(1, 10, GuardCode.ATTEMPT + GuardRecord.ATTEMPT_PROTOCOL)
        .jumpUnlessEqual(1, UDP, "pass");
    transport(a, UDP_HEADER, "pass");
    a.load16(9, 10, GuardCode.TRANSPORT).bigEndian16(9);
    code.policy("pass");
    code.ruleWithPort(Kind.RESOLVER);
    a.jumpUnlessEqual(0, 0, "dns");

    record(a, code, "pass");
    a.load32(1, 7, GuardCode.IN_RECORD + GuardRecord.INITIATED).jumpUnlessEqual(1, 0, "pass");
    peer(a);
    lookup(a, peers);
    a.jumpIfEqual(0, 0, "asks").load64(1, 0, 0).jumpIfEqual(1, GuardRecord.BEGUN, "pass");
    a.label("asks");
    a.call(BOOT_TIME).store64(10, GuardCode.TIME, 0);
    // Others can push it out of the table of all, and a busy server out of its own.
    note(a, maps.peers());
    note(a, peers);
    a.jump("pass");

    a.label("dns");
    // Whoever runs in the pod may make further networks, with a resolver of his own.
    record(a, code, "pass");
    a.load64(1, 7, OwnerRecord.NETNS);
    code.network(1);
    a.jumpIfEqual(0, 0, "pass");
    a.map(1, maps.answers().number()).set(2, GuardRecord.ANSWER_BYTES).set(3, 0).call(RING_RESERVE);
    a.jumpIfEqual(0, 0, "full").move(7, 0);
    a.set64(1, cgroup).store64(7, 0, 1);
    a.load32(2, 10, -8).add(2, UDP_HEADER);
    a.load32(4, 6, LENGTH).subtract(4, 2);
    a.jumpIfAtMost(4, 11, "discard").jumpIfAbove(4, GuardRecord.ANSWER_MOST, "discard");
    a.store64(7, GuardRecord.ANSWER_LENGTH, 4);
    a.move(1, 6).move(3, 7).add(3, GuardRecord.ANSWER_PAYLOAD).call(LOAD_BYTES);
    a.jumpUnlessEqual(0, 0, "discard");
    a.move(1, 7).set(2, 0).call(RING_SUBMIT).jump("pass");
    a.label("discard").move(1, 7).set(2, 0).call(RING_DISCARD).jump("pass");

    a.label("full");
    code.lost("pass");
    return a.set(0, 1).exit();
  }
}
