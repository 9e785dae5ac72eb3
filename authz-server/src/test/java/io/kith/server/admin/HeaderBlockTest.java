package io.kith.server.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.netty.shaded.io.netty.buffer.ByteBufUtil;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2HeadersEncoder;
import java.io.IOException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeaderBlockTest {
  private static Map<String, String> answer(String message) {
    var fields = new LinkedHashMap<String, String>();
    fields.put(":status", "200");
    fields.put("content-type", "application/grpc");
    fields.put("grpc-status", "5");
    fields.put("grpc-message", message);
    return fields;
  }

  /** As a server of gRPC writes it for a client that keeps no table. */
  private static byte[] byNetty(Map<String, String> fields, int huffmanFrom) throws Exception {
    var encoder =
        new DefaultHttp2HeadersEncoder(Http2HeadersEncoder.NEVER_SENSITIVE, false, 0, huffmanFrom);
    encoder.configuration().maxHeaderTableSize(0);
    var headers = new DefaultHttp2Headers(false);
    fields.forEach(headers::set);
    var block = Unpooled.buffer();
    encoder.encodeHeaders(1, headers, block);
    return ByteBufUtil.getBytes(block);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, 126, 127, 128, 254, 255, 300, 20_000})
  void fields_ofWhatIsWritten_areRead(int length) throws Exception {
    var fields = answer("x".repeat(length));

    assertThat(HeaderBlock.fields(HeaderBlock.of(fields))).isEqualTo(fields);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, 126, 127, 128, 254, 255, 300, 20_000})
  void of_isReadByNetty(int length) throws Exception {
    var fields = answer("x".repeat(length));

    var read =
        new DefaultHttp2HeadersDecoder(false, 64 * 1024)
            .decodeHeaders(1, Unpooled.wrappedBuffer(HeaderBlock.of(fields)));

    assertThat(read).hasSize(fields.size());
    fields.forEach((name, value) -> assertThat(read.get(name)).hasToString(value));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 40, Integer.MAX_VALUE})
  void fields_ofWhatNettyWrites_areRead(int huffmanFrom) throws Exception {
    var fields = answer("edge 'e:0123456789ab' is not of shop/deployment/checkout");
    fields.put("server", "a name of all tables");
    fields.put(":status", "404");

    assertThat(HeaderBlock.fields(byNetty(fields, huffmanFrom))).isEqualTo(fields);
    assertThat(HeaderBlock.fields(byNetty(answer("short"), huffmanFrom)))
        .isEqualTo(answer("short"));
  }

  @Test
  void fields_withANameThatNobodyIndexes_areRead() throws Exception {
    // RFC 7541, C.2.3: a literal that is never indexed; and one that would be in a table.
    var block = HexFormat.of().parseHex("100870617373776f726406736563726574");
    assertThat(HeaderBlock.fields(block)).containsExactly(Map.entry("password", "secret"));
    block[0] = 64;
    assertThat(HeaderBlock.fields(block)).containsExactly(Map.entry("password", "secret"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"00", "0003", "000361", "00036162", "0003616263", "000361626305", "ff", "be"})
  void fields_ofWhatIsCutOffOrNone_failed(String hex) {
    assertThatThrownBy(() -> HeaderBlock.fields(HexFormat.of().parseHex(hex)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("its headers cannot be read");
  }
}
