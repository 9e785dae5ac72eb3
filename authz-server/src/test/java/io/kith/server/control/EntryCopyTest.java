package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.NOON;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EntryCopyTest {
  private static final List<String> SUBJECTS =
      List.of(
          CHECKOUT.owner().toString(),
          "shop/*",
          CATALOG.owner().toString(),
          CATALOG.owner().toString(),
          CHECKOUT.owner().toString(),
          CHECKOUT.owner().toString());

  @TempDir private Path folder;
  private EntryCopy copy;

  @BeforeEach
  void keep() throws Exception {
    copy = EntryCopy.open(folder.resolve("log.copy"));
    for (var position = 1; position <= SUBJECTS.size(); position++) {
      var change =
          new Change(NOON, "ada", "why", "mode", SUBJECTS.get(position - 1), "{\"n\":" + position);
      copy.keep(new Entry(position, change, "seal-" + position));
    }
  }

  @AfterEach
  void close() {
    copy.close();
  }

  @Test
  void about_isOfTheWorkloadAndOfScopes_eachWithTheSealThatItFollows() throws Exception {
    var found = new ArrayList<String>();

    copy.about(
        CHECKOUT.owner(), (before, entry) -> found.add(entry.position() + " after " + before));

    assertThat(found)
        .containsExactly("1 after ", "2 after seal-1", "5 after seal-4", "6 after seal-5");
  }

  /** All of them were read before the first was looked at: whole lists, for each workload. */
  @Test
  void about_isReadOneByOne() throws Exception {
    var file = folder.resolve("log.copy");
    Files.writeString(file, Files.readString(file).replace("seal-5", "seal\n5"));
    var found = new ArrayList<Long>();

    assertThatThrownBy(
            () -> copy.about(CHECKOUT.owner(), (_, entry) -> found.add(entry.position())))
        .isInstanceOf(IOException.class)
        .hasMessage("the copy of the log was altered at 5");

    assertThat(found).containsExactly(1L, 2L);
  }
}
