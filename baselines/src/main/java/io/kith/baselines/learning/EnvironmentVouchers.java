package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.process.ProcessClass;
import java.util.Set;

/** What the same workload does in another environment. */
public final class EnvironmentVouchers implements Vouchers {
  private final Learner elsewhere;

  public EnvironmentVouchers(Learner elsewhere) {
    this.elsewhere = elsewhere;
  }

  @Override
  public boolean vouch(
      ProcessClass process, Exact destination, boolean external, Set<String> digests) {
    var theirs = elsewhere.digestsOf(process, destination);
    if (theirs == null) {
      return false;
    }
    // an image that is not known may be the same one
    return !external || (!digests.isEmpty() && !digests.containsAll(theirs));
  }

  @Override
  public long changes() {
    return elsewhere.seenChanges();
  }
}
