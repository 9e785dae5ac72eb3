package io.kith.spiffe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.ChannelCredentials;
import io.grpc.ServerCredentials;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettySslContextChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettySslContextServerCredentials;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.dev.DevIdentity;
import io.spiffe.exception.JwtSvidException;
import io.spiffe.provider.SpiffeKeyManager;
import io.spiffe.spiffeid.TrustDomain;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.DefaultX509Source.X509SourceOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * java-spiffe, the SPIFFE project's own library, as a peer: its client at the development
 * identity's Workload API, and mutual TLS between its managers and ours, both ways round. It has no
 * server of the Workload API for our client; that one is tried at SPIRE.
 */
@Timeout(600)
class JavaSpiffeTest {
  private static final String DOMAIN = "dev.mesh.test";
  private static final SpiffeId OURS = SpiffeId.parse("spiffe://dev.mesh.test/ours");
  private static final SpiffeId THEIRS = SpiffeId.parse("spiffe://dev.mesh.test/theirs");
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir private Path folder;
  private DevIdentity identities;

  @BeforeEach
  void start() throws Exception {
    identities = identities(folder, Duration.ofHours(1));
  }

  private static DevIdentity identities(Path folder, Duration ttl) throws IOException {
    return DevIdentity.start(
        new DevIdentity.Settings(folder, DOMAIN, ttl, Set.of(OURS, THEIRS)), Clock.systemUTC());
  }

  @AfterEach
  void stop() {
    identities.close();
  }

  private DefaultX509Source theirs() throws Exception {
    return theirs(identities);
  }

  private static DefaultX509Source theirs(DevIdentity identities) throws Exception {
    return DefaultX509Source.newSource(
        X509SourceOptions.builder()
            .spiffeSocketPath("unix:" + identities.socketOf(THEIRS))
            .initTimeout(LONG)
            .build());
  }

  private WorkloadApiSource ours() throws Exception {
    var source = WorkloadApiSource.start(identities.socketOf(OURS), OURS, Clock.systemUTC());
    assertThat(source.awaitReady(LONG)).isTrue();
    return source;
  }

  @Test
  void theirClient_getsAnSvidAndItsBundle_andFollowsTheRenewals() throws Exception {
    try (var renewed = identities(folder.resolve("short"), Duration.ofSeconds(4));
        var source = theirs(renewed)) {
      var first = source.getX509Svid();
      assertThat(first.getSpiffeId()).hasToString(THEIRS.toString());
      assertThat(source.getBundleForTrustDomain(TrustDomain.parse(DOMAIN)).getX509Authorities())
          .hasSize(1);

      var end = System.nanoTime() + LONG.toNanos();
      while (source.getX509Svid().getLeaf().equals(first.getLeaf())) {
        assertThat(System.nanoTime()).as("renewed within a minute").isLessThan(end);
        TimeUnit.MILLISECONDS.sleep(20);
      }
    }
  }

  @Test
  void theirClient_thatWantsAJwt_isToldThatThereIsNone() throws Exception {
    var options =
        DefaultWorkloadApiClient.ClientOptions.builder()
            .spiffeSocketPath("unix:" + identities.socketOf(THEIRS))
            .build();
    try (var client = DefaultWorkloadApiClient.newClient(options)) {
      assertThatThrownBy(() -> client.fetchJwtSvid("somebody"))
          .isInstanceOf(JwtSvidException.class)
          .hasStackTraceContaining("the development identity issues no JWT-SVIDs");
    }
  }

  @Test
  void theirClient_andOurServer_knowEachOther() throws Exception {
    try (var theirs = theirs();
        var ours = ours();
        var echo = EchoServer.start(ours, THEIRS::equals)) {
      assertThat(echo.call(channelOf(theirs, OURS))).isEqualTo(THEIRS.toString());
    }
  }

  @Test
  void theirClient_thatExpectsAnother_refusesOurServer() throws Exception {
    try (var theirs = theirs();
        var ours = ours();
        var echo = EchoServer.start(ours, THEIRS::equals)) {
      assertThatThrownBy(() -> echo.call(channelOf(theirs, THEIRS)))
          .isInstanceOf(StatusRuntimeException.class);
    }
  }

  @Test
  void ourClient_andTheirServer_knowEachOther() throws Exception {
    try (var theirs = theirs();
        var ours = ours();
        var echo = EchoServer.start(serverOf(theirs, OURS), Clock.systemUTC())) {
      assertThat(echo.call(SpiffeTls.channelCredentials(ours, THEIRS::equals)))
          .isEqualTo(OURS.toString());
    }
  }

  @Test
  void ourClient_thatIsNotExpected_isRefusedByTheirServer() throws Exception {
    try (var theirs = theirs();
        var ours = ours();
        var echo = EchoServer.start(serverOf(theirs, THEIRS), Clock.systemUTC())) {
      assertThatThrownBy(() -> echo.call(SpiffeTls.channelCredentials(ours, THEIRS::equals)))
          .isInstanceOf(StatusRuntimeException.class);
    }
  }

  private static io.spiffe.provider.SpiffeTrustManager trusting(
      DefaultX509Source source, SpiffeId peer) {
    return new io.spiffe.provider.SpiffeTrustManager(
        source, () -> Set.of(io.spiffe.spiffeid.SpiffeId.parse(peer.toString())));
  }

  private static ChannelCredentials channelOf(DefaultX509Source source, SpiffeId server)
      throws Exception {
    return NettySslContextChannelCredentials.create(
        GrpcSslContexts.configure(
                SslContextBuilder.forClient().keyManager(new SpiffeKeyManager(source)),
                SslProvider.JDK)
            .trustManager(trusting(source, server))
            .build());
  }

  private static ServerCredentials serverOf(DefaultX509Source source, SpiffeId client)
      throws Exception {
    return NettySslContextServerCredentials.create(
        GrpcSslContexts.configure(
                SslContextBuilder.forServer(new SpiffeKeyManager(source)), SslProvider.JDK)
            .trustManager(trusting(source, client))
            .clientAuth(ClientAuth.REQUIRE)
            .build());
  }
}
