package io.kith.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.buffer.ByteBufUtil;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.channel.ChannelFuture;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.SimpleChannelInboundHandler;
import io.grpc.netty.shaded.io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpContent;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaderNames;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpObject;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpRequest;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpResponseStatus;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpUtil;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpVersion;
import io.grpc.netty.shaded.io.netty.handler.codec.http.LastHttpContent;
import io.grpc.netty.shaded.io.netty.handler.codec.http.QueryStringDecoder;
import io.kith.server.http.JsonRequest.RefusedException;
import io.kith.server.http.Routes.Found;
import io.kith.server.net.ConnectionLimit;
import io.kith.server.waiting.Patience;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one connection, one at a time. Used by the thread of its channel; a call runs on
 * a thread of its own.
 *
 * <p>Nothing more is read of a connection until the call of a request accepts whoever makes it, and
 * what is left of a request that is answered before is dropped as it comes: strangers have nothing
 * kept for them. A request is answered when its peer's side has taken the answer, so that there is
 * one at a time to keep for a peer that does not read.
 */
final class HttpHandler extends SimpleChannelInboundHandler<HttpObject> {
  /** A whole request has to be there by then, and a connection does nothing for no longer. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Of a request that is answered, and the last one, the rest is waited for so long. */
  private static final Duration LINGER = Duration.ofSeconds(5);

  /** A bundle of 4 MiB, in base64. */
  private static final int MAX_BODY = 6 << 20;

  private static final String NOT_HTTP = "this is not HTTP/1.1";
  private static final List<String> PASSED_ON = List.of("authorization", "x-kith-user");

  private final Routes routes;
  private final JsonServer.Peer peer;
  private final Map<String, String> documents;
  private final Executor executor;
  private final ConnectionLimit.Place place;
  private final Patience patience = new Patience(PATIENCE);
  private final Patience linger = new Patience(LINGER);
  private @Nullable HttpExchange current;
  private @Nullable HttpCall call;
  private @Nullable Body body;
  private boolean whole = true;
  private boolean answered = true;

  /**
   * What a call waits for.
   *
   * @param of the message that is made of it
   */
  private record Body(Function<String, HttpCall.Reader> of, ByteArrayOutputStream octets) {}

  HttpHandler(
      Routes routes,
      JsonServer.Peer peer,
      Map<String, String> documents,
      Executor executor,
      ConnectionLimit.Place place) {
    this.routes = routes;
    this.peer = peer;
    this.documents = documents;
    this.executor = executor;
    this.place = place;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    waitForPeer(context);
  }

  private void waitForPeer(ChannelHandlerContext context) {
    patience.begin(context);
    place.waits();
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, HttpObject part) {
    if (part instanceof HttpRequest request) {
      if (!whole || !answered) { // pipelining, which no client of ours needs
        var _ = context.close();
        return;
      }
      begin(context, request);
    }
    if (part instanceof HttpContent content && current != null && !whole) {
      take(context, current, content);
    }
  }

  private void begin(ChannelHandlerContext context, HttpRequest request) {
    whole = false;
    answered = false;
    waitForPeer(context);
    var exchange =
        new HttpExchange(
            context,
            HttpUtil.isKeepAlive(request)
                && request.decoderResult().isSuccess()
                && !HttpUtil.is100ContinueExpected(request), // would its body come all the same?
            (ended, written) -> {
              call = null;
              body = null;
              waitForPeer(context);
              var _ = written.addListener(_ -> taken(context, ended, written));
            });
    current = exchange;
    if (request.decoderResult().isFailure()) {
      refuse(exchange, Status.INVALID_ARGUMENT, NOT_HTTP);
    } else if (HttpUtil.getContentLength(request, 0L) > MAX_BODY) {
      tooLarge(exchange);
    } else {
      answer(context, request, exchange);
    }
  }

  /* A peer that has the whole answer is never too early with the next request: what hands over the
   * last octets calls this before anything more is read. */
  private void taken(ChannelHandlerContext context, HttpExchange exchange, ChannelFuture written) {
    if (!written.isSuccess()) { // the peer would wait for an answer that does not come
      var _ = context.close();
      return;
    }
    answered = true;
    var _ = context.channel().config().setAutoRead(true);
    rest(context, exchange);
  }

  /** Waits for the next request, or hangs up, when there is nothing left of this one. */
  private void rest(ChannelHandlerContext context, HttpExchange exchange) {
    if (whole && answered) {
      waitForPeer(context);
      if (exchange.isLast()) {
        var _ = context.close();
      }
    } else if (answered && exchange.isLast()) { // a close with octets unread takes the answer back
      linger.begin(context);
    }
  }

  private void take(ChannelHandlerContext context, HttpExchange exchange, HttpContent part) {
    whole = part instanceof LastHttpContent;
    if (part.decoderResult().isFailure()) { // nothing is read after it
      exchange.closeAfter();
    }
    var kept = body;
    if (kept != null) {
      if (part.decoderResult().isFailure()) {
        drop();
        refuse(exchange, Status.INVALID_ARGUMENT, NOT_HTTP);
      } else if (kept.octets().size() + part.content().readableBytes() > MAX_BODY) {
        drop();
        tooLarge(exchange);
      } else {
        kept.octets().writeBytes(ByteBufUtil.getBytes(part.content()));
        if (whole && call != null) {
          body = null;
          call.send(kept.of().apply(kept.octets().toString(UTF_8)));
        }
      }
    }
    if (whole && call != null) { // else an answer is on its way, which has to be taken in time
      patience.end();
      place.works();
    } else {
      place.waits();
    }
    rest(context, exchange);
  }

  /** What its call waits for does not come. */
  private void drop() {
    body = null;
    if (call != null) {
      call.cancel();
    }
  }

  private void answer(ChannelHandlerContext context, HttpRequest request, HttpExchange exchange) {
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
          send(exchange, 415, "content-type: not JSON (expected: application/json)");
          return;
        }
        var started =
            new HttpCall(
                route.method(),
                peer.of(context.channel()),
                exchange,
                executor,
                made -> context.executor().execute(() -> accepted(context, made, request)));
        call = started;
        if (route.hasBody()) {
          var _ = context.channel().config().setAutoRead(false);
          body =
              new Body(
                  text -> () -> JsonRequest.read(route.request(), values, query(target), text),
                  new ByteArrayOutputStream());
        }
        started.start(metadata(request));
        if (!route.hasBody()) {
          started.send(() -> JsonRequest.read(route.request(), values, query(target), null));
        }
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

  /** Whoever calls may, so what is left of the request is read. */
  private void accepted(ChannelHandlerContext context, HttpCall made, HttpRequest request) {
    place.recognized();
    if (made == call) {
      if (body != null && HttpUtil.is100ContinueExpected(request) && !whole) {
        var _ =
            context.writeAndFlush(
                new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
      }
      var _ = context.channel().config().setAutoRead(true);
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
  private static boolean isJson(HttpRequest request) {
    var type = request.headers().get(HttpHeaderNames.CONTENT_TYPE);
    return type != null
        && type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT).equals("application/json");
  }

  private static Metadata metadata(HttpRequest request) {
    var metadata = new Metadata();
    for (var name : PASSED_ON) {
      for (var value : request.headers().getAll(name)) {
        metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
      }
    }
    return metadata;
  }

  private static void tooLarge(HttpExchange exchange) {
    send(exchange, 413, "the body is too large (expected: at most " + MAX_BODY + " octets)");
  }

  private static void send(HttpExchange exchange, int status, String words) {
    exchange.send(
        status,
        "application/json",
        HttpStatus.json(Status.INVALID_ARGUMENT.withDescription(words), new Metadata()),
        Map.of());
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
    linger.end();
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
