package io.kith.server.store;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The two tables, in the SQL that SQLite and PostgreSQL share.
 *
 * <p>Times are text, since a time that lost its nanoseconds would not fit its seal.
 */
final class Rows {
  /** State of our own for a row that nobody of Kith wrote; no SQLSTATE class begins with KI. */
  static final String NOT_OURS = "KI002";

  private static final String CHANGES =
      "select position, at, author, note, kind, subject, body, seal from kith_change"
          + " where position > ? and position < ?";
  private static final String NEWEST_FIRST = " order by position desc limit ?";

  /** The index has the first characters only, since one of PostgreSQL holds no more. */
  static final String LATEST_OF_SUBJECT =
      CHANGES + " and substr(subject, 1, 100) = substr(?, 1, 100) and subject = ?" + NEWEST_FIRST;

  private Rows() {}

  static List<Entry> after(Connection connection, long position, int limit) throws SQLException {
    return Sql.list(
        connection,
        Rows::entry,
        """
        select position, at, author, note, kind, subject, body, seal from kith_change
        where position > ? order by position limit ?\
        """,
        position,
        limit);
  }

  static List<Entry> latest(
      Connection connection, long after, long before, @Nullable String subject, int limit)
      throws SQLException {
    return subject == null
        ? Sql.list(connection, Rows::entry, CHANGES + NEWEST_FIRST, after, before, limit)
        : Sql.list(
            connection, Rows::entry, LATEST_OF_SUBJECT, after, before, subject, subject, limit);
  }

  private static Entry entry(ResultSet row) throws SQLException {
    var position = row.getLong("position");
    try {
      var change =
          new Change(
              Instant.parse(row.getString("at")),
              row.getString("author").intern(), // few write many
              row.getString("note"),
              row.getString("kind"),
              row.getString("subject"),
              row.getString("body"));
      return new Entry(position, change, row.getString("seal"));
    } catch (DateTimeException | IllegalArgumentException e) {
      throw new SQLException(
          "change " + position + " was altered by hand: " + e.getMessage() + " (restore the store)",
          NOT_OURS,
          e);
    }
  }

  /*
   * Who has the place of the first has those behind it as well: another server asks for the place
   * behind the last that it can read, and waits at the first for this transaction to end.
   */
  /**
   * Adds entries right behind the last one. To be called in a transaction, to be undone when this
   * throws.
   *
   * @return false when the position of the first is taken; then none was added
   */
  static boolean append(Connection connection, List<Entry> entries)
      throws SQLException, StoreException {
    var first = entries.getFirst();
    var added =
        Sql.update(
            connection,
            """
            insert into kith_change
              (position, at, author, note, kind, subject, body, seal)
            select ?, ?, ?, ?, ?, ?, ?, ?
            where ? = (select coalesce(max(position), 0) + 1 from kith_change)
            on conflict (position) do nothing\
            """,
            Stream.concat(Stream.of(columns(first)), Stream.of(first.position())).toArray());
    if (added == 1) {
      Sql.updateAll(
          connection,
          """
          insert into kith_change (position, at, author, note, kind, subject, body, seal)
          values (?, ?, ?, ?, ?, ?, ?, ?)\
          """,
          entries.stream().skip(1).map(Rows::columns).toList());
      return true;
    }
    var last =
        Sql.one(
            connection,
            row -> row.getLong(1),
            "select coalesce(max(position), 0) from kith_change");
    if (last < first.position()) {
      throw beyondTheEnd(first.position(), last);
    }
    return false;
  }

  private static Object[] columns(Entry entry) {
    return Stream.concat(Stream.of(entry.position()), entry.texts().stream()).toArray();
  }

  static void save(Connection connection, List<LearnedPart> parts) throws SQLException {
    // one statement may not write a row twice
    var latest = new LinkedHashMap<List<Object>, Object[]>();
    for (var part : parts) {
      latest.put(
          List.of(part.replica(), part.owner(), part.key()),
          new Object[] {part.replica(), part.owner().toString(), part.key(), part.body()});
    }
    Sql.updateAll(
        connection,
        """
        insert into kith_learned (replica, owner, part, body) values (?, ?, ?, ?)
        on conflict (owner, replica, part) do update set body = excluded.body\
        """,
        latest.values());
  }

  static void forget(Connection connection, String replica, Owner owner) throws SQLException {
    Sql.update(
        connection,
        "delete from kith_learned where owner = ? and replica = ?",
        owner.toString(),
        replica);
  }

  static List<LearnedPart> learnedByOthers(
      Connection connection, String replica, Collection<Owner> owners) throws SQLException {
    if (owners.isEmpty()) {
      return List.of();
    }
    return Sql.list(
        connection,
        Rows::part,
        "select replica, owner, part, body from kith_learned where replica <> ? and owner in (?"
            + ", ?".repeat(owners.size() - 1)
            + ")",
        Stream.concat(Stream.of(replica), owners.stream().map(Owner::toString)).toArray());
  }

  /** Of which workloads there are such parts. */
  static Set<Owner> owners(Connection connection, String such, Object... parameters)
      throws SQLException {
    return Set.copyOf(
        Sql.list(
            connection,
            Rows::owner,
            "select distinct owner from kith_learned where " + such,
            parameters));
  }

  private static Owner owner(ResultSet row) throws SQLException {
    var owner = row.getString("owner");
    try {
      return Owner.parse(owner);
    } catch (IllegalArgumentException e) {
      throw new SQLException(
          "learned parts of '%s' were altered by hand: %s (delete their rows)"
              .formatted(owner, e.getMessage()),
          NOT_OURS,
          e);
    }
  }

  private static LearnedPart part(ResultSet row) throws SQLException {
    var replica = row.getString("replica");
    var owner = row.getString("owner");
    var key = row.getString("part");
    try {
      return new LearnedPart(replica, Owner.parse(owner), key, row.getString("body"));
    } catch (IllegalArgumentException e) {
      throw new SQLException(
          "learned part '%s' of '%s' by server '%s' was altered by hand: %s (delete its row)"
              .formatted(key, owner, replica, e.getMessage()),
          NOT_OURS,
          e);
    }
  }

  /** What is wrong with a row that nobody of Kith wrote; null when it is something else. */
  static @Nullable String notOurs(Throwable failure) {
    for (var cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql && NOT_OURS.equals(sql.getSQLState())) {
        return sql.getMessage();
      }
    }
    return null;
  }

  static void checkRange(long position, int limit) {
    if (position < 0) {
      throw new IllegalArgumentException("position: " + position + " (expected: from 0)");
    }
    if (limit < 1) {
      throw new IllegalArgumentException("limit: " + limit + " (expected: from 1)");
    }
  }

  /** Refuses what is no row of entries. */
  static void checkRow(List<Entry> entries) {
    if (entries.isEmpty()) {
      throw new IllegalArgumentException("entries: none (expected: one or more)");
    }
    for (var i = 1; i < entries.size(); i++) {
      var before = entries.get(i - 1).position();
      if (entries.get(i).position() != before + 1) {
        throw new IllegalArgumentException(
            "position: " + entries.get(i).position() + " (expected: " + (before + 1) + ")");
      }
    }
  }

  static StoreException beyondTheEnd(long position, long last) {
    return new StoreException(
        "position "
            + position
            + " is not the next, the log ends at "
            + last
            + " (was an older copy of the store put back? restart the server, so that it reads the"
            + " log anew)");
  }

  static StoreException closed() {
    return new StoreException("the store is closed (the server is stopping)");
  }
}
