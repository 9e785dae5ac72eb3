package io.kith.server.store;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/**
 * The two tables, in the SQL that SQLite and PostgreSQL share.
 *
 * <p>Times are text, since a time that lost its nanoseconds would not fit its seal.
 */
final class Rows {
  /** State of our own for a row that nobody of Kith wrote; no SQLSTATE class begins with KI. */
  static final String NOT_OURS = "KI002";

  private static final int BATCH = 500;

  private Rows() {}

  static List<Entry> after(Handle handle, long position, int limit) {
    return handle
        .createQuery(
            """
            select position, at, author, note, kind, subject, body, seal from kith_change
            where position > :position order by position limit :limit\
            """)
        .bind("position", position)
        .bind("limit", limit)
        .map((row, _) -> entry(row))
        .list();
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

  /**
   * Adds an entry right behind the last one.
   *
   * @return false when its position is taken
   */
  static boolean append(Handle handle, Entry entry) throws StoreException {
    var change = entry.change();
    var added =
        handle
            .createUpdate(
                """
                insert into kith_change
                  (position, at, author, note, kind, subject, body, seal)
                select :position, :at, :author, :note, :kind, :subject, :body, :seal
                where :position = (select coalesce(max(position), 0) + 1 from kith_change)
                on conflict (position) do nothing\
                """)
            .bind("position", entry.position())
            .bind("at", change.at().toString())
            .bind("author", change.author())
            .bind("note", change.note())
            .bind("kind", change.kind())
            .bind("subject", change.subject())
            .bind("body", change.body())
            .bind("seal", entry.seal())
            .execute();
    if (added == 1) {
      return true;
    }
    var last =
        handle
            .createQuery("select coalesce(max(position), 0) from kith_change")
            .mapTo(Long.class)
            .one();
    if (last < entry.position()) {
      throw beyondTheEnd(entry.position(), last);
    }
    return false;
  }

  static void save(Handle handle, List<LearnedPart> parts) {
    // one statement may not write a row twice
    var latest = new LinkedHashMap<List<Object>, LearnedPart>();
    parts.forEach(part -> latest.put(List.of(part.replica(), part.owner(), part.key()), part));
    var batch =
        handle.prepareBatch(
            """
            insert into kith_learned (replica, owner, part, body)
            values (:replica, :owner, :part, :body)
            on conflict (owner, replica, part) do update set body = excluded.body\
            """);
    for (var part : latest.values()) {
      batch
          .bind("replica", part.replica())
          .bind("owner", part.owner().toString())
          .bind("part", part.key())
          .bind("body", part.body())
          .add();
      if (batch.size() == BATCH) {
        batch.execute();
      }
    }
    if (batch.size() > 0) {
      batch.execute();
    }
  }

  static void forget(Handle handle, String replica, Owner owner) {
    handle
        .createUpdate("delete from kith_learned where owner = :owner and replica = :replica")
        .bind("owner", owner.toString())
        .bind("replica", replica)
        .execute();
  }

  static List<LearnedPart> learned(Handle handle) {
    return parts(handle.createQuery("select replica, owner, part, body from kith_learned"));
  }

  static List<LearnedPart> learnedByOthers(Handle handle, String replica, @Nullable Owner owner) {
    var all = "select replica, owner, part, body from kith_learned where replica <> :replica";
    return parts(
        owner == null
            ? handle.createQuery(all).bind("replica", replica)
            : handle
                .createQuery(all + " and owner = :owner")
                .bind("replica", replica)
                .bind("owner", owner.toString()));
  }

  private static List<LearnedPart> parts(Query query) {
    return query.setFetchSize(1_000).map((row, _) -> part(row)).list();
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
