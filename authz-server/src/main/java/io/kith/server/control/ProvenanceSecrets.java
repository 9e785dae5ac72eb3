package io.kith.server.control;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Keys;
import io.kith.baselines.config.StoreSettings;
import io.kith.server.provenance.MeshKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The secrets of provenance tokens, as configured; else one that is made once in the directory, or
 * none where other servers could not have it.
 *
 * <p>A file has one line: base64 of at least 32 random octets. They are never in the store, whose
 * readers could make tokens with them.
 */
public final class ProvenanceSecrets {
  private static final String KEY = "server.keys.provenance";
  private static final String FORM =
      " (expected: base64 of at least 32 random octets, as `openssl rand -base64 32` makes)";

  /**
   * Kubernetes mounts secrets as 0440 for a user that is not root, with a group of the pod's own.
   */
  private static final Set<PosixFilePermission> HARMLESS =
      Set.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE,
          PosixFilePermission.GROUP_READ);

  private ProvenanceSecrets() {}

  /** Whether other servers let requests out whose tokens come to this one. */
  public static boolean isOneOfSeveral(KithConfig settings) {
    return settings.store() instanceof StoreSettings.Postgresql
        || settings.store() instanceof StoreSettings.Control
        || !settings.server().checkIds().isEmpty();
  }

  /**
   * Reads them.
   *
   * @param directory for one that is not named; null where nothing outlives the server, and then
   *     neither does it
   * @param base where relative paths begin
   * @throws IOException when a file cannot be read or made, others may read it, or it has no
   *     secret; the message is for people and never has the secret
   */
  public static MeshKeys read(KithConfig settings, @Nullable Path directory, Path base)
      throws IOException {
    return read(settings.keys(), isOneOfSeveral(settings), directory, base);
  }

  static MeshKeys read(Keys settings, boolean isOneOfSeveral, @Nullable Path directory, Path base)
      throws IOException {
    if (!settings.provenance().isEmpty()) {
      return keys(settings.provenance().stream().map(base::resolve).toList());
    }
    if (isOneOfSeveral) {
      return MeshKeys.none();
    }
    if (directory == null) {
      return MeshKeys.fresh();
    }
    var file = directory.resolve("provenance.key");
    if (!Files.exists(file)) {
      KeyFiles.make(file, Base64.getEncoder().encodeToString(MeshKeys.newSecret()) + "\n");
    }
    return keys(List.of(file));
  }

  private static MeshKeys keys(List<Path> files) throws IOException {
    var secrets = new ArrayList<byte[]>();
    for (var file : files) {
      var secret = secret(file);
      if (secrets.stream().anyMatch(other -> Arrays.equals(other, secret))) {
        throw new IOException(KEY + ": '" + file + "' has the secret of another file");
      }
      secrets.add(secret);
    }
    try {
      return new MeshKeys(secrets);
    } catch (IllegalArgumentException e) {
      throw new IOException(KEY + ": " + e.getMessage(), e);
    }
  }

  private static byte[] secret(Path file) throws IOException {
    String text;
    try {
      if (!HARMLESS.containsAll(Files.getPosixFilePermissions(file))) {
        throw new IOException(
            "any user may use it (expected: mode 0600 or 0440; whoever reads it can make tokens)");
      }
      text = Files.readString(file).strip();
    } catch (IOException e) {
      throw new IOException(KEY + ": '" + file + "': " + FileWatch.cause(e), e);
    }
    byte[] secret;
    try {
      secret = Base64.getDecoder().decode(text);
    } catch (IllegalArgumentException _) {
      throw new IOException(KEY + ": '" + file + "' is no secret" + FORM);
    }
    if (secret.length < MeshKeys.LEAST) {
      throw new IOException(
          KEY + ": '" + file + "' has a secret of " + secret.length + " octets" + FORM);
    }
    return secret;
  }
}
