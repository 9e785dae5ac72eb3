package io.kith.baselines.decision;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.baselines.process.Script;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Processes, destinations and flows, for the tests of this package. */
final class Flows {
  static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  static final SpiffeId ID = SpiffeId.parse("spiffe://prod.example/ns/shop/sa/checkout");
  static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  static final String HASH = "a".repeat(64);
  static final String OTHER_HASH = "b".repeat(64);
  static final Destination DB = service("db.shop.svc.cluster.local", 5432);
  static final Destination CACHE = service("cache.shop.svc.cluster.local", 6379);

  private Flows() {}

  static Destination service(String name, int port) {
    return to(name, Evidence.MESH_SERVICE, "10.43.0.1", port);
  }

  static Destination external(String name) {
    return to(name, Evidence.CLIENT_NAME, "198.51.100.9", 443);
  }

  static Destination to(String name, Evidence evidence, String address, int port) {
    return new Destination(name, evidence, IpAddress.parse(address), port, Protocol.TCP);
  }

  /** A program of the image, of image digest {@code sha256:1}, started by init. */
  static Candidate program(String path) {
    return program(path, Origin.IMAGE, "sha256:1", null);
  }

  static Candidate program(
      String path, Origin origin, @Nullable String digest, @Nullable Script script) {
    return candidate(
        new ProcessFingerprint(
            path,
            HASH,
            origin,
            1_000,
            script == null ? EntryKind.NATIVE : EntryKind.SCRIPT,
            path.substring(path.lastIndexOf('/') + 1),
            script,
            List.of("/sbin/init"),
            "checkout",
            digest,
            List.of(),
            false));
  }

  static Candidate candidate(ProcessFingerprint fingerprint) {
    return new Candidate(
        "fp:" + fingerprint.path(),
        fingerprint,
        ProcessClass.of(fingerprint),
        Quality.EXACT,
        Set.of(ID));
  }

  static Edge learned(Candidate process, Destination destination) {
    return Edge.learned(process.processClass(), Exact.of(destination));
  }

  static Edge byHand(
      Candidate process,
      Destination destination,
      @Nullable String sha256,
      @Nullable String scriptSha256,
      @Nullable Instant until) {
    return Edge.byHand(
        process.processClass(),
        Exact.of(destination),
        sha256,
        scriptSha256,
        new Provenance.ByHand("ann", "incident 7", until));
  }

  static Attribution by(Candidate... candidates) {
    return new Attribution.Attributed(List.of(candidates), Rung.KERNEL_EXACT, List.of());
  }

  static Flow flow(Candidate process, Destination destination) {
    return flow(by(process), destination);
  }

  static Flow flow(Attribution attribution, Destination destination) {
    return new Flow(ID, attribution, new Resolved(destination, null));
  }

  static Snapshot.Rules rules(Edge... edges) {
    return Snapshot.Rules.of(Baseline.of(CHECKOUT, null, List.of(edges)), List.of());
  }

  static Snapshot enforcing(List<Edge> byHand, Edge... edges) {
    return new Snapshot(
        Mode.ENFORCE,
        false,
        Snapshot.Rules.of(Baseline.of(CHECKOUT, null, List.of(edges)), byHand),
        null);
  }

  static Snapshot enforcing(Edge... edges) {
    return enforcing(List.of(), edges);
  }

  static Verdict verdict(Snapshot snapshot, Candidate process, Destination destination) {
    return Decider.decide(snapshot, flow(process, destination), NOON).applied();
  }
}
