package io.kith.spiffe;

import static java.util.Objects.requireNonNull;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.workload.SpiffeWorkloadAPIGrpc;
import io.kith.spiffe.workload.X509SVID;
import io.kith.spiffe.workload.X509SVIDRequest;
import io.kith.spiffe.workload.X509SVIDResponse;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An identity from a SPIFFE Workload API on a Unix socket: a SPIRE agent, or {@code kith
 * dev-identity}.
 *
 * <p>Every answer replaces the one before as a whole. When the stream ends it is opened again after
 * 0.25 to 10 s, doubling with jitter; meanwhile the last identity stays in use until it expires.
 * PermissionDenied and an answer without the expected SPIFFE ID withdraw the identity at once.
 *
 * <p>Source: SPIFFE Workload API standard, sections 3 to 6.
 */
public final class WorkloadApiSource implements X509Source {
  static final Metadata.Key<String> HEADER =
      Metadata.Key.of("workload.spiffe.io", Metadata.ASCII_STRING_MARSHALLER);
  private static final Duration FIRST_RETRY = Duration.ofMillis(250);
  private static final Duration LAST_RETRY = Duration.ofSeconds(10);
  private static final int MAX_DOUBLINGS = 6;

  private final Path socket;
  private final SpiffeId expected;
  private final CurrentIdentity identity;
  private final ManagedChannel channel;
  private final SpiffeWorkloadAPIGrpc.SpiffeWorkloadAPIStub stub;
  private final ScheduledExecutorService retries;
  private int failures; // guarded by this
  private boolean closed; // guarded by this
  private @Nullable Subscription subscription; // guarded by this

  private WorkloadApiSource(Path socket, SpiffeId expected, Clock clock) {
    this.socket = requireNonNull(socket, "socket").toAbsolutePath();
    this.expected = requireNonNull(expected, "expected");
    this.identity = new CurrentIdentity(clock, expected + " from " + this.socket);
    this.channel =
        UnixChannels.to(this.socket, InsecureChannelCredentials.create()).directExecutor().build();
    var metadata = new Metadata();
    metadata.put(HEADER, "true");
    this.stub =
        SpiffeWorkloadAPIGrpc.newStub(channel)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
    this.retries =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("workload-api-retry").factory());
  }

  /**
   * Starts to follow a Workload API; returns at once.
   *
   * @param socket path of the Unix socket
   * @param expected the SPIFFE ID to use. There is no "first" one: agents list them in any order
   */
  public static WorkloadApiSource start(Path socket, SpiffeId expected, Clock clock) {
    var source = new WorkloadApiSource(socket, expected, clock);
    source.subscribe();
    return source;
  }

  private synchronized void subscribe() {
    if (closed) {
      return;
    }
    // Otherwise gRPC waits on its own, up to two minutes, before it looks at the socket again.
    channel.resetConnectBackoff();
    var next = new Subscription();
    subscription = next;
    try {
      stub.fetchX509SVID(X509SVIDRequest.getDefaultInstance(), next);
    } catch (RuntimeException | Error e) { // nobody else would try again
      next.onError(e);
    }
  }

  private final class Subscription
      implements ClientResponseObserver<X509SVIDRequest, X509SVIDResponse> {
    private final AtomicBoolean over = new AtomicBoolean();
    private @Nullable ClientCallStreamObserver<X509SVIDRequest> call;

    @Override
    public void beforeStart(ClientCallStreamObserver<X509SVIDRequest> call) {
      this.call = call;
    }

    @Override
    public void onNext(X509SVIDResponse response) {
      accept(response);
    }

    @Override
    public void onError(Throwable failure) {
      if (over.compareAndSet(false, true)) {
        ended(Status.fromThrowable(failure));
      }
    }

    @Override
    public void onCompleted() {
      onError(Status.UNAVAILABLE.withDescription("the stream ended").asRuntimeException());
    }

    private void cancel() {
      if (call != null) {
        call.cancel("closed", null);
      }
    }
  }

  private void accept(X509SVIDResponse response) {
    synchronized (this) {
      if (closed) {
        return;
      }
      failures = 0;
    }
    var offered = response.getSvidsList().stream().map(X509SVID::getSpiffeId).toList();
    var ours =
        response.getSvidsList().stream()
            .filter(svid -> svid.getSpiffeId().equals(expected.toString()))
            .findFirst();
    if (ours.isEmpty()) {
      identity.redact(
          socket
              + ": offers "
              + offered
              + " (expected: "
              + expected
              + "; register it for this process)");
      return;
    }
    try {
      identity.update(svid(ours.get()), bundles(ours.get(), response));
    } catch (GeneralSecurityException e) {
      identity.stale(socket + ": unusable answer: " + e.getMessage());
    }
  }

  private Svid svid(X509SVID message) throws GeneralSecurityException {
    var chain = Encoded.certificates(message.getX509Svid().toByteArray());
    var key = Encoded.key(message.getX509SvidKey().toByteArray(), chain.getFirst());
    var svid = Svid.of(chain, key);
    if (!svid.id().equals(expected)) {
      throw new CertificateException(
          "the certificate is for " + svid.id() + " (expected: " + expected + ")");
    }
    return svid;
  }

  private Map<String, List<X509Certificate>> bundles(X509SVID ours, X509SVIDResponse response)
      throws CertificateException {
    var bundles = new HashMap<String, List<X509Certificate>>();
    for (var federated : response.getFederatedBundlesList()) {
      var domain = federated.getTrustDomain();
      if (!federated.getBundle().isEmpty()) { // an empty one revokes the trust domain
        bundles.put(
            domain.startsWith("spiffe://") ? domain.substring("spiffe://".length()) : domain,
            Encoded.certificates(federated.getBundle().toByteArray()));
      }
    }
    bundles.put(expected.trustDomain(), Encoded.certificates(ours.getBundle().toByteArray()));
    return bundles;
  }

  private synchronized void ended(Status status) {
    if (closed) {
      return;
    }
    var description = status.getDescription() == null ? "" : ": " + status.getDescription();
    var cause = status.getCause() == null ? "" : " (" + status.getCause().getMessage() + ")";
    var words = socket + ": " + status.getCode() + description + cause;
    if (status.getCode() == Status.Code.PERMISSION_DENIED) {
      identity.redact(words);
    } else {
      identity.stale(words);
    }
    long delayMillis =
        Math.min(
            FIRST_RETRY.toMillis() << Math.min(failures++, MAX_DOUBLINGS), LAST_RETRY.toMillis());
    long jittered = delayMillis / 2 + ThreadLocalRandom.current().nextLong(delayMillis / 2 + 1);
    try {
      var _ =
          retries.schedule(
              this::subscribe, Math.max(jittered, FIRST_RETRY.toMillis()), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException _) {
      // closed in between
    }
  }

  @Override
  public Optional<Svid> svid() {
    return identity.svid();
  }

  @Override
  public Map<String, List<X509Certificate>> bundles() {
    return identity.bundles();
  }

  @Override
  public State state() {
    return identity.state();
  }

  @Override
  public OptionalLong secondsToExpiry() {
    return identity.secondsToExpiry();
  }

  @Override
  public Optional<Instant> lastUpdate() {
    return identity.lastUpdate();
  }

  @Override
  public void addListener(Consumer<Event> listener) {
    identity.addListener(listener);
  }

  @Override
  public boolean awaitReady(Duration timeout) throws InterruptedException {
    return identity.awaitReady(timeout);
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      if (subscription != null) {
        subscription.cancel();
      }
    }
    retries.shutdownNow();
    channel.shutdownNow();
  }
}
