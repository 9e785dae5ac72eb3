package io.kith.server.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RowsTest {
  @TempDir Path folder;

  /** It went through all the log for a subject of which there is little. */
  @Test
  void latest_ofASubject_isFoundByIndex() throws Exception {
    try (var connection = SqliteFile.open(folder.resolve("kith.db"))) {
      var plan =
          Sql.list(
              connection,
              row -> row.getString("detail"),
              "explain query plan " + Rows.LATEST_OF_SUBJECT,
              0,
              Long.MAX_VALUE,
              "shop/*",
              "shop/*",
              10);

      assertThat(plan)
          .singleElement()
          .asString()
          .startsWith("SEARCH kith_change USING INDEX kith_change_by_subject");
    }
  }
}
