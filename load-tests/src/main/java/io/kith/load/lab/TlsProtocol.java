package io.kith.load.lab;

import io.kith.load.tools.ToolCache;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/** HTTP inside TLS, with a certificate made for the occasion. */
final class TlsProtocol implements Upstream.Protocol {
  private static final String PASSWORD = "only for this run";

  private final SSLContext context;
  private final String certificate;

  private TlsProtocol(SSLContext context, String certificate) {
    this.context = context;
    this.certificate = certificate;
  }

  static TlsProtocol forName(String name) throws IOException, InterruptedException {
    var folder = Files.createTempDirectory("kith-tls-");
    try {
      var file = folder.resolve("key.p12");
      Shell.run(
          List.of(
              Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
              "-genkeypair",
              "-alias",
              "key",
              "-keyalg",
              "EC",
              "-groupname",
              "secp256r1",
              "-validity",
              "2",
              "-dname",
              "CN=" + name,
              "-ext",
              "SAN=dns:" + name,
              "-keystore",
              file.toString(),
              "-storetype",
              "PKCS12",
              "-storepass",
              PASSWORD));
      var keys = KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
      var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      managers.init(keys, PASSWORD.toCharArray());
      var context = SSLContext.getInstance("TLS");
      context.init(managers.getKeyManagers(), null, null);
      return new TlsProtocol(context, pem(keys.getCertificate("key").getEncoded()));
    } catch (GeneralSecurityException e) {
      throw new IOException("no certificate for " + name + ": " + e.getMessage(), e);
    } finally {
      ToolCache.delete(folder);
    }
  }

  @Override
  public String certificate() {
    return certificate;
  }

  /**
   * The first bytes are read before TLS takes over, so that a client which sends anything at all is
   * counted.
   */
  @Override
  public void serve(Socket socket, InputStream input, Upstream.Connection seen, String token)
      throws IOException {
    var first = new byte[16_384];
    int length = input.read(first);
    if (length < 0) {
      return;
    }
    var consumed = new ByteArrayInputStream(Arrays.copyOf(first, length));
    try (var tls = (SSLSocket) context.getSocketFactory().createSocket(socket, consumed, true)) {
      tls.setUseClientMode(false);
      tls.startHandshake();
      if (tls.getSession() instanceof ExtendedSSLSession session) {
        session.getRequestedServerNames().stream()
            .filter(SNIHostName.class::isInstance)
            .map(name -> ((SNIHostName) name).getAsciiName())
            .findFirst()
            .ifPresent(seen::serverName);
      }
      HttpProtocol.answerRequests(tls.getInputStream(), tls.getOutputStream(), token);
    }
  }

  private static String pem(byte[] certificate) {
    return "-----BEGIN CERTIFICATE-----\n"
        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(certificate)
        + "\n-----END CERTIFICATE-----\n";
  }
}
