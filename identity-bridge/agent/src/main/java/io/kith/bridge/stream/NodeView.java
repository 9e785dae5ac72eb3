package io.kith.bridge.stream;

import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.capture.Openers;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.process.ProcessKey;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a stream tells about the node, from memory. Thread-safe. */
public interface NodeView {
  /** Which processes opened a socket. Never throws; what is not known is said in the reasons. */
  Answer answer(Question question);

  /**
   * The same where all of it is at hand: for a thread that has more to do. Asks the kernel, and no
   * more; as certain as the other.
   *
   * @return null when something has to be looked at first, or waited for
   */
  default @Nullable Answer atHand(Question question) {
    return null;
  }

  /** The pods there are now. Equal lists mean that nothing changed. */
  List<Pod> pods();

  /**
   * How often the addresses of pods changed, which {@link #pods} shows by then; costs nothing, so
   * that it can be asked at every answer.
   */
  long podChanges();

  Status status();

  /** What guards the pods. */
  default GuardView guard() {
    return GuardView.NONE;
  }

  /**
   * A socket, as a proxy sees its near end.
   *
   * @param source after the kernel's NAT
   * @param destination where the application connected to
   * @param patience how long the server waits; an answer after that is of no use
   */
  record Question(
      Protocol protocol,
      IpAddress source,
      int sourcePort,
      IpAddress destination,
      int destinationPort,
      Duration patience) {}

  /**
   * The answer to a question.
   *
   * @param candidates all of them must be allowed; empty: nothing is known
   * @param reasons words for people
   * @param sourcePort that of the application's own socket
   * @param opener by which the answer is that of every connection of its process; null: of this one
   */
  record Answer(
      List<Candidate> candidates,
      Rung rung,
      List<String> reasons,
      int sourcePort,
      Openers.@Nullable Opener opener) {
    public Answer {
      candidates = List.copyOf(candidates);
      reasons = List.copyOf(reasons);
    }

    public Answer(List<Candidate> candidates, Rung rung, List<String> reasons, int sourcePort) {
      this(candidates, rung, reasons, sourcePort, null);
    }
  }

  /**
   * A table in which a server of this node may read who opened a connection.
   *
   * @param descriptor of the map; closed with this view
   * @param map its number in the kernel
   * @param words how many it has
   * @param seed with which connections are hashed
   */
  record OpenerTable(Descriptor descriptor, int map, int words, long seed) {}

  /** The table of openers; null when there is none, or it cannot be relied on now. */
  default @Nullable OpenerTable openers() {
    return null;
  }

  /** A server read in it who opened these, and asks for none of them. */
  default void unasked(List<Tuple> seen) {}

  /**
   * A process that may have opened the socket.
   *
   * @param fingerprintId content address of the fingerprint
   * @param ids what the identity provider attests
   */
  record Candidate(
      String fingerprintId,
      ProcessFingerprint fingerprint,
      Quality quality,
      ProcessKey process,
      Set<SpiffeId> ids,
      IdentitySource source) {
    public Candidate {
      ids = Set.copyOf(ids);
    }
  }

  /** Who says which SPIFFE IDs a pod or process has. */
  enum IdentitySource {
    NONE,
    DEV_UNATTESTED,
    SPIRE_DELEGATED,
    SPIRE_BROKER
  }

  /**
   * A pod.
   *
   * @param id of its network namespace, as {@code net:[4026532281]}
   * @param started when its first process did, or null when that is not known
   * @param imageDigest of the workload's container, or null when that is not known
   */
  record Pod(
      String id,
      Set<IpAddress> addresses,
      Set<SpiffeId> ids,
      IdentitySource source,
      @Nullable Instant started,
      @Nullable String imageDigest) {
    public Pod {
      addresses = Set.copyOf(addresses);
      ids = Set.copyOf(ids);
    }
  }

  /**
   * The containers of the node.
   *
   * @param described by a runtime that the kernel agrees with
   * @param failures questions that no runtime answered
   * @param contradictions answers that the kernel contradicts
   */
  record Containers(int described, int notDescribed, long failures, long contradictions) {
    public static final Containers NONE = new Containers(0, 0, 0, 0);
  }

  /**
   * What works on the node.
   *
   * @param problems why the rung is not higher, and what else does not work
   * @param containers how they are described
   * @param guard why no pod is guarded, in words; empty when the guard is there
   */
  record Status(
      Rung rung,
      List<String> problems,
      boolean canaryOk,
      long connectsSeen,
      long capacity,
      Containers containers,
      String guard) {
    public Status {
      problems = List.copyOf(problems);
    }
  }
}
