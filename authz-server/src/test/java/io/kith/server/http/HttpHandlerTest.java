package io.kith.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Attributes;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelOutboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.ChannelPromise;
import io.grpc.netty.shaded.io.netty.channel.embedded.EmbeddedChannel;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpServerCodec;
import io.grpc.netty.shaded.io.netty.util.ReferenceCountUtil;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.ImportRequest;
import io.kith.admin.v1.ImportResponse;
import io.kith.server.net.ConnectionLimit;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The requests of a connection, while it is found out who makes them. */
class HttpHandlerTest {
  private final Queue<Runnable> calls = new ArrayDeque<>();
  private boolean accepts;
  private final Peer peer = new Peer();
  private final EmbeddedChannel channel =
      new EmbeddedChannel(
          peer,
          new HttpServerCodec(),
          new HttpHandler(
              Routes.of(
                  List.of(
                      ServerInterceptors.intercept(
                          new AdminServiceGrpc.AdminServiceImplBase() {
                            @Override
                            public void import_(
                                ImportRequest request, StreamObserver<ImportResponse> answer) {
                              calls.add(() -> super.import_(request, answer));
                            }
                          },
                          new Door()))),
              _ -> Attributes.EMPTY,
              Map.of("/document.json", "{}"),
              calls::add,
              requireNonNull(new ConnectionLimit(1).admit(new EmbeddedChannel()))));

  /** Takes what it is sent, or not. */
  private static final class Peer extends ChannelOutboundHandlerAdapter {
    private boolean reads = true;
    private boolean broken;

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
      if (broken) {
        ReferenceCountUtil.release(message);
        var _ = promise.setFailure(new IOException("broken"));
      } else {
        var _ = context.write(message, promise);
      }
    }

    @Override
    public void flush(ChannelHandlerContext context) {
      if (reads) {
        context.flush();
      }
    }
  }

  /** Lets callers in, or not. */
  private final class Door implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      if (accepts) {
        return next.startCall(call, headers);
      }
      call.close(Status.UNAUTHENTICATED, new Metadata());
      return new ServerCall.Listener<>() {};
    }
  }

  @AfterEach
  void stop() {
    var _ = channel.finishAndReleaseAll();
  }

  private void send(String text) {
    channel.writeInbound(Unpooled.copiedBuffer(text, UTF_8));
  }

  /** What callers are recognized by, and their calls do, elsewhere. */
  private void run() {
    for (var call = calls.poll(); call != null; call = calls.poll()) {
      call.run();
    }
    channel.runPendingTasks();
  }

  private String answer() {
    var text = new StringBuilder();
    for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
      text.append(part.toString(UTF_8));
      part.release();
    }
    return text.toString();
  }

  private String firstLine() {
    return answer().lines().findFirst().orElse("");
  }

  private static String head(int length) {
    return head("Content-Length: " + length);
  }

  private static String head(String... headers) {
    return String.join(
        "\r\n",
        "POST /v1/bundles:import HTTP/1.1",
        "Content-Type: application/json",
        String.join("\r\n", headers),
        "",
        "");
  }

  /** It may take the issuer of a token ten seconds to say whose it is. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void body_untilItIsKnownWhoCalls_isNotRead(boolean accepted) {
    accepts = accepted;
    send(head(100));
    assertThat(channel.config().isAutoRead()).isFalse();
    assertThat(answer()).isEmpty();

    run();

    assertThat(channel.config().isAutoRead()).isTrue();
    assertThat(firstLine()).isEqualTo(accepted ? "" : "HTTP/1.1 401 Unauthorized");
    send("{\"no\":" + " ".repeat(94));
    run();
    assertThat(firstLine()).isEqualTo(accepted ? "HTTP/1.1 400 Bad Request" : "");
  }

  /** What came with the head, in one piece, is there when it is asked for. */
  @Test
  void body_thatIsThereBeforeItIsKnownWhoCalls_isTaken() {
    accepts = true;
    send(head(2) + "{}");
    calls.remove().run();
    channel.runPendingTasks();
    assertThat(channel.config().isAutoRead()).as("a caller that goes away is noticed").isTrue();
    run();

    assertThat(answer()).startsWith("HTTP/1.1 501");
    assertThat(channel.isOpen()).isTrue();
  }

  /** A close with octets unread resets the connection, and the refusal is lost. */
  @Test
  void refusal_thatIsTheLastAnswer_endsTheConnectionWhenTheBodyIsThere() {
    send(head("Content-Length: 100", "Connection: close"));
    run();
    assertThat(firstLine()).isEqualTo("HTTP/1.1 401 Unauthorized");
    send(" ".repeat(99));
    assertThat(channel.isOpen()).isTrue();

    send(" ");

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void refusal_thatIsTheLastAnswer_endsTheConnectionWhenTheBodyDoesNotCome() {
    channel.freezeTime();
    send(head("Content-Length: 100", "Connection: close"));
    run();
    assertThat(channel.isOpen()).isTrue();

    channel.advanceTimeBy(10, TimeUnit.SECONDS);
    run();

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void brokenChunk_ofABodyThatIsDropped_endsTheConnection() {
    send(head("Transfer-Encoding: chunked"));
    run();
    assertThat(firstLine()).isEqualTo("HTTP/1.1 401 Unauthorized");

    send("no length\r\n");

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void brokenChunk_thatNoCallWaitsFor_endsTheConnectionAfterTheAnswer() {
    send("GET /v1/status HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n");
    assertThat(channel.isOpen()).isTrue();

    run();

    assertThat(firstLine()).isEqualTo("HTTP/1.1 401 Unauthorized");
    assertThat(channel.isOpen()).isFalse();
  }

  /** Answers that nobody read were kept, one for each request. */
  @ParameterizedTest
  @ValueSource(strings = {"/document.json", "/v1/status", "/v2/status"})
  void nextRequest_beforeTheAnswerIsTaken_endsTheConnection(String path) {
    peer.reads = false;
    send("GET " + path + " HTTP/1.1\r\n\r\n");
    run();
    assertThat(channel.isOpen()).isTrue();

    send("GET " + path + " HTTP/1.1\r\n\r\n");

    assertThat(channel.isOpen()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"/document.json", "/v1/status", "/v2/status"})
  void nextRequest_whenTheAnswerIsTakenLate_isAnswered(String path) {
    peer.reads = false;
    send("GET " + path + " HTTP/1.1\r\n\r\n");
    run();
    peer.reads = true;
    channel.flush();
    assertThat(firstLine()).startsWith("HTTP/1.1 ");

    send("GET /document.json HTTP/1.1\r\n\r\n");
    run();

    assertThat(firstLine()).isEqualTo("HTTP/1.1 200 OK");
    assertThat(channel.isOpen()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET /document.json HTTP/1.1\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\n\r\n",
        "GET /document.json HTTP/1.1\r\nContent-Length: 2\r\n\r\n"
      })
  void answer_thatIsNotTaken_endsTheConnectionInTheEnd(String request) {
    channel.freezeTime();
    peer.reads = false;
    send(request);
    run();
    if (request.contains("Length")) {
      send("{}"); // there is nothing more to wait for but that the answer is taken
    }
    assertThat(channel.isOpen()).isTrue();

    channel.advanceTimeBy(2, TimeUnit.MINUTES);
    run();

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void answer_thatCannotBeWritten_endsTheConnection() {
    peer.broken = true;
    send("GET /document.json HTTP/1.1\r\n\r\n");
    run();

    assertThat(channel.isOpen()).isFalse();
  }

  @Test
  void nextRequest_beforeTheAnswer_endsTheConnection() {
    accepts = true;
    send("GET /v1/status HTTP/1.1\r\n\r\n");
    send("GET /v1/status HTTP/1.1\r\n\r\n");

    assertThat(channel.isOpen()).isFalse();
  }
}
