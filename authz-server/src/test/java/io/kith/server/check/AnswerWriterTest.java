package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.rpc.Status;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.envoyproxy.envoy.service.auth.v3.OkHttpResponse;
import org.junit.jupiter.api.Test;

/** What is written by hand is what the generated writer writes, read by the generated reader. */
class AnswerWriterTest {
  private static final byte[] NOTHING = {};

  @Test
  void response_withFields_isReadAsTheyAre() throws Exception {
    var struct = Struct.newBuilder();
    var writer = new AnswerWriter();
    // lengths around those where a length takes another octet, alone and with what is around it
    for (var length :
        new int[] {0, 1, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 16_383, 16_384}) {
      var name = "field-" + length;
      var text = "ä".repeat(length / 2) + "x".repeat(length % 2);
      struct.putFields(name, Value.newBuilder().setStringValue(text).build());
      writer.field(AnswerWriter.Name.of(name), text);
    }

    assertThat(CheckResponse.parseFrom(writer.response(0, NOTHING)))
        .isEqualTo(
            CheckResponse.newBuilder()
                .setStatus(Status.getDefaultInstance())
                .setDynamicMetadata(struct)
                .build());
  }

  @Test
  void response_withoutFields_hasItsStatus() throws Exception {
    for (var code = 0; code <= 16; code++) {
      assertThat(CheckResponse.parseFrom(new AnswerWriter().response(code, NOTHING)))
          .isEqualTo(
              CheckResponse.newBuilder().setStatus(Status.newBuilder().setCode(code)).build());
    }
  }

  @Test
  void response_withHttp_hasBoth() throws Exception {
    var http =
        CheckResponse.newBuilder().setOkResponse(OkHttpResponse.getDefaultInstance()).build();
    var writer = new AnswerWriter();
    writer.field(AnswerWriter.Name.of("mode"), "enforce");
    writer.field(AnswerWriter.Name.of("shadow"), null);

    assertThat(CheckResponse.parseFrom(writer.response(7, http.toByteArray())))
        .isEqualTo(
            http.toBuilder()
                .setStatus(Status.newBuilder().setCode(7))
                .setDynamicMetadata(
                    Struct.newBuilder()
                        .putFields("mode", Value.newBuilder().setStringValue("enforce").build()))
                .build());
  }
}
