package io.kith.spiffe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.baselines.identity.SpiffeId;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.text.MessageFormat;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

/** Mutual TLS over real TCP connections of the loopback. */
class SpiffeTlsTest {
  private static final SpiffeId SERVER = SpiffeId.parse("spiffe://mesh.test/server");
  private static final SpiffeId CLIENT = SpiffeId.parse("spiffe://mesh.test/client");

  private final TestAuthority authority = TestAuthority.create("mesh.test");
  private final InMemorySource server = trusted(authority.svid(SERVER.toString()));
  private final InMemorySource client = trusted(authority.svid(CLIENT.toString()));

  private InMemorySource trusted(Svid svid) {
    return new InMemorySource(svid, Map.of("mesh.test", List.of(authority.certificate())));
  }

  private static String call(EchoServer echo, X509Source source) {
    return echo.call(SpiffeTls.channelCredentials(source, SERVER::equals));
  }

  @Test
  void call_bothExpected_carriesThePeer() throws Exception {
    try (var echo = EchoServer.start(server, CLIENT::equals)) {
      assertThat(call(echo, client)).isEqualTo(CLIENT.toString());
    }
  }

  @Test
  void call_clientNotExpected_isRefusedAndTheServerLogsWhy() throws Exception {
    var log = new CopyOnWriteArrayList<String>();
    var handler =
        new Handler() {
          @Override
          public void publish(LogRecord entry) {
            log.add(MessageFormat.format(entry.getMessage(), entry.getParameters()));
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    var logger = Logger.getLogger(SpiffeTrustManager.class.getName());
    logger.addHandler(handler);
    try (var echo = EchoServer.start(server, id -> false)) {
      assertThatThrownBy(() -> call(echo, client)).isInstanceOf(StatusRuntimeException.class);

      assertThat(log)
          .isNotEmpty() // a second time where the client, on a busy machine, dials again
          .allSatisfy(
              line ->
                  assertThat(line)
                      .contains("spiffe://mesh.test/client is not among", "role=CLIENT"));
    } finally {
      logger.removeHandler(handler);
    }
  }

  @Test
  void call_otherServerThanExpected_isRefusedByTheClient() throws Exception {
    try (var echo = EchoServer.start(server, CLIENT::equals)) {
      var credentials =
          SpiffeTls.channelCredentials(client, SpiffeId.parse("spiffe://mesh.test/other")::equals);

      assertThatThrownBy(() -> echo.call(credentials))
          .isInstanceOf(StatusRuntimeException.class)
          .hasStackTraceContaining("spiffe://mesh.test/server is not among");
    }
  }

  @Test
  void call_clientOfAnotherAuthority_isRefused() throws Exception {
    var impostor = TestAuthority.create("mesh.test");
    var stranger = trusted(impostor.svid(CLIENT.toString()));
    try (var echo = EchoServer.start(server, CLIENT::equals)) {
      assertThatThrownBy(() -> call(echo, stranger)).isInstanceOf(StatusRuntimeException.class);
    }
  }

  @Test
  void call_serverOfAnotherAuthority_isRefused() throws Exception {
    var impostor = TestAuthority.create("mesh.test");
    try (var echo = EchoServer.start(trusted(impostor.svid(SERVER.toString())), CLIENT::equals)) {
      assertThatThrownBy(() -> call(echo, client))
          .isInstanceOf(StatusRuntimeException.class)
          .hasStackTraceContaining("not signed by trust domain");
    }
  }

  @Test
  void call_expiredClient_isRefused() throws Exception {
    var begin = Instant.now().minus(Duration.ofHours(1));
    var form = new CertificateForm().uri(CLIENT.toString()).valid(begin, begin.plusSeconds(60));
    try (var echo = EchoServer.start(server, CLIENT::equals)) {
      assertThatThrownBy(() -> call(echo, trusted(authority.svid(form))))
          .isInstanceOf(StatusRuntimeException.class);
    }
  }

  @Test
  void call_clientWithoutCertificate_isRefused() throws Exception {
    try (var echo = EchoServer.start(server, id -> true)) {
      assertThatThrownBy(() -> call(echo, new InMemorySource(null, client.bundles())))
          .isInstanceOf(StatusRuntimeException.class);
    }
  }

  @Test
  void call_clientInPlaintext_isRefused() throws Exception {
    try (var echo = EchoServer.start(server, id -> true)) {
      assertThatThrownBy(() -> echo.call(InsecureChannelCredentials.create()))
          .isInstanceOf(StatusRuntimeException.class);
    }
  }

  @Test
  void call_redactedServer_failsAndWorksAgainWithTheNextSvid() throws Exception {
    try (var echo = EchoServer.start(server, CLIENT::equals)) {
      server.replace(null, server.bundles());
      assertThatThrownBy(() -> call(echo, client)).isInstanceOf(StatusRuntimeException.class);

      server.replace(authority.svid(SERVER.toString()), client.bundles());
      assertThat(call(echo, client)).isEqualTo(CLIENT.toString());
    }
  }

  @Test
  void call_authorityReplaced_newConnectionsUseTheNewOneOnly() throws Exception {
    try (var echo = EchoServer.start(server, CLIENT::equals)) {
      assertThat(call(echo, client)).isEqualTo(CLIENT.toString());
      var next = TestAuthority.create("mesh.test");
      Map<String, List<X509Certificate>> bundle = Map.of("mesh.test", List.of(next.certificate()));

      server.replace(next.svid(SERVER.toString()), bundle);

      assertThatThrownBy(() -> call(echo, client)).isInstanceOf(StatusRuntimeException.class);
      client.replace(next.svid(CLIENT.toString()), bundle);
      assertThat(call(echo, client)).isEqualTo(CLIENT.toString());
    }
  }

  @Test
  void call_federatedPeer_passesOnlyWithItsBundleAndThePredicate() throws Exception {
    var other = TestAuthority.create("other.test");
    var guest = SpiffeId.parse("spiffe://other.test/guest");
    var both = new HashMap<>(client.bundles());
    both.put("other.test", List.of(other.certificate()));
    var source = new InMemorySource(other.svid(guest.toString()), both);
    try (var echo = EchoServer.start(server, Set.of(CLIENT, guest)::contains)) {
      assertThatThrownBy(() -> call(echo, source)).isInstanceOf(StatusRuntimeException.class);

      server.replace(server.svid().orElseThrow(), both);

      assertThat(call(echo, source)).isEqualTo(guest.toString());
    }
  }

  @Test
  void peerOf_connectionOlderThanTheSvid_isRefusedPerCall() throws Exception {
    var later = Clock.fixed(Instant.now().plus(Duration.ofHours(2)), ZoneOffset.UTC);
    try (var echo = EchoServer.start(server, CLIENT::equals, later)) {
      assertThatThrownBy(() -> call(echo, client))
          .isInstanceOf(StatusRuntimeException.class)
          .hasMessageContaining("spiffe://mesh.test/client: the certificate expired at")
          .satisfies(
              e ->
                  assertThat(Status.fromThrowable(e).getCode())
                      .isEqualTo(Status.Code.UNAUTHENTICATED));
    }
  }

  @Test
  void peerOf_connectionWithoutTls_isRefused() {
    assertThatThrownBy(() -> SpiffeTls.peerOf(Attributes.EMPTY, Clock.systemUTC()))
        .isInstanceOf(CertificateException.class)
        .hasMessageContaining("without TLS");
    assertThat(Attributes.EMPTY.get(Grpc.TRANSPORT_ATTR_SSL_SESSION)).isNull();
  }
}
