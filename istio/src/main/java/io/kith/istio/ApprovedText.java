package io.kith.istio;

import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.ApprovedBlock;
import io.kith.istio.FailureMode.ApprovedHost;
import java.net.InetAddress;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Destinations of a floor as operators write them. */
final class ApprovedText {
  private static final Pattern WHOLE =
      Pattern.compile(
          "(?:\\[(?<v6>[0-9a-fA-F:.]+)(?<v6bits>/[0-9]{1,3})?]|(?<v4>[0-9]{1,3}(?:\\.[0-9]{1,3}){3})(?<v4bits>/[0-9]{1,2})?|(?<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)):(?<port>[0-9]{1,5})");

  private ApprovedText() {}

  static Approved parse(String text) {
    var parts = WHOLE.matcher(text);
    if (!parts.matches()) {
      throw refused(text);
    }
    var port = Integer.parseInt(parts.group("port"));
    var host = parts.group("host");
    if (host != null) {
      if (host.matches("[0-9.]+")) {
        throw refused(text);
      }
      return new ApprovedHost(host, port);
    }
    return parts.group("v4") != null
        ? block(text, parts, "v4", 32, port)
        : block(text, parts, "v6", 128, port);
  }

  private static ApprovedBlock block(
      String text, Matcher parts, String family, int longest, int port) {
    var address = parts.group(family);
    var bits = parts.group(family + "bits");
    var length = bits == null ? longest : Integer.parseInt(bits.substring(1));
    try {
      InetAddress.ofLiteral(address);
    } catch (IllegalArgumentException _) {
      throw refused(text);
    }
    if (length > longest) {
      throw refused(text);
    }
    return new ApprovedBlock(address, length, port);
  }

  private static IllegalArgumentException refused(String text) {
    return new IllegalArgumentException(
        "approved: '" + text + "' (expected: HOST:PORT, 10.7.0.0/16:PORT or [fd00::/64]:PORT)");
  }

  static void requirePort(int port) {
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("approved: port " + port + " (expected: 1 to 65535)");
    }
  }
}
