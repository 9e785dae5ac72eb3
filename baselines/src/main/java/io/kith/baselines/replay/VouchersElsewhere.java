package io.kith.baselines.replay;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.learning.EnvironmentVouchers;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.Vouchers;
import io.kith.baselines.process.ProcessClass;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The same workload in the environment that vouches, from the moment it is seen there. */
final class VouchersElsewhere implements Vouchers {
  private final Supplier<@Nullable Learner> there;
  private @Nullable Vouchers vouchers;

  /**
   * Asks for the workload there until it is known.
   *
   * @param there gives null while it was not seen
   */
  VouchersElsewhere(Supplier<@Nullable Learner> there) {
    this.there = there;
  }

  @Override
  public boolean vouch(
      ProcessClass process, Exact destination, boolean external, Set<String> digests) {
    var known = vouchers();
    return known != null && known.vouch(process, destination, external, digests);
  }

  @Override
  public long changes() {
    var known = vouchers();
    return known == null ? 0 : 1 + known.changes();
  }

  private @Nullable Vouchers vouchers() {
    if (vouchers == null) {
      var learner = there.get();
      vouchers = learner == null ? null : new EnvironmentVouchers(learner);
    }
    return vouchers;
  }
}
