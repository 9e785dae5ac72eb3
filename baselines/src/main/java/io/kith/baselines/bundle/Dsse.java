package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.identity.Printable;
import io.kith.baselines.yaml.Json;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * A signed envelope around a text.
 *
 * <p>Shape: canonical JSON {@code {"payload":BASE64,"payloadType":TYPE,"signatures":[{"keyid":ID,
 * "sig":BASE64}]}}, one signature. An envelope that says the same in another layout is refused, so
 * that no byte of it can change unnoticed.
 *
 * <p>Source: Dead Simple Signing Envelope, protocol 1.0.2.
 */
final class Dsse {
  private Dsse() {}

  /** What became of an envelope. */
  sealed interface Opened {
    /** Its signature holds. */
    record Payload(String text, String keyId) implements Opened {}

    /** It is not to be trusted. */
    record Refused(String why) implements Opened {}
  }

  static String seal(String type, String payload, SigningKey key) {
    var bytes = payload.getBytes(UTF_8);
    return Json.write(
        Map.of(
            "payload", base64(bytes),
            "payloadType", type,
            "signatures",
                List.of(Map.of("keyid", key.id(), "sig", base64(key.sign(message(type, bytes)))))));
  }

  static Opened open(String envelope, String type, Keyring keys, Keyring.Role role) {
    try {
      var json = Json.read(envelope).only("payload", "payloadType", "signatures");
      var actual = json.text("payloadType");
      if (!actual.equals(type)) {
        return new Opened.Refused(
            "payload type '" + printable(actual) + "' (expected: " + type + ")");
      }
      var signatures = json.objects("signatures");
      if (signatures.size() != 1) {
        return new Opened.Refused(signatures.size() + " signatures (expected: 1)");
      }
      var signature = signatures.getFirst().only("keyid", "sig");
      var keyId = signature.text("keyid");
      if (keys.roleOf(keyId) != role) {
        return new Opened.Refused(
            "signed by an unknown key, '"
                + printable(keyId)
                + "' (add its public key to trust it)");
      }
      var payload = bytes(json.text("payload"));
      if (!keys.verifies(keyId, message(type, payload), bytes(signature.text("sig")))) {
        return new Opened.Refused("altered: the signature of " + keyId + " does not fit");
      }
      return new Opened.Payload(new String(payload, UTF_8), keyId);
    } catch (IllegalArgumentException e) {
      return new Opened.Refused("not an envelope, or altered: " + e.getMessage());
    }
  }

  /** Pre-authentication encoding: the type and the payload, each with its length. */
  static byte[] message(String type, byte[] payload) {
    var typeBytes = type.getBytes(UTF_8);
    var head = "DSSEv1 " + typeBytes.length + " " + type + " " + payload.length + " ";
    var message = new ByteArrayOutputStream();
    message.writeBytes(head.getBytes(UTF_8));
    message.writeBytes(payload);
    return message.toByteArray();
  }

  static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  /** Strict: the bits that base64 leaves unused must be zero. */
  static byte[] bytes(String base64) {
    var bytes = Base64.getDecoder().decode(base64);
    if (!Arrays.equals(base64(bytes).getBytes(UTF_8), base64.getBytes(UTF_8))) {
      throw new IllegalArgumentException("damaged base64");
    }
    return bytes;
  }

  static String printable(String text) {
    return Printable.of(text, 100);
  }
}
