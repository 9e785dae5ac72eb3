package io.kith.bridge.guard;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.capture.OwnerRecord;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** The layouts that the guard's programs and Java share. Numbers are little-endian. */
final class GuardRecord {
  /*
   *  policy, by cgroup id          rule, a key of the prefix tree
   *   0  mode u32                   0  length of the prefix, bits u32
   *   4  flags u32                  4  kind u16
   *   8  proxy's user u32           6  port u16, 0: every port
   *  12  proxy's group u32          8  cgroup id u64
   *  16  proxy's cgroup u64        16  address 16, IPv4 as ::ffff:a.b.c.d
   *  24                            32
   *
   *  attempt, key                  attempt, value
   *   0  cgroup id u64              0  seen u64
   *   8  destination 16             8  refused u64
   *  24  port u16                  16  OwnerRecord
   *  26  IP protocol u8           184
   *  27  reason u8
   *  28  tgid u32                  socket storage
   *  32                             0  as an attempt; both counts stay 0
   *                               184  judged in connect(2) u32
   *  peer, key                    188  sent unasked, and it passed u32
   *   0  socket cookie u64        192
   *   8  address 16
   *  24  port u32                  totals, by cgroup id: of each reason code, and of 15 (lost)
   *  28  (zero) u32                 0  seen u64, refused u64, 16 times; 14: the proxy's that came back
   *  32                           256
   *  value: last packet, ns u64; 0: sent unasked to what was approved, of one cgroup only
   *
   *  DNS answer, in the ring
   *   0  cgroup id u64
   *   8  length u32, 12 (zero) u32
   *  16  UDP payload 1504
   * 1520
   */
  static final int MODE = 0;
  static final int FLAGS = 4;
  static final int PROXY_UID = 8;
  static final int PROXY_GID = 12;
  static final int PROXY_CGROUP = 16;
  static final int POLICY_BYTES = 24;

  static final int ENFORCE = 3;
  static final int REDIRECTS_V4 = 1;
  static final int REDIRECTS_V6 = 2;
  static final int PROXY_KNOWN = 4;

  static final int RULE_KIND = 4;
  static final int RULE_CGROUP = 8;
  static final int RULE_ADDRESS = 16;
  static final int RULE_BYTES = 32;
  static final int RULE_BITS = (RULE_BYTES - 4) * 8;

  static final int ATTEMPT_ADDRESS = 8;
  static final int ATTEMPT_PORT = 24;
  static final int ATTEMPT_PROTOCOL = 26;
  static final int ATTEMPT_REASON = 27;
  static final int ATTEMPT_PID = 28;
  static final int ATTEMPT_KEY_BYTES = 32;

  static final int SEEN = 0;
  static final int REFUSED = 8;
  static final int OWNER = 16;
  static final int ATTEMPT_BYTES = OWNER + OwnerRecord.BYTES;
  static final int JUDGED = ATTEMPT_BYTES;
  static final int INITIATED = ATTEMPT_BYTES + 4;
  static final int STORAGE_BYTES = ATTEMPT_BYTES + 8;

  static final int PEER_KEY_BYTES = 32;
  static final int BEGUN = 0;
  static final int TOTALS_BYTES = 256;
  static final int LOST = 15;
  static final int RETURNED = 14;

  static final int ANSWER_LENGTH = 8;
  static final int ANSWER_PAYLOAD = 16;
  static final int ANSWER_MOST = 1504;
  static final int ANSWER_BYTES = ANSWER_PAYLOAD + ANSWER_MOST;

  /** What a rule says about the addresses that it covers. */
  enum Kind {
    /** They are the pod's own. */
    OWN(1),
    /** The port is one of its proxy's; for every address. */
    PROXY_PORT(2),
    RESOLVER(3),
    EXCLUDED(4),
    APPROVED_TCP(5),
    APPROVED_UDP(6),
    /** No address but the number of the pod's network namespace, and eight zeroes. */
    NETWORK(7);

    final int number;

    Kind(int number) {
      this.number = number;
    }
  }

  private GuardRecord() {}

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static byte[] cgroup(long id) {
    return buffer(8).putLong(id).array();
  }

  /**
   * A policy.
   *
   * @param proxyCgroup 0: not known, so that nobody is refused for having the proxy's user
   */
  static byte[] policy(GuardPolicy policy, Mode mode, long proxyCgroup) {
    var flags =
        (policy.redirectsV4() ? REDIRECTS_V4 : 0)
            | (policy.redirectsV6() ? REDIRECTS_V6 : 0)
            | (proxyCgroup == 0 ? 0 : PROXY_KNOWN);
    return buffer(POLICY_BYTES)
        .putInt(mode(mode))
        .putInt(flags)
        .putInt(policy.proxyUid())
        .putInt(policy.proxyGid())
        .putLong(proxyCgroup)
        .array();
  }

  /** Whether a policy refuses anything. */
  static boolean enforces(byte[] policy) {
    return ByteBuffer.wrap(policy).order(ByteOrder.LITTLE_ENDIAN).getInt() == ENFORCE;
  }

  private static int mode(Mode mode) {
    return switch (mode) {
      case OBSERVE -> 1;
      case SHADOW -> 2;
      case ENFORCE -> ENFORCE;
    };
  }

  /** A rule for a block of addresses; its value is one byte that means nothing. */
  static byte[] rule(Kind kind, int port, long cgroup, Cidr network) {
    var address = network.network().bytes();
    var prefix = network.prefix() + (address.length == 4 ? 96 : 0);
    return rule(kind, port, cgroup, mapped(address), prefix);
  }

  /** A rule for every address. */
  static byte[] rule(Kind kind, int port, long cgroup) {
    return rule(kind, port, cgroup, new byte[16], 0);
  }

  /** A rule that the pod's network is that with this number. */
  static byte[] network(long cgroup, long netnsCookie) {
    return rule(Kind.NETWORK, 0, cgroup, buffer(16).putLong(netnsCookie).array(), 128);
  }

  private static byte[] rule(Kind kind, int port, long cgroup, byte[] address, int prefix) {
    return buffer(RULE_BYTES)
        .putInt(RULE_ADDRESS * 8 - 32 + prefix)
        .putShort((short) kind.number)
        .putShort((short) port)
        .putLong(cgroup)
        .put(address)
        .array();
  }

  private static byte[] mapped(byte[] address) {
    if (address.length == 16) {
      return address;
    }
    return buffer(16).putLong(0).putShort((short) 0).putShort((short) -1).put(address).array();
  }

  static long ruleCgroup(byte[] rule) {
    return ByteBuffer.wrap(rule).order(ByteOrder.LITTLE_ENDIAN).getLong(RULE_CGROUP);
  }

  static boolean isNetwork(byte[] rule) {
    return shortNumber(rule, RULE_KIND) == Kind.NETWORK.number;
  }

  static IpAddress address(byte[] from, int at) {
    return IpAddress.of(Arrays.copyOfRange(from, at, at + 16));
  }

  static long number(byte[] from, int at) {
    return ByteBuffer.wrap(from).order(ByteOrder.LITTLE_ENDIAN).getLong(at);
  }

  static int shortNumber(byte[] from, int at) {
    return ByteBuffer.wrap(from).order(ByteOrder.LITTLE_ENDIAN).getShort(at) & 0xffff;
  }
}
