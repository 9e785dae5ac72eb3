package io.kith.server.control;

import io.kith.baselines.bundle.Pem;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.config.KithConfig.Keys;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The keys of a server, as configured; those that are not named are made once in the directory, so
 * that only its owner can read them.
 */
public final class KeyFiles {
  private KeyFiles() {}

  /**
   * Reads them.
   *
   * @param directory for keys that are not named; null where nothing outlives the server, and then
   *     neither do they
   * @param base where relative paths begin
   * @throws IOException when a file cannot be read or made, or is not such a key; the message is
   *     for people and never has the key
   */
  public static ServerKeys read(Keys settings, @Nullable Path directory, Path base)
      throws IOException {
    var learner = pair(settings.learner(), "learner", directory, base);
    var approvers = publicKeys(settings.approvers(), "approvers", base);
    var approver =
        settings.approver() == null && !approvers.isEmpty()
            ? null
            : pair(settings.approver(), "approver", directory, base);
    var keys =
        new ServerKeys(
            learner,
            approver,
            approvers,
            publicKeys(settings.bundlers(), "bundlers", base),
            publicKeys(settings.trusted(), "trusted", base));
    try {
      keys.ring();
      return keys;
    } catch (IllegalArgumentException e) {
      throw new IOException("server.keys: " + e.getMessage(), e);
    }
  }

  /**
   * The public keys only, for a server that signs nothing. What it would sign with is made anew
   * each time, and trusted by nobody else.
   *
   * @throws IOException when a file cannot be read, or is not such a key; the message is for people
   */
  public static ServerKeys publicOnly(Keys settings, Path base) throws IOException {
    return new ServerKeys(
        ServerKeys.fresh(),
        null,
        publicKeys(settings.approvers(), "approvers", base),
        publicKeys(settings.bundlers(), "bundlers", base),
        publicKeys(settings.trusted(), "trusted", base));
  }

  private static SigningKey pair(
      @Nullable Path named, String name, @Nullable Path directory, Path base) throws IOException {
    if (named != null) {
      return new SigningKey(pairOf(base.resolve(named), "server.keys." + name));
    }
    if (directory == null) {
      return ServerKeys.fresh();
    }
    var file = directory.resolve(name + ".pem");
    if (!Files.exists(file)) {
      make(file, newPair());
    }
    return new SigningKey(pairOf(file, "server.keys." + name));
  }

  private static KeyPair pairOf(Path file, String key) throws IOException {
    try {
      return Pem.keyPair(text(file, key));
    } catch (IllegalArgumentException e) {
      throw new IOException(
          key + ": '" + file + "': " + e.getMessage() + " (expected: both blocks of a key pair)",
          e);
    }
  }

  private static String text(Path file, String key) throws IOException {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new IOException(key + ": '" + file + "' cannot be read: " + FileWatch.cause(e), e);
    }
  }

  private static List<PublicKey> publicKeys(List<Path> files, String name, Path base)
      throws IOException {
    var keys = new ArrayList<PublicKey>();
    for (var file : files) {
      var key = "server.keys." + name;
      try {
        keys.add(Pem.publicKey(text(base.resolve(file), key)));
      } catch (IllegalArgumentException e) {
        throw new IOException(key + ": '" + file + "': " + e.getMessage(), e);
      }
    }
    return keys;
  }

  private static String newPair() {
    try {
      return Pem.of(KeyPairGenerator.getInstance("Ed25519").generateKeyPair());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has Ed25519", e);
    }
  }

  /** Puts a whole key there, unless another server was first. */
  static void make(Path file, String key) throws IOException {
    var folder = file.toAbsolutePath().getParent();
    try {
      if (folder != null) {
        Files.createDirectories(folder);
      }
      var next =
          Files.createTempFile(
              folder,
              ".key",
              ".new",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try {
        Files.writeString(
            next,
            key,
            StandardOpenOption.WRITE,
            StandardOpenOption.SYNC); // on the disk before anything is signed with it
        Files.createLink(file, next);
      } catch (FileAlreadyExistsException _) {
        // another server on this machine was first: its key is read
      } finally {
        Files.deleteIfExists(next);
      }
    } catch (IOException e) {
      throw new IOException(
          "'"
              + folder
              + "' is not writable: "
              + FileWatch.cause(e)
              + " (the server keeps its keys beside store.path unless server.keys.directory is set:"
              + " mount a volume there, or set one of them to a folder that this user may write)",
          e);
    }
  }
}
