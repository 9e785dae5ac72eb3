package io.kith.bridge.guard;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.kith.baselines.identity.IpAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads answers of DNS, written by anybody: whatever is not well formed is no answer.
 *
 * <p>Source: RFC 1035 §4, RFC 2181.
 */
final class DnsMessage {
  private static final int HEADER = 12;
  private static final int ANSWER_FLAG = 0x8000;
  private static final int CODE = 0x000f;
  private static final int A = 1;
  private static final int CNAME = 5;
  private static final int AAAA = 28;
  private static final int INTERNET = 1;
  private static final int MAX_RECORDS = 128;
  private static final int MAX_NAME = 253;
  private static final int MAX_POINTERS = 16;
  private static final int POINTER = 0xc0;

  /** Not well formed. */
  private static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed() {
      super("malformed", null, false, false);
    }
  }

  private record ResourceRecord(String owner, int type, long ttl, int at, int length) {}

  private final ByteBuffer in;
  private final int start;
  private final int end;

  private DnsMessage(byte[] bytes, int start, int length) {
    this.in = ByteBuffer.wrap(bytes);
    this.start = start;
    this.end = Math.min(bytes.length, start + length);
  }

  /**
   * What an answer tells, or null when it tells nothing or is not well formed.
   *
   * @param length bytes of the message from {@code start} on
   */
  static @Nullable DnsAnswer answer(byte[] bytes, int start, int length) {
    try {
      return new DnsMessage(bytes, start, length).read();
    } catch (Malformed | IndexOutOfBoundsException _) {
      return null;
    }
  }

  private @Nullable DnsAnswer read() throws Malformed {
    if (end - start < HEADER) {
      throw new Malformed();
    }
    var flags = number(start + 2);
    if ((flags & ANSWER_FLAG) == 0 || (flags & CODE) != 0 || number(start + 4) != 1) {
      return null;
    }
    var at = new int[] {start + HEADER};
    var asked = name(at);
    at[0] += 4;
    var records = new ArrayList<ResourceRecord>();
    for (var i = Math.min(number(start + 6), MAX_RECORDS); i > 0 && at[0] < end; i--) {
      records.add(record(at));
    }
    var aliases = aliases(asked, records);
    var addresses = new LinkedHashSet<IpAddress>();
    var ttl = Long.MAX_VALUE;
    for (var record : records) {
      var bytes = record.type() == A ? 4 : record.type() == AAAA ? 16 : 0;
      if (bytes != 0 && bytes == record.length() && aliases.contains(record.owner())) {
        var address = new byte[bytes];
        in.get(record.at(), address);
        addresses.add(IpAddress.of(address));
        ttl = Math.min(ttl, record.ttl());
      }
    }
    return addresses.isEmpty() || asked.isEmpty()
        ? null
        : new DnsAnswer(asked, List.copyOf(addresses), ttl);
  }

  /** The name that was asked for and the names that it stands for, in whatever order. */
  private Set<String> aliases(String asked, List<ResourceRecord> records) throws Malformed {
    var names = new HashSet<>(Set.of(asked));
    for (var round = 0; round < MAX_POINTERS; round++) {
      var before = names.size();
      for (var record : records) {
        if (record.type() == CNAME && names.contains(record.owner())) {
          names.add(name(new int[] {record.at()}));
        }
      }
      if (names.size() == before) {
        break;
      }
    }
    return names;
  }

  private ResourceRecord record(int[] at) throws Malformed {
    var owner = name(at);
    var head = at[0];
    if (head + 10 > end) {
      throw new Malformed();
    }
    var length = number(head + 8);
    at[0] = head + 10 + length;
    if (at[0] > end) {
      throw new Malformed();
    }
    var type = number(head + 2) == INTERNET ? number(head) : 0;
    // A lifetime with the highest bit set counts as none (RFC 2181 §8).
    var ttl = Math.max(0, in.getInt(head + 4));
    return new ResourceRecord(owner, type, ttl, head + 10, length);
  }

  /** The name at a place, in lower case without the final dot; the place moves behind it. */
  private String name(int[] at) throws Malformed {
    var name = new StringBuilder();
    var here = at[0];
    var pointers = 0;
    while (true) {
      if (here >= end) {
        throw new Malformed();
      }
      var length = in.get(here) & 0xff;
      if (length == 0) {
        at[0] = pointers == 0 ? here + 1 : at[0];
        return name.toString().toLowerCase(Locale.ROOT);
      }
      if ((length & POINTER) == POINTER) {
        if (here + 1 >= end || ++pointers > MAX_POINTERS) {
          throw new Malformed();
        }
        at[0] = pointers == 1 ? here + 2 : at[0];
        here = start + (number(here) & 0x3fff);
      } else {
        label(name, here, length);
        here += 1 + length;
      }
    }
  }

  private void label(StringBuilder name, int at, int length) throws Malformed {
    if (length > 63 || at + 1 + length > end || name.length() + length + 1 > MAX_NAME) {
      throw new Malformed();
    }
    for (var i = at + 1; i <= at + length; i++) {
      var c = (char) in.get(i);
      if (!(c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'))
          && !(c >= 'A' && c <= 'Z')) {
        throw new Malformed();
      }
    }
    name.append(name.isEmpty() ? "" : ".").append(new String(in.array(), at + 1, length, US_ASCII));
  }

  /** Two bytes in network byte order. */
  private int number(int at) throws Malformed {
    if (at + 2 > end) {
      throw new Malformed();
    }
    return in.getShort(at) & 0xffff;
  }
}
