package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.yaml.Json;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The chain of seals over the log of changes: whoever can write to the store cannot write a change.
 *
 * <p>A seal is a learner's signature over the seal before, the position and the change, so a row
 * that was altered, removed, moved or put back breaks the chain where that was done. What a chain
 * cannot show by itself is that its end was cut off.
 *
 * <p>Shape: id of the key, a space, base64 of the signature.
 */
public final class Seals {
  /** Stands for the seal before the first entry. */
  public static final String FIRST = "";

  private static final String TYPE = "application/vnd.kith.change+json";

  private Seals() {}

  /** The entry that follows a seal. */
  public static Entry seal(String before, long position, Change change, SigningKey key) {
    var signature = key.sign(message(text(before, position, change)));
    return new Entry(position, change, key.id() + " " + Dsse.base64(signature));
  }

  /** Why an entry does not follow a seal, or null when it does. */
  public static @Nullable String problem(String before, Entry entry, Keyring keys) {
    var space = entry.seal().indexOf(' ');
    if (space < 0) {
      return "it has no seal";
    }
    var keyId = entry.seal().substring(0, space);
    if (keys.roleOf(keyId) != Role.LEARNER) {
      return "it is sealed by '"
          + Dsse.printable(keyId)
          + "' (expected: the key of this server, or one of server.keys.trusted)";
    }
    try {
      var signature = Dsse.bytes(entry.seal().substring(space + 1));
      var text = text(before, entry.position(), entry.change());
      return keys.verifies(keyId, message(text), signature)
              || keys.verifies(keyId, message(Json.asBefore(text)), signature)
          ? null
          : "it, or an entry before it, was changed after it was sealed by " + keyId;
    } catch (IllegalArgumentException _) {
      return "its seal is damaged";
    }
  }

  private static String text(String before, long position, Change change) {
    return Json.write(
        Map.of(
            "before", before,
            "position", position,
            "at", change.at().toString(),
            "author", change.author(),
            "note", change.note(),
            "kind", change.kind(),
            "subject", change.subject(),
            "body", change.body()));
  }

  private static byte[] message(String text) {
    return Dsse.message(TYPE, text.getBytes(UTF_8));
  }
}
