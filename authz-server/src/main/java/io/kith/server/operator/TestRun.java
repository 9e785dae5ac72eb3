package io.kith.server.operator;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import io.kith.server.replay.MalformedLineException;
import io.kith.server.verb.Failure;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What happens while tests run, and ends with baselines. */
interface TestRun {
  /**
   * Ends learning after the tests have passed.
   *
   * @param note why, for the record of changes
   * @throws Failure when nothing was learned
   */
  Learned finish(String note)
      throws Failure, ConfigException, IOException, InterruptedException, MalformedLineException;

  /**
   * What came of it.
   *
   * @param baselines at least one
   * @param leftOutByOwner how many edges did not make it into the baseline
   * @param notProposed workloads that showed traffic and got no baseline, with why
   */
  record Learned(
      List<Baseline> baselines, Map<Owner, Integer> leftOutByOwner, List<String> notProposed) {
    public Learned {
      baselines = List.copyOf(baselines);
      leftOutByOwner = Map.copyOf(leftOutByOwner);
      notProposed = List.copyOf(notProposed);
    }

    int leftOut(Owner owner) {
      return leftOutByOwner.getOrDefault(owner, 0);
    }
  }
}
