package io.kith.server.bridge;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.GuardEvent;
import io.kith.bridge.v1.GuardMode;
import io.kith.bridge.v1.GuardReason;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.GuardedPod;
import io.kith.bridge.v1.ReasonCount;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.Untrusted;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.logging.Level;

/**
 * What the guards of all nodes report, added up for metrics, and logged when something went past a
 * sidecar for the first time. Thread-safe.
 */
public final class GuardReports {
  private static final BoundedLog LOG = new BoundedLog(GuardReports.class, 10);
  private static final int MAX_EVENTS = 2_048;

  /** Counts by reason, of one node, as it last told them. */
  private record Count(long seen, long refused) {}

  private record Row(String pod, String fingerprint, GuardReason reason, String destination) {}

  private static final class Node {
    private Map<GuardReason, Count> counts = Map.of();
    private long destroyed;
    private Set<Row> rows = Set.of();
    private GuardReport report = GuardReport.getDefaultInstance();
  }

  private final Map<String, Node> nodes = new HashMap<>(); // guarded by this
  private final Map<String, Long> seen = new ConcurrentHashMap<>();
  private final Map<String, Long> refused = new ConcurrentHashMap<>();
  private long destroyed; // guarded by this

  /** Takes in the report of a node, which replaces the one before. */
  synchronized void reported(String name, GuardReport report, Fingerprints fingerprints) {
    var node = nodes.computeIfAbsent(name, _ -> new Node());
    var counts = new HashMap<GuardReason, Count>();
    for (var total : report.getTotalsList()) {
      var now = new Count(total.getSeen(), total.getRefused());
      var before = node.counts.getOrDefault(total.getReason(), new Count(0, 0));
      counts.put(total.getReason(), now);
      add(seen, total, grown(before.seen(), now.seen()));
      add(refused, total, grown(before.refused(), now.refused()));
    }
    node.counts = counts;
    destroyed += grown(node.destroyed, report.getDestroyed());
    node.destroyed = report.getDestroyed();
    node.rows = tellNew(name, node.rows, report, fingerprints);
    node.report = report.toBuilder().clearEvents().build();
  }

  /** What was counted is of a bridge that was started anew when it is less than before. */
  private static long grown(long before, long now) {
    return now >= before ? now - before : now;
  }

  private static void add(Map<String, Long> counts, ReasonCount total, long more) {
    if (more > 0) {
      counts.merge(word(total.getReason()), more, Long::sum);
    }
  }

  private static String word(GuardReason reason) {
    return reason == GuardReason.UNRECOGNIZED
        ? "unknown"
        : reason.name().substring("GUARD_REASON_".length()).toLowerCase(Locale.ROOT);
  }

  private static Set<Row> tellNew(
      String node, Set<Row> known, GuardReport report, Fingerprints fingerprints) {
    var rows = new HashSet<Row>();
    for (var event : report.getEventsList()) {
      if (rows.size() >= MAX_EVENTS) {
        break;
      }
      var row =
          new Row(event.getPodId(), event.getFingerprintId(), event.getReason(), where(event));
      if (rows.add(row) && !known.contains(row)) {
        LOG.log(
            Level.WARNING,
            "went past the sidecar",
            Map.of(
                "node", node,
                "pod", Untrusted.plain(event.getPodId()),
                "process", Untrusted.quoted(fingerprints.words(event.getFingerprintId())),
                "reason", word(event.getReason()),
                "destination", row.destination(),
                "seen", Long.toUnsignedString(event.getSeen()),
                "refused", Long.toUnsignedString(event.getRefused())),
            null);
      }
    }
    return rows;
  }

  private static String where(GuardEvent event) {
    var bytes = event.getDestinationAddress().toByteArray();
    if (bytes.length != 4 && bytes.length != 16) {
      return "others";
    }
    var address = IpAddress.of(bytes);
    return (bytes.length == 4 ? address : "[" + address + "]")
        + ":"
        + Integer.toUnsignedString(event.getDestinationPort());
  }

  /** A node has no bridge any more; what it counted stays counted. */
  synchronized void gone(String name) {
    var node = nodes.get(name);
    if (node != null) {
      node.report = GuardReport.getDefaultInstance();
      node.rows = Set.of();
    }
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
