package io.kith.server.oidc;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jwt.SignedJWT;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.util.HexFormat;
import java.util.Set;

/** The signatures that count: of asymmetric keys only, by a closed list. */
final class TokenSignature {
  /** {@code none} and HMAC are not among them: the second could be made with a public key. */
  static final Set<JWSAlgorithm> ALGORITHMS =
      Set.of(
          JWSAlgorithm.RS256,
          JWSAlgorithm.RS384,
          JWSAlgorithm.RS512,
          JWSAlgorithm.PS256,
          JWSAlgorithm.PS384,
          JWSAlgorithm.PS512,
          JWSAlgorithm.ES256,
          JWSAlgorithm.ES384,
          JWSAlgorithm.ES512,
          JWSAlgorithm.EdDSA,
          JWSAlgorithm.Ed25519);

  private static final int MIN_RSA_BITS = 2_048;

  /** RFC 8410: what stands before the 32 bytes of an Ed25519 key. */
  private static final byte[] ED25519 = HexFormat.of().parseHex("302a300506032b6570032100");

  private TokenSignature() {}

  /** Whether a token was signed with a key; false for a key of another kind. */
  static boolean isOf(SignedJWT token, JWK key) throws JOSEException {
    return switch (key) {
      case RSAKey rsa ->
          rsa.size() >= MIN_RSA_BITS && token.verify(new RSASSAVerifier(rsa.toRSAPublicKey()));
      case ECKey ec -> token.verify(new ECDSAVerifier(ec.toECPublicKey()));
      case OctetKeyPair pair -> pair.getCurve().equals(Curve.Ed25519) && isOf(token, pair);
      default -> false;
    };
  }

  /* By the JDK: Nimbus would need Tink for it. */
  private static boolean isOf(SignedJWT token, OctetKeyPair pair) throws JOSEException {
    var point = pair.getDecodedX();
    if (point.length != 32) {
      return false;
    }
    try {
      var encoded = new byte[ED25519.length + point.length];
      System.arraycopy(ED25519, 0, encoded, 0, ED25519.length);
      System.arraycopy(point, 0, encoded, ED25519.length, point.length);
      var signature = Signature.getInstance("Ed25519");
      signature.initVerify(
          KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded)));
      signature.update(token.getSigningInput());
      return signature.verify(token.getSignature().decode());
    } catch (SignatureException _) {
      return false; // it has not even the form of one
    } catch (GeneralSecurityException e) {
      throw new JOSEException("Ed25519: " + e.getMessage(), e);
    }
  }
}
