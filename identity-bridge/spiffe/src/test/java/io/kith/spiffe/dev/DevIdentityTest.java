package io.kith.spiffe.dev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.EchoServer;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.SvidTrust;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source.Event;
import io.kith.spiffe.dev.DevIdentity.Settings;
import io.kith.spiffe.workload.JWTSVIDRequest;
import io.kith.spiffe.workload.SpiffeWorkloadAPIGrpc;
import io.kith.spiffe.workload.SpiffeWorkloadAPIGrpc.SpiffeWorkloadAPIBlockingStub;
import io.kith.spiffe.workload.ValidateJWTSVIDRequest;
import io.kith.spiffe.workload.X509BundlesRequest;
import io.kith.spiffe.workload.X509SVIDRequest;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DevIdentityTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Clock CLOCK = Clock.systemUTC();
  private static final SpiffeId CHECKOUT =
      SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout");
  private static final SpiffeId SERVER =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/authz-server");
  private static final Set<SpiffeId> IDS = Set.of(CHECKOUT, SERVER);

  @TempDir Path folder;

  private DevIdentity start(Duration ttl) throws IOException {
    return DevIdentity.start(new Settings(folder, "dev.kith.local", ttl, IDS), CLOCK);
  }

  private static ManagedChannel channel(Path socket) {
    return Grpc.newChannelBuilder("unix://" + socket, InsecureChannelCredentials.create()).build();
  }

  private static SpiffeWorkloadAPIBlockingStub withHeader(ManagedChannel channel) {
    var metadata = new Metadata();
    metadata.put(Metadata.Key.of("workload.spiffe.io", Metadata.ASCII_STRING_MARSHALLER), "true");
    return SpiffeWorkloadAPIGrpc.newBlockingStub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
        .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS);
  }

  @Test
  void start_eachWorkload_hasASocketOfItsOwnInClosedFolders() throws Exception {
    var directory = folder.resolve("dev-identity");
    var settings = new Settings(directory, "dev.kith.local", Duration.ofMinutes(1), IDS);
    try (var identity = DevIdentity.start(settings, CLOCK)) {
      var socket = identity.socketOf(CHECKOUT);

      assertThat(socket).isEqualTo(directory.resolve("ns/shop/sa/checkout/api.sock"));
      assertThat(socket).isEqualTo(DevIdentity.socketOf(directory, CHECKOUT));
      assertThat(Files.getPosixFilePermissions(socket))
          .isEqualTo(PosixFilePermissions.fromString("rw-rw-rw-"));
      for (var passage : List.of("", "ns", "ns/shop", "ns/shop/sa", "ns/shop/sa/checkout")) {
        assertThat(Files.getPosixFilePermissions(directory.resolve(passage)))
            .isEqualTo(PosixFilePermissions.fromString("rwx--x--x"));
      }
    }
    assertThat(DevIdentity.socketOf(directory, CHECKOUT)).doesNotExist();
  }

  @Test
  void start_socketMode_isASetting() throws Exception {
    var mode = PosixFilePermissions.fromString("rw-------");
    var settings = new Settings(folder, "dev.kith.local", Duration.ofMinutes(1), IDS, mode);
    try (var identity = DevIdentity.start(settings, CLOCK)) {
      assertThat(Files.getPosixFilePermissions(identity.socketOf(SERVER))).isEqualTo(mode);
    }
  }

  @Test
  void fetchX509Svid_isBelievedByItsOwnBundle() throws Exception {
    try (var identity = start(Duration.ofMinutes(1));
        var source = WorkloadApiSource.start(identity.socketOf(CHECKOUT), CHECKOUT, CLOCK)) {
      assertThat(source.awaitReady(LIMIT)).isTrue();

      var svid = source.svid().orElseThrow();
      var chain = svid.chain().toArray(java.security.cert.X509Certificate[]::new);
      var trust = new SvidTrust(source::bundles, CLOCK);
      assertThat(trust.verify(chain, SvidTrust.Role.CLIENT)).isEqualTo(CHECKOUT);
      assertThat(trust.verify(chain, SvidTrust.Role.SERVER)).isEqualTo(CHECKOUT);
      assertThat(source.secondsToExpiry().orElseThrow()).isBetween(30L, 61L);
      var root = source.bundles().values().iterator().next().getFirst();
      root.verify(root.getPublicKey());
      assertThat(root.getKeyUsage())
          .containsExactly(false, false, false, false, false, true, true, false, false);
    }
  }

  @Test
  void fetchX509Bundles_namesTheTrustDomain() throws Exception {
    try (var identity = start(Duration.ofMinutes(1))) {
      var channel = channel(identity.socketOf(CHECKOUT));

      var answer = withHeader(channel).fetchX509Bundles(X509BundlesRequest.getDefaultInstance());

      assertThat(answer.next().getBundlesMap()).containsOnlyKeys("spiffe://dev.kith.local");
      channel.shutdownNow();
    }
  }

  @Test
  void calls_withoutTheHeader_areInvalid() throws Exception {
    try (var identity = start(Duration.ofMinutes(1))) {
      var channel = channel(identity.socketOf(CHECKOUT));
      var stub =
          SpiffeWorkloadAPIGrpc.newBlockingStub(channel)
              .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS);

      assertThatThrownBy(() -> stub.fetchX509SVID(X509SVIDRequest.getDefaultInstance()).next())
          .isInstanceOf(StatusRuntimeException.class)
          .hasMessageContaining("INVALID_ARGUMENT: security header missing");
      channel.shutdownNow();
    }
  }

  @Test
  void jwtCalls_areUnimplementedInWords() throws Exception {
    try (var identity = start(Duration.ofMinutes(1))) {
      var channel = channel(identity.socketOf(CHECKOUT));
      var stub = withHeader(channel);

      assertThatThrownBy(() -> stub.fetchJWTSVID(JWTSVIDRequest.getDefaultInstance()))
          .hasMessageContaining("UNIMPLEMENTED: the development identity issues no JWT-SVIDs");
      assertThatThrownBy(() -> stub.validateJWTSVID(ValidateJWTSVIDRequest.getDefaultInstance()))
          .satisfies(
              e ->
                  assertThat(Status.fromThrowable(e).getCode())
                      .isEqualTo(Status.Code.UNIMPLEMENTED));
      channel.shutdownNow();
    }
  }

  @Test
  void rotation_shortTtl_noCallFails() throws Exception {
    try (var identity = start(Duration.ofSeconds(8));
        var server = WorkloadApiSource.start(identity.socketOf(SERVER), SERVER, CLOCK);
        var client = WorkloadApiSource.start(identity.socketOf(CHECKOUT), CHECKOUT, CLOCK)) {
      var rotations = new CountDownLatch(3);
      server.addListener(
          event -> {
            if (event instanceof Event.Updated) {
              rotations.countDown();
            }
          });
      assertThat(server.awaitReady(LIMIT)).isTrue();
      assertThat(client.awaitReady(LIMIT)).isTrue();
      var first = server.svid().orElseThrow();
      try (var echo = EchoServer.start(server, CHECKOUT::equals)) {
        var channel = echo.channel(SpiffeTls.channelCredentials(client, SERVER::equals));
        int calls = 0;
        while (!rotations.await(10, TimeUnit.MILLISECONDS)) {
          assertThat(EchoServer.whoAmI(channel)).isEqualTo(CHECKOUT.toString());
          calls++;
        }
        channel.shutdownNow();

        assertThat(calls).isGreaterThan(50);
        assertThat(server.svid()).isPresent().get().isNotEqualTo(first);
      }
    }
  }

  @Test
  void start_staleSocketOfADeadProcess_isReplaced() throws Exception {
    var socket = DevIdentity.socketOf(folder, CHECKOUT);
    Files.createDirectories(socket.getParent());
    try (var dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(socket));
    }
    assertThat(socket).exists();

    try (var identity = start(Duration.ofMinutes(1));
        var source = WorkloadApiSource.start(identity.socketOf(CHECKOUT), CHECKOUT, CLOCK)) {
      assertThat(source.awaitReady(LIMIT)).isTrue();
    }
  }

  @Test
  void start_socketOfARunningOne_isRefusedAndTheOtherKeepsServing() throws Exception {
    try (var running = start(Duration.ofMinutes(1))) {
      assertThatThrownBy(() -> start(Duration.ofMinutes(1)))
          .isInstanceOf(FileAlreadyExistsException.class)
          .hasMessageContaining("is served by a running process");

      try (var source = WorkloadApiSource.start(running.socketOf(SERVER), SERVER, CLOCK)) {
        assertThat(source.awaitReady(LIMIT)).isTrue();
      }
    }
  }

  @Test
  void start_ordinaryFileInPlaceOfTheSocket_isRefusedAndKept() throws Exception {
    var socket = DevIdentity.socketOf(folder, CHECKOUT);
    Files.createDirectories(socket.getParent());
    Files.writeString(socket, "mine");

    assertThatThrownBy(() -> start(Duration.ofMinutes(1))).hasMessageContaining("is not a socket");
    assertThat(socket).hasContent("mine");
    assertThat(DevIdentity.socketOf(folder, SERVER)).doesNotExist();
  }

  @Test
  void settings_pathOfTheSocket_hasTheLimitOfLinux() {
    var fits = "/" + "d".repeat(107 - "//ns/shop/sa/checkout/api.sock".length());
    var ttl = Duration.ofMinutes(1);
    var ids = Set.of(CHECKOUT);

    assertThat(new Settings(Path.of(fits), "dev.kith.local", ttl, ids).ids()).isEqualTo(ids);
    assertThatThrownBy(() -> new Settings(Path.of(fits + "d"), "dev.kith.local", ttl, ids))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("has 108 bytes (expected: at most 107");
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT1S", "PT0S", "PT-1S", "PT1H0.001S", "PT24H"})
  void settings_ttlOutOfRange_isRefused(Duration ttl) {
    assertThatThrownBy(() -> new Settings(folder, "dev.kith.local", ttl, IDS))
        .hasMessageContaining("(expected: PT2S to PT1H)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"kith.local", "prod.dev.example", "development.local", "dev", "Dev.x"})
  void settings_trustDomainThatProductionMayBelieve_isRefused(String trustDomain) {
    assertThat(DevIdentity.isDevTrustDomain(trustDomain)).isFalse();
    assertThatThrownBy(() -> new Settings(folder, trustDomain, Duration.ofMinutes(1), Set.of()))
        .hasMessageContaining("(expected: one that starts with 'dev.'");
  }

  @Test
  void settings_idOfAnotherTrustDomainOrWithoutPath_isRefused() {
    for (var id : Set.of("spiffe://mesh.test/a", "spiffe://dev.kith.local")) {
      assertThatThrownBy(
              () ->
                  new Settings(
                      folder, "dev.kith.local", Duration.ofMinutes(1), Set.of(SpiffeId.parse(id))))
          .hasMessageContaining("(expected: spiffe://dev.kith.local/ and a path)");
    }
  }

  @Test
  void socketOf_unknownWorkload_namesTheKnownOnes() throws Exception {
    try (var identity = start(Duration.ofMinutes(1))) {
      assertThatThrownBy(() -> identity.socketOf(SpiffeId.parse("spiffe://dev.kith.local/x")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(CHECKOUT.toString());
    }
  }
}
