package io.kith.spiffe.dev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.Status;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import io.envoyproxy.envoy.service.secret.v3.SecretDiscoveryServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.dev.DevIdentity.Settings;
import java.io.ByteArrayInputStream;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SecretDiscoveryServiceTest {
  private static final SpiffeId ID = SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout");
  private static final Duration TTL = Duration.ofHours(1);

  @TempDir Path folder;
  private final SettableClock clock = new SettableClock();
  private DevIdentity identity;
  private ManagedChannel channel;

  private static final class SettableClock extends Clock {
    private volatile Duration ahead = Duration.ZERO;

    @Override
    public Instant instant() {
      return Instant.now().plus(ahead);
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  @BeforeEach
  void start() throws Exception {
    identity = DevIdentity.start(new Settings(folder, "dev.kith.local", TTL, Set.of(ID)), clock);
    channel =
        Grpc.newChannelBuilder(
                "unix://" + identity.socketOf(ID), InsecureChannelCredentials.create())
            .build();
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    identity.close();
  }

  /** The SDS side of an Envoy. */
  private final class FakeEnvoy implements StreamObserver<DiscoveryResponse> {
    private final BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
    private final StreamObserver<DiscoveryRequest> requests =
        SecretDiscoveryServiceGrpc.newStub(channel).streamSecrets(this);

    @Override
    public void onNext(DiscoveryResponse response) {
      heard.add(response);
    }

    @Override
    public void onError(Throwable failure) {
      heard.add(failure);
    }

    @Override
    public void onCompleted() {
      heard.add("completed");
    }

    void ask(String nonce, String... names) {
      requests.onNext(request(nonce, names).build());
    }

    void refuse(String nonce, String... names) {
      requests.onNext(
          request(nonce, names).setErrorDetail(Status.newBuilder().setMessage("bad key")).build());
    }

    DiscoveryResponse response() throws InterruptedException {
      var next = heard.poll(60, TimeUnit.SECONDS);
      assertThat(next).isInstanceOf(DiscoveryResponse.class);
      return (DiscoveryResponse) next;
    }

    /** Requests are answered in order: what is asked here is the next thing heard, or a failure. */
    void expectSilenceUntilAsking(String nonce, String name) throws InterruptedException {
      ask(nonce, name);
      assertThat(response().getResourcesList())
          .singleElement()
          .satisfies(any -> assertThat(any.unpack(Secret.class).getName()).isEqualTo(name));
    }
  }

  private static DiscoveryRequest.Builder request(String nonce, String... names) {
    return DiscoveryRequest.newBuilder()
        .setResponseNonce(nonce)
        .addAllResourceNames(List.of(names));
  }

  private static Secret secret(DiscoveryResponse response) throws InvalidProtocolBufferException {
    assertThat(response.getResourcesCount()).isEqualTo(1);
    return response.getResources(0).unpack(Secret.class);
  }

  private static X509Certificate certificate(byte[] pem) throws Exception {
    return (X509Certificate)
        CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem));
  }

  @ParameterizedTest
  @ValueSource(strings = {"default", "spiffe://dev.kith.local/ns/shop/sa/checkout"})
  void streamSecrets_certificateNames_giveChainAndKeyUnderThatName(String name) throws Exception {
    var envoy = new FakeEnvoy();

    envoy.ask("", name);

    var secret = secret(envoy.response());
    assertThat(secret.getName()).isEqualTo(name);
    var tls = secret.getTlsCertificate();
    assertThat(
            certificate(tls.getCertificateChain().getInlineBytes().toByteArray())
                .getSubjectAlternativeNames())
        .containsExactly(List.of(6, ID.toString()));
    assertThat(tls.getPrivateKey().getInlineBytes().toString(US_ASCII))
        .startsWith("-----BEGIN PRIVATE KEY-----\n")
        .endsWith("-----END PRIVATE KEY-----\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"ROOTCA", "ALL", "spiffe://dev.kith.local"})
  void streamSecrets_bundleNames_configureTheSpiffeValidator(String name) throws Exception {
    var envoy = new FakeEnvoy();

    envoy.ask("", name);

    var secret = secret(envoy.response());
    assertThat(secret.getName()).isEqualTo(name);
    var validator = secret.getValidationContext().getCustomValidatorConfig();
    assertThat(validator.getName()).isEqualTo("envoy.tls.cert_validator.spiffe");
    var domains =
        validator.getTypedConfig().unpack(SPIFFECertValidatorConfig.class).getTrustDomainsList();
    assertThat(domains).hasSize(1);
    assertThat(domains.getFirst().getName()).isEqualTo("dev.kith.local");
    assertThat(
            certificate(domains.getFirst().getTrustBundle().getInlineBytes().toByteArray())
                .getBasicConstraints())
        .isNotNegative();
  }

  @Test
  void streamSecrets_acknowledged_isSilentUntilTheRotation() throws Exception {
    var envoy = new FakeEnvoy();
    envoy.ask("", "default");
    var first = envoy.response();
    envoy.ask(first.getNonce(), "default");

    clock.ahead = TTL.dividedBy(2).plusSeconds(1);
    identity.renewWhenDue();

    var second = envoy.response();
    assertThat(second.getVersionInfo()).isNotEqualTo(first.getVersionInfo());
    assertThat(second.getNonce()).isNotEqualTo(first.getNonce());
    assertThat(secret(second).getTlsCertificate().getPrivateKey())
        .isNotEqualTo(secret(first).getTlsCertificate().getPrivateKey());
    envoy.expectSilenceUntilAsking(second.getNonce(), "ROOTCA");
  }

  @Test
  void streamSecrets_beforeHalfLife_nothingIsPushed() throws Exception {
    var envoy = new FakeEnvoy();
    envoy.ask("", "default");
    var first = envoy.response();

    clock.ahead = TTL.dividedBy(2).minusSeconds(60);
    identity.renewWhenDue();

    envoy.expectSilenceUntilAsking(first.getNonce(), "ROOTCA");
  }

  @Test
  void streamSecrets_refused_isNotSentAgainInALoop() throws Exception {
    var envoy = new FakeEnvoy();
    envoy.ask("", "default");
    var first = envoy.response();

    envoy.refuse(first.getNonce(), "default");

    envoy.expectSilenceUntilAsking(first.getNonce(), "ROOTCA");
  }

  @Test
  void streamSecrets_staleNonce_isIgnored() throws Exception {
    var envoy = new FakeEnvoy();
    envoy.ask("", "default");
    var first = envoy.response();

    envoy.ask("of another stream", "ALL");

    envoy.expectSilenceUntilAsking(first.getNonce(), "ROOTCA");
  }

  @Test
  void streamSecrets_namesAdded_areSentTogether() throws Exception {
    var envoy = new FakeEnvoy();
    envoy.ask("", "default");
    var first = envoy.response();

    envoy.ask(first.getNonce(), "default", "ROOTCA");

    assertThat(envoy.response().getResourcesCount()).isEqualTo(2);
  }

  @Test
  void streamSecrets_nameOfAnotherWorkload_endsTheStreamInWords() throws Exception {
    var envoy = new FakeEnvoy();

    envoy.ask("", "spiffe://dev.kith.local/ns/kith/sa/authz-server");

    assertThat(envoy.heard.poll(60, TimeUnit.SECONDS))
        .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.THROWABLE)
        .hasMessageContaining("INVALID_ARGUMENT", "is not for this socket", ID.toString());
  }

  @Test
  void fetchSecrets_once_answersTheSame() throws Exception {
    var stub =
        SecretDiscoveryServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);

    assertThat(stub.fetchSecrets(request("", "default", "ALL").build()).getResourcesCount())
        .isEqualTo(2);
    assertThatThrownBy(() -> stub.fetchSecrets(request("", "other").build()))
        .hasMessageContaining("secret 'other' is not for this socket");
  }

  @Test
  void deltaSecrets_isUnimplementedInWords() throws Exception {
    var failure = new LinkedBlockingQueue<Throwable>();
    var requests =
        SecretDiscoveryServiceGrpc.newStub(channel)
            .deltaSecrets(
                new StreamObserver<DeltaDiscoveryResponse>() {
                  @Override
                  public void onNext(DeltaDiscoveryResponse response) {}

                  @Override
                  public void onError(Throwable error) {
                    failure.add(error);
                  }

                  @Override
                  public void onCompleted() {}
                });

    assertThat(failure.poll(60, TimeUnit.SECONDS))
        .hasMessageContaining("UNIMPLEMENTED: the development identity has no DeltaSecrets");
    assertThat(requests).isNotNull();
  }
}
