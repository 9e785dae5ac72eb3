package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.process.ProcessClass;
import java.util.List;
import java.util.Map;

/**
 * What is learned as one edge: a pattern and the exact destinations that it was made from.
 *
 * @param members at least one
 */
record Group(
    ProcessClass process, DestinationPattern pattern, List<Map.Entry<Exact, Sightings>> members) {
  Group {
    members = List.copyOf(members);
  }

  /** The reach of the members, the farthest one's. */
  Reach reach() {
    var reach = Reach.INTERNAL;
    for (var member : members) {
      var its = member.getValue().reach();
      reach = its.compareTo(reach) > 0 ? its : reach;
    }
    return reach;
  }

  /** The evidence of all members. */
  Sightings sightings() {
    if (members.size() == 1) {
      return members.getFirst().getValue();
    }
    var all = new Sightings();
    members.forEach(member -> all.merge(member.getValue()));
    return all;
  }
}
