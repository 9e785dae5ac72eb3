package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.rpc.Status;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.envoyproxy.envoy.service.auth.v3.OkHttpResponse;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class AnswerTest {
  private static final Struct METADATA =
      Struct.newBuilder()
          .putFields("decision", Value.newBuilder().setStringValue("allow").build())
          .build();

  @Test
  void code_statusOk_isZero() {
    var allowed =
        CheckResponse.newBuilder()
            .setStatus(Status.getDefaultInstance())
            .setOkResponse(OkHttpResponse.getDefaultInstance())
            .setDynamicMetadata(METADATA)
            .build();

    assertThat(code(allowed)).isZero();
  }

  @Test
  void code_statusOfADenial_isItsCode() {
    var denied =
        CheckResponse.newBuilder()
            .setDynamicMetadata(METADATA)
            .setStatus(Status.newBuilder().setCode(7).setMessage("no"))
            .build();

    assertThat(code(denied)).isEqualTo(7);
  }

  @Test
  void code_withoutStatus_isNone() {
    assertThat(code(CheckResponse.newBuilder().setDynamicMetadata(METADATA).build()))
        .isEqualTo(Answer.NONE);
    assertThat(code(CheckResponse.getDefaultInstance())).isEqualTo(Answer.NONE);
  }

  @Test
  void code_cutMessage_isRefused() {
    var bytes = CheckResponse.newBuilder().setDynamicMetadata(METADATA).build().toByteArray();

    assertThatThrownBy(() -> Answer.code(ByteBuffer.wrap(bytes, 0, bytes.length - 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("an answer ends within a field");
  }

  private static int code(CheckResponse response) {
    return Answer.code(ByteBuffer.wrap(response.toByteArray()));
  }
}
