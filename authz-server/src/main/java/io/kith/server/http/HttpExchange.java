package io.kith.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.channel.ChannelFuture;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.grpc.netty.shaded.io.netty.handler.codec.http.DefaultHttpContent;
import io.grpc.netty.shaded.io.netty.handler.codec.http.DefaultHttpResponse;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaderNames;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaderValues;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaders;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpResponseStatus;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpUtil;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpVersion;
import io.grpc.netty.shaded.io.netty.handler.codec.http.LastHttpContent;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/**
 * The answer to one HTTP request: one JSON document, or lines of JSON for as long as the call runs.
 * Thread-safe.
 */
final class HttpExchange {
  private static final String JSON = "application/json";
  private static final String LINES = "application/x-ndjson";
  private static final long PROMISE_MILLIS = 500;

  private final ChannelHandlerContext channel;
  private final BiConsumer<HttpExchange, ChannelFuture> last;
  private boolean keepAlive;
  private boolean begun;
  private boolean ended;

  /**
   * @param last told when the end of the answer is queued, with when the peer's side took it, on
   *     the thread of the channel; closes the connection after the last one
   */
  HttpExchange(
      ChannelHandlerContext channel,
      boolean keepAlive,
      BiConsumer<HttpExchange, ChannelFuture> last) {
    this.channel = channel;
    this.keepAlive = keepAlive;
    this.last = last;
  }

  /** Whether the client reads fast enough. */
  boolean isWritable() {
    return channel.channel().isWritable();
  }

  /** The connection cannot be used for another request. */
  synchronized void closeAfter() {
    keepAlive = false;
  }

  /** Whether the connection is not used for another request. */
  synchronized boolean isLast() {
    return !keepAlive;
  }

  /** The one document. */
  void answer(String json) {
    send(200, JSON, json, Map.of());
  }

  /** A document that is no answer of a call. */
  synchronized void send(int status, String type, String text, Map<String, String> headers) {
    if (begun || ended) {
      return;
    }
    ended = true;
    var response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(status),
            Unpooled.copiedBuffer(text + "\n", UTF_8));
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, type);
    headers.forEach((name, value) -> response.headers().set(name, value));
    common(response.headers());
    HttpUtil.setContentLength(response, response.content().readableBytes());
    finish(response);
  }

  private void common(HttpHeaders headers) {
    headers.set(HttpHeaderNames.CACHE_CONTROL, "no-store");
    headers.set("x-content-type-options", "nosniff");
    headers.set(
        HttpHeaderNames.CONNECTION,
        keepAlive ? HttpHeaderValues.KEEP_ALIVE : HttpHeaderValues.CLOSE);
  }

  /** Says soon that lines will come, when there is none and no refusal by then. */
  void promise() {
    var _ = channel.executor().schedule(this::begin, PROMISE_MILLIS, TimeUnit.MILLISECONDS);
  }

  private synchronized void begin() {
    if (begun || ended) {
      return;
    }
    begun = true;
    var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, LINES);
    common(response.headers());
    HttpUtil.setTransferEncodingChunked(response, true);
    var _ = channel.writeAndFlush(response);
  }

  /** One more line. */
  synchronized void sendLine(String json) {
    begin();
    if (!ended) {
      var _ =
          channel.writeAndFlush(new DefaultHttpContent(Unpooled.copiedBuffer(json + "\n", UTF_8)));
    }
  }

  /** There are no more lines. */
  synchronized void end() {
    begin();
    if (!ended) {
      ended = true;
      finish(LastHttpContent.EMPTY_LAST_CONTENT);
    }
  }

  /** The call failed; after the first line the failure is the last one. */
  synchronized void fail(Status status, Metadata trailers) {
    if (begun) {
      sendLine("{\"error\":" + HttpStatus.json(status, trailers) + "}");
      end();
      return;
    }
    var headers = new java.util.HashMap<String, String>();
    var seconds = HttpStatus.retryAfterSeconds(status, trailers);
    if (seconds != null) {
      headers.put("retry-after", Long.toString(seconds));
    }
    if (status.getCode() == Status.Code.UNAUTHENTICATED) {
      headers.put("www-authenticate", "Bearer");
    }
    send(HttpStatus.of(status.getCode()), JSON, HttpStatus.json(status, trailers), headers);
  }

  /* In one step, so that the next request cannot be there before this one counts as answered. */
  private void finish(Object end) {
    if (!channel.channel().isActive()) {
      return;
    }
    channel.executor().execute(() -> last.accept(this, channel.writeAndFlush(end)));
  }
}
