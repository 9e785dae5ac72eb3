package io.kith.server.control;

import io.kith.baselines.change.Voucher;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.learning.Patterns;
import io.kith.baselines.learning.Vouchers;
import io.kith.baselines.process.ProcessClass;
import java.util.List;
import java.util.Set;

/**
 * What people declared of a workload: bundles that they imported, and rules without an end or a
 * hash.
 *
 * <p>An external destination of a bundle counts too, though a bundle does not tell its images: it
 * only arrives through a line of the destination map, which is a person's declaration of it.
 */
record DeclaredVouchers(List<Voucher> imported, List<HandRule> allowed) implements Vouchers {
  DeclaredVouchers {
    imported = List.copyOf(imported);
    allowed = allowed.stream().filter(DeclaredVouchers::vouches).toList();
  }

  /*
   * A rule with an end says that it is not normal; one for a binary says nothing of the next
   * binary, which what is learned would let in.
   */
  private static boolean vouches(HandRule rule) {
    return rule.provenance().until() == null
        && rule.sha256() == null
        && rule.scriptSha256() == null;
  }

  private static boolean covers(HandRule rule, ProcessClass process) {
    return rule.process().covers(process)
        && (rule.strictness() != Strictness.LINEAGE
            || process.ancestors().equals(rule.process().ancestors()));
  }

  @Override
  public boolean vouch(
      ProcessClass process, Exact destination, boolean external, Set<String> digests) {
    for (var voucher : imported) {
      if (voucher.process().equals(process)
          && Patterns.covers(voucher.destination(), destination)) {
        return true;
      }
    }
    if (allowed.isEmpty()) {
      return false;
    }
    var seen =
        new Destination(
            destination.name(),
            destination.weakest(),
            destination.weakest() == Evidence.ADDRESS ? IpAddress.parse(destination.name()) : null,
            destination.port(),
            destination.protocol());
    return allowed.stream()
        .anyMatch(rule -> covers(rule, process) && rule.destination().covers(seen));
  }
}
