package io.kith.server.http;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.TypeRegistry;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import org.jspecify.annotations.Nullable;

/** A gRPC status as HTTP has it; the numbers are those of {@code google/rpc/code.proto}. */
final class HttpStatus {
  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer()
          .usingTypeRegistry(TypeRegistry.newBuilder().add(RetryInfo.getDescriptor()).build())
          .omittingInsignificantWhitespace();

  private HttpStatus() {}

  static int of(Status.Code code) {
    return switch (code) {
      case OK -> 200;
      case INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE -> 400;
      case UNAUTHENTICATED -> 401;
      case PERMISSION_DENIED -> 403;
      case NOT_FOUND -> 404;
      case ABORTED, ALREADY_EXISTS -> 409;
      case RESOURCE_EXHAUSTED -> 429;
      case CANCELLED -> 499;
      case UNKNOWN, INTERNAL, DATA_LOSS -> 500;
      case UNIMPLEMENTED -> 501;
      case UNAVAILABLE -> 503;
      case DEADLINE_EXCEEDED -> 504;
    };
  }

  /** {@code google.rpc.Status} as JSON. */
  static String json(Status status, Metadata trailers) {
    var full = StatusProto.fromStatusAndTrailers(status, trailers);
    try {
      return PRINTER.print(full);
    } catch (InvalidProtocolBufferException _) { // a detail of a kind that is not known here
      try {
        return PRINTER.print(full.toBuilder().clearDetails());
      } catch (InvalidProtocolBufferException e) {
        throw new IllegalStateException("a code and a text have a JSON form", e);
      }
    }
  }

  /** When the same call may be made again, in whole seconds; null when nothing is said. */
  static @Nullable Long retryAfterSeconds(Status status, Metadata trailers) {
    for (var detail : StatusProto.fromStatusAndTrailers(status, trailers).getDetailsList()) {
      if (detail.is(RetryInfo.class)) {
        try {
          var delay = detail.unpack(RetryInfo.class).getRetryDelay();
          return delay.getSeconds() + (delay.getNanos() > 0 ? 1 : 0);
        } catch (InvalidProtocolBufferException _) {
          return null;
        }
      }
    }
    return null;
  }
}
