package io.kith.server.check;

import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.server.check.CheckFacts.Connection;
import io.kith.server.check.CheckFacts.Layer;
import io.kith.server.check.CheckFacts.Malformed;
import java.util.Locale;
import java.util.regex.Pattern;
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
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]+");
  private static final Pattern ADDRESS_CHARACTERS = Pattern.compile("[0-9A-Fa-f:.]+");
  private static final Pattern CONNECTION = Pattern.compile("[0-9]{0,20}");
  private static final Pattern PORT = Pattern.compile("[0-9]{1,5}");

  private final AttributeContext attributes;
  private final CheckMetadata metadata;

  private CheckReader(CheckRequest request, CheckMetadata metadata) {
    this.attributes = request.getAttributes();
    this.metadata = metadata;
  }

  static CheckFacts read(CheckRequest request, CheckMetadata metadata) {
    try {
      return LenientRequests.isUnreadable(request)
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

  private Connection read() {
    direction();
    var source = attributes.getSource();
    var destination = attributes.getDestination();
    var internal = isInternal(source.getAddress());
    if (internal != isInternal(destination.getAddress())) {
      throw new Refusal(
          "one of source and destination is an internal address of Envoy (expected: both in the"
              + " gate, else none)");
    }
    return internal ? gate() : direct(source, destination);
  }

  private void direction() {
    switch (metadata.direction()) {
      case "outbound" -> {
        if (!attributes.getSource().getPrincipal().isEmpty()) {
          throw new Refusal(
              CheckMetadata.DIRECTION
                  + ": outbound, and the source has the certificate of "
                  + Untrusted.quoted(attributes.getSource().getPrincipal())
                  + " (expected: none, an application speaks plainly to its own proxy)");
        }
      }
      case "inbound" -> throw new Refusal("inbound checks are not supported yet");
      case "" ->
          throw new Refusal(
              CheckMetadata.DIRECTION
                  + ": missing (expected: outbound, in the initial metadata of the Check)");
      default ->
          throw new Refusal(
              CheckMetadata.DIRECTION
                  + ": "
                  + Untrusted.quoted(metadata.direction())
                  + " (expected: outbound)");
    }
  }

  private Connection direct(AttributeContext.Peer source, AttributeContext.Peer destination) {
    var near = end("source", source.getAddress());
    var far = end("destination", destination.getAddress());
    var http = attributes.hasRequest() && attributes.getRequest().hasHttp();
    return connection(
        http ? Layer.L7 : Layer.L4,
        protocol(destination.getAddress().getSocketAddress()),
        near,
        far,
        http ? authority(attributes.getRequest().getHttp().getHost()) : null);
  }

  private Connection gate() {
    if (!attributes.hasRequest() || !attributes.getRequest().hasHttp()) {
      throw new Refusal("source: an internal address of Envoy (expected: an address and a port)");
    }
    var http = attributes.getRequest().getHttp();
    if (!http.getMethod().equals("CONNECT")) {
      throw new Refusal(
          "method: "
              + Untrusted.quoted(http.getMethod())
              + " from an internal address of Envoy (expected: CONNECT, as the gate sends)");
    }
    return connection(
        Layer.GATE,
        Protocol.TCP,
        gateEnd(GATE_SOURCE, http.getHeadersOrDefault(GATE_SOURCE, "")),
        gateEnd(GATE_DESTINATION, http.getHeadersOrDefault(GATE_DESTINATION, "")),
        null);
  }

  private Connection connection(
      Layer layer,
      Protocol protocol,
      SocketEnd source,
      SocketEnd destination,
      @Nullable String authority) {
    if (!CONNECTION.matcher(metadata.connection()).matches()) {
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
        node,
        metadata.connection());
  }

  private @Nullable String sni(Layer layer) {
    var sni = attributes.getTlsSession().getSni();
    if (sni.isEmpty() && layer == Layer.L4) {
      // What Envoy calls the service is the SNI here, also where TLS sessions are not included.
      sni = attributes.getDestination().getService();
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
    if (colon >= 0 && !PORT.matcher(text.substring(colon + 1)).matches()) {
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

  private static String name(String field, String text) {
    if (text.length() > MAX_NAME) {
      throw tooLong(field, text, MAX_NAME);
    }
    if (!NAME.matcher(text).matches()) {
      throw new Refusal(
          field + ": " + Untrusted.quoted(text) + " (expected: letters, digits, '.', '_', '-')");
    }
    return text.toLowerCase(Locale.ROOT);
  }

  private static boolean isInternal(Address address) {
    return address.hasEnvoyInternalAddress();
  }

  private static SocketEnd end(String field, Address address) {
    return switch (address.getAddressCase()) {
      case SOCKET_ADDRESS -> end(field, address.getSocketAddress());
      case PIPE -> throw new Refusal(field + ": a pipe (expected: an address and a port)");
      case ENVOY_INTERNAL_ADDRESS ->
          throw new Refusal(
              field + ": an internal address of Envoy (expected: an address and a port)");
      case ADDRESS_NOT_SET ->
          throw new Refusal(field + ": missing (expected: an address and a port)");
    };
  }

  private static SocketEnd end(String field, SocketAddress socket) {
    return switch (socket.getPortSpecifierCase()) {
      case PORT_VALUE ->
          new SocketEnd(address(field, socket.getAddress()), port(field, socket.getPortValue()));
      case NAMED_PORT ->
          throw new Refusal(
              field
                  + ": port "
                  + Untrusted.quoted(socket.getNamedPort())
                  + " is a name (expected: 1 to 65535)");
      case PORTSPECIFIER_NOT_SET -> throw new Refusal(field + ": no port (expected: 1 to 65535)");
    };
  }

  private static SocketEnd gateEnd(String header, String text) {
    var colon = text.lastIndexOf(':');
    var host = colon < 0 ? "" : text.substring(0, colon);
    var port = text.substring(colon + 1);
    var bracketed = host.startsWith("[") && host.endsWith("]");
    if (!PORT.matcher(port).matches() || bracketed != host.indexOf(':') >= 0 || host.isEmpty()) {
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
    if (text.length() <= MAX_ADDRESS && ADDRESS_CHARACTERS.matcher(text).matches()) {
      try {
        return IpAddress.parse(text);
      } catch (IllegalArgumentException _) {
        // told below, with the text made plain
      }
    }
    throw new Refusal(
        field + ": " + Untrusted.quoted(text) + " (expected: an IPv4 or IPv6 address)");
  }

  private static int port(String field, int port) {
    if (port < 1 || port > 65_535) {
      throw new Refusal(
          field + ": port " + Integer.toUnsignedString(port) + " (expected: 1 to 65535)");
    }
    return port;
  }

  private static Protocol protocol(SocketAddress destination) {
    return switch (destination.getProtocol()) {
      case TCP -> Protocol.TCP;
      case UDP -> Protocol.UDP;
      case UNRECOGNIZED ->
          throw new Refusal(
              "destination: protocol "
                  + destination.getProtocolValue()
                  + " (expected: TCP or UDP)");
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
