package io.kith.server.oidc;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Certificates that another's certificate has to come from. */
final class Authorities {
  private static final int MAX_BYTES = 1 << 20;

  private Authorities() {}

  /**
   * Trust in those of a file, and in no others.
   *
   * @param key of the configuration that names the file, for messages
   * @param file certificates, PEM
   * @throws IOException when there are none; the message is for people
   */
  static SSLContext trust(String key, Path file) throws IOException {
    var bytes = read(key, file);
    try {
      var certificates =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(bytes));
      if (certificates.isEmpty()) {
        throw new CertificateException("it is empty");
      }
      var store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      for (var certificate : certificates) {
        store.setCertificateEntry("authority-" + store.size(), certificate);
      }
      var managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      managers.init(store);
      var context = SSLContext.getInstance("TLS");
      context.init(null, managers.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException(
          key + ": '" + file + "' has no certificates (expected: one or more, PEM)", e);
    }
  }

  private static byte[] read(String key, Path file) throws IOException {
    try (var in = Files.newInputStream(file)) {
      var bytes = in.readNBytes(MAX_BYTES + 1);
      if (bytes.length > MAX_BYTES) {
        throw new IOException("more than " + MAX_BYTES + " bytes");
      }
      return bytes;
    } catch (IOException e) {
      throw new IOException(
          key + ": '" + file + "' cannot be read (expected: certificates, PEM): " + e.getMessage(),
          e);
    }
  }
}
