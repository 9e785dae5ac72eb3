package io.kith.baselines.learning;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Observations and their parts, for the tests of this package. */
final class Sights {
  static final Instant START = Instant.parse("2026-03-02T10:00:00Z");
  static final Owner SHOP = Owner.parse("shop/deployment/checkout");

  /** Two labels are registered, and below {@code zone.example} everybody registers. */
  static final PublicSuffixes SUFFIXES =
      host -> {
        var labels = host.split("\\.", -1);
        var own = host.endsWith(".zone.example") ? 3 : 2;
        return labels.length < own || host.equals("zone.example")
            ? null
            : String.join(".", List.of(labels).subList(labels.length - own, labels.length));
      };

  private Sights() {}

  static Instant after(String duration) {
    return START.plus(Duration.parse("PT" + duration));
  }

  static Learner learner(LearningSettings settings, Vouchers vouchers) {
    return new Learner(SHOP, Origin.IMAGE, settings, SUFFIXES, vouchers, Siblings.UNKNOWN);
  }

  static Instance pod(String replica, Instant start, @Nullable String digest) {
    return new Instance(replica, start, null, digest, false);
  }

  static Destination service(String name) {
    return new Destination(
        name, Evidence.MESH_SERVICE, IpAddress.parse("10.43.0.7"), 80, Protocol.TCP);
  }

  static Destination external(String name) {
    return new Destination(
        name, Evidence.CLIENT_NAME, IpAddress.parse("198.51.100.9"), 443, Protocol.TCP);
  }

  static Destination address(String address, int port) {
    return new Destination(address, Evidence.ADDRESS, IpAddress.parse(address), port, Protocol.TCP);
  }

  static Candidate program(String path, @Nullable String digest, String... ancestors) {
    var fingerprint =
        new ProcessFingerprint(
            path,
            null,
            Origin.IMAGE,
            1_000,
            EntryKind.NATIVE,
            path.substring(path.lastIndexOf('/') + 1),
            null,
            List.of(ancestors),
            null,
            digest,
            List.of(),
            false);
    return new Candidate(
        "fp:1", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
  }

  static Observation seen(Candidate process, Destination destination, String pod, Instant time) {
    return new Observation(process, destination, pod, time, START);
  }
}
