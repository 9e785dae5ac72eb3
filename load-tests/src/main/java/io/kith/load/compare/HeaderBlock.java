package io.kith.load.compare;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The header block of a Check, in HPACK as an encoder with a dynamic table sends it: in full on the
 * first stream of a connection, and from then on as indexes, with what changes as literals.
 *
 * <p>Source: RFC 7541, section 6.
 */
final class HeaderBlock {
  private static final int METHOD_POST = 3;
  private static final int SCHEME_HTTP = 6;
  private static final int SCHEME_HTTPS = 7;
  private static final int PATH = 4;
  private static final int AUTHORITY = 1;
  private static final int CONTENT_TYPE = 31;
  private static final int FIRST_DYNAMIC = 62;

  private final byte[] first;
  private final byte[] later;
  private final int[] firstSlots;
  private final int[] laterSlots;

  /** A block and where in it the values that change begin. */
  private static final class Writer {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final List<Integer> slots = new ArrayList<>();

    void octet(int value) {
      out.write(value);
    }

    void text(String value) {
      if (value.length() > 126) {
        throw new IllegalArgumentException("header of more than 126 characters: " + value);
      }
      out.write(value.length());
      out.writeBytes(value.getBytes(StandardCharsets.US_ASCII));
    }

    void slot(String value) {
      slots.add(out.size() + 1);
      text(value);
    }

    int[] slots() {
      return slots.stream().mapToInt(Integer::intValue).toArray();
    }
  }

  /**
   * A block.
   *
   * @param fixed names and values that are the same for all
   * @param changing names, and values of the length that all values of that name have
   */
  HeaderBlock(
      boolean tls, String authority, Map<String, String> fixed, Map<String, String> changing) {
    var one = new Writer();
    one.octet(0x80 | METHOD_POST);
    one.octet(0x80 | (tls ? SCHEME_HTTPS : SCHEME_HTTP));
    one.octet(0x40 | PATH);
    one.text("/envoy.service.auth.v3.Authorization/Check");
    one.octet(0x40 | AUTHORITY);
    one.text(authority);
    one.octet(0x40 | CONTENT_TYPE);
    one.text("application/grpc");
    fixed.forEach(
        (name, value) -> {
          one.octet(0x40);
          one.text(name);
          one.text(value);
        });
    changing.forEach(
        (name, value) -> {
          one.octet(0x40);
          one.text(name);
          one.slot(value);
        });
    first = one.out.toByteArray();
    firstSlots = one.slots();

    var entries = 3 + fixed.size() + changing.size();
    var two = new Writer();
    two.octet(0x80 | METHOD_POST);
    two.octet(0x80 | (tls ? SCHEME_HTTPS : SCHEME_HTTP));
    var index = FIRST_DYNAMIC + entries - 1; // the oldest entry has the highest
    for (var i = 0; i < 3 + fixed.size(); i++) {
      two.octet(0x80 | index--);
    }
    for (var value : changing.values()) {
      two.octet(0x0f); // a literal that is not indexed, with a name of the table
      two.octet(index-- - 15);
      two.slot(value);
    }
    later = two.out.toByteArray();
    laterSlots = two.slots();
  }

  /** The block of the first stream of a connection, or of one after it; not to be changed. */
  byte[] bytes(boolean isFirst) {
    return isFirst ? first : later;
  }

  /** Where in {@link #bytes} the value of a changing header begins, in their order. */
  int slot(boolean isFirst, int number) {
    return (isFirst ? firstSlots : laterSlots)[number];
  }
}
