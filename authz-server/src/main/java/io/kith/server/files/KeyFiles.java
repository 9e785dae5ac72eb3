package io.kith.server.files;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.bundle.Keyring.Trusted;
import io.kith.baselines.bundle.Pem;
import io.kith.baselines.bundle.SigningKey;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;

/** Ed25519 keys in PEM files. */
public final class KeyFiles {
  private KeyFiles() {}

  /** What {@link #create} made. */
  public record Created(String id, Path secret, Path open) {}

  /** A new key pair: {@code FILE}, for its owner only, and {@code FILE.pub}. */
  public static Created create(Path file) throws Failure {
    try {
      var keys = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
      var open = file.resolveSibling(file.getFileName() + ".pub");
      TextFile.writeSecret(file, Pem.of(keys));
      TextFile.write(open, Pem.of(keys.getPublic()));
      return new Created(Keyring.idOf(keys.getPublic()), file, open);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has Ed25519", e);
    }
  }

  /** A key to sign with; refused when others can read it. */
  public static SigningKey secret(Path file) throws Failure {
    var text = TextFile.read(file);
    if (isReadByOthers(file)) {
      throw Failure.refused(
          file + ": can be read by others (expected: by its owner only; chmod 600 " + file + ")");
    }
    try {
      return new SigningKey(Pem.keyPair(text));
    } catch (IllegalArgumentException e) {
      throw Failure.refused(file + ": " + e.getMessage() + " (kith keys new makes one)");
    }
  }

  private static boolean isReadByOthers(Path file) throws Failure {
    try {
      var permissions = Files.getPosixFilePermissions(file);
      return permissions.contains(PosixFilePermission.GROUP_READ)
          || permissions.contains(PosixFilePermission.OTHERS_READ);
    } catch (UnsupportedOperationException _) {
      return false; // no such notion here
    } catch (IOException e) {
      throw Failure.refused(file + ": cannot be read: " + e);
    }
  }

  /** A public key; a file that has the private one too will do. */
  public static PublicKey open(Path file) throws Failure {
    try {
      return Pem.publicKey(TextFile.read(file));
    } catch (IllegalArgumentException e) {
      throw Failure.refused(file + ": " + e.getMessage());
    }
  }

  /** Keys that are trusted to sign bundles. */
  public static Keyring bundlers(List<Path> files) throws Failure {
    var trusted = new ArrayList<Trusted>();
    for (var file : files) {
      trusted.add(new Trusted(Role.BUNDLER, open(file)));
    }
    return new Keyring(trusted);
  }
}
