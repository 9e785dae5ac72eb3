package io.kith.server.store;

import io.kith.baselines.store.StoreException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Statements by JDBC, with their parameters in order. */
final class Sql {
  private static final int ROWS_AT_ONCE = 1_000;
  private static final int WRITES_AT_ONCE = 500;

  private Sql() {}

  /** Something that is done on a connection. */
  interface Action<T> {
    T on(Connection connection) throws SQLException, StoreException;
  }

  /** Reads a row. */
  interface Reader<T> {
    T read(ResultSet row) throws SQLException;
  }

  /** All rows of a query. */
  static <T> List<T> list(
      Connection connection, Reader<T> reader, String query, Object... parameters)
      throws SQLException {
    try (var statement = connection.prepareStatement(query)) {
      statement.setFetchSize(ROWS_AT_ONCE);
      bind(statement, parameters);
      try (var row = statement.executeQuery()) {
        var list = new ArrayList<T>();
        while (row.next()) {
          list.add(reader.read(row));
        }
        return list;
      }
    }
  }

  /** The one row of a query. */
  static <T> T one(Connection connection, Reader<T> reader, String query, Object... parameters)
      throws SQLException {
    var rows = list(connection, reader, query, parameters);
    if (rows.size() != 1) {
      throw new SQLException(rows.size() + " rows (expected: one): " + query);
    }
    return rows.getFirst();
  }

  /**
   * Writes.
   *
   * @return rows that were written
   */
  static int update(Connection connection, String update, Object... parameters)
      throws SQLException {
    try (var statement = connection.prepareStatement(update)) {
      bind(statement, parameters);
      return statement.executeUpdate();
    }
  }

  /** Says something whose answer, if it has any, is of no interest. */
  static void execute(Connection connection, String words) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute(words);
    }
  }

  /** Writes with each of these parameters, some at a time. */
  static void updateAll(Connection connection, String update, Iterable<Object[]> parameters)
      throws SQLException {
    try (var statement = connection.prepareStatement(update)) {
      var size = 0;
      for (var each : parameters) {
        bind(statement, each);
        statement.addBatch();
        if (++size % WRITES_AT_ONCE == 0) {
          statement.executeBatch();
        }
      }
      if (size % WRITES_AT_ONCE != 0) {
        statement.executeBatch();
      }
    }
  }

  private static void bind(PreparedStatement statement, Object... parameters) throws SQLException {
    for (var i = 0; i < parameters.length; i++) {
      statement.setObject(i + 1, parameters[i]);
    }
  }

  /** Does all of it, or after an error nothing. */
  static <T> T inTransaction(Connection connection, Action<T> action)
      throws SQLException, StoreException {
    connection.setAutoCommit(false);
    T done;
    try {
      done = action.on(connection);
      connection.commit();
    } catch (SQLException | StoreException | RuntimeException e) {
      undo(connection, e);
      throw e;
    }
    connection.setAutoCommit(true);
    return done;
  }

  private static void undo(Connection connection, Exception failure) {
    try {
      connection.rollback();
    } catch (SQLException e) {
      failure.addSuppressed(e);
    }
    try {
      connection.setAutoCommit(true);
    } catch (SQLException e) {
      failure.addSuppressed(e);
    }
  }
}
