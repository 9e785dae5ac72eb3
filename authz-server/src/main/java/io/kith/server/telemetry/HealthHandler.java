package io.kith.server.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.channel.ChannelFutureListener;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.SimpleChannelInboundHandler;
import io.grpc.netty.shaded.io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.grpc.netty.shaded.io.netty.handler.codec.http.FullHttpRequest;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaderNames;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaderValues;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpMethod;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpResponseStatus;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpUtil;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpVersion;
import io.grpc.netty.shaded.io.netty.handler.codec.http.QueryStringDecoder;
import io.kith.server.waiting.Patience;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * The one request of a connection to {@link HealthServer}. Used by the thread of its channel; what
 * may wait runs elsewhere.
 */
final class HealthHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final System.Logger LOG = System.getLogger(HealthHandler.class.getName());

  /** A whole request has to be there by then, and the answer taken so long after it. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final String TEXT = "text/plain; charset=utf-8";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final Supplier<String> notReady;
  private final GatheredMetrics metrics;
  private final Executor executor;
  private final Patience patience = new Patience(PATIENCE);
  private boolean asked;

  HealthHandler(Supplier<String> notReady, GatheredMetrics metrics, Executor executor) {
    this.notReady = notReady;
    this.metrics = metrics;
    this.executor = executor;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    patience.begin(context);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    if (asked) { // pipelining: the connection ends with its first answer
      return;
    }
    asked = true;
    patience.begin(context);
    var head = request.method().equals(HttpMethod.HEAD);
    if (request.decoderResult().isFailure()) {
      answer(context, head, 400, TEXT, "this is not HTTP/1.1\n");
      return;
    }
    if (!head && !request.method().equals(HttpMethod.GET)) {
      answer(context, head, 405, TEXT, "GET and HEAD only\n");
      return;
    }
    switch (new QueryStringDecoder(request.uri(), UTF_8).rawPath()) {
      case "/healthz" -> answer(context, head, 200, TEXT, "ok\n");
      case "/readyz" -> executor.execute(() -> readiness(context, head));
      case "/metrics" ->
          metrics.ask(
              (text, failure) -> {
                if (!context.channel().isActive()) {
                  return;
                }
                if (failure != null) {
                  failed(context, head, failure);
                } else {
                  patience.begin(context);
                  answer(context, head, 200, PROMETHEUS, text);
                }
              });
      default -> answer(context, head, 404, TEXT, "not found\n");
    }
  }

  private void readiness(ChannelHandlerContext context, boolean head) {
    try {
      var why = notReady.get();
      if (why.isEmpty()) {
        answer(context, head, 200, TEXT, "ready\n");
      } else {
        answer(context, head, 503, TEXT, "not ready: " + why + "\n");
      }
    } catch (RuntimeException e) {
      failed(context, head, e);
    }
  }

  private static void failed(ChannelHandlerContext context, boolean head, Throwable failure) {
    LOG.log(Level.WARNING, "a request at the health port failed", failure);
    answer(context, head, 500, TEXT, "an error inside the server; its log has the cause\n");
  }

  private static void answer(
      ChannelHandlerContext context, boolean head, int status, String type, String body) {
    var bytes = body.getBytes(UTF_8);
    var response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(status),
            head ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(bytes));
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, type);
    response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    if (status == 405) {
      response.headers().set(HttpHeaderNames.ALLOW, "GET, HEAD");
    }
    HttpUtil.setContentLength(response, bytes.length);
    var _ = context.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    patience.end();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    var _ = context.close(); // a broken connection
  }
}
