package io.kith.server.net;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Envoy's Check as a server asks it itself, as bytes, with the fields that Envoy 1.40 fills in. The
 * generated messages would do, but the first of them that is written loads the description of a
 * good part of Envoy's API, while a server that starts has its first callers waiting.
 *
 * <p>Field numbers of envoy/service/auth/v3/external_auth.proto, attribute_context.proto and
 * config/core/v3/address.proto.
 */
public final class EncodedCheck {
  private static final int STATUS = 1 << 3 | 2;
  private static final int CODE = 1 << 3;

  private EncodedCheck() {}

  /**
   * A Check about a connection, or about a request on it.
   *
   * @param source address of the client, as text
   * @param destination address that it connected to, as text
   * @param sni name in its TLS greeting, or null
   * @param host the request's host, or null for a Check about a connection
   */
  public static byte[] of(
      String source,
      int sourcePort,
      String destination,
      int destinationPort,
      @Nullable String sni,
      @Nullable String host) {
    var name = sni == null ? destination : sni;
    var attributes =
        UnknownFieldSet.newBuilder()
            .addField(1, message(peer(address(source, sourcePort))))
            .addField(
                2,
                message(
                    peer(address(destination, destinationPort))
                        .addField(2, text(name))
                        .mergeField(3, pair("app", "kith"))
                        .mergeField(3, pair("version", "v1"))
                        .addField(4, text("spiffe://kith.invalid/ns/kith/sa/" + name))));
    if (host != null) {
      attributes.addField(
          4,
          message(
              UnknownFieldSet.newBuilder()
                  .addField(
                      1,
                      message(
                          UnknownFieldSet.newBuilder()
                              .addField(1, number(1_790_000_000))
                              .addField(2, number(123_456_000))))
                  .addField(2, message(http(host)))));
    }
    attributes.addField(11, message(UnknownFieldSet.newBuilder()));
    if (sni != null) {
      attributes.addField(12, message(UnknownFieldSet.newBuilder().addField(1, text(sni))));
    }
    if (host != null) {
      attributes.addField(13, message(UnknownFieldSet.newBuilder()));
    }
    return UnknownFieldSet.newBuilder().addField(1, message(attributes)).build().toByteArray();
  }

  private static UnknownFieldSet.Builder http(String host) {
    return UnknownFieldSet.newBuilder()
        .addField(1, text("13359530607844510314"))
        .addField(2, text("GET"))
        .mergeField(3, pair(":authority", host))
        .mergeField(3, pair(":method", "GET"))
        .mergeField(3, pair(":path", "/"))
        .mergeField(3, pair(":scheme", "http"))
        .mergeField(3, pair("accept", "*/*"))
        .mergeField(3, pair("user-agent", "kith"))
        .mergeField(3, pair("x-forwarded-proto", "http"))
        .mergeField(3, pair("x-request-id", "0c4ae2ff-8a2e-9a3d-a1c7-cbb2a5f6d0a1"))
        .addField(4, text("/"))
        .addField(5, text(host))
        .addField(6, text("http"))
        .addField(10, text("HTTP/1.1"));
  }

  private static UnknownFieldSet.Builder peer(Field address) {
    return UnknownFieldSet.newBuilder().addField(1, address);
  }

  private static Field address(String address, int port) {
    return message(
        UnknownFieldSet.newBuilder()
            .addField(
                1,
                message(
                    UnknownFieldSet.newBuilder()
                        .addField(2, text(address))
                        .addField(3, number(port)))));
  }

  private static Field pair(String key, String value) {
    return message(UnknownFieldSet.newBuilder().addField(1, text(key)).addField(2, text(value)));
  }

  private static Field number(long value) {
    return Field.newBuilder().addVarint(value).build();
  }

  private static Field text(String text) {
    return Field.newBuilder().addLengthDelimited(ByteString.copyFromUtf8(text)).build();
  }

  private static Field message(UnknownFieldSet.Builder message) {
    return Field.newBuilder().addLengthDelimited(message.build().toByteString()).build();
  }

  /** Whether a CheckResponse has a status and that is OK: one without is no permission here. */
  public static boolean permits(byte[] answer) {
    var in = CodedInputStream.newInstance(answer);
    var statuses = 0;
    var ok = true;
    try {
      for (var tag = in.readTag(); tag != 0; tag = in.readTag()) {
        if (tag == STATUS) {
          statuses++;
          ok &= isOk(in);
        } else {
          var _ = in.skipField(tag);
        }
      }
    } catch (IOException _) {
      return false;
    }
    return ok && statuses == 1;
  }

  private static boolean isOk(CodedInputStream in) throws IOException {
    var ok = true;
    var before = in.pushLimit(in.readRawVarint32());
    for (var tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (tag == CODE) {
        ok &= in.readInt32() == 0;
      } else {
        var _ = in.skipField(tag);
      }
    }
    in.popLimit(before);
    return ok;
  }
}
