package io.kith.spiffe.dev;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import io.envoyproxy.envoy.service.secret.v3.SecretDiscoveryServiceGrpc.SecretDiscoveryServiceImplBase;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.kith.spiffe.dev.IssuedIdentity.Issue;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Envoy's Secret Discovery Service (state of the world), for one workload.
 *
 * <p>Names are those of a SPIRE agent: {@code default} or the SPIFFE ID for certificate and key;
 * {@code ROOTCA}, {@code ALL} or {@code spiffe://TRUST-DOMAIN} for the trust bundle, which comes as
 * the configuration of Envoy's SPIFFE validator.
 */
final class SecretDiscoveryService extends SecretDiscoveryServiceImplBase {
  private static final Logger LOG = System.getLogger(SecretDiscoveryService.class.getName());
  private static final String TYPE_URL =
      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

  private final IssuedIdentity identity;

  SecretDiscoveryService(IssuedIdentity identity) {
    this.identity = identity;
  }

  @Override
  public StreamObserver<DiscoveryRequest> streamSecrets(StreamObserver<DiscoveryResponse> out) {
    var stream = new SecretStream((ServerCallStreamObserver<DiscoveryResponse>) out);
    identity.addListener(stream);
    return stream;
  }

  @Override
  public void fetchSecrets(DiscoveryRequest request, StreamObserver<DiscoveryResponse> out) {
    try {
      var issue = identity.current();
      out.onNext(response(issue, request.getResourceNamesList(), Long.toString(issue.version())));
      out.onCompleted();
    } catch (StatusRuntimeException e) {
      out.onError(e);
    }
  }

  @Override
  public StreamObserver<DeltaDiscoveryRequest> deltaSecrets(
      StreamObserver<DeltaDiscoveryResponse> out) {
    out.onError(
        Status.UNIMPLEMENTED
            .withDescription(
                "the development identity has no DeltaSecrets (expected: api_type: GRPC)")
            .asRuntimeException());
    return new Ignored();
  }

  /** One Envoy's subscription: what it asked for and what it was sent last. */
  private final class SecretStream
      implements StreamObserver<DiscoveryRequest>, IssuedIdentity.Listener {
    private final ServerCallStreamObserver<DiscoveryResponse> out;
    private List<String> names = List.of(); // guarded by this
    private long nonce; // guarded by this; 0 before the first response
    private long version; // guarded by this; that was sent last
    private boolean ended; // guarded by this

    SecretStream(ServerCallStreamObserver<DiscoveryResponse> out) {
      this.out = out;
      out.setOnCancelHandler(this::end);
    }

    @Override
    public synchronized void onNext(DiscoveryRequest request) {
      if (ended) {
        return;
      }
      boolean first = nonce == 0;
      if (!first && !request.getResponseNonce().equals(Long.toString(nonce))) {
        return; // about a response that a later one replaced
      }
      var asked = request.getResourceNamesList();
      boolean changed = !asked.equals(names);
      if (request.hasErrorDetail()) {
        // Sending the same again would only be refused again; the next SVID is another try.
        LOG.log(
            Level.WARNING,
            "Envoy refused its secrets: id={0} names={1} reason={2}",
            identity.id(),
            asked,
            request.getErrorDetail().getMessage());
      }
      if (first || changed) {
        names = List.copyOf(asked);
        send(identity.current());
      }
    }

    @Override
    public synchronized void issued(Issue issue) {
      if (nonce > 0 && issue.version() > version) {
        send(issue);
      }
    }

    private synchronized void send(Issue issue) {
      if (ended || out.isCancelled()) {
        return;
      }
      try {
        var response = response(issue, names, Long.toString(nonce + 1));
        nonce++;
        version = issue.version();
        out.onNext(response);
      } catch (StatusRuntimeException e) {
        end();
        out.onError(e);
      }
    }

    private synchronized void end() {
      ended = true;
      identity.removeListener(this);
    }

    @Override
    public void onError(Throwable failure) {
      end();
    }

    @Override
    public synchronized void onCompleted() {
      if (!ended) {
        end();
        out.onCompleted();
      }
    }
  }

  private static final class Ignored implements StreamObserver<DeltaDiscoveryRequest> {
    @Override
    public void onNext(DeltaDiscoveryRequest request) {}

    @Override
    public void onError(Throwable failure) {}

    @Override
    public void onCompleted() {}
  }

  private DiscoveryResponse response(Issue issue, List<String> names, String nonce) {
    var response =
        DiscoveryResponse.newBuilder()
            .setTypeUrl(TYPE_URL)
            .setVersionInfo(Long.toString(issue.version()))
            .setNonce(nonce);
    for (var name : names) {
      response.addResources(Any.pack(secret(issue, name)));
    }
    return response.build();
  }

  private Secret secret(Issue issue, String name) {
    var id = identity.id();
    var trustDomain = "spiffe://" + id.trustDomain();
    var secret = Secret.newBuilder().setName(name);
    if (name.equals("default") || name.equals(id.toString())) {
      return secret.setTlsCertificate(certificate(issue)).build();
    }
    if (name.equals("ROOTCA") || name.equals("ALL") || name.equals(trustDomain)) {
      return secret.setValidationContext(validation(issue)).build();
    }
    throw Status.INVALID_ARGUMENT
        .withDescription(
            "secret '%s' is not for this socket (expected: default, %s, ROOTCA, ALL or %s)"
                .formatted(name, id, trustDomain))
        .asRuntimeException();
  }

  private static TlsCertificate certificate(Issue issue) {
    var svid = issue.svid();
    return TlsCertificate.newBuilder()
        .setCertificateChain(inline(IssuedIdentity.pem(svid.chain())))
        .setPrivateKey(inline(IssuedIdentity.pem("PRIVATE KEY", svid.key().getEncoded())))
        .build();
  }

  private static CertificateValidationContext validation(Issue issue) {
    var validator =
        SPIFFECertValidatorConfig.newBuilder()
            .addTrustDomains(
                SPIFFECertValidatorConfig.TrustDomain.newBuilder()
                    .setName(issue.svid().id().trustDomain())
                    .setTrustBundle(inline(IssuedIdentity.pem(issue.bundle()))));
    return CertificateValidationContext.newBuilder()
        .setCustomValidatorConfig(
            TypedExtensionConfig.newBuilder()
                .setName("envoy.tls.cert_validator.spiffe")
                .setTypedConfig(Any.pack(validator.build())))
        .build();
  }

  private static DataSource inline(String pem) {
    return DataSource.newBuilder()
        .setInlineBytes(ByteString.copyFrom(pem, StandardCharsets.US_ASCII))
        .build();
  }
}
