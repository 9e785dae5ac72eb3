package io.kith.server.operator;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.TextFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of who calls with a token. The token itself is no option: others could see it. */
final class TokenOption {
  private static final String VARIABLE = "KITH_TOKEN";
  private static final String CA_VARIABLE = "KITH_CA_FILE";
  private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9._~+/=-]+");

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description =
          "Over TCP: a file with a token of the issuer of server.admin.oidc, which says who calls."
              + " Default: the token in $KITH_TOKEN.")
  @Nullable Path file;

  @Option(
      names = "--ca-file",
      paramLabel = "FILE",
      description =
          "With a token and without --identity: PEM certificates of the CA of the server's trust"
              + " domain. Default: $KITH_CA_FILE, else identity.files.bundle.")
  @Nullable Path authorities;

  /** The token, or null when the person has none. */
  @Nullable String token(Surroundings surroundings) throws Failure {
    var text =
        file == null
            ? surroundings.environment().get(VARIABLE)
            : TextFile.read(surroundings.directory().resolve(file));
    if (text == null || (file == null && text.isBlank())) {
      return null;
    }
    if (!TOKEN.matcher(text.strip()).matches()) {
      throw Failure.usage(
          (file == null ? VARIABLE : "--token-file") + ": not a token (expected: a JWT, alone)");
    }
    return text.strip();
  }

  /** Whom to believe that the server is the server. */
  List<X509Certificate> authorities(KithConfig settings, Surroundings surroundings) throws Failure {
    var path = authoritiesFile(settings, surroundings);
    try {
      var pem = Files.readAllBytes(surroundings.directory().resolve(path));
      var certificates =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(pem))
              .stream()
              .map(X509Certificate.class::cast)
              .toList();
      if (!certificates.isEmpty()) {
        return certificates;
      }
    } catch (IOException | CertificateException e) {
      throw Failure.refused(path + ": cannot be read as PEM certificates: " + e.getMessage());
    }
    throw Failure.refused(path + ": no certificate (expected: PEM certificates)");
  }

  private Path authoritiesFile(KithConfig settings, Surroundings surroundings) throws Failure {
    if (authorities != null) {
      return authorities;
    }
    var variable = surroundings.environment().get(CA_VARIABLE);
    if (variable != null && !variable.isBlank()) {
      return Path.of(variable);
    }
    if (settings.identity() instanceof Identity.Files(_, _, var bundle)) {
      return bundle;
    }
    throw Failure.usage(
        "--ca-file: missing (expected with a token: PEM certificates of the CA of the server's"
            + " trust domain)");
  }
}
