package io.kith.server.provenance;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Only what was signed is believed, by whom it was meant for, and says what it said then. */
public final class ProvenanceFuzz {
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final SpiffeId CALLER = SpiffeId.parse("spiffe://mesh.test/ns/shop/sa/checkout");
  private static final Owner OWNER = Owner.parse("shop/deployment/checkout");
  private static final Owner RECEIVER = Owner.parse("shop/deployment/catalog");
  private static final Owner ANOTHER = Owner.parse("shop/deployment/ledger");
  private static final String CLASS = "0123456789abcdef";

  /** The keys of a mesh, in the middle of a change of them. */
  private static final MeshKeys KEYS = new MeshKeys(List.of(secret(2), secret(1)));

  private static final MeshKeys FORMER = new MeshKeys(List.of(secret(1)));
  private static final MeshKeys STRANGE = new MeshKeys(List.of(secret(3)));

  private static final Map<Owner, List<String>> SIGNED =
      Map.of(RECEIVER, signedFor(RECEIVER), ANOTHER, signedFor(ANOTHER));

  private ProvenanceFuzz() {}

  private static byte[] secret(int value) {
    var secret = new byte[MeshKeys.LEAST];
    Arrays.fill(secret, (byte) value);
    return secret;
  }

  /** What was signed for a receiver. */
  private static List<String> signedFor(Owner receiver) {
    return List.of(
        signed(KEYS.make(CALLER, OWNER, CLASS, receiver, NOON)),
        signed(FORMER.make(CALLER, OWNER, CLASS, receiver, NOON)));
  }

  /** What the MAC is over: the same octets of a MAC can be written in several ways. */
  private static String signed(String token) {
    return token.substring(0, Math.max(0, token.lastIndexOf(';')));
  }

  /** One input, as Jazzer calls it. */
  public static void fuzzerTestOneInput(byte[] data) {
    var text = new String(data, UTF_8);
    SIGNED.forEach(
        (receiver, signed) -> {
          if (KEYS.check(text, CALLER, receiver, NOON) instanceof Proof.Good(var token)) {
            require(signed.contains(signed(text)), "believed, and was not signed for " + receiver);
            require(token.text().equals(signed(text)), "says something else when it is read");
          }
        });
    ProvenanceToken token;
    try {
      token = ProvenanceToken.parse(text);
    } catch (IllegalArgumentException _) {
      return; // nothing else may come of it
    }
    require(ProvenanceToken.parse(token.text()).equals(token), "another when it is written");
    signedByUs(token);
  }

  /** What a server would make of these words. */
  private static void signedByUs(ProvenanceToken token) {
    var then = token.expires().minus(MeshKeys.LIFETIME);
    var made =
        FORMER.make(token.caller(), token.workload(), token.processClass(), token.audience(), then);
    require(
        KEYS.check(made, token.caller(), token.audience(), then).equals(new Proof.Good(token)),
        "not what was put in");
    require(
        STRANGE.check(made, token.caller(), token.audience(), then) instanceof Proof.Bad,
        "believed by another mesh");
    require(
        KEYS.check(signed(made) + ";", token.caller(), token.audience(), then) instanceof Proof.Bad,
        "believed without its MAC");
  }

  private static void require(boolean fact, String otherwise) {
    if (!fact) {
      throw new AssertionError("it is " + otherwise);
    }
  }
}
