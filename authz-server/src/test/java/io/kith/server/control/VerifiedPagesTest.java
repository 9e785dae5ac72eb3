package io.kith.server.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifiedPagesTest {
  private static final int PAGE = VerifiedPages.PAGE;

  private static final Keyring KEYS = ServerKeys.ephemeral().ring();

  @TempDir Path folder;

  private VerifiedPages pages() {
    return new VerifiedPages(folder.resolve("log.verified"), KEYS);
  }

  private static List<Entry> log(String story, int from, int to) {
    return IntStream.rangeClosed(from, to).mapToObj(i -> entry(story, i)).toList();
  }

  private static Entry entry(String story, long position) {
    return new Entry(
        position,
        new Change(Instant.EPOCH, "ada", story, "mode", "*", "{}"),
        "ed25519:seal " + position);
  }

  private static void note(VerifiedPages pages, List<Entry> entries) {
    entries.forEach(pages::note);
    pages.save();
  }

  private static int[] known(VerifiedPages pages, List<Entry> log) {
    return IntStream.rangeClosed(0, (log.size() - 1) / PAGE)
        .map(
            page -> {
              var entries = log.subList(page * PAGE, Math.min(log.size(), (page + 1) * PAGE));
              var among = pages.among(entries);
              entries.forEach(pages::note);
              return among;
            })
        .toArray();
  }

  @Test
  void among_asFarAsItWasNoted() {
    note(pages(), log("a", 1, PAGE + 3));

    assertThat(known(pages(), log("a", 1, PAGE + 3))).containsExactly(PAGE, 3);
    assertThat(known(pages(), log("a", 1, PAGE + 9))).containsExactly(PAGE, 3);
    assertThat(known(pages(), log("a", 1, 2 * PAGE))).containsExactly(PAGE, 3);
    assertThat(known(pages(), log("a", 1, PAGE + 2))).as("cut").containsExactly(PAGE, 0);
    assertThat(known(pages(), log("b", 1, PAGE + 3))).containsExactly(0, 0);
    assertThat(pages().among(log("a", 2, 3))).as("within a page").isZero();
    assertThat(pages().among(List.of())).isZero();
    assertThat(pages().among(List.of(entry("a", (1L << 31) * PAGE + 1)))).isZero();
  }

  @Test
  void note_goesOnFromWhatWasFound() {
    note(pages(), log("a", 1, 5));

    var second = pages();
    assertThat(second.among(log("a", 1, 5))).isEqualTo(5);
    note(second, log("a", 1, 5));
    note(second, log("a", 6, PAGE + 1));

    assertThat(known(pages(), log("a", 1, PAGE + 1))).containsExactly(PAGE, 1);
  }

  @Test
  void save_nothingNew_leavesTheFile() throws Exception {
    var file = folder.resolve("log.verified");
    note(pages(), log("a", 1, 5));
    var before = Files.readString(file);

    var second = pages();
    var _ = second.among(log("a", 1, 5));
    second.save();
    assertThat(file).hasContent(before);
    note(second, log("a", 1, 5));
    assertThat(file).hasContent(before);
  }

  /** Two stories that were each verified, put together, were not. */
  @Test
  void note_logRepairedInTheMiddleOfAPage_isNotMixedWithWhatStoodThere() {
    note(pages(), log("a", 1, 9));

    var second = pages();
    assertThat(second.among(log("a", 1, 9))).isEqualTo(9);
    note(second, log("a", 1, 4)); // the fifth was refused
    assertThat(second.among(log("b", 5, 12))).isZero();
    note(second, log("b", 5, 12));

    assertThat(pages().among(log("a", 1, 9))).as("what was noted before").isEqualTo(9);
    var mixed = new ArrayList<>(log("a", 1, 9));
    mixed.addAll(log("b", 10, 12));
    assertThat(pages().among(mixed)).isEqualTo(9);
  }

  @Test
  void note_otherLogFromAPageOn_replacesWhatWasThere() {
    note(pages(), log("a", 1, 3 * PAGE));

    var second = pages();
    assertThat(known(second, log("b", 1, PAGE + 1))).containsExactly(0, 0);
    second.save();

    assertThat(known(pages(), log("b", 1, PAGE + 1))).containsExactly(PAGE, 1);
    assertThat(known(pages(), log("a", 1, 3 * PAGE))).containsExactly(0, 0, 0);
  }
}
