package io.kith.bridge.stream;

import com.google.protobuf.ByteString;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.guard.DnsMemory;
import io.kith.bridge.guard.GuardPolicy;
import io.kith.bridge.guard.PodGuard;
import io.kith.bridge.guard.Totals;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.DnsAnswer;
import io.kith.bridge.v1.DnsAnswers;
import io.kith.bridge.v1.GuardEvent;
import io.kith.bridge.v1.GuardMode;
import io.kith.bridge.v1.GuardReason;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.GuardedPod;
import io.kith.bridge.v1.ReasonCount;
import io.kith.bridge.v1.Revocation;
import io.kith.bridge.v1.RevocationDone;
import io.kith.bridge.v1.Target;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The guard's words as messages of {@code bridge.proto}. */
final class GuardMessages {
  private static final int MAX_PROBLEMS = 8;

  /** By less than one in so many. */
  private static final int CLOCKS_DIFFER = 1_000;

  private GuardMessages() {}

  /**
   * Reads a policy.
   *
   * @throws IllegalArgumentException when something is missing or wrong; then none of it counts
   */
  static GuardPolicy policy(io.kith.bridge.v1.GuardPolicy policy) {
    return new GuardPolicy(
        mode(policy.getMode()),
        policy.getProxyUid(),
        policy.getProxyGid(),
        policy.getProxyCgroupId(),
        policy.getProxyPortsList(),
        policy.getRedirectsIpv4(),
        policy.getRedirectsIpv6(),
        targets(policy.getResolversList()),
        targets(policy.getExcludedList()),
        targets(policy.getApprovedTcpList()),
        targets(policy.getApprovedUdpList()));
  }

  private static Mode mode(GuardMode mode) {
    return switch (mode) {
      case GUARD_MODE_OBSERVE -> Mode.OBSERVE;
      case GUARD_MODE_SHADOW -> Mode.SHADOW;
      case GUARD_MODE_ENFORCE -> Mode.ENFORCE;
      case GUARD_MODE_UNSPECIFIED, UNRECOGNIZED ->
          throw new IllegalArgumentException(
              "mode: not given (expected: observe, shadow or enforce)");
    };
  }

  private static List<NetworkTarget> targets(List<Target> targets) {
    return targets.stream().map(GuardMessages::target).toList();
  }

  private static NetworkTarget target(Target target) {
    var network = IpAddress.of(target.getNetwork().toByteArray());
    return new NetworkTarget(new Cidr(network, target.getPrefix()), target.getPort());
  }

  /**
   * Reads the connections that lost their permission; one that makes no sense is left out.
   *
   * @param nowNanos when this was said, after boot
   */
  static List<GuardView.Connection> connections(Revocation revocation, long nowNanos) {
    return revocation.getConnectionsList().stream()
        .map(connection -> connection(connection, nowNanos))
        .filter(connection -> connection != null)
        .toList();
  }

  private static GuardView.@Nullable Connection connection(Connection connection, long nowNanos) {
    try {
      return new GuardView.Connection(
          connection.getPodId(),
          IpAddress.of(connection.getSourceAddress().toByteArray()),
          connection.getSourcePort(),
          IpAddress.of(connection.getDestinationAddress().toByteArray()),
          connection.getDestinationPort(),
          seenNanos(connection.getSeenMillisAgo(), nowNanos));
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  /** Rather too late than too early, since the server's clock may go another way than ours. */
  private static long seenNanos(long millisAgo, long nowNanos) {
    var ago = Math.clamp(millisAgo, 0, nowNanos / 1_000_000) * 1_000_000;
    return nowNanos - ago + ago / CLOCKS_DIFFER;
  }

  static BridgeMessage done(Revocation revocation) {
    return BridgeMessage.newBuilder()
        .setRevocationDone(RevocationDone.newBuilder().setId(revocation.getId()))
        .build();
  }

  static BridgeMessage report(
      List<PodGuard> pods,
      List<io.kith.bridge.guard.GuardEvent> events,
      Totals totals,
      long destroyed) {
    var report = GuardReport.newBuilder().setDestroyed(destroyed);
    totals
        .byReason()
        .forEach(
            (reason, count) -> {
              if (reason.isPastSidecar()) {
                report.addTotals(
                    ReasonCount.newBuilder()
                        .setReason(reason(reason))
                        .setSeen(count.seen())
                        .setRefused(count.refused()));
              }
            });
    pods.forEach(pod -> report.addPods(pod(pod)));
    events.stream()
        .filter(event -> event.reason().isPastSidecar())
        .forEach(event -> report.addEvents(event(event)));
    return BridgeMessage.newBuilder().setGuardReport(report).build();
  }

  private static GuardedPod pod(PodGuard pod) {
    return GuardedPod.newBuilder()
        .setPodId(pod.pod())
        .setApplied(pod.applied() == null ? GuardMode.GUARD_MODE_UNSPECIFIED : mode(pod.applied()))
        .setHasPolicy(pod.spoken())
        .addAllProblems(pod.problems().stream().limit(MAX_PROBLEMS).toList())
        .setDestroyed(pod.destroyed())
        .setRawHolders(pod.rawHolders())
        .setRawAble(pod.rawAble())
        .build();
  }

  private static GuardMode mode(Mode mode) {
    return switch (mode) {
      case OBSERVE -> GuardMode.GUARD_MODE_OBSERVE;
      case SHADOW -> GuardMode.GUARD_MODE_SHADOW;
      case ENFORCE -> GuardMode.GUARD_MODE_ENFORCE;
    };
  }

  private static GuardEvent event(io.kith.bridge.guard.GuardEvent event) {
    var message =
        GuardEvent.newBuilder()
            .setPodId(event.pod())
            .setFingerprintId(event.fingerprintId())
            .setReason(reason(event.reason()))
            .setDestinationPort(event.port())
            .setIpProtocol(event.protocol())
            .setSeen(event.seen())
            .setRefused(event.refused());
    if (event.destination() != null) {
      message.setDestinationAddress(ByteString.copyFrom(event.destination().bytes()));
    }
    return message.build();
  }

  private static GuardReason reason(io.kith.bridge.guard.GuardReason reason) {
    return switch (reason) {
      case PROXY_USER -> GuardReason.GUARD_REASON_PROXY_USER;
      case FAMILY -> GuardReason.GUARD_REASON_FAMILY;
      case EXCLUDED -> GuardReason.GUARD_REASON_EXCLUDED;
      case PROXY_PORT -> GuardReason.GUARD_REASON_PROXY_PORT;
      case UDP -> GuardReason.GUARD_REASON_UDP;
      case NOT_REDIRECTED -> GuardReason.GUARD_REASON_NOT_REDIRECTED;
      case OTHER_PROTOCOL -> GuardReason.GUARD_REASON_OTHER_PROTOCOL;
      case RESOLVER -> GuardReason.GUARD_REASON_UNSPECIFIED;
    };
  }

  static BridgeMessage names(List<DnsMemory.Fact> facts) {
    var answers = DnsAnswers.newBuilder();
    for (var fact : facts) {
      var message =
          DnsAnswer.newBuilder()
              .setPodId(fact.pod())
              .setName(fact.name())
              .setTtlSeconds(seconds(fact.ttlSeconds()));
      fact.leftSeconds()
          .forEach(
              (address, left) ->
                  message
                      .addAddresses(ByteString.copyFrom(address.bytes()))
                      .addLeftSeconds(seconds(left)));
      answers.addAnswers(message);
    }
    return BridgeMessage.newBuilder().setDnsAnswers(answers).build();
  }

  private static int seconds(long seconds) {
    return (int) Math.min(seconds, Integer.MAX_VALUE);
  }
}
