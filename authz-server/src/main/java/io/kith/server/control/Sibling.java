package io.kith.server.control;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.Siblings;
import java.util.function.Supplier;

/** What is known of the other workloads: those whose pods a bridge announces. */
record Sibling(Supplier<Workloads> workloads) implements Siblings {
  @Override
  public int startsOf(String name) {
    if (name.indexOf('/') < 0) {
      return -1;
    }
    try {
      var workload = workloads.get().find(Owner.parse(name));
      return workload == null ? -1 : workload.announced();
    } catch (IllegalArgumentException _) {
      return -1;
    }
  }
}
