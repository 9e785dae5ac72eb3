package io.kith.server.replay;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.export.NativeYaml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Baselines as files of native YAML, one for each workload. */
final class SavedBaselines {
  private SavedBaselines() {}

  /**
   * Writes {@code namespace.kind.name.yaml} into a folder, which is made if need be. All of them
   * are written before the first takes its place.
   */
  static void write(Path folder, List<Baseline> baselines) throws IOException {
    Files.createDirectories(folder);
    var files = new ArrayList<WholeFile>();
    try {
      for (var baseline : baselines) {
        var name = baseline.owner().toString().replace('/', '.') + ".yaml";
        var file = WholeFile.create(folder.resolve(name));
        files.add(file);
        write(file, NativeYaml.write(List.of(baseline)));
      }
      for (var file : files) {
        file.complete();
      }
    } finally {
      for (var file : files) {
        file.close();
      }
    }
  }

  private static void write(WholeFile file, String text) throws IOException {
    try {
      file.out().write(text.getBytes(UTF_8));
      file.out().close(); // a full disk may show only now
    } catch (IOException e) {
      throw file.told(e);
    }
  }
}
