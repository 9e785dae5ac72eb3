package io.kith.server.replay;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.export.NativeYaml;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Baselines as files of native YAML, one for each workload. */
final class SavedBaselines {
  private SavedBaselines() {}

  /** Writes {@code namespace.kind.name.yaml} into a folder, which is made if need be. */
  static void write(Path folder, List<Baseline> baselines) throws Failure, IOException {
    Files.createDirectories(folder);
    for (var baseline : baselines) {
      var name = baseline.owner().toString().replace('/', '.') + ".yaml";
      TextFile.write(folder.resolve(name), NativeYaml.write(List.of(baseline)));
    }
  }
}
