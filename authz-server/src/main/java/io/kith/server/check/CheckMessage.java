package io.kith.server.check;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The fields of a CheckRequest that Kith needs, read from its bytes; what lies between is passed
 * over, however much it is. Changed only while it is read.
 *
 * <p>Where a field comes twice the later counts, and messages are merged, as by every protobuf
 * reader.
 */
final class CheckMessage {
  /*
   * A quarter of what a Check costs was in building messages, maps and strings of headers that nobody
   * looks at. The numbers are those of envoy/service/auth/v3/attribute_context.proto and
   * envoy/config/core/v3/address.proto; a test compares all this with the generated reader.
   */

  /** Which kind of address an end has. */
  enum AddressCase {
    NOT_SET,
    SOCKET_ADDRESS,
    PIPE,
    ENVOY_INTERNAL_ADDRESS
  }

  /** Which kind of port a socket address has. */
  enum PortCase {
    NOT_SET,
    NUMBER,
    NAME
  }

  /** One end of what is asked about. */
  static final class End {
    AddressCase addressCase = AddressCase.NOT_SET;
    int protocol;
    String address = "";
    PortCase portCase = PortCase.NOT_SET;
    int port;
    String namedPort = "";
    String service = "";
    String principal = "";
  }

  /** What stands for a message that cannot be read. */
  static final CheckMessage UNREADABLE = new CheckMessage();

  final End source = new End();
  final End destination = new End();
  boolean hasHttp;
  String method = "";
  String host = "";
  String gateSource = "";
  String gateDestination = "";
  String provenance = "";
  String sni = "";

  /*
   * Only of requests that come in it is asked for, so it is left where it is until then.
   */
  private byte[] pathIn = {};
  private int pathAt;
  private int pathLength;

  private CheckMessage() {}

  /** The path of the URL, without query; may be empty. */
  String path() {
    var text = new String(pathIn, pathAt, pathLength, StandardCharsets.UTF_8);
    var query = text.indexOf('?');
    return query < 0 ? text : text.substring(0, query);
  }

  /** Reads a message; {@link #UNREADABLE} when it is none. */
  static CheckMessage read(byte[] bytes) {
    var message = new CheckMessage();
    try {
      new Reader(bytes, 0, bytes.length).request(message);
      return message;
    } catch (Malformed | IndexOutOfBoundsException _) {
      return UNREADABLE;
    }
  }

  @SuppressWarnings("ReferenceEquality")
  boolean isUnreadable() {
    return this == UNREADABLE;
  }

  private static final class Malformed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Malformed() {
      super(null, null, false, false);
    }
  }

  /** A message within the bytes of another. */
  private static final class Reader {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int LENGTH = 2;
    private static final int GROUP = 3;
    private static final int END_GROUP = 4;
    private static final int FIXED32 = 5;
    private static final int MAX_DEPTH = 100;

    private static final byte[] GATE_SOURCE = ascii(CheckReader.GATE_SOURCE);
    private static final byte[] GATE_DESTINATION = ascii(CheckReader.GATE_DESTINATION);
    private static final byte[] PROVENANCE = ascii(ProvenanceHeaders.NAME);

    private final byte[] bytes;
    private int at;
    private int end;

    Reader(byte[] bytes, int at, int end) {
      this.bytes = bytes;
      this.at = at;
      this.end = end;
    }

    private static byte[] ascii(String text) {
      return text.getBytes(StandardCharsets.US_ASCII);
    }

    void request(CheckMessage into) {
      while (at < end) {
        var tag = tag();
        if (tag == (1 << 3 | LENGTH)) {
          var outer = enter();
          attributes(into);
          end = outer;
        } else {
          skip(tag, 0);
        }
      }
    }

    private void attributes(CheckMessage into) {
      while (at < end) {
        var tag = tag();
        switch (tag) {
          case 1 << 3 | LENGTH -> {
            var outer = enter();
            peer(into.source);
            end = outer;
          }
          case 2 << 3 | LENGTH -> {
            var outer = enter();
            peer(into.destination);
            end = outer;
          }
          case 4 << 3 | LENGTH -> {
            var outer = enter();
            requestOf(into);
            end = outer;
          }
          case 12 << 3 | LENGTH -> {
            var outer = enter();
            session(into);
            end = outer;
          }
          default -> skip(tag, 0);
        }
      }
    }

    private void peer(End into) {
      while (at < end) {
        var tag = tag();
        switch (tag) {
          case 1 << 3 | LENGTH -> {
            var outer = enter();
            address(into);
            end = outer;
          }
          case 2 << 3 | LENGTH -> into.service = text();
          case 4 << 3 | LENGTH -> into.principal = text();
          default -> skip(tag, 0);
        }
      }
    }

    private void address(End into) {
      while (at < end) {
        var tag = tag();
        switch (tag) {
          case 1 << 3 | LENGTH -> {
            if (into.addressCase != AddressCase.SOCKET_ADDRESS) {
              into.addressCase = AddressCase.SOCKET_ADDRESS;
              into.protocol = 0;
              into.address = "";
              into.portCase = PortCase.NOT_SET;
            }
            var outer = enter();
            socket(into);
            end = outer;
          }
          case 2 << 3 | LENGTH -> {
            into.addressCase = AddressCase.PIPE;
            skip(tag, 0);
          }
          case 3 << 3 | LENGTH -> {
            into.addressCase = AddressCase.ENVOY_INTERNAL_ADDRESS;
            skip(tag, 0);
          }
          default -> skip(tag, 0);
        }
      }
    }

    private void socket(End into) {
      while (at < end) {
        var tag = tag();
        switch (tag) {
          case 1 << 3 | VARINT -> into.protocol = (int) varint();
          case 2 << 3 | LENGTH -> into.address = text();
          case 3 << 3 | VARINT -> {
            into.port = (int) varint();
            into.portCase = PortCase.NUMBER;
          }
          case 4 << 3 | LENGTH -> {
            into.namedPort = text();
            into.portCase = PortCase.NAME;
          }
          default -> skip(tag, 0);
        }
      }
    }

    private void requestOf(CheckMessage into) {
      while (at < end) {
        var tag = tag();
        if (tag == (2 << 3 | LENGTH)) {
          into.hasHttp = true;
          var outer = enter();
          http(into);
          end = outer;
        } else {
          skip(tag, 0);
        }
      }
    }

    private void http(CheckMessage into) {
      while (at < end) {
        var tag = tag();
        switch (tag) {
          case 2 << 3 | LENGTH -> into.method = text();
          case 3 << 3 | LENGTH -> header(into);
          case 4 << 3 | LENGTH -> {
            into.pathLength = length();
            into.pathAt = at;
            into.pathIn = bytes;
            at += into.pathLength;
          }
          case 5 << 3 | LENGTH -> into.host = text();
          default -> skip(tag, 0);
        }
      }
    }

    /** Of the headers only those that Kith's recipes set; the others are passed over. */
    private void header(CheckMessage into) {
      var outer = enter();
      var wanted = 0;
      var valueAt = at;
      var valueLength = 0;
      while (at < end) {
        var tag = tag();
        if (tag == (1 << 3 | LENGTH)) {
          var length = length();
          wanted =
              is(GATE_SOURCE, length)
                  ? 1
                  : is(GATE_DESTINATION, length) ? 2 : is(PROVENANCE, length) ? 3 : 0;
          at += length;
        } else if (tag == (2 << 3 | LENGTH)) {
          valueLength = length();
          valueAt = at;
          at += valueLength;
        } else {
          skip(tag, 0);
        }
      }
      end = outer;
      if (wanted != 0) {
        var value = new String(bytes, valueAt, valueLength, StandardCharsets.UTF_8);
        switch (wanted) {
          case 1 -> into.gateSource = value;
          case 2 -> into.gateDestination = value;
          default -> into.provenance = value;
        }
      }
    }

    private boolean is(byte[] name, int length) {
      return length == name.length && Arrays.equals(bytes, at, at + length, name, 0, length);
    }

    private void session(CheckMessage into) {
      while (at < end) {
        var tag = tag();
        if (tag == (1 << 3 | LENGTH)) {
          into.sni = text();
        } else {
          skip(tag, 0);
        }
      }
    }

    private int tag() {
      var tag = (int) varint();
      if (tag >>> 3 == 0) {
        throw new Malformed();
      }
      return tag;
    }

    /** Goes into a message; its end is the end until it is set to what is returned. */
    private int enter() {
      var length = length();
      var outer = end;
      end = at + length;
      return outer;
    }

    private int length() {
      var length = (int) varint();
      if (length < 0 || length > end - at) {
        throw new Malformed();
      }
      return length;
    }

    private String text() {
      var length = length();
      var text = new String(bytes, at, length, StandardCharsets.UTF_8);
      at += length;
      return text;
    }

    private void skip(int tag, int depth) {
      switch (tag & 7) {
        case VARINT -> {
          var _ = varint();
        }
        case FIXED64 -> advance(8);
        case LENGTH -> {
          var length = length(); // moves on by itself
          at += length;
        }
        case GROUP -> {
          if (depth == MAX_DEPTH) {
            throw new Malformed();
          }
          for (var inner = tag(); inner != ((tag & ~7) | END_GROUP); inner = tag()) {
            skip(inner, depth + 1);
          }
        }
        case FIXED32 -> advance(4);
        default -> throw new Malformed();
      }
    }

    private void advance(int count) {
      if (count > end - at) {
        throw new Malformed();
      }
      at += count;
    }

    private long varint() {
      var value = 0L;
      for (var shift = 0; shift < 64; shift += 7) {
        if (at >= end) {
          throw new Malformed();
        }
        var octet = bytes[at++];
        value |= (long) (octet & 0x7f) << shift;
        if (octet >= 0) {
          return value;
        }
      }
      throw new Malformed();
    }
  }
}
