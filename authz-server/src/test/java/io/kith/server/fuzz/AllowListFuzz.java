package io.kith.server.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.allow.AllowLists;
import io.kith.baselines.allow.AllowLists.Replacement;
import io.kith.server.replay.ListedSuffixes;

/** A file is taken whole or refused with every problem placed, and means the same each time. */
public final class AllowListFuzz {
  private static final AllowLists NONE = AllowLists.none(new ListedSuffixes());

  private AllowListFuzz() {}

  /** One input, as Jazzer calls it. */
  public static void fuzzerTestOneInput(byte[] data) {
    var text = new String(data, UTF_8);
    switch (NONE.replace("list.yaml", text)) {
      case Replacement.Refused(var problems) -> {
        for (var problem : problems) {
          if (!problem.toString().startsWith("list.yaml")) {
            throw new AssertionError("nowhere: " + problem);
          }
        }
      }
      case Replacement.Accepted(var lists) -> {
        if (!(NONE.replace("list.yaml", text) instanceof Replacement.Accepted(var again))
            || !again.all().toList().equals(lists.all().toList())) {
          throw new AssertionError("not the same when it is read again");
        }
      }
    }
  }
}
