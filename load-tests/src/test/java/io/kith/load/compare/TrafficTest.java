package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TrafficTest {
  /** A Check as a server reads it. */
  private record Read(Map<String, String> headers, CheckRequest request) {
    int port() {
      return request.getAttributes().getSource().getAddress().getSocketAddress().getPortValue();
    }

    String destination() {
      return request.getAttributes().getDestination().getAddress().getSocketAddress().getAddress();
    }
  }

  @Test
  void write_firstAndLaterStreams_haveTheSameHeaders() throws Exception {
    var read = read(new Traffic(Shape.l7, true, 3, 100), 3);

    assertThat(read)
        .allSatisfy(
            one ->
                assertThat(one.headers())
                    .containsEntry(":method", "POST")
                    .containsEntry(":scheme", "https")
                    .containsEntry(":path", "/envoy.service.auth.v3.Authorization/Check")
                    .containsEntry("content-type", "application/grpc")
                    .containsEntry("te", "trailers")
                    .containsEntry("x-kith-direction", "outbound")
                    .containsEntry("x-forwarded-for", "10.88.1.13")
                    .hasEntrySatisfying(
                        "traceparent",
                        trace -> assertThat(trace).matches("00-[0-9a-f]{32}-[0-9a-f]{16}-01")));
    assertThat(read)
        .map(one -> one.headers().get("x-kith-conn"))
        .containsExactly("000000000000", "000000000001", "000000000002");
    assertThat(read).map(one -> one.headers().get("traceparent")).doesNotHaveDuplicates();
  }

  @Test
  void write_sockets_comeAroundWithTheirConnections() throws Exception {
    var read = read(new Traffic(Shape.l4, false, 0, 2), 4);

    assertThat(read)
        .map(Read::port)
        .containsExactly(
            Traffic.FIRST_PORT, Traffic.FIRST_PORT + 1, Traffic.FIRST_PORT, Traffic.FIRST_PORT + 1);
    assertThat(read)
        .map(one -> one.headers().get("x-kith-conn"))
        .containsExactly("000000000000", "000000000001", "000000000000", "000000000001");
  }

  @Test
  void write_allNew_neverAsksAboutTheSameConnection() throws Exception {
    var connections = new HashSet<String>();
    for (var one : read(new Traffic(Shape.l4, false, 0, Traffic.ALL_NEW), 60_000)) {
      assertThat(one.port()).isBetween(Traffic.FIRST_PORT, Traffic.LAST_PORT);
      assertThat(connections.add(one.headers().get("x-kith-conn"))).isTrue();
    }
  }

  @Test
  void write_thirtySockets_areEveryProgramAtEveryDestination() throws Exception {
    var flows = new HashSet<String>();
    for (var one : read(new Traffic(Shape.l4, false, 0, 30), 30)) {
      flows.add(Traffic.program(one.port()) + " to " + one.destination());
    }

    assertThat(flows).hasSize(30);
  }

  @Test
  void write_chosenPort_isInTheMessage() throws Exception {
    var out = ByteBuffer.allocate(4_096);
    var _ = new Traffic(Shape.l7, false, 0, 1).write(out, 1, true, 0, Traffic.STRANGE_PORT);

    assertThat(read(out.flip()).getFirst().port()).isEqualTo(Traffic.STRANGE_PORT);
  }

  private static List<Read> read(Traffic traffic, int count) throws Exception {
    var out = ByteBuffer.allocate(count * traffic.most());
    for (var i = 0; i < count; i++) {
      var before = out.position();
      var _ = traffic.write(out, 2 * i + 1, i == 0);
      assertThat(out.position() - before).isLessThanOrEqualTo(traffic.most());
    }
    return read(out.flip());
  }

  private static List<Read> read(ByteBuffer frames) throws Exception {
    var decoder = new DefaultHttp2HeadersDecoder();
    var all = new ArrayList<Read>();
    while (frames.hasRemaining()) {
      var block = frame(frames, 1);
      var headers = new TreeMap<String, String>();
      decoder
          .decodeHeaders(1, Unpooled.wrappedBuffer(block))
          .forEach(one -> headers.put(one.getKey().toString(), one.getValue().toString()));
      var message = frame(frames, 0);
      assertThat(message.get()).isZero();
      assertThat(message.getInt()).isEqualTo(message.remaining());
      all.add(new Read(headers, CheckRequest.parseFrom(message)));
    }
    return all;
  }

  private static ByteBuffer frame(ByteBuffer frames, int type) {
    var lengthAndType = frames.getInt();
    assertThat(lengthAndType & 0xff).isEqualTo(type);
    var length = lengthAndType >>> 8;
    frames.position(frames.position() + 5);
    var payload = frames.slice(frames.position(), length);
    frames.position(frames.position() + length);
    return payload;
  }
}
