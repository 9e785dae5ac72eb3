package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.bridge.v1.GuardMode;
import io.kith.bridge.v1.GuardPolicy;
import io.kith.bridge.v1.Target;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.Policy;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * Tells the bridges how their pods are guarded: as the mode of the pod's workload says, of several
 * workloads the strictest. Looks every second, and tells what changed.
 */
public final class GuardDesk implements AutoCloseable {
  private static final BoundedLog LOG = new BoundedLog(GuardDesk.class, 1);

  private final KithConfig.Guard settings;
  private final WorkloadDirectory directory;
  private final Policy policy;
  private final BridgeHub hub;
  private final OpenFlows flows;
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("kith-guard-desk").factory());

  /**
   * @param flows what is ended when it loses its permission
   */
  public GuardDesk(
      KithConfig.Guard settings,
      WorkloadDirectory directory,
      Policy policy,
      BridgeHub hub,
      OpenFlows flows) {
    this.settings = requireNonNull(settings, "settings");
    this.directory = requireNonNull(directory, "directory");
    this.policy = requireNonNull(policy, "policy");
    this.hub = requireNonNull(hub, "hub");
    this.flows = requireNonNull(flows, "flows");
  }

  /** Begins to look. */
  public void start() {
    var _ = timer.scheduleWithFixedDelay(() -> guarded(this::look), 1, 1, TimeUnit.SECONDS);
  }

  /** An error too: a repeated task that throws would never run again. */
  private static void guarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      LOG.log(
          Level.SEVERE,
          "a mistake inside while bridges were told policies and revocations",
          Map.of(),
          e);
    }
  }

  /**
   * Tells every bridge what changed, and ends what lost its permission. What fails at one bridge
   * keeps no other from being told.
   */
  void look() {
    for (var bridge : hub.attached()) {
      guarded(() -> tell(bridge));
    }
    guarded(
        () ->
            hub.ofBridges(flows.revoked(policy, hub::isHeld))
                .forEach((bridge, revoked) -> guarded(() -> bridge.revoke(revoked))));
  }

  private void tell(AttachedBridge bridge) {
    var policies = new HashMap<String, GuardPolicy>();
    for (var pod : bridge.pods()) {
      var mode = mode(pod);
      if (mode != null) {
        policies.put(pod.id(), of(pod, mode));
      }
    }
    bridge.guards(policies);
  }

  /** The strictest that is ready: who rules a pod's network can give it another one's address. */
  private @Nullable Mode mode(RegisteredPod pod) {
    Mode strictest = null;
    for (var workload : workloads(pod)) {
      var snapshot = policy.ready(workload);
      if (snapshot == null) {
        var _ = policy.coming(workload); // so that it comes
      } else if (strictest == null || snapshot.mode().compareTo(strictest) > 0) {
        strictest = snapshot.mode();
      }
    }
    return strictest;
  }

  /**
   * Whose a pod is.
   *
   * @return null when it is nobody's, or gone
   */
  public @Nullable Workload workload(String node, String pod) {
    return hub.attached().stream()
        .filter(bridge -> bridge.node().equals(node))
        .flatMap(bridge -> bridge.pods().stream())
        .filter(registered -> registered.id().equals(pod))
        .findFirst()
        .flatMap(registered -> workloads(registered).stream().findFirst())
        .orElse(null);
  }

  /** Those that its addresses stand for, in their order. */
  private Set<Workload> workloads(RegisteredPod pod) {
    var found = new LinkedHashSet<Workload>();
    for (var address : pod.addresses()) {
      var workload = workload(pod, address);
      if (workload != null) {
        found.add(workload);
      }
    }
    return found;
  }

  private @Nullable Workload workload(RegisteredPod pod, IpAddress address) {
    for (var id : pod.attested()) {
      var speaking = directory.speaking(id, address);
      if (speaking != null) {
        return speaking;
      }
    }
    var there = directory.at(address);
    // Of others no sidecar is passed by.
    return there == null || there.spiffeIds().isEmpty() ? null : there;
  }

  private GuardPolicy of(RegisteredPod pod, Mode mode) {
    return GuardPolicy.newBuilder()
        .setPodId(pod.id())
        .setMode(applied(mode))
        .setProxyUid(settings.proxyUid())
        .setProxyGid(settings.proxyGid())
        .addAllProxyPorts(settings.proxyPorts())
        .setRedirectsIpv4(settings.redirectsV4())
        .setRedirectsIpv6(settings.redirectsV6())
        .addAllResolvers(targets(settings.resolvers()))
        .addAllExcluded(targets(settings.excluded()))
        .addAllApprovedTcp(targets(settings.approvedTcp()))
        .addAllApprovedUdp(targets(settings.approvedUdp()))
        .build();
  }

  /** Without a resolver to ask, enforcement would take the names from every pod. */
  private GuardMode applied(Mode mode) {
    return switch (mode) {
      case OBSERVE -> GuardMode.GUARD_MODE_OBSERVE;
      case SHADOW -> GuardMode.GUARD_MODE_SHADOW;
      case ENFORCE ->
          settings.resolvers().isEmpty()
              ? GuardMode.GUARD_MODE_SHADOW
              : GuardMode.GUARD_MODE_ENFORCE;
    };
  }

  private static List<Target> targets(List<NetworkTarget> targets) {
    return targets.stream()
        .map(
            target ->
                Target.newBuilder()
                    .setNetwork(ByteString.copyFrom(target.network().network().bytes()))
                    .setPrefix(target.network().prefix())
                    .setPort(target.port())
                    .build())
        .toList();
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
