package io.kith.baselines.config;

import io.kith.baselines.identity.SpiffeIdPattern;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The admin API: where it listens, and who may do what there.
 *
 * @param listen gRPC
 * @param http the same calls as HTTP/JSON, or null for nowhere
 * @param roles who may do what
 * @param oidc whose tokens are taken, or null for none
 * @param limits how often each caller may call
 */
public record AdminSettings(
    Endpoint listen,
    @Nullable Endpoint http,
    List<RoleEntry> roles,
    @Nullable OidcSettings oidc,
    AdminLimits limits) {
  public AdminSettings {
    roles = List.copyOf(roles);
  }

  /** Somebody with a role. */
  public sealed interface RoleEntry {
    AdminRole role();

    /** A user of this machine, over the Unix socket. */
    record OfUser(int uid, AdminRole role) implements RoleEntry {}

    /** Who proves such a SPIFFE ID, over TCP. */
    record OfId(SpiffeIdPattern id, AdminRole role) implements RoleEntry {}
  }
}
