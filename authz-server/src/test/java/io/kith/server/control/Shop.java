package io.kith.server.control;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.baselines.process.Script;
import io.kith.server.check.CheckRecord;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A shop with its workloads, programs and destinations, and answers to their connections. */
public final class Shop {
  public static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  public static final SpiffeId CHECKOUT_ID =
      SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout");
  public static final Workload CHECKOUT =
      new Workload(Owner.parse("shop/deployment/checkout"), "prod", Set.of(CHECKOUT_ID));
  public static final Workload CATALOG =
      new Workload(
          Owner.parse("shop/deployment/catalog"),
          "prod",
          Set.of(SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/catalog")));

  /** Only receives. */
  public static final Workload DB =
      new Workload(Owner.parse("shop/statefulset/orders-db"), "prod", Set.of());

  public static final String HASH = "5".repeat(64);
  public static final String SCRIPT_HASH = "6".repeat(64);

  public static final Candidate PAYMENTS = program("/app/payments", HASH, Origin.IMAGE);
  public static final Candidate CURL = program("/usr/bin/curl", HASH, Origin.IMAGE);
  public static final Candidate DROPPED = program("/tmp/payments", HASH, Origin.WRITABLE_LAYER);

  private static final AtomicLong IDS = new AtomicLong();

  private Shop() {}

  /** A clock that stands still until it is set. */
  public static final class SettableClock implements InstantSource {
    private volatile Instant now = NOON;

    @Override
    public Instant instant() {
      return now;
    }

    public void set(Instant now) {
      this.now = now;
    }
  }

  /** What is configured, where only these are. */
  public static StaticWorkloadDirectory directory(Collection<Workload> workloads) {
    var entries = new ArrayList<StaticWorkloadDirectory.Entry>();
    for (var workload : workloads) {
      var ids = new ArrayList<@Nullable SpiffeId>(workload.spiffeIds());
      if (ids.isEmpty()) {
        ids.add(null); // only receives
      }
      for (var id : ids) {
        entries.add(
            new StaticWorkloadDirectory.Entry(
                workload.owner(),
                id,
                workload.environment(),
                List.of(),
                List.of(workload.owner().name() + "." + workload.owner().namespace()),
                workload.onHost()));
      }
    }
    return new StaticWorkloadDirectory(entries);
  }

  public static Candidate program(String path, @Nullable String sha256, Origin origin) {
    return candidate(path, sha256, origin, EntryKind.NATIVE, null, Set.of());
  }

  public static Candidate python(EntryKind kind, Script script) {
    return candidate("/usr/bin/python3", HASH, Origin.IMAGE, kind, script, Set.of());
  }

  public static Candidate candidate(
      String path,
      @Nullable String sha256,
      Origin origin,
      EntryKind kind,
      @Nullable Script script,
      Set<SpiffeId> attested) {
    var fingerprint =
        new ProcessFingerprint(
            path,
            sha256,
            origin,
            1_000,
            kind,
            path.substring(path.lastIndexOf('/') + 1),
            script,
            List.of("/sbin/init"),
            "app",
            null,
            List.of(),
            false);
    return new Candidate(
        "fp:" + path, fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, attested);
  }

  public static Resolved database() {
    return new Resolved(
        new Destination(
            DB.owner().toString(),
            Evidence.OWNER,
            IpAddress.parse("10.88.2.10"),
            5_432,
            Protocol.TCP),
        null);
  }

  public static Resolved elsewhere() {
    return new Resolved(
        new Destination(
            "203.0.113.7", Evidence.ADDRESS, IpAddress.parse("203.0.113.7"), 443, Protocol.TCP),
        null);
  }

  public static Flow flow(Resolved destination, Candidate... processes) {
    return new Flow(
        CHECKOUT_ID, new Attributed(List.of(processes), Rung.KERNEL_EXACT, List.of()), destination);
  }

  public static Flow unattributed() {
    return new Flow(
        CHECKOUT_ID,
        new Attribution.Unattributed(Rung.WORKLOAD_ONLY, List.of("no such socket")),
        database());
  }

  /** The checkout's Check of a flow, answered by the decider. */
  public static CheckRecord answered(Snapshot snapshot, Flow flow, Instant time) {
    return answered(CHECKOUT, snapshot, flow, time, false);
  }

  public static CheckRecord answered(
      Workload workload, Snapshot snapshot, Flow flow, Instant time, boolean repeated) {
    return answered(workload, snapshot, flow, time, "10.88.1.2", repeated);
  }

  public static CheckRecord answered(
      Workload workload, Snapshot snapshot, Flow flow, Instant time, String pod, boolean repeated) {
    return new CheckRecord(
        "d:%016x".formatted(IDS.incrementAndGet()),
        "0af7651916cd43dd8448eb211c80319c",
        time,
        CHECKOUT_ID,
        workload,
        IpAddress.parse(pod),
        flow,
        Decider.decide(snapshot, flow, time),
        repeated);
  }
}
