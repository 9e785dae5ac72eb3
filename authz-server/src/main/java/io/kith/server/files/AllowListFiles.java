package io.kith.server.files;

import io.kith.baselines.allow.AllowLists;
import io.kith.baselines.yaml.Problem;
import io.kith.server.replay.ListedSuffixes;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Allow-lists in files and folders. */
public final class AllowListFiles {
  private AllowListFiles() {}

  /** All of them; refused with every problem of every file. */
  public static AllowLists read(List<Path> filesAndFolders) throws Failure {
    var lists = AllowLists.none(new ListedSuffixes());
    var problems = new ArrayList<Problem>();
    for (var file : files(filesAndFolders)) {
      switch (lists.replace(file.toString(), TextFile.read(file))) {
        case AllowLists.Replacement.Accepted(var next) -> lists = next;
        case AllowLists.Replacement.Refused(var found) -> problems.addAll(found);
      }
    }
    if (!problems.isEmpty()) {
      throw BaselineFiles.refused(problems);
    }
    return lists;
  }

  private static List<Path> files(List<Path> filesAndFolders) throws Failure {
    var files = new ArrayList<Path>();
    for (var path : filesAndFolders) {
      if (!Files.isDirectory(path)) {
        files.add(path);
        continue;
      }
      try (var inside = Files.list(path)) {
        files.addAll(inside.filter(AllowListFiles::isYaml).sorted().toList());
      } catch (IOException e) {
        throw Failure.refused(path + ": cannot be read: " + e);
      }
    }
    return files;
  }

  private static boolean isYaml(Path file) {
    var name = file.toString();
    return name.endsWith(".yaml") || name.endsWith(".yml");
  }
}
