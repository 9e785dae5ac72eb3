package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.regex.Pattern;

/** Ed25519 keys as PEM: {@code PUBLIC KEY} (X.509) and {@code PRIVATE KEY} (PKCS #8). */
public final class Pem {
  private static final String PUBLIC = "PUBLIC KEY";
  private static final String PRIVATE = "PRIVATE KEY";

  private Pem() {}

  /**
   * Reads a public key.
   *
   * @throws IllegalArgumentException for anything else; the message never has the text
   */
  public static PublicKey publicKey(String pem) {
    try {
      return factory().generatePublic(new X509EncodedKeySpec(bytes(pem, PUBLIC)));
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("not an Ed25519 public key", e);
    }
  }

  /**
   * Reads a private key with the public key that belongs to it.
   *
   * @param pem both blocks, in any order
   * @throws IllegalArgumentException for anything else; the message never has the text
   */
  public static KeyPair keyPair(String pem) {
    try {
      var privateKey = factory().generatePrivate(new PKCS8EncodedKeySpec(bytes(pem, PRIVATE)));
      return new KeyPair(publicKey(pem), privateKey);
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("not an Ed25519 private key", e);
    }
  }

  public static String of(PublicKey key) {
    return block(key, PUBLIC);
  }

  public static String of(KeyPair keys) {
    PrivateKey privateKey = keys.getPrivate();
    return block(privateKey, PRIVATE) + of(keys.getPublic());
  }

  private static KeyFactory factory() throws GeneralSecurityException {
    return KeyFactory.getInstance("Ed25519");
  }

  private static String block(Key key, String label) {
    var base64 =
        Base64.getMimeEncoder(64, "\n".getBytes(US_ASCII)).encodeToString(key.getEncoded());
    return "-----BEGIN " + label + "-----\n" + base64 + "\n-----END " + label + "-----\n";
  }

  private static byte[] bytes(String pem, String label) {
    var block =
        Pattern.compile(
                "-----BEGIN "
                    + label
                    + "-----\\s([A-Za-z0-9+/=\\s]{1,4096})-----END "
                    + label
                    + "-----")
            .matcher(pem);
    if (!block.find()) {
      throw new IllegalArgumentException("no PEM block (expected: -----BEGIN " + label + "-----)");
    }
    try {
      return Base64.getMimeDecoder().decode(block.group(1));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(label + ": damaged base64", e);
    }
  }
}
