package io.kith.server.check;

import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.check.CheckFacts.Connection;
import io.kith.server.check.CheckFacts.Layer;
import io.kith.server.check.CheckFacts.Malformed;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Reads the fields of a Check that Kith needs, and no other: headers may be a megabyte. */
final class CheckReader {
  /*
   * In the CONNECT gate Envoy names both ends by an internal address. The real ones are in two
   * headers of the CONNECT request, which the recipe's tcp_proxy sets, and overwrites. Any other
   * request may carry headers of those names from the application: there they are not looked at.
   */
  static final String GATE_SOURCE = "x-kith-src";
  static final String GATE_DESTINATION = "x-kith-dst";

  private static final int MAX_NAME = 253;
  private static final int MAX_CLUSTER = 512;
  private static final int MAX_ADDRESS = 45;
  private static final int MAX_CONNECTION = 20;
  private static final int MAX_PORT = 5;

  private final CheckMessage request;
  private final CheckMetadata metadata;

  private CheckReader(CheckMessage request, CheckMetadata metadata) {
    this.request = request;
    this.metadata = metadata;
  }

  private static final String INBOUND = "inbound";

  static CheckFacts read(CheckMessage request, CheckMetadata metadata) {
    try {
      return request.isUnreadable()
          ? new Malformed("the message is no CheckRequest")
          : new CheckReader(request, metadata).read();
    } catch (Refusal refusal) {
      return new Malformed(refusal.detail);
    }
  }

  /** Why a field is refused; caught in {@link #read} alone. */
  private static final class Refusal extends RuntimeException {
    private final String detail;

    Refusal(String detail) {
      super(detail, null, false, false);
      this.detail = detail;
    }
  }

  private CheckFacts read() {
    if (metadata.direction().equals(INBOUND)) {
      return inbound();
    }
    direction();
    var internal = isInternal(request.source);
    if (internal != isInternal(request.destination)) {
      throw new Refusal(
          "one of source and destination is an internal address of Envoy (expected: both in the"
              + " gate, else none)");
    }
    return internal ? gate() : direct(request.source, request.destination);
  }

  private void direction() {
    switch (metadata.direction()) {
      case "outbound" -> {
        if (!request.source.principal.isEmpty()) {
          throw new Refusal(
              CheckMetadata.DIRECTION
                  + ": outbound, and the source has the certificate of "
                  + Untrusted.quoted(request.source.principal)
                  + " (expected: none, an application speaks plainly to its own proxy)");
        }
      }
      case "" ->
          throw new Refusal(
              CheckMetadata.DIRECTION
                  + ": missing (expected: outbound or inbound, in the initial metadata of the"
                  + " Check)");
      default ->
          throw new Refusal(
              CheckMetadata.DIRECTION
                  + ": "
                  + Untrusted.quoted(metadata.direction())
                  + " (expected: outbound or inbound)");
    }
  }

  /**
   * What a workload gets: its own end is the destination, the caller's identity is the source's. A
   * connection that is no request can carry no token, and names no method and path.
   */
  private CheckFacts.Request inbound() {
    return new CheckFacts.Request(
        end("source", request.source),
        end("destination", request.destination),
        caller(),
        request.provenance,
        request.method,
        request.path());
  }

  private @Nullable SpiffeId caller() {
    var principal = request.source.principal;
    if (principal.isEmpty()) {
      return null;
    }
    try {
      return SpiffeId.parse(principal);
    } catch (IllegalArgumentException _) {
      throw new Refusal(
          "source: the certificate of "
              + Untrusted.quoted(principal)
              + " (expected: of a SPIFFE ID)");
    }
  }

  private Connection direct(CheckMessage.End source, CheckMessage.End destination) {
    var near = end("source", source);
    var far = end("destination", destination);
    return connection(
        request.hasHttp ? Layer.L7 : Layer.L4,
        protocol(destination),
        near,
        far,
        request.hasHttp ? authority(request.host) : null,
        request.hasHttp ? authorityPort(request.host) : 0);
  }

  private Connection gate() {
    if (!request.hasHttp) {
      throw new Refusal("source: an internal address of Envoy (expected: an address and a port)");
    }
    if (!request.method.equals("CONNECT")) {
      throw new Refusal(
          "method: "
              + Untrusted.quoted(request.method)
              + " from an internal address of Envoy (expected: CONNECT, as the gate sends)");
    }
    return connection(
        Layer.GATE,
        Protocol.TCP,
        gateEnd(GATE_SOURCE, request.gateSource),
        gateEnd(GATE_DESTINATION, request.gateDestination),
        null,
        0);
  }

  private Connection connection(
      Layer layer,
      Protocol protocol,
      SocketEnd source,
      SocketEnd destination,
      @Nullable String authority,
      int authorityPort) {
    if (!metadata.connection().isEmpty() && !isNumber(metadata.connection(), MAX_CONNECTION)) {
      throw new Refusal(
          CheckMetadata.CONNECTION
              + ": "
              + Untrusted.quoted(metadata.connection())
              + " (expected: a number)");
    }
    var cluster = metadata.cluster();
    if (cluster.length() > MAX_CLUSTER) {
      throw tooLong(CheckMetadata.CLUSTER, cluster, MAX_CLUSTER);
    }
    var node = metadata.node();
    if (!node.isEmpty()) {
      name(CheckMetadata.NODE, node);
    }
    return new Connection(
        layer,
        protocol,
        source,
        destination,
        cluster.isEmpty() ? null : cluster,
        sni(layer),
        authority,
        authorityPort,
        node,
        metadata.connection());
  }

  private @Nullable String sni(Layer layer) {
    var sni = request.sni;
    if (sni.isEmpty() && layer == Layer.L4) {
      // What Envoy calls the service is the SNI here, also where TLS sessions are not included.
      sni = request.destination.service;
    }
    return sni.isEmpty() ? null : name("SNI", sni);
  }

  /** The host without its port; IPv6 stays in brackets. */
  private static @Nullable String authority(String text) {
    if (text.isEmpty()) {
      return null;
    }
    if (text.length() > MAX_NAME + 6) {
      throw tooLong("authority", text, MAX_NAME);
    }
    var bracket = text.startsWith("[") ? text.indexOf(']') : -1;
    var colon = text.indexOf(':', bracket < 0 ? 0 : bracket);
    var host = colon < 0 ? text : text.substring(0, colon);
    if (colon >= 0 && !isNumber(text.substring(colon + 1), MAX_PORT)) {
      throw new Refusal(
          "authority: " + Untrusted.quoted(text) + " (expected: a host, or host:port)");
    }
    if (bracket < 0) {
      return name("authority", host);
    }
    if (bracket != host.length() - 1) {
      throw new Refusal(
          "authority: " + Untrusted.quoted(text) + " (expected: a host, or host:port)");
    }
    return "[" + address("authority", host.substring(1, bracket)) + "]";
  }

  /** The port of a host that {@link #authority} has read. */
  private static int authorityPort(String text) {
    var colon = text.indexOf(':', text.startsWith("[") ? text.indexOf(']') : 0);
    return colon < 0 ? 0 : Integer.parseInt(text, colon + 1, text.length(), 10);
  }

  private static String name(String field, String text) {
    if (text.length() > MAX_NAME) {
      throw tooLong(field, text, MAX_NAME);
    }
    if (!isName(text)) {
      throw new Refusal(
          field + ": " + Untrusted.quoted(text) + " (expected: letters, digits, '.', '_', '-')");
    }
    return text.toLowerCase(Locale.ROOT);
  }

  private static boolean isName(String text) {
    for (var i = 0; i < text.length(); i++) {
      var character = text.charAt(i);
      if (!isDigit(character)
          && !(character >= 'a' && character <= 'z')
          && !(character >= 'A' && character <= 'Z')
          && character != '.'
          && character != '_'
          && character != '-') {
        return false;
      }
    }
    return !text.isEmpty();
  }

  private static boolean isAddress(String text) {
    for (var i = 0; i < text.length(); i++) {
      var character = text.charAt(i);
      if (!isDigit(character)
          && !(character >= 'a' && character <= 'f')
          && !(character >= 'A' && character <= 'F')
          && character != '.'
          && character != ':') {
        return false;
      }
    }
    return !text.isEmpty();
  }

  private static boolean isNumber(String text, int most) {
    for (var i = 0; i < text.length(); i++) {
      if (!isDigit(text.charAt(i))) {
        return false;
      }
    }
    return !text.isEmpty() && text.length() <= most;
  }

  private static boolean isDigit(char character) {
    return character >= '0' && character <= '9';
  }

  private static boolean isInternal(CheckMessage.End end) {
    return end.addressCase == CheckMessage.AddressCase.ENVOY_INTERNAL_ADDRESS;
  }

  private static SocketEnd end(String field, CheckMessage.End end) {
    return switch (end.addressCase) {
      case SOCKET_ADDRESS -> socket(field, end);
      case PIPE -> throw new Refusal(field + ": a pipe (expected: an address and a port)");
      case ENVOY_INTERNAL_ADDRESS ->
          throw new Refusal(
              field + ": an internal address of Envoy (expected: an address and a port)");
      case NOT_SET -> throw new Refusal(field + ": missing (expected: an address and a port)");
    };
  }

  private static SocketEnd socket(String field, CheckMessage.End end) {
    return switch (end.portCase) {
      case NUMBER -> new SocketEnd(address(field, end.address), port(field, end.port));
      case NAME ->
          throw new Refusal(
              field
                  + ": port "
                  + Untrusted.quoted(end.namedPort)
                  + " is a name (expected: 1 to 65535)");
      case NOT_SET -> throw new Refusal(field + ": no port (expected: 1 to 65535)");
    };
  }

  private static SocketEnd gateEnd(String header, String text) {
    var colon = text.lastIndexOf(':');
    var host = colon < 0 ? "" : text.substring(0, colon);
    var port = text.substring(colon + 1);
    var bracketed = host.startsWith("[") && host.endsWith("]");
    if (!isNumber(port, MAX_PORT) || bracketed != host.indexOf(':') >= 0 || host.isEmpty()) {
      throw new Refusal(
          header
              + (text.isEmpty() ? ": missing" : ": " + Untrusted.quoted(text))
              + " (expected: 10.0.0.1:1234 or [fd00::1]:1234, set by the gate)");
    }
    return new SocketEnd(
        address(header, bracketed ? host.substring(1, host.length() - 1) : host),
        port(header, Integer.parseInt(port)));
  }

  private static IpAddress address(String field, String text) {
    var plain = ipv4(text);
    if (plain != null) {
      return plain;
    }
    if (text.length() <= MAX_ADDRESS && isAddress(text)) {
      try {
        return IpAddress.parse(text);
      } catch (IllegalArgumentException _) {
        // told below, with the text made plain
      }
    }
    throw new Refusal(
        field + ": " + Untrusted.quoted(text) + " (expected: an IPv4 or IPv6 address)");
  }

  /** What is an IPv4 address as it is mostly written; null for all that needs a closer look. */
  private static @Nullable IpAddress ipv4(String text) {
    var bits = 0;
    var at = 0;
    for (var part = 0; part < 4; part++) {
      if (part > 0 && (at >= text.length() || text.charAt(at++) != '.')) {
        return null;
      }
      var start = at;
      var value = 0;
      while (at < text.length() && at - start < 3 && isDigit(text.charAt(at))) {
        value = 10 * value + text.charAt(at++) - '0';
      }
      if (at == start || value > 255 || (at - start > 1 && text.charAt(start) == '0')) {
        return null;
      }
      bits = (bits << 8) | value;
    }
    return at == text.length() ? IpAddress.ofIpv4(bits) : null;
  }

  private static int port(String field, int port) {
    if (port < 1 || port > 65_535) {
      throw new Refusal(
          field + ": port " + Integer.toUnsignedString(port) + " (expected: 1 to 65535)");
    }
    return port;
  }

  private static Protocol protocol(CheckMessage.End destination) {
    return switch (destination.protocol) {
      case 0 -> Protocol.TCP;
      case 1 -> Protocol.UDP;
      default ->
          throw new Refusal(
              "destination: protocol " + destination.protocol + " (expected: TCP or UDP)");
    };
  }

  private static Refusal tooLong(String field, String text, int limit) {
    return new Refusal(
        field
            + " of "
            + text.length()
            + " characters, "
            + Untrusted.quoted(text)
            + " (expected: at most "
            + limit
            + ")");
  }
}
