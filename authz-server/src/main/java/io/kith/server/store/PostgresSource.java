package io.kith.server.store;

import io.kith.baselines.config.StoreSettings.Postgresql;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Connects to the database, with limits on everything that could hang.
 *
 * <p>The password is read for each connection, so that a changed one needs no restart. What the URL
 * says itself is left as it is.
 */
final class PostgresSource extends PGSimpleDataSource {
  private static final Map<String, String> DEFAULTS =
      new TreeMap<>(
          Map.of(
              "connectTimeout", "5",
              "loginTimeout", "10",
              "socketTimeout", "30",
              "cancelSignalTimeout", "5",
              "tcpKeepAlive", "true",
              "ApplicationName", "kith",
              "reWriteBatchedInserts", "true"));
  private static final long serialVersionUID = 1;

  private final @Nullable String user;
  private final transient @Nullable Path passwordFile;

  PostgresSource(Postgresql settings) {
    this.user = settings.user();
    this.passwordFile = settings.passwordFile();
    var url = new StringBuilder(settings.url());
    DEFAULTS.forEach(
        (key, value) -> {
          if (!settings.url().contains(key + "=")) {
            url.append(url.indexOf("?") < 0 ? '?' : '&').append(key).append('=').append(value);
          }
        });
    setUrl(url.toString());
  }

  @Override
  public Connection getConnection() throws SQLException {
    return getConnection(user, password());
  }

  private @Nullable String password() throws SQLException {
    if (passwordFile == null) {
      return null;
    }
    try (var lines = Files.newBufferedReader(passwordFile)) {
      var first = lines.readLine();
      return first == null ? "" : first;
    } catch (IOException e) {
      throw new SQLException(
          "kith.yaml: store.passwordFile: '"
              + passwordFile
              + "' cannot be read (expected: a file with the password in its first line)",
          PostgresErrors.NO_PASSWORD_FILE,
          e);
    }
  }
}
