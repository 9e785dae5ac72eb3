package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.GuardEvent;
import io.kith.bridge.v1.GuardMode;
import io.kith.bridge.v1.GuardReason;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.GuardedPod;
import io.kith.bridge.v1.ReasonCount;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.GuardRefusal;
import io.kith.server.check.Ids;
import io.kith.server.check.Untrusted;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the guards of all nodes report, added up for metrics, and logged when something went past a
 * sidecar, or was refused there, for the first time. Thread-safe.
 */
public final class GuardReports {
  private static final BoundedLog LOG = new BoundedLog(GuardReports.class, 10);
  private static final int MAX_EVENTS = 2_048;

  /**
   * What is kept of nodes without a bridge, in octets or so: many thousand nodes whose bridges were
   * cut off together and refused little, or some hundred that refused much. A bridge names its node
   * itself.
   */
  static final long MAX_OF_GONE = 32 * 1024 * 1024;

  /** Counts by reason, of one node, as it last told them. */
  private record Count(long seen, long refused) {}

  private record Row(String pod, String fingerprint, GuardReason reason, String destination) {
    long size() {
      return 256L + pod.length() + fingerprint.length() + destination.length();
    }
  }

  private static final class Node {
    private Map<GuardReason, Count> counts = Map.of();
    private long destroyed;
    private Map<Row, Long> rows = Map.of(); // with what was refused of each
    private Map<Row, Long> refused = Map.of(); // the same, also of a bridge that is gone
    private Map<Row, String> untold = Map.of(); // not logged yet: the trace of the last refusal
    private GuardReport report = GuardReport.getDefaultInstance();

    /** Octets that are kept of it when it has no bridge, or so. */
    long size() {
      return 1_024
          + Stream.concat(refused.keySet().stream(), untold.keySet().stream())
              .mapToLong(Row::size)
              .sum();
    }
  }

  private final Map<String, Node> nodes = new HashMap<>(); // guarded by this
  private final SequencedSet<String> gone = new LinkedHashSet<>(); // of them; guarded by this
  private long ofGone; // their sizes; guarded by this
  private final Map<String, Long> seen = new ConcurrentHashMap<>();
  private final Map<String, Long> refused = new ConcurrentHashMap<>();
  private long destroyed; // guarded by this
  private volatile Consumer<GuardRefusal> refusals = _ -> {};

  /** Has refusals told from now on, by threads that must not be kept. */
  public void tellRefusals(Consumer<GuardRefusal> to) {
    refusals = requireNonNull(to, "to");
  }

  /** Takes in the report of a node, which replaces the one before. */
  synchronized void reported(String name, GuardReport report, Fingerprints fingerprints) {
    var node = nodes.computeIfAbsent(name, _ -> new Node());
    if (gone.remove(name)) {
      ofGone -= node.size();
    }
    var counts = new HashMap<GuardReason, Count>();
    for (var total : report.getTotalsList()) {
      var now = new Count(count(total.getSeen()), count(total.getRefused()));
      var before = node.counts.getOrDefault(total.getReason(), new Count(0, 0));
      counts.put(total.getReason(), now);
      add(seen, total, grown(before.seen(), now.seen()));
      add(refused, total, grown(before.refused(), now.refused()));
    }
    node.counts = counts;
    var ended = count(report.getDestroyed());
    destroyed = sum(destroyed, grown(node.destroyed, ended));
    node.destroyed = ended;
    tellNew(name, node, report, fingerprints);
    node.report = report.toBuilder().clearEvents().build();
  }

  /** A counter of the protocol has no sign; nothing counts beyond what a metric can. */
  private static long count(long told) {
    return told < 0 ? Long.MAX_VALUE : told;
  }

  /** The same: of bridges that say what they like. */
  private static long sum(long one, long other) {
    return count(one + other);
  }

  /** What was counted is of a bridge that was started anew when it is less than before. */
  private static long grown(long before, long now) {
    return now >= before ? now - before : now;
  }

  private static void add(Map<String, Long> counts, ReasonCount total, long more) {
    if (more > 0) {
      counts.merge(word(total.getReason()), more, GuardReports::sum);
    }
  }

  private static String word(GuardReason reason) {
    return reason == GuardReason.UNRECOGNIZED
        ? "unknown"
        : reason.name().substring("GUARD_REASON_".length()).toLowerCase(Locale.ROOT);
  }

  private void tellNew(String name, Node node, GuardReport report, Fingerprints fingerprints) {
    var rows = new HashMap<Row, Long>();
    var told = new HashMap<Row, Long>();
    var untold = new HashSet<Row>(); // too many at once: with the next report
    var traces = new HashMap<Row, String>();
    for (var event : report.getEventsList()) {
      if (rows.size() >= MAX_EVENTS) {
        break;
      }
      var row =
          new Row(
              event.getPodId(),
              event.getFingerprintId(),
              event.getReason(),
              GuardRefusal.destinationWords(destination(event), event.getDestinationPort()));
      var stopped = count(event.getRefused());
      if (rows.putIfAbsent(row, stopped) != null) {
        continue;
      }
      var more = grown(node.refused.getOrDefault(row, 0L), stopped);
      var refusal = more > 0 ? refusal(name, event, more, fingerprints) : null;
      if (stopped > 0) {
        told.put(row, stopped);
      }
      var before = node.rows.get(row);
      var isNew = before == null || (before == 0 && refusal != null);
      var trace = refusal != null ? refusal.traceId() : node.untold.get(row);
      if (isNew && !isLogged(name, row, event, trace, fingerprints)) {
        untold.add(row);
        if (trace != null) {
          traces.put(row, trace);
        }
      }
      if (refusal != null) {
        refusals.accept(refusal);
      }
    }
    rows.keySet().removeAll(untold);
    node.rows = rows;
    node.refused = told;
    node.untold = traces;
  }

  private static boolean isLogged(
      String node, Row row, GuardEvent event, @Nullable String trace, Fingerprints fingerprints) {
    var process = fingerprints.described(event.getFingerprintId());
    var values = new HashMap<String, String>();
    values.put("node", node);
    values.put("pod", Untrusted.plain(event.getPodId()));
    values.put("process", Untrusted.quoted(process == null ? "" : process.words()));
    values.put("reason", word(event.getReason()));
    values.put("destination", row.destination());
    values.put("seen", Long.toUnsignedString(event.getSeen()));
    values.put("refused", Long.toUnsignedString(event.getRefused()));
    if (trace != null) {
      values.put("trace_id", trace);
    }
    return LOG.logged(Level.WARNING, "went past the sidecar", values, null);
  }

  private static GuardRefusal refusal(
      String node, GuardEvent event, long more, Fingerprints fingerprints) {
    return new GuardRefusal(
        Ids.trace(),
        node,
        event.getPodId(),
        event.getFingerprintId(),
        fingerprints.described(event.getFingerprintId()),
        word(event.getReason()),
        destination(event),
        event.getDestinationPort(),
        event.getIpProtocol(),
        more);
  }

  private static @Nullable IpAddress destination(GuardEvent event) {
    var bytes = event.getDestinationAddress().toByteArray();
    return bytes.length == 4 || bytes.length == 16 ? IpAddress.of(bytes) : null;
  }

  /**
   * A node has no bridge any more; what it counted stays counted. What it said is kept, so that it
   * is not counted again when its bridge comes back, unless too much is: then the nodes whose
   * bridges went first are forgotten.
   */
  synchronized void gone(String name) {
    var node = nodes.get(name);
    if (node == null || !gone.add(name)) {
      return;
    }
    node.report = GuardReport.getDefaultInstance();
    node.rows = Map.of();
    ofGone += node.size();
    while (ofGone > MAX_OF_GONE) {
      ofGone -= requireNonNull(nodes.remove(gone.removeFirst()), "a node that is gone").size();
    }
  }

  /** Nodes that something is kept of. */
  synchronized int nodes() {
    return nodes.size();
  }

  /** What went past the sidecars, by reason. */
  public Map<String, Long> seen() {
    return Map.copyOf(seen);
  }

  /** What of it was refused, by reason. */
  public Map<String, Long> refused() {
    return Map.copyOf(refused);
  }

  /** Connections that were ended since they were not allowed any more. */
  public synchronized long destroyed() {
    return destroyed;
  }

  /** Pods by how they are guarded: a mode, {@code unspoken} or {@code none}. */
  public synchronized Map<String, Long> pods() {
    var states = new HashMap<String, Long>();
    for (var node : nodes.values()) {
      node.report.getPodsList().forEach(pod -> states.merge(state(pod), 1L, Long::sum));
    }
    return states;
  }

  private static String state(GuardedPod pod) {
    return switch (pod.getApplied()) {
      case GUARD_MODE_OBSERVE -> pod.getHasPolicy() ? "observe" : "unspoken";
      case GUARD_MODE_SHADOW -> "shadow";
      case GUARD_MODE_ENFORCE -> "enforce";
      case GUARD_MODE_UNSPECIFIED, UNRECOGNIZED -> "none";
    };
  }

  /** Pods in which a process holds the capability to send packets that no guard sees. */
  public synchronized long rawPods() {
    return nodes.values().stream()
        .flatMap(node -> node.report.getPodsList().stream())
        .filter(pod -> pod.getApplied() != GuardMode.GUARD_MODE_UNSPECIFIED)
        .filter(pod -> pod.getRawHolders() > 0)
        .count();
  }
}
