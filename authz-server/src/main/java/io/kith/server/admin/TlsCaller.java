package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.kith.baselines.config.AdminRole;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.oidc.OidcTokens;
import io.kith.server.oidc.TokenVerdict;
import io.kith.spiffe.SpiffeTls;
import java.security.cert.CertificateException;
import java.time.Clock;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A caller over TLS: by its token where it sends one, else by the SPIFFE ID of its certificate.
 *
 * <p>A token decides alone. When it is not accepted the call is refused, whatever the certificate;
 * and the certificate adds no role to it.
 */
public final class TlsCaller implements Caller {
  private static final String BEARER = "bearer ";

  /** Which role a SPIFFE ID has. */
  @FunctionalInterface
  public interface Roles {
    @Nullable AdminRole of(SpiffeId id);
  }

  private final Roles roles;
  private final @Nullable OidcTokens tokens;
  private final Clock clock;

  /**
   * @param tokens whose tokens are taken; null for nobody's
   */
  public TlsCaller(Roles roles, @Nullable OidcTokens tokens, Clock clock) {
    this.roles = requireNonNull(roles, "roles");
    this.tokens = tokens;
    this.clock = requireNonNull(clock, "clock");
  }

  @Override
  public Known of(Attributes connection, Metadata headers) throws StatusException {
    var sent = headers.getAll(AUTHORIZATION);
    if (sent == null) {
      return byCertificate(connection);
    }
    if (connection.get(Grpc.TRANSPORT_ATTR_SSL_SESSION) == null) {
      throw refused("tokens are taken over TLS only");
    }
    if (tokens == null) {
      throw refused("tokens are not taken here (server.admin.oidc is not set)");
    }
    var values = sent.iterator();
    var value = values.next();
    if (values.hasNext() || !value.toLowerCase(Locale.ROOT).startsWith(BEARER)) {
      throw refused("authorization: (expected: once, as Bearer TOKEN)");
    }
    return byToken(tokens.verify(value.substring(BEARER.length()).strip()));
  }

  private Known byToken(TokenVerdict verdict) throws StatusException {
    return switch (verdict) {
      case TokenVerdict.Accepted(var subject, var name, var role) -> {
        var id = "oidc:" + subject;
        if (role == null) {
          throw Status.PERMISSION_DENIED
              .withDescription(
                  id + " has no role here (expected: one of the values of server.admin.oidc.roles)")
              .asException();
        }
        yield new Known(id, name == null ? id : id + " as " + name, role);
      }
      case TokenVerdict.Refused(var why) -> throw refused("the token is not accepted: " + why);
      case TokenVerdict.Unavailable(var why) ->
          throw Status.UNAVAILABLE.withDescription(why).asException();
    };
  }

  private Known byCertificate(Attributes connection) throws StatusException {
    try {
      var id = SpiffeTls.peerOf(connection, clock);
      var role = roles.of(id);
      if (role == null) {
        throw Status.PERMISSION_DENIED
            .withDescription(
                id + " has no role here (expected: one of server.admin.roles or server.adminIds)")
            .asException();
      }
      return new Known(id.toString(), id.toString(), role);
    } catch (CertificateException e) {
      throw refused(
          "the certificate is not accepted: "
              + e.getMessage()
              + (tokens == null ? "" : ", and there is no token"));
    }
  }

  private static StatusException refused(String why) {
    return Status.UNAUTHENTICATED.withDescription(why).asException();
  }
}
