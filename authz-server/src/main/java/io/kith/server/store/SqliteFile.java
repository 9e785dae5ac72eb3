package io.kith.server.store;

import io.kith.baselines.store.StoreException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** Opens the file of a {@link SqliteStore}, brings its tables up to date, and words its errors. */
final class SqliteFile {
  /** "kith" in ASCII: tells a store from the database of another program. */
  private static final int APPLICATION = 0x6b697468;

  static final int VERSION = 2;

  private SqliteFile() {}

  static Connection open(Path path) throws StoreException {
    create(path);
    var config = new SQLiteConfig();
    config.setJournalMode(SQLiteConfig.JournalMode.WAL);
    config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
    config.setTransactionMode(SQLiteConfig.TransactionMode.IMMEDIATE);
    config.setBusyTimeout(10_000);
    config.setJournalSizeLimit(64 << 20);
    Connection connection = null;
    try {
      connection = config.createConnection("jdbc:sqlite:" + path.toAbsolutePath());
      check(path, connection);
      Sql.inTransaction(
          connection,
          on -> {
            migrate(path, on);
            return true;
          });
      return connection;
    } catch (SQLException e) {
      closeAfter(connection, e);
      throw refusal(path, e);
    } catch (StoreException e) {
      closeAfter(connection, e);
      throw e;
    }
  }

  private static void closeAfter(@Nullable Connection connection, Exception failure) {
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException e) {
        failure.addSuppressed(e);
      }
    }
  }

  private static void create(Path path) throws StoreException {
    try {
      var folder = path.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder, only("rwx------"));
      }
      Files.createFile(path, only("rw-------"));
    } catch (FileAlreadyExistsException e) {
      if (!Files.isRegularFile(path)) {
        throw new StoreException(setting(path) + " is not a file (expected: one, or none)", e);
      }
    } catch (IOException e) {
      throw notWritable(path, e);
    }
  }

  private static FileAttribute<Set<PosixFilePermission>> only(String permissions) {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions));
  }

  private static void check(Path path, Connection connection) throws SQLException, StoreException {
    try (var statement = connection.createStatement();
        var result = statement.executeQuery("pragma quick_check(1)")) {
      if (!result.next() || !result.getString(1).equals("ok")) {
        throw damaged(path, null);
      }
    }
  }

  /** All of it or nothing; another process may be at it as well. */
  private static void migrate(Path path, Connection connection)
      throws SQLException, StoreException {
    try (var statement = connection.createStatement()) {
      statement.execute("select 1 from sqlite_master limit 1"); // begins
      var application = number(connection, "pragma application_id");
      var version = number(connection, "pragma user_version");
      var tables = number(connection, "select count(*) from sqlite_master");
      if (application != APPLICATION && (tables > 0 || application != 0)) {
        throw new StoreException(
            setting(path)
                + " is a database of another program (expected: one that Kith made; choose another"
                + " path)");
      }
      if (version > VERSION) {
        throw new StoreException(
            setting(path)
                + " was written by a newer Kith: its version is "
                + version
                + ", this one knows "
                + VERSION
                + " (start the newer one, or put back a copy from before the upgrade)");
      }
      for (var next = version + 1; next <= VERSION; next++) {
        statement.executeUpdate(script(next));
        statement.executeUpdate("pragma user_version = " + next);
      }
      statement.executeUpdate("pragma application_id = " + APPLICATION);
    }
  }

  private static int number(Connection connection, String query) throws SQLException {
    return Sql.one(connection, row -> row.getInt(1), query);
  }

  private static String script(int version) {
    try (var stream = SqliteFile.class.getResourceAsStream("sqlite-" + version + ".sql")) {
      if (stream == null) {
        throw new IllegalStateException("sqlite-" + version + ".sql is not in the program");
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What an error of SQLite means for an operator. */
  static StoreException refusal(Path path, Exception failure) {
    var altered = Rows.notOurs(failure);
    if (altered != null) {
      return new StoreException(quoted(path) + ": " + altered, failure);
    }
    var code = codeOf(failure);
    return switch (code == null ? SQLiteErrorCode.SQLITE_ERROR : primary(code)) {
      case SQLITE_FULL ->
          new StoreException(
              "the disk of "
                  + quoted(path)
                  + " is full: nothing was written (free some space, or grow the volume)",
              failure);
      case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM -> notWritable(path, failure);
      case SQLITE_NOTADB ->
          new StoreException(
              setting(path) + " is not a SQLite file (expected: one that Kith made)", failure);
      case SQLITE_CORRUPT -> damaged(path, failure);
      case SQLITE_BUSY, SQLITE_LOCKED ->
          new StoreException(
              quoted(path)
                  + " was locked by another process for 10 s: nothing was written (see who has it"
                  + " open: fuser "
                  + path
                  + ")",
              failure);
      default ->
          new StoreException(
              quoted(path)
                  + " failed: "
                  + failure.getMessage()
                  + " (whether a change was added is not known until the log is read again)",
              failure,
              true);
    };
  }

  private static @Nullable SQLiteErrorCode codeOf(Throwable failure) {
    for (var cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLiteException sqlite) {
        return sqlite.getResultCode();
      }
    }
    return null;
  }

  /** Extended codes carry the primary one in their last byte. */
  private static SQLiteErrorCode primary(SQLiteErrorCode code) {
    return SQLiteErrorCode.getErrorCode(code.code & 0xff);
  }

  private static StoreException damaged(Path path, @Nullable Exception failure) {
    var message = setting(path) + " is damaged (put back a copy: docs/store.md, Restore)";
    return failure == null ? new StoreException(message) : new StoreException(message, failure);
  }

  private static StoreException notWritable(Path path, Exception failure) {
    return new StoreException(
        setting(path) + " is not writable (mount a volume there, or set store.type: memory)",
        failure);
  }

  private static String setting(Path path) {
    return "kith.yaml: store.path: " + quoted(path);
  }

  private static String quoted(Path path) {
    return "'" + path + "'";
  }
}
