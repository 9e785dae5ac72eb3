package io.kith.bridge.stream;

import io.kith.baselines.config.Endpoint;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A folder of the node into which its check servers put their sockets.
 *
 * <p>Who may write there can at most have this bridge dial in vain: it speaks with nobody but a
 * server that proves to be one.
 */
public final class ServerFolder {
  /** Sockets that are dialled, the first by name; a server ends after another has begun. */
  static final int MOST = 8;

  private static final String MODE = "rwxrwx---";
  private static final String SOCKETS = "*.sock";

  private ServerFolder() {}

  /**
   * Makes it, for one group to write into. That takes no capability: only the folder's owner, and
   * that it is of that group itself.
   *
   * @param group id of the group
   * @throws IOException when that cannot be; for people
   */
  public static void prepare(Path folder, int group) throws IOException {
    try {
      Files.createDirectories(folder);
      if (!Objects.equals(Files.getAttribute(folder, "unix:gid"), group)) {
        Files.setAttribute(folder, "unix:gid", group);
      }
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(MODE));
    } catch (IOException e) {
      throw new IOException(
          folder
              + ": servers of group "
              + group
              + " cannot put their sockets there: "
              + e
              + " (bridge.serversGroup: run the bridge as the folder's owner and in that group)",
          e);
    }
  }

  /**
   * What is dialled now, with what tells one socket from another of the same name.
   *
   * @throws IOException when the folder cannot be read
   */
  static Map<Endpoint, Object> sockets(Path folder) throws IOException {
    var names = new ArrayList<Path>();
    try (var files = Files.newDirectoryStream(folder, SOCKETS)) {
      files.forEach(names::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    var found = new LinkedHashMap<Endpoint, Object>();
    for (var path : names.stream().sorted().toList()) {
      var identity = identity(path);
      if (identity != null && found.size() < MOST) {
        found.put(new Endpoint.Unix(path), identity);
      }
    }
    return found;
  }

  /** What tells a socket from another of the same name. Null when it is no socket, or gone. */
  static @Nullable Object identity(Path path) {
    try {
      var attributes =
          Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return attributes.isOther()
          ? List.of(attributes.fileKey(), attributes.creationTime(), attributes.lastModifiedTime())
          : null;
    } catch (IOException _) {
      return null;
    }
  }
}
