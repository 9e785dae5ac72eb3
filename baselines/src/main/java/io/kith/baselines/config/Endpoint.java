package io.kith.baselines.config;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.yaml.Values;
import java.nio.file.Path;

/** Where something listens or is dialled. */
public sealed interface Endpoint {
  /**
   * A host and port.
   *
   * @param port 0 to 65535; 0 lets the system choose, where something listens
   */
  record Tcp(String host, int port) implements Endpoint {
    public Tcp {
      requireNonNull(host, "host");
      if (port < 0 || port > 65_535) {
        throw new IllegalArgumentException("port: " + port + " (expected: 0 to 65535)");
      }
    }

    @Override
    public String toString() {
      return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
  }

  /** A Unix socket. At most 107 bytes, the kernel's limit. */
  record Unix(Path path) implements Endpoint {
    public Unix {
      if (path.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8).length > 107) {
        throw new IllegalArgumentException(
            "'" + path + "' is too long for a Unix socket (expected: at most 107 bytes)");
      }
    }

    @Override
    public String toString() {
      return "unix:" + path;
    }
  }

  /**
   * A folder of Unix sockets: those of all servers of a node. A server takes a place in it, a
   * bridge dials each. At most 90 bytes, so that there is room for names.
   */
  record Folder(Path path) implements Endpoint {
    public Folder {
      if (path.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8).length > 90) {
        throw new IllegalArgumentException(
            "'" + path + "' is too long for a folder of Unix sockets (expected: at most 90 bytes)");
      }
    }

    @Override
    public String toString() {
      return "unix:" + path + "/";
    }
  }

  /**
   * As {@link #parse}, or {@code unix:/folder/}.
   *
   * @throws IllegalArgumentException for anything else
   */
  static Endpoint parseWithFolder(String text) {
    return text.startsWith("unix:") && text.endsWith("/")
        ? new Folder(Values.path(text.substring("unix:".length())))
        : parse(text);
  }

  /**
   * Reads {@code host:port}, {@code [v6]:port} or {@code unix:/path}.
   *
   * @throws IllegalArgumentException for anything else
   */
  static Endpoint parse(String text) {
    if (text.startsWith("unix:")) {
      if (text.endsWith("/")) {
        throw new IllegalArgumentException(
            "'" + text + "' is a folder (expected: the path of a socket, as unix:/path/to.sock)");
      }
      return new Unix(Values.path(text.substring("unix:".length())));
    }
    var colon = text.lastIndexOf(':');
    if (colon <= 0) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: host:port or unix:/path/to.sock)");
    }
    var host = text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.indexOf(':') >= 0) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: an IPv6 address in brackets, as [fd00::1]:9191)");
    }
    return new Tcp(host, Values.integer(0, 65_535).apply(text.substring(colon + 1)));
  }
}
