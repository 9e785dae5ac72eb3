package io.kith.spiffe.spire;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Reads answers that carry private keys, without keeping one: the messages have no field for a key,
 * what has no field is skipped, and the bytes that were read are overwritten at once.
 */
final class KeylessMarshaller<M extends Message> implements Marshaller<M> {
  private final Parser<M> parser;

  KeylessMarshaller(Parser<M> parser) {
    this.parser = DiscardUnknownFieldsParser.wrap(parser);
  }

  @Override
  public M parse(InputStream stream) {
    byte[] bytes = {};
    try {
      bytes = new byte[stream.available()]; // gRPC has the whole message
      if (stream.readNBytes(bytes, 0, bytes.length) != bytes.length || stream.read() >= 0) {
        throw new IOException("a message of another length than announced");
      }
      return parser.parseFrom(bytes);
    } catch (IOException e) {
      throw Status.INTERNAL
          .withDescription("the answer cannot be read: " + e.getMessage())
          .withCause(e)
          .asRuntimeException();
    } finally {
      Arrays.fill(bytes, (byte) 0);
    }
  }

  @Override
  public InputStream stream(M message) {
    return new ByteArrayInputStream(message.toByteArray());
  }
}
