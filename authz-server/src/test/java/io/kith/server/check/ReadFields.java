package io.kith.server.check;

import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;

/** The fields of a request that count, whoever read them. */
record ReadFields(End source, End destination, Http http, String sni) {
  record End(
      String kind,
      int protocol,
      String address,
      String portKind,
      int port,
      String name,
      String service,
      String principal) {}

  record Http(
      boolean there,
      String method,
      String host,
      String path,
      String gateSource,
      String gateDestination,
      String provenance) {}

  static ReadFields byHand(CheckMessage message) {
    return new ReadFields(
        end(message.source),
        end(message.destination),
        new Http(
            message.hasHttp,
            message.method,
            message.host,
            message.path(),
            message.gateSource,
            message.gateDestination,
            message.provenance),
        message.sni);
  }

  private static End end(CheckMessage.End end) {
    var socket = end.addressCase == CheckMessage.AddressCase.SOCKET_ADDRESS;
    return new End(
        end.addressCase.toString(),
        socket ? end.protocol : 0,
        socket ? end.address : "",
        socket ? end.portCase.toString() : "NOT_SET",
        socket && end.portCase == CheckMessage.PortCase.NUMBER ? end.port : 0,
        socket && end.portCase == CheckMessage.PortCase.NAME ? end.namedPort : "",
        end.service,
        end.principal);
  }

  static ReadFields generated(CheckRequest request) {
    var attributes = request.getAttributes();
    var http = attributes.getRequest().getHttp();
    return new ReadFields(
        end(attributes.getSource()),
        end(attributes.getDestination()),
        new Http(
            attributes.hasRequest() && attributes.getRequest().hasHttp(),
            http.getMethod(),
            http.getHost(),
            http.getPath().replaceFirst("(?s)\\?.*", ""),
            http.getHeadersOrDefault("x-kith-src", ""),
            http.getHeadersOrDefault("x-kith-dst", ""),
            http.getHeadersOrDefault("x-kith-provenance", "")),
        attributes.getTlsSession().getSni());
  }

  private static End end(AttributeContext.Peer peer) {
    var address = peer.getAddress();
    var socket = address.getSocketAddress();
    return new End(
        switch (address.getAddressCase()) {
          case SOCKET_ADDRESS -> "SOCKET_ADDRESS";
          case PIPE -> "PIPE";
          case ENVOY_INTERNAL_ADDRESS -> "ENVOY_INTERNAL_ADDRESS";
          case ADDRESS_NOT_SET -> "NOT_SET";
        },
        socket.getProtocolValue(),
        socket.getAddress(),
        switch (socket.getPortSpecifierCase()) {
          case PORT_VALUE -> "NUMBER";
          case NAMED_PORT -> "NAME";
          case PORTSPECIFIER_NOT_SET -> "NOT_SET";
        },
        socket.getPortValue(),
        socket.getNamedPort(),
        peer.getService(),
        peer.getPrincipal());
  }
}
