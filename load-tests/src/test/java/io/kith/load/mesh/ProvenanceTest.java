package io.kith.load.mesh;

import static io.kith.load.mesh.ProvenMesh.CATALOG;
import static io.kith.load.mesh.ProvenMesh.CATALOG_OWNER;
import static io.kith.load.mesh.ProvenMesh.CHECKOUT;
import static io.kith.load.mesh.ProvenMesh.CHECKOUT_OWNER;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.identity.SpiffeId;
import io.kith.load.lab.LoopbackLab;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.provenance.Proof;
import io.kith.spiffe.X509Source;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/** What a callee's sidecar lets in: what its caller's sidecar let out. */
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ProvenanceTest {
  private static final int LIMIT_MILLIS = (int) Duration.ofMinutes(1).toMillis();
  private static final String HEADER = "x-kith-provenance";
  private static final byte[] SECRET = MeshKeys.newSecret();
  private static final byte[] OLD_SECRET = MeshKeys.newSecret();
  private static final MeshKeys KEYS = new MeshKeys(List.of(SECRET, OLD_SECRET));

  /**
   * Everything was said that is needed to make an answer; who checks nothing is a test's client.
   */
  private static final class TrustsAll implements X509TrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }

  private final Map<SpiffeId, SSLContext> certificates = new HashMap<>();
  private @Nullable ProvenMesh started;

  @BeforeAll
  void start() throws Exception {
    started = new ProvenMesh(KEYS);
    for (var id : List.of(CHECKOUT, CATALOG)) {
      certificates.put(id, context(mesh().certificate(id)));
    }
  }

  @AfterAll
  void stop() {
    if (started != null) {
      started.close();
    }
  }

  @BeforeEach
  void forget() {
    mesh().records.clear();
  }

  private ProvenMesh mesh() {
    if (started == null) {
      throw new IllegalStateException("not started");
    }
    return started;
  }

  private static SSLContext context(X509Source source)
      throws GeneralSecurityException, IOException {
    var svid = source.svid().orElseThrow();
    var own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    own.setKeyEntry("own", svid.key(), new char[0], svid.chain().toArray(Certificate[]::new));
    var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(own, new char[0]);
    var context = SSLContext.getInstance("TLSv1.3");
    context.init(keys.getKeyManagers(), new TrustManager[] {new TrustsAll()}, null);
    return context;
  }

  /** The whole answer to a request; empty when there was none. */
  private static String get(Socket socket, @Nullable String token) throws IOException {
    try (socket) {
      socket.setSoTimeout(LIMIT_MILLIS);
      var header = token == null ? "" : HEADER + ": " + token + "\r\n";
      var request =
          "GET /price HTTP/1.1\r\nHost: catalog\r\n" + header + "Connection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(ISO_8859_1));
      return new String(socket.getInputStream().readAllBytes(), ISO_8859_1);
    }
  }

  /** As the application asks: it dials its own sidecar. */
  private static String ask(int port, @Nullable String token) throws IOException {
    return get(new Socket(LoopbackLab.ADDRESS, port), token);
  }

  /** As somebody asks who is past the sidecar, with the certificate of a workload. */
  private String askDirectly(SpiffeId as, int port, @Nullable String token) throws IOException {
    var context = certificates.get(as);
    if (context == null) {
      throw new IllegalStateException("no certificate of " + as);
    }
    return get(context.getSocketFactory().createSocket(LoopbackLab.ADDRESS, port), token);
  }

  /** The token that goes over the wire, as the caller's sidecar makes it. */
  private String captured() throws Exception {
    assertThat(ask(mesh().toWire, null)).contains(mesh().wire.answer);
    var seen = mesh().wire.seen();
    assertThat(seen).hasSize(1);
    return seen.getFirst();
  }

  private void assertRefused(String answer, String why) {
    assertThat(answer).startsWith("HTTP/1.1 403 ").contains("{\"decision\":\"d:");
    assertThat(mesh().catalog.isUntouched()).isTrue();
    assertThat(mesh().ledger.isUntouched()).isTrue();
    assertThat(mesh().records)
        .singleElement()
        .satisfies(
            record -> {
              assertThat(record.decision().mode()).isEqualTo(Mode.ENFORCE);
              assertThat(record.decision().applied())
                  .isEqualTo(new Verdict.Deny(null, new Reason.BadProvenance(why)));
            });
  }

  @Test
  void throughItsSidecar_arrives_andTheApplicationSeesNoHeader() throws Exception {
    assertThat(ask(mesh().toCatalog, null))
        .startsWith("HTTP/1.1 200 ")
        .endsWith(mesh().catalog.answer);

    assertThat(mesh().catalog.seen()).isEmpty();
    assertThat(mesh().records)
        .anySatisfy(
            record -> {
              assertThat(record.reporter()).isEqualTo(CATALOG);
              assertThat(record.decision().applied()).isEqualTo(new Verdict.Allow(null));
            });
  }

  @Test
  void throughItsSidecar_withAHeaderOfItsOwn_carriesThatOfKithOnly() throws Exception {
    assertThat(ask(mesh().toWire, "forged")).endsWith(mesh().wire.answer);

    var seen = mesh().wire.seen();
    assertThat(seen).hasSize(1);
    assertThat(KEYS.check(seen.getFirst(), CHECKOUT, CATALOG_OWNER, Instant.now()))
        .isInstanceOf(Proof.Good.class);
  }

  @Test
  void throughItsSidecar_outOfTheMesh_carriesNone() throws Exception {
    assertThat(ask(mesh().toOutside, "forged")).endsWith(mesh().wire.answer);

    assertThat(mesh().wire.seen()).isEmpty();
  }

  /** Whoever is in the pod has its certificate, and no token. */
  @Test
  void pastItsSidecar_withItsCertificate_isRefused() throws Exception {
    assertRefused(askDirectly(CHECKOUT, mesh().catalogInbound, null), CHECKOUT + " sent no token");
  }

  @Test
  void withoutACertificate_isNotEvenTalkedTo() throws Exception {
    String answer;
    try {
      answer = ask(mesh().catalogInbound, captured());
    } catch (SocketException _) {
      answer = ""; // reset
    }

    assertThat(answer).isEmpty();
    assertThat(mesh().catalog.isUntouched()).isTrue();
  }

  /** The catalog got a token, and goes on with it to the ledger. */
  @Test
  void relayedByItsReceiver_isRefused() throws Exception {
    var token = captured();
    mesh().records.clear();

    assertRefused(
        askDirectly(CATALOG, mesh().ledgerInbound, token),
        CATALOG + " sent a token that was given to " + CHECKOUT);
  }

  @Test
  void sentToAnother_byItsOwner_isRefused() throws Exception {
    var token = captured();
    mesh().records.clear();

    assertRefused(
        askDirectly(CHECKOUT, mesh().ledgerInbound, token),
        CHECKOUT
            + " sent a token that is meant for shop/deployment/catalog, not for"
            + " shop/deployment/ledger");
  }

  /** An accepted risk: who could read what the sidecar sends may send it too, for a minute. */
  @Test
  void sentAgain_byItsOwner_toItsReceiver_arrives() throws Exception {
    assertThat(askDirectly(CHECKOUT, mesh().catalogInbound, captured()))
        .endsWith(mesh().catalog.answer);
    assertThat(mesh().catalog.seen()).isEmpty();
  }

  private static String made(MeshKeys keys, Instant when) {
    return keys.make(CHECKOUT, CHECKOUT_OWNER, "0123456789abcdef", CATALOG_OWNER, when);
  }

  @Test
  void tokenThatEnded_isRefused() throws Exception {
    var token = made(KEYS, Instant.now().minusSeconds(600));
    var end = Instant.ofEpochSecond(Long.parseLong(token.split(";", -1)[1]));

    assertRefused(
        askDirectly(CHECKOUT, mesh().catalogInbound, token),
        CHECKOUT + " sent a token that ended at " + end);
  }

  /** A server that has the old secret only is not yet replaced; the one before it is. */
  @Test
  void secretsReplaced_theOldCountsUntilItIsTakenAway() throws Exception {
    var old = new MeshKeys(List.of(OLD_SECRET));
    assertThat(askDirectly(CHECKOUT, mesh().catalogInbound, made(old, Instant.now())))
        .endsWith(mesh().catalog.answer);
    assertThat(mesh().catalog.seen()).isEmpty();
    mesh().records.clear();

    assertRefused(
        askDirectly(CHECKOUT, mesh().catalogInbound, made(MeshKeys.fresh(), Instant.now())),
        CHECKOUT + " sent a token that was made with no key of this mesh");
  }

  /** By the recipe alone, on both sides. */
  @Test
  void kithAway_filtersOpen_noApplicationSendsOrSeesAHeader() throws Exception {
    assertThat(ask(mesh().unchecked, "forged")).endsWith(mesh().wire.answer);
    assertThat(mesh().wire.seen()).isEmpty();

    assertThat(askDirectly(CHECKOUT, mesh().uncheckedInbound, "forged"))
        .endsWith(mesh().wire.answer);
    assertThat(mesh().wire.seen()).isEmpty();
  }
}
