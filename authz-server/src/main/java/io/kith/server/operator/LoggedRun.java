package io.kith.server.operator;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.LearningSettings;
import io.kith.server.replay.MalformedLineException;
import io.kith.server.replay.ReplayRun;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Words;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;

/**
 * A run that left a flow log.
 *
 * @param owners only these; all when empty
 */
record LoggedRun(
    List<Path> flows,
    List<Path> inventory,
    LearningSettings settings,
    List<String> owners,
    PrintWriter err)
    implements TestRun {
  @Override
  public Learned finish(String note) throws Failure, IOException, MalformedLineException {
    var run =
        new ReplayRun(
            new ReplayRun.Files(flows, inventory, List.of(), List.of(), List.of()),
            settings,
            false,
            complaint -> err.println("kith: " + Words.safe(complaint)));
    try {
      var outcome = run.run((_, _, _) -> {}, true);
      var baselines = outcome.baselines().stream().filter(this::isWanted).toList();
      if (baselines.isEmpty()) {
        throw Failure.refused(
            "the flow log shows nothing that may be learned"
                + (owners.isEmpty() ? "" : " of " + String.join(", ", owners))
                + " (kith replay says what it has)");
      }
      var leftOut = new HashMap<Owner, Integer>();
      outcome
          .testRun()
          .forEach(ended -> leftOut.put(ended.baseline().owner(), ended.leftOut().size()));
      return new Learned(baselines, leftOut, List.of());
    } catch (NoSuchFileException e) {
      throw Failure.refused(e.getFile() + ": no such file (COMMAND was to write it)");
    }
  }

  private boolean isWanted(Baseline baseline) {
    return owners.isEmpty() || owners.contains(baseline.owner().toString());
  }
}
