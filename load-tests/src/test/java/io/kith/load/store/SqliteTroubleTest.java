package io.kith.load.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.load.tools.Command;
import io.kith.server.store.SqliteStore;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong with a file, with the message that an operator reads. */
class SqliteTroubleTest {
  @TempDir private Path folder;

  private Path file() {
    return folder.resolve("data/kith.db");
  }

  private void execute(String sql) throws Exception {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file());
        var statement = connection.createStatement()) {
      statement.executeUpdate(sql);
    }
  }

  private void makeStore(int entries) throws Exception {
    try (var store = SqliteStore.open(file())) {
      for (var position = 1; position <= entries; position++) {
        store.append(BaselineStoreContract.entry(position, "note ".repeat(100)));
      }
    }
  }

  private void assertRefused(Path path, String message) {
    assertThatThrownBy(() -> SqliteStore.open(path).close())
        .isInstanceOf(StoreException.class)
        .hasMessage(message);
  }

  @Test
  void open_absentFile_isMadeForItsUserAlone() throws Exception {
    try (var store = SqliteStore.open(file())) {
      store.append(BaselineStoreContract.entry(1, "one"));

      try (var files = Files.list(file().getParent())) {
        assertThat(files)
            .hasSize(3) // with the log and its index
            .allSatisfy(
                made ->
                    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
                        .isEqualTo("rw-------"));
      }
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file().getParent())))
          .isEqualTo("rwx------");
    }
  }

  @Test
  void open_newerVersion_isRefused_andLeftAsItIs() throws Exception {
    makeStore(1);
    execute("pragma user_version = 7");

    assertRefused(
        file(),
        "kith.yaml: store.path: '"
            + file()
            + "' was written by a newer Kith: its version is 7, this one knows 2 (start the newer"
            + " one, or put back a copy from before the upgrade)");

    execute("pragma user_version = 2");
    try (var store = SqliteStore.open(file())) {
      assertThat(store.after(0, 10)).hasSize(1);
    }
  }

  @Test
  void open_anotherProgramsDatabase_isRefused() throws Exception {
    Files.createDirectories(file().getParent());
    execute("create table accounts (id integer)");

    assertRefused(
        file(),
        "kith.yaml: store.path: '"
            + file()
            + "' is a database of another program (expected: one that Kith made; choose another"
            + " path)");
  }

  @Test
  void open_textFile_isRefused() throws Exception {
    Files.createDirectories(file().getParent());
    Files.writeString(file(), "server:\n  spiffeId: x\n".repeat(1_000));

    assertRefused(
        file(),
        "kith.yaml: store.path: '"
            + file()
            + "' is not a SQLite file (expected: one that Kith made)");
  }

  @Test
  void open_damagedFile_isRefused() throws Exception {
    makeStore(200);
    try (var channel = FileChannel.open(file(), StandardOpenOption.WRITE)) {
      for (var page = 3; page < channel.size() / 4_096; page += 2) {
        channel.write(ByteBuffer.wrap("garbage ".repeat(500).getBytes(UTF_8)), page * 4_096L);
      }
    }

    assertRefused(
        file(),
        "kith.yaml: store.path: '"
            + file()
            + "' is damaged (put back a copy: docs/store.md, Restore)");
  }

  @Test
  void open_fileCutInTheMiddle_isRefused() throws Exception {
    makeStore(200);
    try (var channel = FileChannel.open(file(), StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() / 2);
    }

    assertRefused(
        file(),
        "kith.yaml: store.path: '"
            + file()
            + "' is damaged (put back a copy: docs/store.md, Restore)");
  }

  @Test
  void open_folderInsteadOfFile_isRefused() throws Exception {
    Files.createDirectories(file());

    assertRefused(
        file(), "kith.yaml: store.path: '" + file() + "' is not a file (expected: one, or none)");
  }

  @Test
  void open_whereNobodyMayWrite_isRefused() {
    var path = Path.of("/proc/kith/kith.db"); // not even root

    assertRefused(
        path,
        "kith.yaml: store.path: '/proc/kith/kith.db' is not writable (mount a volume there, or set"
            + " store.type: memory)");
  }

  @Test
  void diskFull_nothingIsHalfApplied_andItGoesOnWhenThereIsSpace() throws Exception {
    var disk = Files.createDirectories(folder.resolve("disk"));
    command("mount", "-t", "tmpfs", "-o", "size=2m", "kith-test", disk.toString()); // needs root
    try {
      var path = disk.resolve("kith.db");
      var acknowledged = new ArrayList<Entry>();
      try (var store = SqliteStore.open(path)) {
        var ballast = disk.resolve("ballast");
        Files.write(ballast, new byte[1 << 20]);
        StoreException full = null;
        for (var position = 1; full == null; position++) {
          var entry = BaselineStoreContract.entry(position, "x".repeat(20_000));
          try {
            assertThat(store.append(entry)).isTrue();
            acknowledged.add(entry);
          } catch (StoreException e) {
            full = e;
          }
        }
        assertThat(full)
            .hasMessage(
                "the disk of '"
                    + path
                    + "' is full: nothing was written (free some space, or grow the volume)");
        assertThatThrownBy(() -> store.saveLearned(manyParts()))
            .isInstanceOf(StoreException.class)
            .hasMessageContaining("is full");
        assertThat(store.after(0, 1_000)).isEqualTo(acknowledged);
        assertThat(BaselineStoreContract.learned(store)).isEmpty();

        Files.delete(ballast);

        var next = BaselineStoreContract.entry(acknowledged.size() + 1, "after");
        assertThat(store.append(next)).isTrue();
        acknowledged.add(next);
        store.saveLearned(manyParts().subList(0, 10));
      }
      try (var again = SqliteStore.open(path)) {
        assertThat(again.after(0, 1_000)).isEqualTo(acknowledged);
        assertThat(BaselineStoreContract.learned(again)).hasSize(10);
      }
    } finally {
      command("umount", disk.toString());
    }
  }

  private static void command(String... argv) throws Exception {
    Command.run(Duration.ofMinutes(1), List.of(argv)).orFail();
  }

  private static List<LearnedPart> manyParts() {
    var parts = new ArrayList<LearnedPart>();
    for (var i = 0; i < 1_000; i++) {
      parts.add(
          new LearnedPart("s", BaselineStoreContract.CHECKOUT, "edge:" + i, "x".repeat(3_000)));
    }
    return parts;
  }
}
