package io.kith.spiffe.dev;

import com.google.protobuf.ByteString;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.kith.spiffe.dev.IssuedIdentity.Issue;
import io.kith.spiffe.workload.JWTBundlesRequest;
import io.kith.spiffe.workload.JWTBundlesResponse;
import io.kith.spiffe.workload.JWTSVIDRequest;
import io.kith.spiffe.workload.JWTSVIDResponse;
import io.kith.spiffe.workload.SpiffeWorkloadAPIGrpc.SpiffeWorkloadAPIImplBase;
import io.kith.spiffe.workload.ValidateJWTSVIDRequest;
import io.kith.spiffe.workload.ValidateJWTSVIDResponse;
import io.kith.spiffe.workload.X509BundlesRequest;
import io.kith.spiffe.workload.X509BundlesResponse;
import io.kith.spiffe.workload.X509SVID;
import io.kith.spiffe.workload.X509SVIDRequest;
import io.kith.spiffe.workload.X509SVIDResponse;
import java.util.function.Function;

/** The X.509 half of the SPIFFE Workload API, for one workload. */
final class WorkloadApiService extends SpiffeWorkloadAPIImplBase {
  private static final Metadata.Key<String> HEADER =
      Metadata.Key.of("workload.spiffe.io", Metadata.ASCII_STRING_MARSHALLER);

  private final IssuedIdentity identity;

  WorkloadApiService(IssuedIdentity identity) {
    this.identity = identity;
  }

  /** Keeps out requests that someone was made to forward (the standard's section 3). */
  static final class HeaderRequired implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      if ("true".equals(headers.get(HEADER))) {
        return next.startCall(call, headers);
      }
      call.close(
          Status.INVALID_ARGUMENT.withDescription(
              "security header missing (expected: metadata workload.spiffe.io: true)"),
          new Metadata());
      return new ServerCall.Listener<>() {};
    }
  }

  @Override
  public void fetchX509SVID(X509SVIDRequest request, StreamObserver<X509SVIDResponse> responses) {
    follow(
        responses,
        issue ->
            X509SVIDResponse.newBuilder()
                .addSvids(
                    X509SVID
                        .newBuilder()
                        .setSpiffeId(issue.svid().id().toString())
                        .setX509Svid(bytes(IssuedIdentity.der(issue.svid().chain())))
                        .setX509SvidKey(bytes(issue.svid().key().getEncoded()))
                        .setBundle(bytes(IssuedIdentity.der(issue.bundle()))))
                .build());
  }

  @Override
  public void fetchX509Bundles(
      X509BundlesRequest request, StreamObserver<X509BundlesResponse> responses) {
    follow(
        responses,
        issue ->
            X509BundlesResponse.newBuilder()
                .putBundles(
                    "spiffe://" + issue.svid().id().trustDomain(),
                    bytes(IssuedIdentity.der(issue.bundle())))
                .build());
  }

  private <A> void follow(StreamObserver<A> responses, Function<Issue, A> answer) {
    var stream = (ServerCallStreamObserver<A>) responses;
    var listener =
        new IssuedIdentity.Listener() {
          private long sent; // guarded by this

          @Override
          public synchronized void issued(Issue issue) {
            if (issue.version() > sent && !stream.isCancelled()) {
              sent = issue.version();
              stream.onNext(answer.apply(issue));
            }
          }
        };
    stream.setOnCancelHandler(() -> identity.removeListener(listener));
    identity.addListener(listener);
    listener.issued(identity.current());
  }

  private static ByteString bytes(byte[] content) {
    return ByteString.copyFrom(content);
  }

  @Override
  public void fetchJWTSVID(JWTSVIDRequest request, StreamObserver<JWTSVIDResponse> responses) {
    responses.onError(noJwt());
  }

  @Override
  public void fetchJWTBundles(
      JWTBundlesRequest request, StreamObserver<JWTBundlesResponse> responses) {
    responses.onError(noJwt());
  }

  @Override
  public void validateJWTSVID(
      ValidateJWTSVIDRequest request, StreamObserver<ValidateJWTSVIDResponse> responses) {
    responses.onError(noJwt());
  }

  private static Throwable noJwt() {
    return Status.UNIMPLEMENTED
        .withDescription(
            "the development identity issues no JWT-SVIDs (use X509-SVIDs, or a SPIRE agent)")
        .asRuntimeException();
  }
}
