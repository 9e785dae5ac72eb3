package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import io.grpc.Status;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.bridge.v1.GuardReport;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.Deadlines;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.PodSource;
import io.kith.server.check.ProcessSource;
import io.kith.server.check.RunningPod;
import io.kith.server.check.SocketQuery;
import io.kith.server.check.Untrusted;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * The bridges that are attached now, and which of them answers for which pod.
 *
 * <p>Thread-safe. Questions take no lock.
 */
public final class BridgeHub implements ProcessSource, PodSource {
  /*
   * Who answers for a pod is decided by its address alone: an address stands with one bridge, so the
   * node that a proxy names can agree with it or be wrong, but lead nowhere else. It is used for the
   * words when nobody answers.
   *
   * A bridge attaches again when its certificate is renewed, or after a cut that the server has not
   * noticed yet. Its older stream goes on answering until the newer one has registered pods, so that
   * nothing is refused meanwhile.
   *
   * Bridges have one account, and a bridge says itself which pods it has: what is known of it
   * apart from that is where it connects from. Where the directory knows of both the node, a
   * pod's address is never with the bridge in a pod of another node, and a bridge of its node
   * takes it from one that is not known to be of that node. Where it does not know, first come
   * has it: behind NAT, in the node's network, without a cluster. An address of a node is no
   * proof against a bridge, since NAT may have put it there. The directory may be late, so what
   * was refused is looked at again.
   *
   * When a bridge ends and another of its node takes over, as when its pod is made anew, questions
   * wait for that one as long as they may wait for an answer. What the former heard pods be told by
   * their resolvers holds for the next, which was not there to hear it; nothing else does. The next
   * may be there before the former ends; then that holds of one at the same address only.
   */

  private static final BoundedLog LOG = new BoundedLog(BridgeHub.class, 10);

  private record Holder(AttachedBridge bridge, RegisteredPod pod) {
    /** Also of two streams of one bridge, and of a pod before and after news of it. */
    boolean isSamePod(@Nullable Holder other) {
      return other != null
          && bridge.node().equals(other.bridge.node())
          && pod.id().equals(other.pod.id());
    }
  }

  private record Gone(AttachedBridge bridge, long sinceNanos) {
    boolean isForgotten() {
      return System.nanoTime() - sinceNanos > Orphans.HOPE.toNanos();
    }
  }

  private final Deadlines deadlines;
  private final NodeBridges nodes;
  private final InstantSource clock;
  private final WorkloadDirectory directory;
  private final Level comings;
  private final Counts counts = new Counts();
  private final GuardReports guardReports = new GuardReports();
  private final Map<String, AttachedBridge> byNode = new ConcurrentHashMap<>();
  private final Map<IpAddress, Holder> byAddress = new ConcurrentHashMap<>();
  private final Orphans orphans;
  private final RecentAnswers recent = new RecentAnswers(System.nanoTime());
  private final List<Runnable> toldOfPods = new CopyOnWriteArrayList<>();
  // The last bridge of a node that has none, for a while. Guarded by this.
  private final Map<String, Gone> gone = new HashMap<>();
  // Newer stream of a node that has not registered yet, to the older. Guarded by this.
  private final Map<AttachedBridge, AttachedBridge> replaced = new HashMap<>();
  // The latest list of each bridge, and whether some of it may be its later. Guarded by this.
  private final Map<AttachedBridge, List<RegisteredPod>> claims = new HashMap<>();
  private final Set<AttachedBridge> disputing = new HashSet<>();
  private boolean looksAgain;

  /**
   * Where no cluster says on which node a pod is.
   *
   * @param nodes gets what bridges say of themselves
   */
  public BridgeHub(Deadlines deadlines, NodeBridges nodes, InstantSource clock) {
    this(deadlines, nodes, new StaticWorkloadDirectory(List.of()), clock, Level.INFO);
  }

  /**
   * The same.
   *
   * @param directory says on which nodes pods and bridges are, as far as it knows
   * @param comings how much it matters that a bridge comes or goes
   */
  public BridgeHub(
      Deadlines deadlines,
      NodeBridges nodes,
      WorkloadDirectory directory,
      InstantSource clock,
      Level comings) {
    this.directory = requireNonNull(directory, "directory");
    this.comings = requireNonNull(comings, "comings");
    this.deadlines = requireNonNull(deadlines, "deadlines");
    this.nodes = requireNonNull(nodes, "nodes");
    this.clock = requireNonNull(clock, "clock");
    this.orphans = new Orphans(deadlines, this::askHolder);
  }

  /** Counters for metrics; they only grow. */
  public static final class Counts {
    private final LongAdder timedOut = new LongAdder();
    private final LongAdder late = new LongAdder();
    private final LongAdder reused = new LongAdder();
    private final LongAdder byTable = new LongAdder();
    private final LongAdder namesUntold = new LongAdder();
    private final LongAdder factsDoubted = new LongAdder();

    void timedOut() {
      timedOut.increment();
    }

    void late() {
      late.increment();
    }

    void reused() {
      reused.increment();
    }

    void byTable() {
      byTable.increment();
    }

    void nameUntold() {
      namesUntold.increment();
    }

    /**
     * Checks with a name of the client's choice for an address that its pod was never told for it.
     */
    public long namesUntoldTotal() {
      return namesUntold.sum();
    }

    /** Questions that were not asked again, since the bridge had answered them a moment ago. */
    public long reusedTotal() {
      return reused.sum();
    }

    /** Checks of connections whose opener the table told, and about which no bridge was asked. */
    public long byTableTotal() {
      return byTable.sum();
    }

    /** Start times and image digests of pods that were not believed. */
    public long podFactsDoubtedTotal() {
      return factsDoubted.sum();
    }

    /** Questions that a bridge did not answer in time. */
    public long timedOutTotal() {
      return timedOut.sum();
    }

    /** Answers to questions that nobody waited for any more, learned from or not. */
    public long lateTotal() {
      return late.sum();
    }
  }

  public Counts counts() {
    return counts;
  }

  @Override
  public CompletableFuture<Attribution> ask(SocketQuery query, Consumer<Attribution> late) {
    var holder = byAddress.get(query.source().address());
    return holder == null
        ? orphans.ask(query, nobodyHas(query.source().address(), query.node()), late)
        : holder.bridge().ask(query, holder.pod(), late);
  }

  private @Nullable CompletableFuture<Attribution> askHolder(
      SocketQuery query, Consumer<Attribution> late) {
    var holder = byAddress.get(query.source().address());
    return holder == null || holder.bridge().hasEnded()
        ? null
        : holder.bridge().ask(query, holder.pod(), late);
  }

  /** A question to a bridge that has gone. */
  CompletableFuture<Attribution> askAnother(
      SocketQuery query, String why, Consumer<Attribution> late) {
    return orphans.keep(query, why, late);
  }

  @Override
  public @Nullable KnownConnection known(SocketQuery query, long nanos) {
    var holder = byAddress.get(query.source().address());
    if (holder == null) {
      return null;
    }
    var known = recent.find(holder.bridge(), holder.pod(), query, nanos);
    if (known == null) {
      return holder.bridge().opened(query, holder.pod(), nanos);
    }
    if (known.isToBeAskedAgain(nanos, RecentAnswers.KEPT)) {
      var _ = holder.bridge().ask(query, holder.pod(), _ -> {}); // answered to RecentAnswers
    }
    return known;
  }

  @Override
  public void used(KnownConnection known) {
    if (known.isUnasked()) {
      counts.byTable();
    } else {
      counts.reused();
    }
  }

  @Override
  public Set<String> names(IpAddress source, IpAddress destination, Set<String> claimed) {
    var holder = byAddress.get(source);
    if (holder == null) {
      return Set.of();
    }
    var names = holder.bridge().names(holder.pod(), destination);
    if (!claimed.isEmpty() && Collections.disjoint(names, claimed)) {
      counts.nameUntold();
    }
    return names;
  }

  @Override
  public List<RunningPod> running() {
    return byAddress.keySet().stream()
        .map(this::running)
        .filter(Objects::nonNull)
        .map(Objects::requireNonNull)
        .distinct()
        .toList();
  }

  @Override
  public void tell(Runnable changed) {
    toldOfPods.add(changed);
  }

  @Override
  public @Nullable RunningPod running(IpAddress address) {
    var holder = byAddress.get(address);
    if (holder == null) {
      return null;
    }
    var pod = holder.pod();
    var first = pod.first(own -> holder.isSamePod(byAddress.get(own)));
    return new RunningPod(
        first == null ? address : first,
        pod.attested(),
        pod.facts().started(),
        pod.facts().imageDigest());
  }

  /** Counts and logs what a bridge says of its pods that cannot be. */
  void doubted(String node, List<String> problems) {
    counts.factsDoubted.add(problems.size());
    problems.forEach(
        problem ->
            LOG.log(
                Level.WARNING,
                "bridge says what cannot be of a pod",
                Map.of("node", node, "problem", problem),
                null));
  }

  /**
   * Takes what a bridge says of itself.
   *
   * @param problem why not all of its node is attributed and guarded; empty when it is
   */
  void told(String node, String problem) {
    nodes.said(new NodeBridges.State(node, problem, clock.instant()));
  }

  /** Whether a bridge has a pod of this address. */
  boolean isHeld(IpAddress address) {
    return byAddress.containsKey(address);
  }

  /**
   * Connections by the bridge of their pod; of every bridge that is attached, maybe none.
   *
   * @param connections those of a pod that no bridge has are left out
   */
  Map<AttachedBridge, Map<OpenFlows.Revoked, RegisteredPod>> ofBridges(
      List<OpenFlows.Revoked> connections) {
    var ofBridges = new HashMap<AttachedBridge, Map<OpenFlows.Revoked, RegisteredPod>>();
    attached().forEach(bridge -> ofBridges.put(bridge, new LinkedHashMap<>()));
    for (var connection : connections) {
      var holder = byAddress.get(connection.connection().source().address());
      if (holder != null) {
        ofBridges
            .computeIfAbsent(holder.bridge(), _ -> new LinkedHashMap<>())
            .put(connection, holder.pod());
      }
    }
    return ofBridges;
  }

  /** What the guards report. */
  public GuardReports guardReports() {
    return guardReports;
  }

  /**
   * Takes a guard's report, not of a stream that was replaced by one that has ended: nobody would
   * say that its node is gone.
   */
  synchronized void guarded(String node, GuardReport report, Fingerprints fingerprints) {
    if (byNode.containsKey(node)) {
      guardReports.reported(node, report, fingerprints);
    }
  }

  /** The bridges that are attached now. */
  Collection<AttachedBridge> attached() {
    return List.copyOf(byNode.values());
  }

  private String nobodyHas(IpAddress address, String node) {
    var words = "no bridge has registered " + address;
    if (node.isEmpty()) {
      return words;
    }
    return words
        + (byNode.containsKey(node)
            ? " (the bridge of " + Untrusted.plain(node) + " is attached)"
            : " (no bridge of " + Untrusted.plain(node) + " is attached)");
  }

  /** How the attached bridges are doing, by node. */
  public List<BridgeStatus> statuses() {
    return byNode.values().stream()
        .map(AttachedBridge::status)
        .sorted(Comparator.comparing(BridgeStatus::node))
        .toList();
  }

  RecentAnswers recent() {
    return recent;
  }

  Deadlines deadlines() {
    return deadlines;
  }

  /**
   * Takes a bridge in. A node that has one already is taken over when it registers pods, and only
   * from the same address, or from the node when the other is not known to be there. One that waits
   * to take over gives its place up, and ends.
   *
   * @return why not, or null
   */
  @Nullable String attach(AttachedBridge bridge) {
    AttachedBridge passed = null;
    synchronized (this) {
      var older = byNode.get(bridge.node());
      if (older != null
          && !Objects.equals(older.peer().address(), bridge.peer().address())
          && (!from(bridge).isOn(bridge.node()) || from(older).isOn(bridge.node()))) {
        return "node "
            + Untrusted.quoted(bridge.node())
            + " has a bridge already, from "
            + older.peer().address();
      }
      byNode.put(bridge.node(), bridge);
      var former = gone.remove(bridge.node());
      if (older != null) {
        var holding = replaced.remove(older);
        passed = holding == null ? null : older;
        replaced.put(bridge, holding == null ? older : holding);
        if (Objects.equals(older.peer().address(), bridge.peer().address())) {
          bridge.follows(older);
        }
      } else if (former != null && !former.isForgotten()) {
        bridge.follows(former.bridge());
      }
    }
    LOG.log(comings, "bridge attached", Map.of("node", bridge.node()), null);
    if (passed != null) {
      passed.end(Status.ABORTED.withDescription("the bridge attached again"));
    }
    return null;
  }

  synchronized void detach(AttachedBridge bridge, String why) {
    var had =
        byAddress.entrySet().stream()
            .filter(entry -> entry.getValue().bridge() == bridge)
            .map(Map.Entry::getKey)
            .toList();
    orphans.gone(had);
    byAddress.values().removeIf(holder -> holder.bridge() == bridge);
    claims.remove(bridge);
    disputing.remove(bridge);
    replaced.values().remove(bridge);
    var older = replaced.remove(bridge);
    if (older != null && byNode.replace(bridge.node(), bridge, older)) {
      return;
    }
    if (byNode.remove(bridge.node(), bridge)) {
      gone.values().removeIf(Gone::isForgotten);
      gone.put(bridge.node(), new Gone(bridge, System.nanoTime()));
      guardReports.gone(bridge.node());
      LOG.log(comings, "bridge detached", Map.of("node", bridge.node(), "why", why), null);
    }
  }

  /**
   * Makes a bridge the holder of its pods' addresses, and of no others, and tells it which it
   * cannot have.
   */
  void register(AttachedBridge bridge, List<RegisteredPod> pods) {
    AttachedBridge older;
    List<String> refused;
    synchronized (this) {
      if (byNode.get(bridge.node()) != bridge) {
        return;
      }
      older = replaced.remove(bridge);
      claims.put(bridge, pods);
      refused = hold(bridge, older, pods);
      bridge.refuses(refused);
      lookAgain();
    }
    held(bridge, older, pods);
    told(bridge, refused);
  }

  private void held(
      AttachedBridge bridge, @Nullable AttachedBridge older, List<RegisteredPod> pods) {
    toldOfPods.forEach(Runnable::run);
    if (older != null) {
      older.handOverTo(bridge);
    }
    orphans.registered(
        pods.stream().map(RegisteredPod::addresses).flatMap(Collection::stream).toList());
  }

  private static void told(AttachedBridge bridge, List<String> refused) {
    for (var words : refused) {
      LOG.log(
          Level.WARNING,
          "bridge claims an address that it cannot have",
          Map.of("node", bridge.node(), "problem", words),
          null);
    }
  }

  /** Soon, while somebody claims what another may have to give up. Guarded by this. */
  private void lookAgain() {
    if (!looksAgain && !disputing.isEmpty()) {
      looksAgain = true;
      CompletableFuture.delayedExecutor(1, TimeUnit.SECONDS)
          .execute(
              () -> {
                List<AttachedBridge> again;
                synchronized (this) {
                  looksAgain = false;
                  again = List.copyOf(disputing);
                }
                again.forEach(this::claimAgain);
              });
    }
  }

  private void claimAgain(AttachedBridge bridge) {
    List<RegisteredPod> pods;
    List<String> before;
    List<String> refused;
    synchronized (this) {
      pods = claims.get(bridge);
      if (pods == null) {
        return;
      }
      before = bridge.refused();
      refused = hold(bridge, null, pods);
      bridge.refuses(refused);
      lookAgain();
    }
    if (!refused.equals(before)) {
      held(bridge, null, pods);
      told(bridge, refused.stream().filter(words -> !before.contains(words)).toList());
    }
  }

  private List<String> hold(
      AttachedBridge bridge, @Nullable AttachedBridge older, List<RegisteredPod> pods) {
    var refused = new ArrayList<String>();
    var claimed = new HashSet<IpAddress>();
    var holds = new HashSet<IpAddress>();
    var from = from(bridge);
    disputing.remove(bridge);
    for (var pod : pods) {
      for (var address : pod.addresses()) {
        var holder = byAddress.get(address);
        var node = directory.nodeOf(address);
        if (!claimed.add(address)) {
          refused.add(address + " stands in two pods");
        } else if (address.isLoopback() && !bridge.isHere()) {
          refused.add(
              address
                  + " is loopback, and the bridge did not attach over loopback (expected: only a"
                  + " bridge on the server's machine has it)");
        } else if (node != null && from.pod() != null && !from.pod().equals(node)) {
          disputing.add(bridge);
          refused.add(
              address + " is of a pod on " + node + ", and the bridge is in one on " + from.pod());
        } else if (holder == null || holder.bridge() == bridge || holder.bridge() == older) {
          holds.add(address);
          byAddress.put(address, new Holder(bridge, pod));
        } else if (from.isOn(node) && !from(holder.bridge()).isOn(node)) {
          disputing.add(holder.bridge()); // is told so
          holds.add(address);
          byAddress.put(address, new Holder(bridge, pod));
        } else {
          disputing.add(bridge);
          refused.add(address + " is held by the bridge of " + holder.bridge().node());
        }
      }
    }
    byAddress
        .entrySet()
        .removeIf(entry -> entry.getValue().bridge() == bridge && !holds.contains(entry.getKey()));
    return refused;
  }

  /**
   * Where a bridge connects from.
   *
   * @param pod name of the node on which the pod is that has its address, or null
   * @param node name of the node that has its address itself, or null
   */
  private record From(@Nullable String pod, @Nullable String node) {
    boolean isOn(@Nullable String name) {
      return name != null && (name.equals(pod) || name.equals(node));
    }
  }

  private From from(AttachedBridge bridge) {
    var address = bridge.peer().address();
    return address == null
        ? new From(null, null)
        : new From(directory.nodeOf(address), directory.nodeAt(address));
  }
}
