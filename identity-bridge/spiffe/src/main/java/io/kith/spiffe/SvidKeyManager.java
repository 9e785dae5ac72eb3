package io.kith.spiffe;

import static java.util.Objects.requireNonNull;

import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/**
 * Answers every handshake with the SVID of that moment.
 *
 * <p>A handshake asks for an alias first and for chain and key by it later. The alias is that of
 * one SVID, and the one before is kept, so that a rotation in between cannot mix two of them.
 */
final class SvidKeyManager extends X509ExtendedKeyManager {
  private record Named(String alias, Svid svid) {}

  private final X509Source source;
  private long generation; // guarded by this
  private @Nullable Named latest; // guarded by this
  private @Nullable Named before; // guarded by this

  SvidKeyManager(X509Source source) {
    this.source = requireNonNull(source, "source");
  }

  private synchronized @Nullable String alias() {
    var svid = source.svid().orElse(null);
    if (svid == null) {
      return null;
    }
    var known = latest;
    if (known != null && known.svid().equals(svid)) {
      return known.alias();
    }
    before = known;
    var named = new Named("svid-" + ++generation, svid);
    latest = named;
    return named.alias();
  }

  private synchronized @Nullable Svid named(String alias) {
    if (latest != null && latest.alias().equals(alias)) {
      return latest.svid();
    }
    return before != null && before.alias().equals(alias) ? before.svid() : null;
  }

  // Key types and issuers are not looked at: there is one SVID or none.

  @Override
  public @Nullable String chooseClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return alias();
  }

  @Override
  public @Nullable String chooseServerAlias(
      String keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return alias();
  }

  @Override
  public @Nullable String chooseEngineClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
    return alias();
  }

  @Override
  public @Nullable String chooseEngineServerAlias(
      String keyType, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
    return alias();
  }

  @Override
  public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
    var alias = alias();
    return alias == null ? null : new String[] {alias};
  }

  @Override
  public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
    return getClientAliases(keyType, issuers);
  }

  @Override
  public X509Certificate @Nullable [] getCertificateChain(String alias) {
    var svid = named(alias);
    return svid == null ? null : svid.chain().toArray(X509Certificate[]::new);
  }

  @Override
  public @Nullable PrivateKey getPrivateKey(String alias) {
    var svid = named(alias);
    return svid == null ? null : svid.key();
  }
}
