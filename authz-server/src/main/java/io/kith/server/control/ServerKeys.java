package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.bundle.Keyring.Trusted;
import io.kith.baselines.bundle.SigningKey;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a server signs with, and whose signatures count for it.
 *
 * @param learner signs revisions and the log of changes
 * @param approver signs approvals when an operator asks for them; null where approvers do that
 *     themselves
 * @param approvers public keys of people; may be empty when the server has an approver's key
 * @param bundlers whose bundles may be imported
 * @param trusted learner's keys of the other servers on the same store
 */
public record ServerKeys(
    SigningKey learner,
    @Nullable SigningKey approver,
    List<PublicKey> approvers,
    List<PublicKey> bundlers,
    List<PublicKey> trusted) {
  public ServerKeys {
    requireNonNull(learner, "learner");
    approvers = List.copyOf(approvers);
    bundlers = List.copyOf(bundlers);
    trusted = List.copyOf(trusted);
  }

  /** Keys that end with the process, for a server that keeps nothing either. */
  public static ServerKeys ephemeral() {
    return new ServerKeys(fresh(), fresh(), List.of(), List.of(), List.of());
  }

  /** A new key. */
  public static SigningKey fresh() {
    try {
      return new SigningKey(KeyPairGenerator.getInstance("Ed25519").generateKeyPair());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has Ed25519", e);
    }
  }

  /** Ids of the keys whose approvals count. */
  public List<String> approverIds() {
    return approverKeys().stream().map(Keyring::idOf).toList();
  }

  /** Ids of the keys whose bundles count. */
  public List<String> bundlerIds() {
    return bundlers.stream().map(Keyring::idOf).toList();
  }

  private List<PublicKey> approverKeys() {
    var all = new ArrayList<>(approvers);
    if (approver != null) {
      all.add(approver.publicKey());
    }
    return all;
  }

  /**
   * Everything that is trusted, with its role.
   *
   * @throws IllegalArgumentException when one key has two roles
   */
  public Keyring ring() {
    var all = new ArrayList<Trusted>();
    all.add(new Trusted(Role.LEARNER, learner.publicKey()));
    trusted.forEach(key -> all.add(new Trusted(Role.LEARNER, key)));
    approverKeys().forEach(key -> all.add(new Trusted(Role.APPROVER, key)));
    bundlers.forEach(key -> all.add(new Trusted(Role.BUNDLER, key)));
    return new Keyring(all);
  }
}
