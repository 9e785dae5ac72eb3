package io.kith.baselines.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whose tokens are taken at the admin API, and which roles they give.
 *
 * @param issuer as tokens name it; {@code https}, or {@code http} of this machine
 * @param audience that a token has to be for
 * @param claim that has the values below; a path through objects has dots
 * @param viewers values that make a viewer
 * @param operators values that make an operator
 * @param admins values that make an admin
 * @param caFile certificates (PEM) that the issuer's certificate has to come from; null for those
 *     that Java trusts
 */
public record OidcSettings(
    URI issuer,
    String audience,
    String claim,
    List<String> viewers,
    List<String> operators,
    List<String> admins,
    @Nullable Path caFile) {
  private static final Set<String> THIS_MACHINE = Set.of("127.0.0.1", "[::1]", "localhost");

  public OidcSettings {
    requireTrustworthy(issuer);
    viewers = List.copyOf(viewers);
    operators = List.copyOf(operators);
    admins = List.copyOf(admins);
  }

  /** The values that give a role. */
  public List<String> values(AdminRole role) {
    return switch (role) {
      case VIEWER -> viewers;
      case OPERATOR -> operators;
      case ADMIN -> admins;
    };
  }

  /**
   * An address whose answers nobody on the way can change.
   *
   * @throws IllegalArgumentException for another
   */
  public static URI requireTrustworthy(URI uri) {
    var isOurs =
        "http".equals(uri.getScheme()) && THIS_MACHINE.contains(String.valueOf(uri.getHost()));
    if (uri.getHost() == null || !("https".equals(uri.getScheme()) || isOurs)) {
      throw new IllegalArgumentException(
          "'" + uri + "' (expected: an address with https, or http of this machine)");
    }
    return uri;
  }
}
