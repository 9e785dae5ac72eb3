package io.kith.server.check;

import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.StatusRuntimeException;
import java.io.InputStream;

/**
 * Reads CheckRequests and, instead of failing the RPC, turns what is none into {@link #UNREADABLE}:
 * Envoy reads a failed RPC as permission where its filter fails open.
 */
final class LenientRequests implements Marshaller<CheckRequest> {
  /** Stands for a message that could not be read; known by identity. */
  private static final CheckRequest UNREADABLE = CheckRequest.newBuilder().build();

  private final Marshaller<CheckRequest> strict;

  @SuppressWarnings("ReferenceEquality") // an empty request is equal to it, and readable
  static boolean isUnreadable(CheckRequest request) {
    return request == UNREADABLE;
  }

  LenientRequests(Marshaller<CheckRequest> strict) {
    this.strict = strict;
  }

  @Override
  public InputStream stream(CheckRequest request) {
    return strict.stream(request);
  }

  @Override
  public CheckRequest parse(InputStream stream) {
    try {
      return strict.parse(stream);
    } catch (StatusRuntimeException _) {
      return UNREADABLE;
    }
  }
}
