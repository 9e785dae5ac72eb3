package io.kith.bridge.guard;

import java.util.EnumMap;
import java.util.Map;

/**
 * What was counted at a pod.
 *
 * @param byReason without those that never happened
 * @param lost connects and DNS answers that could not be noted
 * @param returned first packets of the proxy's own connections that would have come back to it
 */
public record Totals(Map<GuardReason, Count> byReason, long lost, long returned) {
  static final Totals NONE = new Totals(Map.of(), 0);

  public Totals {
    byReason = Map.copyOf(byReason);
  }

  /** Where none came back. */
  public Totals(Map<GuardReason, Count> byReason, long lost) {
    this(byReason, lost, 0);
  }

  /**
   * How often.
   *
   * @param seen connects for TCP, packets for the rest
   * @param refused of those
   */
  public record Count(long seen, long refused) {
    Count plus(Count other) {
      return new Count(seen + other.seen, refused + other.refused);
    }
  }

  /** How often something was refused for this reason. */
  long refused(GuardReason reason) {
    return byReason.getOrDefault(reason, new Count(0, 0)).refused();
  }

  static Totals of(byte[] row) {
    var counts = new EnumMap<GuardReason, Count>(GuardReason.class);
    for (var reason : GuardReason.values()) {
      var at = 16 * reason.code();
      var seen = GuardRecord.number(row, at);
      if (seen > 0) {
        counts.put(reason, new Count(seen, GuardRecord.number(row, at + 8)));
      }
    }
    return new Totals(
        counts,
        GuardRecord.number(row, 16 * GuardRecord.LOST),
        GuardRecord.number(row, 16 * GuardRecord.RETURNED));
  }

  /** What came since an earlier look; all of it when it was counted anew. */
  Totals since(Totals before) {
    var more = new EnumMap<GuardReason, Count>(GuardReason.class);
    byReason.forEach(
        (reason, count) -> {
          var earlier = before.byReason.getOrDefault(reason, new Count(0, 0));
          var anew = count.seen < earlier.seen;
          more.put(
              reason,
              anew ? count : new Count(count.seen - earlier.seen, count.refused - earlier.refused));
        });
    return new Totals(
        more, Math.max(0, lost - before.lost), Math.max(0, returned - before.returned));
  }

  Totals plus(Totals other) {
    var all = new EnumMap<GuardReason, Count>(GuardReason.class);
    all.putAll(byReason);
    other.byReason.forEach((reason, count) -> all.merge(reason, count, Count::plus));
    return new Totals(all, lost + other.lost, returned + other.returned);
  }
}
