package io.kith.spiffe.spire;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.UnixChannels;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.spire.broker.APIGrpc;
import io.kith.spiffe.spire.broker.SubscribeToX509SVIDRequest;
import io.kith.spiffe.spire.broker.SubscribeToX509SVIDResponse;
import io.kith.spiffe.spire.broker.WorkloadPIDReference;
import io.kith.spiffe.spire.broker.WorkloadReference;
import io.kith.spiffe.spire.broker.X509SVID;
import io.kith.spiffe.spire.delegated.DelegatedIdentityGrpc;
import io.kith.spiffe.spire.delegated.SubscribeToX509SVIDsRequest;
import io.kith.spiffe.spire.delegated.SubscribeToX509SVIDsResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A SPIRE agent, asked over one of the two APIs that it has for this.
 *
 * <p>The agent attests a pid once and goes on sending renewed SVIDs, with their private keys, also
 * when the process is gone or has become another. So a stream ends with its first message, of which
 * only the names are kept.
 *
 * <p>Source: SPIRE 1.15.2, {@code pkg/agent/api/delegatedidentity/v1} and {@code pkg/agent/broker}.
 */
public final class SpireAgent implements WorkloadAttestor {
  private static final Metadata.Key<String> BROKER_HEADER =
      Metadata.Key.of("broker.spiffe.io", Metadata.ASCII_STRING_MARSHALLER);

  /** Where SPIRE puts the SPIFFE IDs of its agents. */
  private static final String AGENT_PATH = "/spire/agent/";

  private final ManagedChannel channel;
  private final Api<?, ?> api;

  private SpireAgent(ManagedChannel channel, Api<?, ?> api) {
    this.channel = channel;
    this.api = api;
  }

  /** The one method of an API, and how its refusals are to be read. */
  private record Api<Q extends Message, A extends Message>(
      MethodDescriptor<Q, A> method,
      IntFunction<Q> request,
      Function<A, List<String>> names,
      Function<Status, Answer> failure) {
    void ask(ManagedChannel channel, int pid, Duration limit, CompletableFuture<Answer> answer) {
      var options = CallOptions.DEFAULT.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
      ClientCalls.asyncServerStreamingCall(
          channel.newCall(method, options), request.apply(pid), new First<>(this, limit, answer));
    }
  }

  /**
   * The Delegated Identity API, on the agent's admin socket. The agent attests who opens the socket
   * and wants one of its SPIFFE IDs in {@code authorized_delegates}.
   */
  public static SpireAgent delegated(Path socket) {
    var path = socket.toAbsolutePath();
    var method =
        DelegatedIdentityGrpc.getSubscribeToX509SVIDsMethod().toBuilder()
            .setResponseMarshaller(new KeylessMarshaller<>(SubscribeToX509SVIDsResponse.parser()))
            .build();
    return new SpireAgent(
        channel(path, InsecureChannelCredentials.create()),
        new Api<>(
            method,
            pid -> SubscribeToX509SVIDsRequest.newBuilder().setPid(pid).build(),
            answer ->
                answer.getX509SvidsList().stream()
                    .map(svid -> svid.getX509Svid().getId())
                    .map(id -> "spiffe://" + id.getTrustDomain() + id.getPath())
                    .toList(),
            status -> delegatedFailure(path, status)));
  }

  /**
   * The SPIFFE Broker API, over mutual TLS on a Unix socket.
   *
   * @param own the SVID to show, of the agent's trust domain; the agent wants its SPIFFE ID among
   *     its {@code brokers}
   * @param id of that SVID
   */
  public static SpireAgent broker(Path socket, X509Source own, SpiffeId id) {
    var path = socket.toAbsolutePath();
    var credentials =
        SpiffeTls.channelCredentials(
            own,
            peer ->
                peer.trustDomain().equals(id.trustDomain()) && peer.path().startsWith(AGENT_PATH));
    var header = new Metadata();
    header.put(BROKER_HEADER, "true");
    var method =
        APIGrpc.getSubscribeToX509SVIDMethod().toBuilder()
            .setResponseMarshaller(new KeylessMarshaller<>(SubscribeToX509SVIDResponse.parser()))
            .build();
    var channel = channel(path, credentials, MetadataUtils.newAttachHeadersInterceptor(header));
    own.addListener(_ -> channel.enterIdle()); // the next call shows the renewed SVID
    return new SpireAgent(
        channel,
        new Api<>(
            method,
            SpireAgent::reference,
            answer -> answer.getSvidsList().stream().map(X509SVID::getSpiffeId).toList(),
            status -> brokerFailure(path, own, id, status)));
  }

  private static SubscribeToX509SVIDRequest reference(int pid) {
    var process = WorkloadPIDReference.newBuilder().setPid(pid).build();
    return SubscribeToX509SVIDRequest.newBuilder()
        .setReference(WorkloadReference.newBuilder().setReference(Any.pack(process)))
        .build();
  }

  private static ManagedChannel channel(
      Path socket, ChannelCredentials credentials, ClientInterceptor... interceptors) {
    return UnixChannels.to(socket, credentials)
        .intercept(interceptors)
        .overrideAuthority("spire-agent")
        .build();
  }

  @Override
  public CompletableFuture<Answer> ask(int pid, Duration limit) {
    var answer = new CompletableFuture<Answer>();
    api.ask(channel, pid, limit, answer);
    return answer;
  }

  @Override
  public void reconnect() {
    channel.resetConnectBackoff();
  }

  /** Takes the first message, and no more. */
  private static final class First<Q extends Message, A extends Message>
      implements ClientResponseObserver<Q, A> {
    private final Api<Q, A> api;
    private final Duration limit;
    private final CompletableFuture<Answer> answer;
    private @Nullable ClientCallStreamObserver<Q> call;

    First(Api<Q, A> api, Duration limit, CompletableFuture<Answer> answer) {
      this.api = api;
      this.limit = limit;
      this.answer = answer;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<Q> call) {
      this.call = call;
    }

    @Override
    public void onNext(A message) {
      answer.complete(identities(api.names().apply(message)));
      requireNonNull(call, "call").cancel("answered", null);
    }

    @Override
    public void onError(Throwable failure) {
      var status = Status.fromThrowable(failure);
      answer.complete(
          status.getCode() == Status.Code.DEADLINE_EXCEEDED
              ? new Answer.Late(limit)
              : api.failure().apply(status));
    }

    @Override
    public void onCompleted() {
      answer.complete(new Answer.Unknown("the agent ended the stream without a word"));
    }
  }

  private static Answer identities(List<String> names) {
    var ids = new HashSet<SpiffeId>();
    for (var name : names) {
      try {
        ids.add(SpiffeId.parse(name));
      } catch (IllegalArgumentException e) {
        return new Answer.Unknown("the agent names no SPIFFE ID: " + e.getMessage());
      }
    }
    return new Answer.Identities(ids);
  }

  private static Answer delegatedFailure(Path socket, Status status) {
    var said = words(status);
    return switch (status.getCode()) {
      case PERMISSION_DENIED ->
          new Answer.Unavailable(
              said.contains("authorized delegate")
                  ? socket
                      + ": refuses this bridge (list its SPIFFE ID under authorized_delegates in"
                      + " agent.conf)"
                  : socket
                      + ": refuses this bridge, for which it has no registration entry (create one"
                      + " whose SPIFFE ID is listed under authorized_delegates in agent.conf): "
                      + said);
      case UNIMPLEMENTED ->
          new Answer.Unavailable(
              socket
                  + ": has no Delegated Identity API (expected: the agent's admin_socket_path, not"
                  + " its socket_path)");
      case INVALID_ARGUMENT ->
          new Answer.Unavailable(
              socket + ": cannot be asked by pid (expected: SPIRE 1.10.2 or newer): " + said);
      case UNAVAILABLE ->
          said.contains("attestation failed")
              ? new Answer.Unknown(said)
              : new Answer.Unavailable(socket + ": " + said);
      default -> new Answer.Unknown(said);
    };
  }

  private static Answer brokerFailure(Path socket, X509Source own, SpiffeId id, Status status) {
    var said = words(status);
    return switch (status.getCode()) {
      case UNAVAILABLE ->
          new Answer.Unavailable(
              own.state().usable()
                  ? socket + ": " + said + " (is " + id + " among its experimental broker.brokers?)"
                  : socket + ": this bridge has no SVID to show: " + own.state().words());
      case PERMISSION_DENIED ->
          said.contains("reference type")
              ? new Answer.Unavailable(
                  socket
                      + ": "
                      + said
                      + " (list type.googleapis.com/spiffe.broker.WorkloadPIDReference under"
                      + " allowed_reference_types)")
              : new Answer.Unknown(said);
      case UNIMPLEMENTED ->
          new Answer.Unavailable(
              socket + ": has no Broker API (expected: experimental.broker.socket_path): " + said);
      default -> new Answer.Unknown(said);
    };
  }

  private static String words(Status status) {
    var description = status.getDescription();
    var cause = status.getCause();
    return (description == null ? status.getCode().name() : description)
        + (cause == null ? "" : " (" + cause.getMessage() + ")");
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
