package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.envoyproxy.envoy.service.auth.v3.OkHttpResponse;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.ProcessClass;
import io.kith.server.provenance.MeshKeys;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What an allowed request is told to carry: proof of which process it is from, for the one workload
 * that it goes to. Thread-safe.
 *
 * <p>Whatever the application sent under that name is overwritten, and taken away where there is
 * nothing to prove, or nothing to prove it with: towards hosts outside the mesh, for processes that
 * no bridge witnessed, and by a server that shares no secret with the others. A token is made once
 * for a process class and a destination, and anew long before it ends.
 */
final class ProvenanceHeaders {
  /** The header of requests between proxies. No application sees it. */
  static final String NAME = "x-kith-provenance";

  /** From when a token is not given out any more; what is given out counts twice as long again. */
  static final Duration FRESH = Duration.ofMillis(MeshKeys.LIFETIME.toMillis() / 3);

  /** Less than a kilobyte each. */
  private static final int MOST = 10_000;

  /** Of an answer that lets a request pass without proof. */
  static final byte[] NONE =
      CheckResponse.newBuilder()
          .setOkResponse(OkHttpResponse.newBuilder().addHeadersToRemove(NAME))
          .build()
          .toByteArray();

  private record Way(SpiffeId caller, Owner workload, ProcessClass process, Owner audience) {}

  private static final class Made {
    private final byte[] answer;
    private final long seconds;

    Made(byte[] answer, long seconds) {
      this.answer = answer;
      this.seconds = seconds;
    }

    /** Not if the clock was set back either: its end would be too far away for any receiver. */
    private boolean isFresh(long now) {
      return seconds <= now && now - seconds < FRESH.toSeconds();
    }
  }

  /** What the latest request on a connection was told to carry. */
  static final class Carried {
    private final SpiffeId caller;
    private final Owner workload;
    private final ProcessClass process;
    private final Destination destination;
    private final @Nullable String cluster;
    private final Made made;

    private Carried(
        Flow flow, Owner workload, ProcessClass process, @Nullable String cluster, Made made) {
      this.caller = flow.spiffeId();
      this.workload = workload;
      this.process = process;
      this.destination = flow.resolved().destination();
      this.cluster = cluster;
      this.made = made;
    }

    private boolean isOf(
        Flow flow, Owner workload, ProcessClass process, @Nullable String cluster) {
      return this.destination.equals(flow.resolved().destination())
          && Objects.equals(this.cluster, cluster)
          && this.process.equals(process)
          && this.workload.equals(workload)
          && this.caller.equals(flow.spiffeId());
    }
  }

  private final MeshKeys keys;
  private final WorkloadDirectory directory;
  private final Cache<Way, Made> made = Caffeine.newBuilder().maximumSize(MOST).build();

  ProvenanceHeaders(MeshKeys keys, WorkloadDirectory directory) {
    this.keys = requireNonNull(keys, "keys");
    this.directory = requireNonNull(directory, "directory");
  }

  /** The part of an answer that is about a request's headers, encoded; not to be changed. */
  byte[] of(CheckCall check, Outcome outcome, Instant now) {
    var flow = outcome.flow();
    var subject = outcome.decision().subject();
    if (keys.isNone()
        || !(check.facts instanceof CheckFacts.Connection connection)
        || connection.layer() != CheckFacts.Layer.L7
        || flow == null
        || subject == null
        || subject.fingerprint().path().isEmpty()
        || check.workload == null
        || outcome.failure() != null
        || !(outcome.decision().applied() instanceof Allow)
        || !(flow.attribution() instanceof Attributed)) {
      return NONE;
    }
    var known = check.known;
    var before = known == null ? null : known.carried;
    if (before != null
        && before.made.isFresh(now.getEpochSecond())
        && before.isOf(
            flow, check.workload.owner(), subject.processClass(), connection.cluster())) {
      return before.made.answer;
    }
    var audience = audience(connection, flow);
    var fresh =
        audience == null
            ? new Made(NONE, now.getEpochSecond())
            : token(
                new Way(flow.spiffeId(), check.workload.owner(), subject.processClass(), audience),
                now);
    if (known != null) {
      known.carried =
          new Carried(
              flow, check.workload.owner(), subject.processClass(), connection.cluster(), fresh);
    }
    return fresh.answer;
  }

  /**
   * The workload of the mesh that the request reaches for sure, or null: where the proxy routes by
   * a name, that is whose name it is; else who has the address. Where the two differ it is nobody,
   * and so is who has no identity, which it would take to look at a token.
   */
  private @Nullable Owner audience(CheckFacts.Connection connection, Flow flow) {
    var destination = flow.resolved().destination();
    var dialled = connection.destination().address();
    if (destination.evidence() == Evidence.OWNER
        && !Objects.equals(destination.address(), dialled)) {
      return null;
    }
    var there = destination.evidence() == Evidence.OWNER ? directory.at(dialled) : null;
    var service = DestinationFacts.routedTo(connection.cluster(), dialled, directory);
    var reached = service == null ? there : directory.named(service);
    return reached == null
            || reached.spiffeIds().isEmpty()
            || (there != null && !there.owner().equals(reached.owner()))
        ? null
        : reached.owner();
  }

  private Made token(Way way, Instant now) {
    var seconds = now.getEpochSecond();
    var known = made.getIfPresent(way);
    if (known != null && known.isFresh(seconds)) {
      return known;
    }
    var token = keys.make(way.caller, way.workload, way.process.id(), way.audience, now);
    var fresh = new Made(answer(token), seconds);
    made.put(way, fresh);
    return fresh;
  }

  private static byte[] answer(String token) {
    return CheckResponse.newBuilder()
        .setOkResponse(OkHttpResponse.newBuilder().addHeaders(CheckAnswers.header(NAME, token)))
        .build()
        .toByteArray();
  }
}
