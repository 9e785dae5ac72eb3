package io.kith.server.rpc;

import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Headers;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.ReadOnlyHttp2Headers;
import io.grpc.netty.shaded.io.netty.util.AsciiString;
import org.jspecify.annotations.Nullable;

/** The headers of an RPC. Source: gRPC over HTTP/2. */
final class GrpcHeaders {
  private static final AsciiString CHECK =
      AsciiString.cached("/" + AuthorizationGrpc.getCheckMethod().getFullMethodName());
  private static final AsciiString POST = AsciiString.cached("POST");
  private static final AsciiString CONTENT_TYPE = AsciiString.cached("content-type");
  private static final AsciiString GRPC = AsciiString.cached("application/grpc");
  private static final AsciiString STATUS = AsciiString.cached("grpc-status");
  private static final AsciiString MESSAGE = AsciiString.cached("grpc-message");

  static final AsciiString TIMEOUT = AsciiString.cached("grpc-timeout");
  static final AsciiString ENCODING = AsciiString.cached("grpc-encoding");
  static final AsciiString GZIP = AsciiString.cached("gzip");

  /** Before an answer. */
  static final Http2Headers ANSWER =
      ReadOnlyHttp2Headers.serverHeaders(false, AsciiString.cached("200"), CONTENT_TYPE, GRPC);

  /** After it. */
  static final Http2Headers DONE =
      ReadOnlyHttp2Headers.trailers(false, STATUS, AsciiString.cached("0"));

  private GrpcHeaders() {}

  /**
   * What is said instead of an answer.
   *
   * @param words ASCII without percent signs
   */
  private static Http2Headers failed(Status.Code code, String words) {
    return http("200")
        .set(CONTENT_TYPE, GRPC)
        .set(STATUS, Integer.toString(code.value()))
        .set(MESSAGE, words);
  }

  /** What is said to a call of anything but Check; null to one of that. */
  static @Nullable Http2Headers refusal(Http2Headers headers) {
    if (!CHECK.contentEquals(headers.path())) {
      return failed(
          Status.Code.UNIMPLEMENTED, "only " + CHECK + " is served here (see server.checks)");
    }
    if (!POST.contentEquals(headers.method() == null ? "" : headers.method())) {
      return http("405");
    }
    var type = headers.get(CONTENT_TYPE);
    return type == null || !AsciiString.regionMatches(type, true, 0, GRPC, 0, GRPC.length())
        ? http("415")
        : null;
  }

  private static Http2Headers http(String status) {
    return new DefaultHttp2Headers(false).status(AsciiString.cached(status));
  }
}
