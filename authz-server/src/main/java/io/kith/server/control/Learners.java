package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.Siblings;
import io.kith.baselines.learning.Vouchers;
import io.kith.baselines.process.Origin;

/** Makes the learner of a workload. */
record Learners(LearningSettings settings, PublicSuffixes suffixes) {
  Learners {
    requireNonNull(settings, "settings");
    requireNonNull(suffixes, "suffixes");
  }

  Learner of(Workload workload, Vouchers vouchers) {
    // how often the others started is not known: not every workload has a bridge that tells
    return new Learner(
        workload.owner(), originOf(workload), settings, suffixes, vouchers, Siblings.UNKNOWN);
  }

  /** Where the workload's code has to come from. */
  static Origin originOf(Workload workload) {
    return workload.onHost() ? Origin.HOST : Origin.IMAGE;
  }
}
