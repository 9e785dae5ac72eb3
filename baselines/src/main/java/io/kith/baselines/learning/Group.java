package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is learned as one edge: a pattern and the exact destinations that it was made from.
 *
 * <p>Holds while the destinations of its class are the same ones; what is seen of them meanwhile is
 * added as it comes. Not thread-safe.
 */
final class Group {
  private static final Comparator<Sightings> LATEST =
      Comparator.comparing(Sightings::last)
          .thenComparing(Sightings::words, Comparator.reverseOrder());

  private final ProcessClass process;
  private final DestinationPattern pattern;
  private final List<Map.Entry<Exact, Sightings>> members;
  private final boolean fresh;
  private @Nullable Edge edge;
  private @Nullable Sightings sum;
  private @Nullable Group freshPart;
  private int freshAsOf = -1;
  private boolean vouched;
  private int vouchedAsOf = -1;
  private long vouchersAsOf;

  /** With at least one member. */
  Group(
      ProcessClass process, DestinationPattern pattern, List<Map.Entry<Exact, Sightings>> members) {
    this(process, pattern, members, false);
  }

  private Group(
      ProcessClass process,
      DestinationPattern pattern,
      List<Map.Entry<Exact, Sightings>> members,
      boolean fresh) {
    this.process = process;
    this.pattern = pattern;
    this.members = List.copyOf(members);
    this.fresh = fresh;
  }

  ProcessClass process() {
    return process;
  }

  DestinationPattern pattern() {
    return pattern;
  }

  List<Map.Entry<Exact, Sightings>> members() {
    return members;
  }

  Edge edge() {
    var known = edge;
    if (known == null) {
      known = Edge.learned(process, pattern);
      edge = known;
    }
    return known;
  }

  /** The reach of the members, the farthest one's. */
  Reach reach() {
    return sightings().reach();
  }

  /** When a member was last seen. */
  Instant last() {
    return sightings().last();
  }

  /** The evidence of all members, without its words. */
  Sightings sightings() {
    if (members.size() == 1) {
      return members.getFirst().getValue();
    }
    var known = sum;
    if (known == null) {
      known = new Sightings();
      for (var member : members) {
        known.merge(member.getValue());
        member.getValue().countInto(known, fresh);
      }
      sum = known;
    }
    return known;
  }

  /** The process in words, as it was last seen. */
  String words() {
    return members.stream().map(Map.Entry::getValue).max(LATEST).orElseThrow().words();
  }

  /**
   * The members that are not approved, as a group; this one when none is, null when all are.
   *
   * <p>Computed again only when the approvals have changed.
   */
  @Nullable Group fresh(Approvals approvals) {
    if (freshAsOf != approvals.changes()) {
      members.forEach(member -> member.getValue().leaveFresh());
      var left =
          members.stream().filter(member -> !approvals.cover(process, member.getKey())).toList();
      freshPart =
          left.isEmpty()
              ? null
              : left.size() == members.size() ? this : new Group(process, pattern, left, true);
      freshAsOf = approvals.changes();
    }
    return freshPart;
  }

  /** Whether somebody vouches for every member; asked again only when the answer may differ. */
  boolean isVouchedBy(Vouchers vouchers) {
    var asOf = sightings().changes();
    var theirs = vouchers.changes();
    if (theirs < 0 || theirs != vouchersAsOf || asOf != vouchedAsOf) {
      vouched = isEveryMemberVouchedBy(vouchers);
      vouchedAsOf = asOf;
      vouchersAsOf = theirs;
    }
    return vouched;
  }

  private boolean isEveryMemberVouchedBy(Vouchers vouchers) {
    var external = reach() == Reach.EXTERNAL_NAME;
    for (var member : members) {
      if (!vouchers.vouch(process, member.getKey(), external, member.getValue().digests())) {
        return false;
      }
    }
    return true;
  }
}
