package io.kith.server.check;

import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.EnvoyInternalAddress;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.grpc.Metadata;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import java.time.Instant;
import java.util.List;
import java.util.Set;

/** A workload that talks to its database, and what Checks about it look like. */
public final class Samples {
  public static final SpiffeId CHECKOUT =
      SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout");
  public static final SpiffeId STRANGER =
      SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/stranger");
  public static final Owner OWNER = Owner.parse("shop/deployment/checkout");
  public static final String POD = "10.88.1.2";
  public static final String DATABASE = "10.88.2.10";
  public static final Candidate APP = candidate("/usr/bin/checkout");
  public static final Candidate CURL = candidate("/usr/bin/curl");
  public static final Edge EDGE =
      Edge.learned(
          APP.processClass(),
          new DestinationPattern.Exact(
              "shop/statefulset/orders-db", Evidence.OWNER, 5432, Protocol.TCP));

  private Samples() {}

  public static StaticWorkloadDirectory directory() {
    return new StaticWorkloadDirectory(
        List.of(
            new StaticWorkloadDirectory.Entry(
                OWNER, CHECKOUT, "prod", List.of(IpAddress.parse(POD)), List.of()),
            new StaticWorkloadDirectory.Entry(
                Owner.parse("shop/statefulset/orders-db"),
                null,
                "prod",
                List.of(IpAddress.parse(DATABASE)),
                List.of())));
  }

  public static Peer peer(SpiffeId id, String address) {
    return Peer.proved(id, Instant.MIN, Instant.MAX, IpAddress.parse(address));
  }

  public static Candidate candidate(String path) {
    var fingerprint =
        new ProcessFingerprint(
            path,
            null,
            Origin.IMAGE,
            1000,
            EntryKind.NATIVE,
            path.substring(path.lastIndexOf('/') + 1),
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    return new Candidate(
        "fp:" + path, fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
  }

  public static Attribution attributed(Candidate... candidates) {
    return new Attribution.Attributed(List.of(candidates), Rung.KERNEL_EXACT, List.of());
  }

  public static Snapshot snapshot(Mode mode) {
    return snapshot(mode, false);
  }

  public static Snapshot snapshot(Mode mode, boolean unattributedAllowed) {
    var rules = Snapshot.Rules.of(Baseline.of(OWNER, null, List.of(EDGE)), List.of());
    return switch (mode) {
      case OBSERVE -> new Snapshot(mode, unattributedAllowed, null, null);
      case SHADOW -> new Snapshot(mode, unattributedAllowed, null, rules);
      case ENFORCE -> new Snapshot(mode, unattributedAllowed, rules, null);
    };
  }

  public static CheckMetadata metadata() {
    return new CheckMetadata("outbound", "node-1", "", "7", null);
  }

  public static Metadata headers(String... namesAndValues) {
    var headers = new Metadata();
    for (var i = 0; i < namesAndValues.length; i += 2) {
      headers.put(
          Metadata.Key.of(namesAndValues[i], Metadata.ASCII_STRING_MARSHALLER),
          namesAndValues[i + 1]);
    }
    return headers;
  }

  public static Address address(String ip, int port) {
    return Address.newBuilder()
        .setSocketAddress(SocketAddress.newBuilder().setAddress(ip).setPortValue(port))
        .build();
  }

  public static Address internal(String listener) {
    return Address.newBuilder()
        .setEnvoyInternalAddress(EnvoyInternalAddress.newBuilder().setServerListenerName(listener))
        .build();
  }

  public static CheckRequest l4(Address source, Address destination) {
    return CheckRequest.newBuilder()
        .setAttributes(
            AttributeContext.newBuilder()
                .setSource(AttributeContext.Peer.newBuilder().setAddress(source))
                .setDestination(AttributeContext.Peer.newBuilder().setAddress(destination)))
        .build();
  }

  /** The application's pod to its database. */
  public static CheckRequest l4() {
    return l4(1234);
  }

  public static CheckRequest l4(int sourcePort) {
    return l4(address(POD, sourcePort), address(DATABASE, 5432));
  }

  public static CheckRequest l7(String host) {
    var request = l4().toBuilder();
    request
        .getAttributesBuilder()
        .getRequestBuilder()
        .getHttpBuilder()
        .setMethod("GET")
        .setHost(host)
        .setPath("/orders?secret=1");
    return request.build();
  }

  public static CheckRequest gate(String source, String destination) {
    var request = l4(internal("kith_gate"), internal("kith_gate")).toBuilder();
    var http =
        request
            .getAttributesBuilder()
            .getRequestBuilder()
            .getHttpBuilder()
            .setMethod("CONNECT")
            .setHost("10.88.2.10:5432");
    if (!source.isEmpty()) {
      http.putHeaders("x-kith-src", source);
    }
    if (!destination.isEmpty()) {
      http.putHeaders("x-kith-dst", destination);
    }
    return request.build();
  }
}
