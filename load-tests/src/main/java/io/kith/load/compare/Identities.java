package io.kith.load.compare;

import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The certificates of a comparison: of the servers, of the bridge, and of the pods that ask. */
public final class Identities implements AutoCloseable {
  static final String TRUST_DOMAIN = "dev.kith.local";
  public static final SpiffeId SERVER = id("kith", "authz-server");
  public static final SpiffeId BRIDGE = id("kith", "identity-bridge");
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final char[] NO_PASSWORD = {};

  private final Path folder;
  private final DevIdentity issuer;
  private final int pods;
  private final Map<SpiffeId, X509Source> sources = new HashMap<>();

  /**
   * An issuer of its own.
   *
   * @param folder short, since sockets are made below it
   */
  public Identities(Path folder, int pods) throws IOException {
    this.folder = folder;
    this.pods = pods;
    var ids = new HashSet<>(Set.of(SERVER, BRIDGE));
    for (var i = 0; i < pods; i++) {
      ids.add(pod(i));
    }
    issuer =
        DevIdentity.start(
            new DevIdentity.Settings(directory(), TRUST_DOMAIN, Duration.ofHours(1), ids),
            Clock.systemUTC());
  }

  private static SpiffeId id(String namespace, String name) {
    return SpiffeId.parse("spiffe://" + TRUST_DOMAIN + "/ns/" + namespace + "/sa/" + name);
  }

  /** Of a pod that asks. */
  public static SpiffeId pod(int number) {
    return id("shop", "w" + number);
  }

  /** Below it the sockets are. */
  Path directory() {
    return folder.resolve("id");
  }

  /** Where the server's certificate is to be had. */
  Path socketOfServer() {
    return issuer.socketOf(SERVER);
  }

  /** Where the certificate of this ID is to be had, and Envoy's SDS for it. */
  Path socketOf(SpiffeId id) {
    return issuer.socketOf(id);
  }

  /** The certificates of one, as its program has them. */
  public synchronized X509Source source(SpiffeId id) throws InterruptedException {
    var known = sources.get(id);
    if (known != null) {
      return known;
    }
    var source = WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC());
    sources.put(id, source);
    if (!source.awaitReady(PATIENCE)) {
      throw new IllegalStateException("no certificate for " + id + ": " + source.state().words());
    }
    return source;
  }

  /** What each pod's Envoy connects with. */
  public List<SSLContext> contexts() throws InterruptedException {
    var contexts = new ArrayList<SSLContext>();
    for (var i = 0; i < pods; i++) {
      contexts.add(context(source(pod(i))));
    }
    return contexts;
  }

  private static SSLContext context(X509Source source) {
    var svid = source.svid().orElseThrow();
    try {
      var own = KeyStore.getInstance("PKCS12");
      own.load(null, null);
      own.setKeyEntry("own", svid.key(), NO_PASSWORD, svid.chain().toArray(Certificate[]::new));
      var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(own, NO_PASSWORD);
      var trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, null);
      for (var authority : authorities(source)) {
        trusted.setCertificateEntry("authority-" + trusted.size(), authority);
      }
      var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(trusted);
      var context = SSLContext.getInstance("TLSv1.3");
      context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("TLS cannot be set up for " + svid.id(), e);
    }
  }

  private static List<? extends Certificate> authorities(X509Source source) {
    return source.bundles().getOrDefault(TRUST_DOMAIN, List.of());
  }

  /**
   * The server's certificate in files, for programs that know no Workload API.
   *
   * @return the folder of {@code cert.pem}, {@code key.pem} and {@code bundle.pem}
   */
  Path serverFiles() throws IOException, InterruptedException {
    var source = source(SERVER);
    var svid = source.svid().orElseThrow();
    var into = Files.createDirectories(folder.resolve("server"));
    try {
      Files.writeString(into.resolve("cert.pem"), pem(svid.chain()));
      Files.writeString(into.resolve("bundle.pem"), pem(authorities(source)));
      Files.writeString(into.resolve("key.pem"), pem("PRIVATE KEY", svid.key().getEncoded()));
    } catch (GeneralSecurityException e) {
      throw new IOException("a certificate cannot be written", e);
    }
    return into;
  }

  private static String pem(List<? extends Certificate> certificates)
      throws GeneralSecurityException {
    var all = new StringBuilder();
    for (var one : certificates) {
      all.append(pem("CERTIFICATE", one.getEncoded()));
    }
    return all.toString();
  }

  private static String pem(String what, byte[] encoded) {
    return "-----BEGIN %1$s-----\n%2$s\n-----END %1$s-----\n"
        .formatted(what, Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(encoded));
  }

  @Override
  public void close() {
    sources.values().forEach(X509Source::close);
    issuer.close();
  }
}
