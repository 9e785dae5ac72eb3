package io.kith.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.SimpleChannelInboundHandler;
import io.grpc.netty.shaded.io.netty.handler.codec.http.FullHttpRequest;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaderNames;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpUtil;
import io.grpc.netty.shaded.io.netty.handler.codec.http.QueryStringDecoder;
import io.kith.server.http.JsonRequest.RefusedException;
import io.kith.server.http.Routes.Found;
import io.kith.server.waiting.Patience;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one connection, one at a time. Used by the thread of its channel; a call runs on
 * a thread of its own.
 */
final class HttpHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
  /** A whole request has to be there by then, and a connection does nothing for no longer. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final List<String> PASSED_ON = List.of("authorization", "x-kith-user");

  private final Routes routes;
  private final JsonServer.Peer peer;
  private final Map<String, String> documents;
  private final Executor executor;
  private final Patience patience = new Patience(PATIENCE);
  private @Nullable HttpCall call;
  private boolean busy;

  HttpHandler(
      Routes routes, JsonServer.Peer peer, Map<String, String> documents, Executor executor) {
    this.routes = routes;
    this.peer = peer;
    this.documents = documents;
    this.executor = executor;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    patience.begin(context);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    if (busy) { // pipelining, which no client of ours needs
      var _ = context.close();
      return;
    }
    busy = true;
    patience.end();
    var exchange =
        new HttpExchange(
            context,
            HttpUtil.isKeepAlive(request) && request.decoderResult().isSuccess(),
            () -> {
              busy = false;
              call = null;
              patience.begin(context);
            });
    if (request.decoderResult().isFailure()) {
      refuse(exchange, Status.INVALID_ARGUMENT, "this is not HTTP/1.1");
      return;
    }
    answer(context, request, exchange);
  }

  private void answer(
      ChannelHandlerContext context, FullHttpRequest request, HttpExchange exchange) {
    var target = new QueryStringDecoder(request.uri(), UTF_8);
    var verb = request.method().name();
    var document = documents.get(target.rawPath());
    if (document != null && verb.equals("GET")) {
      exchange.answer(document);
      return;
    }
    switch (routes.find(verb, target.rawPath())) {
      case Found.Call(var route, var values) -> {
        if (route.hasBody() && !isJson(request)) {
          exchange.send(
              415,
              "application/json",
              HttpStatus.json(
                  Status.INVALID_ARGUMENT.withDescription(
                      "content-type: not JSON (expected: application/json)"),
                  new Metadata()),
              Map.of());
          return;
        }
        var body = route.hasBody() ? request.content().toString(UTF_8) : null;
        var started = new HttpCall(route.method(), peer.of(context.channel()), exchange, executor);
        call = started;
        started.start(
            metadata(request),
            () -> JsonRequest.read(route.request(), values, query(target), body));
      }
      case Found.OtherVerbs(var verbs) ->
          exchange.send(
              405,
              "application/json",
              HttpStatus.json(
                  Status.UNIMPLEMENTED.withDescription(
                      verb
                          + " is not for this path (expected: "
                          + String.join(" or ", verbs)
                          + ")"),
                  new Metadata()),
              Map.of("allow", String.join(", ", verbs)));
      case Found.Nothing _ ->
          refuse(exchange, Status.NOT_FOUND, "no such path (/openapi.json has those there are)");
    }
  }

  private static Map<String, List<String>> query(QueryStringDecoder target)
      throws RefusedException {
    try {
      return target.parameters();
    } catch (IllegalArgumentException _) {
      throw new RefusedException("the query is not percent-encoded as it has to be");
    }
  }

  /* Browsers send other types across origins without asking. */
  private static boolean isJson(FullHttpRequest request) {
    var type = request.headers().get(HttpHeaderNames.CONTENT_TYPE);
    return type != null
        && type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT).equals("application/json");
  }

  private static Metadata metadata(FullHttpRequest request) {
    var metadata = new Metadata();
    for (var name : PASSED_ON) {
      for (var value : request.headers().getAll(name)) {
        metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
      }
    }
    return metadata;
  }

  private static void refuse(HttpExchange exchange, Status status, String words) {
    exchange.fail(status.withDescription(words), new Metadata());
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    if (call != null && context.channel().isWritable()) {
      call.readyAgain();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    patience.end();
    if (call != null) {
      call.cancel();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // a broken connection, or a handshake that failed, which is logged where it is refused
    var _ = context.close();
  }
}
