package io.kith.server.admin;

import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Exception;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Header fields as HPACK has them (RFC 7541) between ends that keep no table: each is written in
 * full. What is written shorter, by Huffman's code or by most of the table that all have, Netty
 * reads.
 */
final class HeaderBlock {
  private static final int STATUS_200 = 8;
  private static final int CONTENT_TYPE = 31;

  /** Octets of a block. */
  static final int MOST = 64 * 1024;

  private HeaderBlock() {}

  static byte[] of(Map<String, String> fields) {
    var block = new ByteArrayOutputStream();
    fields.forEach(
        (name, value) -> {
          block.write(0); // without indexing, a new name
          write(block, name);
          write(block, value);
        });
    return block.toByteArray();
  }

  private static void write(ByteArrayOutputStream block, String text) {
    var bytes = text.getBytes(StandardCharsets.US_ASCII);
    if (bytes.length < 127) {
      block.write(bytes.length);
    } else {
      block.write(127);
      var rest = bytes.length - 127;
      for (; rest >= 128; rest >>= 7) {
        block.write((rest & 127) | 128);
      }
      block.write(rest);
    }
    block.writeBytes(bytes);
  }

  /**
   * The fields by their names; of those with the same name the last.
   *
   * @throws IOException when it is none
   */
  static Map<String, String> fields(byte[] block) throws IOException {
    var fields = plain(ByteBuffer.wrap(block));
    return fields == null ? byNetty(block) : fields;
  }

  /** Null when it has what is not read here, or is none. */
  private static @Nullable Map<String, String> plain(ByteBuffer block) {
    var fields = new LinkedHashMap<String, String>();
    while (block.hasRemaining()) {
      var first = block.get() & 255;
      if (first == (128 | STATUS_200)) {
        fields.put(":status", "200");
      } else if (first >> 5 == 1) { // the size of a table that is not kept
        if (first != 32) {
          return null;
        }
      } else {
        var name = name(first, block);
        var value = name == null ? null : text(block);
        if (value == null) {
          return null;
        }
        fields.put(name, value);
      }
    }
    return fields;
  }

  /** Of a literal that begins so; null for a name of all tables that is not read here. */
  private static @Nullable String name(int first, ByteBuffer block) {
    return switch (first) {
      case 0, 16, 64 -> text(block);
      case 64 | CONTENT_TYPE -> "content-type";
      case 15, 31 -> // the place of the name follows, from the 15th
          block.hasRemaining() && block.get() == CONTENT_TYPE - 15 ? "content-type" : null;
      default -> null;
    };
  }

  /** Null for one in Huffman's code, or of 255 octets or more, or that ends too early. */
  private static @Nullable String text(ByteBuffer block) {
    if (!block.hasRemaining()) {
      return null;
    }
    int length = block.get();
    if (length == 127 && block.hasRemaining()) {
      var more = block.get();
      length = more < 0 ? -1 : 127 + more;
    }
    if (length < 0 || length > block.remaining()) {
      return null;
    }
    var text =
        new String(
            block.array(),
            block.arrayOffset() + block.position(),
            length,
            StandardCharsets.US_ASCII);
    block.position(block.position() + length);
    return text;
  }

  private static Map<String, String> byNetty(byte[] block) throws IOException {
    try {
      var fields = new LinkedHashMap<String, String>();
      new DefaultHttp2HeadersDecoder(false, MOST)
          .decodeHeaders(1, Unpooled.wrappedBuffer(block))
          .forEach(field -> fields.put(field.getKey().toString(), field.getValue().toString()));
      return fields;
    } catch (Http2Exception e) {
      throw new Http2Exchange.NoAnswerException("its headers cannot be read: " + e.getMessage());
    }
  }
}
