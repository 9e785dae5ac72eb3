package io.kith.load.compare;

import java.nio.ByteBuffer;

/**
 * Reads the verdict of a CheckResponse as Envoy does, without making objects of it: a driver that
 * is slower than a server measures itself.
 */
final class Answer {
  private static final int STATUS = 1;
  private static final int CODE = 1;
  private static final int VARINT = 0;
  private static final int LENGTH = 2;

  /** No status was sent. Envoy reads that as permission, and a test must not. */
  static final int NONE = -1;

  private Answer() {}

  /**
   * The gRPC code in the status: 0 allows.
   *
   * @param message its bytes from position to limit; read to its end
   * @return {@link #NONE} when there is none
   * @throws IllegalArgumentException when it is no protobuf message
   */
  static int code(ByteBuffer message) {
    var code = NONE;
    while (message.hasRemaining()) {
      var tag = varint(message);
      if ((tag & 7) != LENGTH) {
        throw new IllegalArgumentException("field of type " + (tag & 7) + " in an answer");
      }
      var length = (int) varint(message);
      if (length < 0 || length > message.remaining()) {
        throw new IllegalArgumentException("an answer ends within a field");
      }
      if (tag >>> 3 == STATUS) {
        code = ofStatus(message.slice(message.position(), length));
      }
      message.position(message.position() + length);
    }
    return code;
  }

  private static int ofStatus(ByteBuffer status) {
    var code = 0;
    while (status.hasRemaining()) {
      var tag = varint(status);
      if ((tag & 7) == VARINT) {
        var value = varint(status);
        code = tag >>> 3 == CODE ? (int) value : code;
      } else {
        var length = (int) varint(status);
        if (length < 0 || length > status.remaining()) {
          throw new IllegalArgumentException("an answer ends within a field");
        }
        status.position(status.position() + length);
      }
    }
    return code;
  }

  private static long varint(ByteBuffer in) {
    var value = 0L;
    for (var shift = 0; shift < 64 && in.hasRemaining(); shift += 7) {
      var octet = in.get();
      value |= (long) (octet & 0x7f) << shift;
      if (octet >= 0) {
        return value;
      }
    }
    throw new IllegalArgumentException("an answer ends within a number");
  }
}
