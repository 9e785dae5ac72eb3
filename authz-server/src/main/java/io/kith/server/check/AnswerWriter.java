package io.kith.server.check;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes a CheckResponse as bytes, without the messages and the map that the generated classes make
 * for a dozen words. For one response.
 */
final class AnswerWriter {
  /*
   * Field numbers of envoy/service/auth/v3/external_auth.proto, google/rpc/status.proto and
   * google/protobuf/struct.proto, each with the wire type of what has a length.
   */
  private static final int STATUS = 1 << 3 | 2;
  private static final int STATUS_CODE = 1 << 3;
  private static final int METADATA = 4 << 3 | 2;
  private static final int ENTRY = 1 << 3 | 2;
  private static final int ENTRY_KEY = 1 << 3 | 2;
  private static final int ENTRY_VALUE = 2 << 3 | 2;
  private static final int STRING_VALUE = 3 << 3 | 2;

  private byte[] entries = new byte[384];
  private int length;

  /** The name of a field of the metadata, as bytes. */
  static final class Name {
    private final byte[] encoded;

    private Name(byte[] encoded) {
      this.encoded = encoded;
    }

    static Name of(String text) {
      var name = text.getBytes(StandardCharsets.UTF_8);
      if (name.length > 127) {
        throw new IllegalArgumentException("name: '" + text + "' (expected: at most 127 octets)");
      }
      var encoded = new byte[name.length + 2];
      encoded[0] = ENTRY_KEY;
      encoded[1] = (byte) name.length;
      System.arraycopy(name, 0, encoded, 2, name.length);
      return new Name(encoded);
    }
  }

  /** A whole field of the metadata, as bytes: many words are always the same. */
  static final class Field {
    private final byte[] encoded;

    private Field(byte[] encoded) {
      this.encoded = encoded;
    }

    static Field of(Name name, String text) {
      var writer = new AnswerWriter();
      writer.field(name, text);
      return new Field(Arrays.copyOf(writer.entries, writer.length));
    }

    /** One for each value of an enumeration, in lower case. */
    static <E extends Enum<E>> Map<E, Field> words(Name name, Class<E> type) {
      var fields = new EnumMap<E, Field>(type);
      for (var value : type.getEnumConstants()) {
        fields.put(value, of(name, value.name().toLowerCase(Locale.ROOT)));
      }
      return fields;
    }
  }

  /** Adds a field to the metadata; nothing when it is null. */
  void field(@Nullable Field field) {
    if (field != null) {
      room(field.encoded.length);
      length = put(entries, length, field.encoded);
    }
  }

  /** Adds a field to the metadata; nothing when it is null. */
  void field(Name name, @Nullable String text) {
    if (text == null) {
      return;
    }
    var value = text.getBytes(StandardCharsets.UTF_8);
    var inner = 1 + sizeOf(value.length) + value.length;
    var entry = name.encoded.length + 1 + sizeOf(inner) + inner;
    room(1 + sizeOf(entry) + entry);
    entries[length++] = ENTRY;
    length = number(entries, length, entry);
    length = put(entries, length, name.encoded);
    entries[length++] = ENTRY_VALUE;
    length = number(entries, length, inner);
    entries[length++] = STRING_VALUE;
    length = number(entries, length, value.length);
    length = put(entries, length, value);
  }

  private void room(int needed) {
    if (entries.length - length < needed) {
      entries = Arrays.copyOf(entries, Math.max(2 * entries.length, length + needed));
    }
  }

  /**
   * The response.
   *
   * @param code gRPC code of its status, 0 to 16
   * @param http what it says to an HTTP filter, as an encoded field; may be empty
   */
  byte[] response(int code, byte[] http) {
    var status = code == 0 ? 2 : 4;
    var all = new byte[status + http.length + (length == 0 ? 0 : 1 + sizeOf(length) + length)];
    all[0] = STATUS;
    if (code != 0) {
      all[1] = 2;
      all[2] = STATUS_CODE;
      all[3] = (byte) code;
    }
    var at = put(all, status, http);
    if (length > 0) {
      all[at++] = METADATA;
      at = number(all, at, length);
      System.arraycopy(entries, 0, all, at, length);
    }
    return all;
  }

  private static int put(byte[] into, int at, byte[] what) {
    System.arraycopy(what, 0, into, at, what.length);
    return at + what.length;
  }

  private static int number(byte[] into, int from, int value) {
    var at = from;
    var rest = value;
    while (rest > 0x7f) {
      into[at++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    into[at++] = (byte) rest;
    return at;
  }

  private static int sizeOf(int number) {
    return number < 1 << 7 ? 1 : number < 1 << 14 ? 2 : number < 1 << 21 ? 3 : 4;
  }
}
