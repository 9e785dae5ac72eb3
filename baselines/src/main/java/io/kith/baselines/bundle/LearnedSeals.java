package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.yaml.Json;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * Seals over learned parts: whoever can write to the store cannot make evidence up, or move it to
 * another workload or server.
 *
 * <p>Shape of a sealed body: {@code kith1 EPOCH KEY-ID SIGNATURE PATH}, a line feed, the body.
 * {@code SIGNATURE} is a learner's, in base64, over the root of a hash tree (RFC 6962) whose leaves
 * are the parts of one batch; {@code PATH} has the place of the leaf and the hashes beside its way
 * to the root. So a batch costs one signature. What seals cannot show is that a part is missing or
 * that an older one of the same epoch was put back.
 *
 * <p>An epoch tells what was learned before somebody said to forget it from what was learned since.
 */
public final class LearnedSeals {
  private static final String MARK = "kith1";
  private static final String TYPE = "application/vnd.kith.learned";
  private static final int MAX_DEPTH = 24;
  private static final int MAX_REMEMBERED = 4_096;

  private final Keyring keys;
  private final LinkedHashSet<String> verified = new LinkedHashSet<>();

  /** A part before it is sealed, or after its seal was found good. */
  public record Plain(LearnedPart part, long epoch) {}

  /** What became of a sealed part. */
  public sealed interface Opened {
    /** It is as a trusted server wrote it. */
    record Good(Plain plain) implements Opened {}

    /** It is not to be used. */
    record Refused(String why) implements Opened {}
  }

  /** Opens what servers with these keys sealed. Not thread-safe. */
  public LearnedSeals(Keyring keys) {
    this.keys = keys;
  }

  /** The parts of one batch, sealed, in their order. */
  public static List<LearnedPart> seal(List<Plain> parts, SigningKey key) {
    if (parts.isEmpty()) {
      return List.of();
    }
    var levels = new ArrayList<List<byte[]>>();
    levels.add(parts.stream().map(plain -> leaf(plain.part(), plain.epoch())).toList());
    while (levels.getLast().size() > 1) {
      levels.add(above(levels.getLast()));
    }
    var signature = Dsse.base64(key.sign(message(levels.getLast().getFirst())));
    var sealed = new ArrayList<LearnedPart>();
    for (var i = 0; i < parts.size(); i++) {
      var plain = parts.get(i);
      var part = plain.part();
      var head =
          String.join(
              " ", MARK, Long.toString(plain.epoch()), key.id(), signature, path(levels, i));
      sealed.add(
          new LearnedPart(part.replica(), part.owner(), part.key(), head + "\n" + part.body()));
    }
    return sealed;
  }

  private static List<byte[]> above(List<byte[]> level) {
    var above = new ArrayList<byte[]>();
    for (var i = 0; i < level.size(); i += 2) {
      above.add(i + 1 < level.size() ? node(level.get(i), level.get(i + 1)) : level.get(i));
    }
    return above;
  }

  /** For each level {@code l} or {@code r} and the hash on that side; nothing where none is. */
  private static String path(List<List<byte[]>> levels, int index) {
    var path = new StringBuilder("-");
    for (var level : levels) {
      var beside = index ^ 1;
      if (beside < level.size()) {
        path.append(beside < index ? 'l' : 'r').append(Dsse.base64(level.get(beside))).append('-');
      }
      index /= 2;
    }
    return path.toString();
  }

  /**
   * A part without its seal, which is not verified: for who made it, and for who seals it anew.
   *
   * @throws IllegalArgumentException when it has none
   */
  public static Plain unsealed(LearnedPart sealed) {
    var end = sealed.body().indexOf('\n');
    var head = end < 0 ? new String[0] : sealed.body().substring(0, end).split(" ", -1);
    if (head.length != 5 || !head[0].equals(MARK)) {
      throw new IllegalArgumentException("body: without a seal (expected: sealed)");
    }
    return new Plain(
        new LearnedPart(
            sealed.replica(), sealed.owner(), sealed.key(), sealed.body().substring(end + 1)),
        Long.parseLong(head[1]));
  }

  /** Verifies a part, and takes its seal off. */
  public Opened open(LearnedPart sealed) {
    var end = sealed.body().indexOf('\n');
    var head = end < 0 ? new String[0] : sealed.body().substring(0, end).split(" ", -1);
    if (head.length != 5 || !head[0].equals(MARK)) {
      return new Opened.Refused("it has no seal");
    }
    var keyId = head[2];
    if (keys.roleOf(keyId) != Role.LEARNER) {
      return new Opened.Refused(
          "it is sealed by '"
              + Dsse.printable(keyId)
              + "' (expected: the key of this server, or one of server.keys.trusted)");
    }
    try {
      var epoch = Long.parseLong(head[1]);
      var part =
          new LearnedPart(
              sealed.replica(), sealed.owner(), sealed.key(), sealed.body().substring(end + 1));
      var root = root(leaf(part, epoch), head[4]);
      return isSigned(keyId, root, head[3])
          ? new Opened.Good(new Plain(part, epoch))
          : new Opened.Refused("it was changed after it was sealed by " + keyId);
    } catch (IllegalArgumentException _) {
      return new Opened.Refused("its seal is damaged");
    }
  }

  private boolean isSigned(String keyId, byte[] root, String signature) {
    var known = keyId + " " + Dsse.base64(root) + " " + signature;
    if (verified.contains(known)) {
      return true;
    }
    if (!keys.verifies(keyId, message(root), Dsse.bytes(signature))) {
      return false;
    }
    if (verified.size() >= MAX_REMEMBERED) {
      verified.removeFirst();
    }
    return verified.add(known);
  }

  private static byte[] root(byte[] leaf, String path) {
    var steps = path.split("-", -1);
    if (steps.length > MAX_DEPTH + 2 || !steps[0].isEmpty() || !steps[steps.length - 1].isEmpty()) {
      throw new IllegalArgumentException("damaged path");
    }
    var hash = leaf;
    for (var i = 1; i < steps.length - 1; i++) {
      var step = steps[i];
      if (step.isEmpty()) {
        throw new IllegalArgumentException("damaged path");
      }
      var beside = Dsse.bytes(step.substring(1));
      hash =
          switch (step.charAt(0)) {
            case 'l' -> node(beside, hash);
            case 'r' -> node(hash, beside);
            default -> throw new IllegalArgumentException("damaged path");
          };
    }
    return hash;
  }

  private static byte[] message(byte[] root) {
    return Dsse.message(TYPE, root);
  }

  private static byte[] leaf(LearnedPart part, long epoch) {
    var digest = sha256();
    digest.update((byte) 0);
    digest.update(
        Json.write(List.of(part.replica(), part.owner().toString(), part.key(), epoch, part.body()))
            .getBytes(UTF_8));
    return digest.digest();
  }

  private static byte[] node(byte[] left, byte[] right) {
    var digest = sha256();
    digest.update((byte) 1);
    digest.update(left);
    digest.update(right);
    return digest.digest();
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
