package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.process.ProcessClass;
import java.util.HashSet;
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
    if (!external) {
      return true;
    }
    var others = new HashSet<>(theirs);
    others.removeAll(digests);
    // an image that is not known may be the same one
    return !digests.isEmpty() && !others.isEmpty();
  }
}
