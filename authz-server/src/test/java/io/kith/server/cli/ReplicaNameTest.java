package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.config.StoreSettings.Postgresql;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReplicaNameTest {
  @TempDir Path folder;

  private static StoreSettings database(@Nullable String replica) {
    return new Postgresql(
        "jdbc:postgresql://db/kith", null, null, 4, Duration.ofSeconds(5), replica);
  }

  @Test
  void of_aFileOrMemory_isLocal_whateverTheMachineIsCalled() throws Exception {
    var sqlite = new StoreSettings.Sqlite(folder.resolve("kith.db"), Duration.ofSeconds(5));

    assertThat(ReplicaName.of(sqlite, folder)).isEqualTo("local");
    assertThat(ReplicaName.of(new StoreSettings.Memory(Duration.ofSeconds(5)), null))
        .isEqualTo("local");
  }

  @Test
  void of_aDatabase_isTheHostWithAnIdThatStays() throws Exception {
    var first = ReplicaName.of(database(null), folder.resolve("new"));

    assertThat(first).matches(".+-[0-9a-f]{12}");
    assertThat(ReplicaName.of(database(null), folder.resolve("new"))).isEqualTo(first);
    assertThat(ReplicaName.of(database(null), folder.resolve("other"))).isNotEqualTo(first);
  }

  @Test
  void of_configured_isThat() throws Exception {
    assertThat(ReplicaName.of(database("kith-0"), folder)).isEqualTo("kith-0");
    assertThat(folder.resolve("replica.id")).doesNotExist();
  }

  @Test
  void of_damagedOrUnwritable_saysWhatToDo() throws Exception {
    Files.writeString(folder.resolve("replica.id"), "garbage");
    assertThatThrownBy(() -> ReplicaName.of(database(null), folder))
        .isInstanceOf(IOException.class)
        .hasMessageEndingWith("(expected: 12 hex digits; remove it, or set store.replica)");

    var file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> ReplicaName.of(database(null), file.resolve("below")))
        .isInstanceOf(IOException.class);
  }
}
