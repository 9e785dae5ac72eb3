package io.kith.server.oidc;

import static java.util.Objects.requireNonNull;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.jwk.JWKMatcher;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.jwk.source.RateLimitReachedException;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import io.kith.baselines.config.AdminRole;
import io.kith.baselines.config.OidcSettings;
import io.kith.server.oidc.TokenVerdict.Accepted;
import io.kith.server.oidc.TokenVerdict.Refused;
import io.kith.server.oidc.TokenVerdict.Unavailable;
import java.io.IOException;
import java.nio.file.Path;
import java.text.ParseException;
import java.time.Clock;
import java.time.Duration;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Checks tokens (JWTs, RFC 7519, with the advice of RFC 8725): signature of the issuer, issuer,
 * audience, times. Thread-safe; may wait for the issuer, for some seconds, when a key is not known.
 */
public final class OidcTokens implements AutoCloseable {
  private static final Duration SKEW = Duration.ofSeconds(30);
  private static final int MAX_LENGTH = 16 << 10;
  private static final Set<String> TYPES = Set.of("jwt", "at+jwt", "application/at+jwt");

  /** What a record may hold without being mistaken. */
  private static final Pattern SUBJECT = Pattern.compile("[A-Za-z0-9._@|:/+=-]{1,255}");

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._@-]{1,64}");

  /**
   * How long keys are used without asking the issuer, and how often it is asked at most.
   *
   * @param cache a key that the issuer withdraws counts for as long
   * @param interval a key that is not known makes the issuer be asked, at most that often
   */
  record Patience(Duration cache, Duration interval) {
    static final Patience DEFAULT = new Patience(Duration.ofMinutes(15), Duration.ofSeconds(30));
  }

  private final OidcSettings settings;
  private final Clock clock;
  private final IssuerKeys issuer;
  private final JWKSource<SecurityContext> keys;

  /**
   * Takes the tokens of an issuer.
   *
   * @param base folder that relative paths are in
   * @throws IOException when the file of authorities cannot be used; the message is for people
   */
  public static OidcTokens of(OidcSettings settings, Path base) throws IOException {
    var file = settings.caFile();
    return new OidcTokens(
        settings,
        file == null ? null : Authorities.trust("server.admin.oidc.caFile", base.resolve(file)),
        Clock.systemUTC(),
        Patience.DEFAULT);
  }

  OidcTokens(OidcSettings settings, Clock clock, Patience patience) {
    this(settings, null, clock, patience);
  }

  private OidcTokens(
      OidcSettings settings, @Nullable SSLContext trust, Clock clock, Patience patience) {
    this.settings = requireNonNull(settings, "settings");
    this.clock = requireNonNull(clock, "clock");
    this.issuer = new IssuerKeys(settings.issuer(), trust);
    this.keys =
        JWKSourceBuilder.create(issuer)
            .cache(patience.cache().toMillis(), JWKSourceBuilder.DEFAULT_CACHE_REFRESH_TIMEOUT)
            .refreshAheadCache(false)
            .rateLimited(patience.interval().toMillis())
            .build();
  }

  /** Checks a token. */
  public TokenVerdict verify(String token) {
    if (token.length() > MAX_LENGTH) {
      return new Refused("it is longer than " + MAX_LENGTH + " characters");
    }
    try {
      var parsed = SignedJWT.parse(token);
      var header = parsed.getHeader();
      if (!TokenSignature.ALGORITHMS.contains(header.getAlgorithm())) {
        return new Refused("its algorithm is not one of RS, PS, ES and EdDSA");
      }
      if (header.getCriticalParams() != null && !header.getCriticalParams().isEmpty()) {
        return new Refused("it has critical headers, which are not known here");
      }
      var type = header.getType();
      if (type != null && !TYPES.contains(type.getType().toLowerCase(Locale.ROOT))) {
        return new Refused("its type is not JWT or at+jwt");
      }
      var claimed = claims(parsed.getJWTClaimsSet());
      if (claimed instanceof Refused) {
        return claimed; // whoever signed it, and though the keys cannot be had
      }
      return isSigned(parsed) ? claimed : new Refused("it is not signed with a key of the issuer");
    } catch (RateLimitReachedException _) {
      return issuer.hasFailed()
          ? unavailable()
          : new Refused("it is not signed with a key that the issuer had a moment ago");
    } catch (KeySourceException _) {
      return unavailable();
    } catch (ParseException | JOSEException | IllegalArgumentException | IllegalStateException _) {
      return new Refused("it is not a signed JWT");
    }
  }

  private static TokenVerdict unavailable() {
    return new Unavailable(
        "the keys of the token's issuer cannot be had just now (try again; the server's log has the"
            + " cause)");
  }

  private boolean isSigned(SignedJWT token) throws JOSEException {
    var matcher = JWKMatcher.forJWSHeader(token.getHeader());
    for (var key : keys.get(new JWKSelector(matcher), null)) {
      if (TokenSignature.isOf(token, key)) {
        return true;
      }
    }
    return false;
  }

  private TokenVerdict claims(JWTClaimsSet claims) throws ParseException {
    var now = clock.instant();
    var subject = claims.getSubject();
    if (!settings.issuer().toString().equals(claims.getIssuer())) {
      return new Refused("it is of another issuer");
    }
    if (!claims.getAudience().contains(settings.audience())) {
      return new Refused("it is for another audience");
    }
    if (claims.getExpirationTime() == null) {
      return new Refused("it never expires");
    }
    if (!claims.getExpirationTime().toInstant().plus(SKEW).isAfter(now)) {
      return new Refused("it has expired");
    }
    if (isLater(claims.getNotBeforeTime(), now) || isLater(claims.getIssueTime(), now)) {
      return new Refused("it does not count yet");
    }
    if (subject == null || !SUBJECT.matcher(subject).matches()) {
      return new Refused("its subject is missing, or no record could hold it");
    }
    return new Accepted(subject, name(claims), role(claims));
  }

  private static boolean isLater(@Nullable Date time, java.time.Instant now) {
    return time != null && time.toInstant().minus(SKEW).isAfter(now);
  }

  private static @Nullable String name(JWTClaimsSet claims) {
    return Stream.of("preferred_username", "email")
        .map(claims::getClaim)
        .filter(String.class::isInstance)
        .map(String.class::cast)
        .filter(name -> NAME.matcher(name).matches())
        .findFirst()
        .orElse(null);
  }

  private @Nullable AdminRole role(JWTClaimsSet claims) {
    var held = held(claims.getClaims(), settings.claim());
    AdminRole highest = null;
    for (var role : AdminRole.values()) { // from the lowest
      if (settings.values(role).stream().anyMatch(held::contains)) {
        highest = role;
      }
    }
    return highest;
  }

  /**
   * The values of a claim; its name may be a path through objects, as {@code realm_access.roles}.
   */
  private static List<String> held(Map<?, ?> claims, String name) {
    var value = claims.get(name);
    var dot = name.indexOf('.');
    if (value == null && dot > 0 && claims.get(name.substring(0, dot)) instanceof Map<?, ?> inner) {
      return held(inner, name.substring(dot + 1));
    }
    return switch (value) {
      case null -> List.of();
      case List<?> values ->
          values.stream().filter(String.class::isInstance).map(String.class::cast).toList();
      case String text ->
          name.equals("scope") ? List.of(text.split(" ", -1)) : List.of(text); // RFC 8693 §4.2
      default -> List.of();
    };
  }

  @Override
  public void close() {
    issuer.close();
  }
}
