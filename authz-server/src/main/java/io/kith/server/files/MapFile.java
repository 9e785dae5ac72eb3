package io.kith.server.files;

import io.kith.baselines.change.DestinationMap;
import io.kith.server.replay.ListedSuffixes;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import java.nio.file.Path;

/** A destination map in a file. */
public final class MapFile {
  private MapFile() {}

  /** Reads it; refused with every problem. */
  public static DestinationMap read(Path file) throws Failure {
    return switch (DestinationMap.read(
        String.valueOf(file.getFileName()), TextFile.read(file), new ListedSuffixes())) {
      case DestinationMap.Read.Accepted(var map) -> map;
      case DestinationMap.Read.Refused(var problems) -> throw BaselineFiles.refused(problems);
    };
  }
}
