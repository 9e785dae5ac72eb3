/**
 * Tokens of an OpenID Connect issuer: who somebody is there, and which role that is here.
 *
 * <p>Start here: {@link io.kith.server.oidc.OidcTokens}.
 */
@NullMarked
package io.kith.server.oidc;

import org.jspecify.annotations.NullMarked;
