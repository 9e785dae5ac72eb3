package io.kith.server.cli;

import io.kith.baselines.config.StoreSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The name under which a server keeps what it learned: the same after a restart, and no other's.
 */
final class ReplicaName {
  private static final Pattern ID = Pattern.compile("[0-9a-f]{12}");

  private ReplicaName() {}

  /**
   * As configured; else {@code local} for a file, which has one server, whatever the machine is
   * called; else the host's name and an id.
   *
   * @param folder where the id is kept, in {@code replica.id}
   * @throws IOException when it cannot be kept; the message is for people
   */
  static String of(StoreSettings store, @Nullable Path folder) throws IOException {
    return switch (store) {
      case StoreSettings.Memory _, StoreSettings.Sqlite _ -> "local";
      case StoreSettings.Postgresql database -> named(database.replica(), folder);
      case StoreSettings.Control control -> named(control.replica(), folder);
    };
  }

  private static String named(@Nullable String configured, @Nullable Path folder)
      throws IOException {
    if (configured != null) {
      return configured;
    }
    return folder == null ? host() : host() + "-" + id(folder);
  }

  private static String id(Path folder) throws IOException {
    var file = folder.resolve("replica.id");
    try {
      var id = Files.readString(file).strip();
      if (ID.matcher(id).matches()) {
        return id;
      }
      throw new IOException(
          "'" + file + "' is damaged (expected: 12 hex digits; remove it, or set store.replica)");
    } catch (NoSuchFileException _) {
      return make(folder, file);
    }
  }

  private static String make(Path folder, Path file) throws IOException {
    var bytes = new byte[6];
    new SecureRandom().nextBytes(bytes);
    var id = HexFormat.of().formatHex(bytes);
    try {
      Files.createDirectories(folder);
      Files.writeString(file, id + "\n");
      return id;
    } catch (IOException e) {
      throw new IOException(
          "'"
              + file
              + "' cannot be written: "
              + e
              + " (mount a volume there, or set store.replica to a name that this server keeps)",
          e);
    }
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException _) {
      return "localhost";
    }
  }
}
