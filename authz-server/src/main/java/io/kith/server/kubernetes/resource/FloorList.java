package io.kith.server.kubernetes.resource;

import io.kith.istio.FailureMode.Approved;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What the sidecars of a scope let pass while no server can be asked.
 *
 * @param approved in an order that follows from what is in it
 * @param byHand how many of these somebody listed
 * @param leftOut what is approved and is not among them
 */
record FloorList(List<Approved> approved, int byHand, List<LeftOut> leftOut) {
  /** Named in a message. */
  private static final int NAMED = 3;

  /**
   * An approved destination that is not in it.
   *
   * @param why in words that follow its name
   */
  record LeftOut(String destination, String why) {
    @Override
    public String toString() {
      return destination + " (" + why + ")";
    }
  }

  FloorList {
    approved = List.copyOf(approved);
    leftOut = List.copyOf(leftOut);
  }

  /** For people: {@code 12 approved destinations pass (2 by hand); 1 does not: …}. */
  String words() {
    var more = leftOut.size() - NAMED;
    return approved.size()
        + (approved.size() == 1 ? " approved destination passes" : " approved destinations pass")
        + (byHand == 0 ? "" : " (" + byHand + " by hand)")
        + (leftOut.isEmpty()
            ? ""
            : "; "
                + leftOut.size()
                + (leftOut.size() == 1 ? " does not: " : " do not: ")
                + leftOut.stream()
                    .limit(NAMED)
                    .map(LeftOut::toString)
                    .collect(Collectors.joining(", "))
                + (more > 0 ? " and " + more + " more" : ""));
  }
}
