package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.process.ProcessClass;
import java.util.Set;

/** Who else knows an edge: another environment, a manifest. */
@FunctionalInterface
public interface Vouchers {
  /** Nobody vouches. */
  Vouchers NONE =
      new Vouchers() {
        @Override
        public boolean vouch(
            ProcessClass process, Exact destination, boolean external, Set<String> digests) {
          return false;
        }

        @Override
        public long changes() {
          return 0;
        }
      };

  /**
   * Whether somebody vouches for an edge to one destination.
   *
   * @param external outside the mesh, where a voucher must come from another image: the same build
   *     would only vouch for itself
   * @param digests images that showed the edge here
   */
  boolean vouch(ProcessClass process, Exact destination, boolean external, Set<String> digests);

  /** Grows whenever an answer may have become another one; negative when that is not known. */
  default long changes() {
    return -1;
  }
}
