package io.kith.spiffe.der;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/**
 * ASN.1 values in DER, written; each method answers one complete value (tag, length, content).
 *
 * <p>Only what an X.509 certificate and a PKCS#8 key need. Reading is left to the JDK.
 *
 * <p>Source: ITU-T X.690.
 */
public final class Der {
  private static final int BOOLEAN = 0x01;
  private static final int INTEGER = 0x02;
  private static final int BIT_STRING = 0x03;
  private static final int OCTET_STRING = 0x04;
  private static final int OBJECT_IDENTIFIER = 0x06;
  private static final int UTF8_STRING = 0x0c;
  private static final int GENERALIZED_TIME = 0x18;
  private static final int UTC_TIME = 0x17;
  private static final int SEQUENCE = 0x30;
  private static final int SET = 0x31;
  private static final int CONTEXT = 0x80;
  private static final int CONSTRUCTED = 0x20;

  private static final int FIRST_YEAR_OF_GENERALIZED_TIME = 2050;
  private static final DateTimeFormatter UTC =
      DateTimeFormatter.ofPattern("yyMMddHHmmss'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter GENERALIZED =
      DateTimeFormatter.ofPattern("uuuuMMddHHmmss'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);

  private Der() {}

  public static byte[] sequence(byte[]... values) {
    return value(SEQUENCE, join(values));
  }

  /** A set of one, which needs no sorting. */
  public static byte[] setOf(byte[] value) {
    return value(SET, value);
  }

  public static byte[] bool(boolean value) {
    return value(BOOLEAN, new byte[] {(byte) (value ? 0xff : 0)});
  }

  public static byte[] integer(long value) {
    return integer(BigInteger.valueOf(value));
  }

  public static byte[] integer(BigInteger value) {
    return value(INTEGER, value.toByteArray());
  }

  public static byte[] octets(byte[] content) {
    return value(OCTET_STRING, content);
  }

  /** A bit string of whole bytes. */
  public static byte[] bits(byte[] content) {
    return value(BIT_STRING, join(new byte[] {0}, content));
  }

  /**
   * A named bit list, such as a key usage.
   *
   * @param positions the bits that are set, each 0 to 7, ascending, at least one
   */
  public static byte[] namedBits(int... positions) {
    int bits = 0;
    for (int position : positions) {
      bits |= 0x80 >> position;
    }
    int unused = 7 - positions[positions.length - 1];
    return value(BIT_STRING, new byte[] {(byte) unused, (byte) bits});
  }

  public static byte[] utf8(String text) {
    return value(UTF8_STRING, text.getBytes(UTF_8));
  }

  /**
   * An object identifier.
   *
   * @param dotted such as {@code 2.5.29.17}
   */
  public static byte[] oid(String dotted) {
    var arcs = dotted.split("\\.", -1);
    var content = new ByteArrayOutputStream();
    content.write(Integer.parseInt(arcs[0]) * 40 + Integer.parseInt(arcs[1]));
    for (int i = 2; i < arcs.length; i++) {
      long arc = Long.parseLong(arcs[i]);
      for (int shift = 63 - Long.numberOfLeadingZeros(arc | 1); shift >= 7; shift--) {
        if (shift % 7 == 0) {
          content.write((int) (0x80 | ((arc >> shift) & 0x7f)));
        }
      }
      content.write((int) (arc & 0x7f));
    }
    return value(OBJECT_IDENTIFIER, content.toByteArray());
  }

  /** A point in time, in whole seconds; UTCTime to 2049 and GeneralizedTime after, as RFC 5280. */
  public static byte[] time(Instant instant) {
    boolean generalized =
        instant.atOffset(ZoneOffset.UTC).getYear() >= FIRST_YEAR_OF_GENERALIZED_TIME;
    var text = (generalized ? GENERALIZED : UTC).format(instant);
    return value(generalized ? GENERALIZED_TIME : UTC_TIME, text.getBytes(US_ASCII));
  }

  /** A context tag that replaces the tag of a primitive value: {@code [n] IMPLICIT}. */
  public static byte[] implicit(int tag, byte[] content) {
    return value(CONTEXT | tag, content);
  }

  /** A context tag around a value: {@code [n] EXPLICIT}. */
  public static byte[] explicit(int tag, byte[] value) {
    return value(CONTEXT | CONSTRUCTED | tag, value);
  }

  private static byte[] value(int tag, byte[] content) {
    var out = new ByteArrayOutputStream(content.length + 6);
    out.write(tag);
    if (content.length < 0x80) {
      out.write(content.length);
    } else {
      var length = BigInteger.valueOf(content.length).toByteArray();
      int from = length[0] == 0 ? 1 : 0;
      out.write(0x80 | (length.length - from));
      out.write(length, from, length.length - from);
    }
    out.writeBytes(content);
    return out.toByteArray();
  }

  private static byte[] join(byte[]... parts) {
    var out = new ByteArrayOutputStream();
    for (var part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
