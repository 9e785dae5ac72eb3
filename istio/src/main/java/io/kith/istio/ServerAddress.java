package io.kith.istio;

import java.util.regex.Pattern;

/** Where sidecars find the authorization server. */
public sealed interface ServerAddress {
  /** A name that Envoy resolves again and again, such as that of a Kubernetes Service. */
  record Named(String host, int port) implements ServerAddress {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?");

    public Named {
      if (!NAME.matcher(host).matches()) {
        throw new IllegalArgumentException(
            "server: '" + host + "' (expected: a host name, such as kith-checks.kith.svc)");
      }
      requirePort(port);
    }
  }

  /** An address of IPv4 or IPv6. */
  record Numeric(String address, int port) implements ServerAddress {
    public Numeric {
      if (!isNumeric(address)) {
        throw new IllegalArgumentException(
            "server: '" + address + "' (expected: an IPv4 or IPv6 address)");
      }
      requirePort(port);
    }
  }

  /** A Unix socket that the sidecar has mounted. */
  record Socket(String path) implements ServerAddress {
    public Socket {
      if (!path.startsWith("/")) {
        throw new IllegalArgumentException("server: '" + path + "' (expected: an absolute path)");
      }
    }
  }

  /**
   * Reads {@code HOST:PORT}, {@code 10.0.0.1:PORT}, {@code [fd00::1]:PORT} or {@code unix:/PATH}.
   */
  static ServerAddress parse(String text) {
    if (text.startsWith("unix:")) {
      return new Socket(text.substring("unix:".length()));
    }
    var colon = text.lastIndexOf(':');
    var host = colon < 0 ? "" : text.substring(0, colon);
    var port = colon < 0 ? -1 : number(text.substring(colon + 1));
    if (port < 0) {
      throw new IllegalArgumentException(
          "server: '" + text + "' (expected: HOST:PORT, [IPV6]:PORT or unix:/PATH)");
    }
    if (host.startsWith("[") && host.endsWith("]")) {
      return new Numeric(host.substring(1, host.length() - 1), port);
    }
    return isNumeric(host) && host.indexOf(':') < 0
        ? new Numeric(host, port)
        : new Named(host, port);
  }

  private static int number(String text) {
    return text.matches("[0-9]{1,5}") ? Integer.parseInt(text) : -1;
  }

  private static boolean isNumeric(String host) {
    return host.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}")
        || (host.indexOf(':') >= 0 && host.matches("[0-9a-fA-F:.]+"));
  }

  private static void requirePort(int port) {
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("server: port " + port + " (expected: 1 to 65535)");
    }
  }
}
