package io.kith.server.store;

import io.kith.baselines.store.LearnedChanges;
import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * How far learned parts were read, in numbers of transactions.
 *
 * <p>Text form: when the database started, in seconds since 1970, a space, and the number of the
 * oldest transaction that was open then, which counts on where numbers in rows begin anew.
 *
 * @param started of another database, or of one that a crash threw back, numbers say nothing
 */
record PostgresMark(String started, long oldest) {
  /*
   * A row has in xmin the number of the transaction that wrote it. What is not seen yet is of a
   * transaction that is open now or begins later, so its number is that of the oldest open one or a
   * greater one. Numbers in rows have 32 bits: age() is the distance from the newest, and negative
   * where it is more than half of all; a row that is so old is told each time.
   */
  private static final long COMPARABLE = 1L << 31;

  static LearnedChanges changed(Connection connection, String replica, @Nullable String since)
      throws SQLException {
    var now = now(connection); // first: what comes meanwhile is told twice, not never
    var before = since == null ? null : parse(since);
    var owners =
        before != null && before.isBefore(now)
            ? Rows.owners(
                connection,
                "replica <> ? and age(xmin) <= age(cast(? as xid))",
                replica,
                before.inRows())
            : Rows.owners(connection, "replica <> ?", replica);
    return new LearnedChanges(owners, now.toString());
  }

  private static PostgresMark now(Connection connection) throws SQLException {
    return Sql.one(
        connection,
        row -> new PostgresMark(row.getString("started"), row.getLong("oldest")),
        """
        select cast(extract(epoch from pg_postmaster_start_time()) as text) as started,
          cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint) as oldest\
        """);
  }

  private static PostgresMark parse(String text) {
    var space = text.indexOf(' ');
    return new PostgresMark(text.substring(0, space), Long.parseLong(text.substring(space + 1)));
  }

  /** Whether what was written between the two can be told. */
  private boolean isBefore(PostgresMark now) {
    return started.equals(now.started) && oldest <= now.oldest && now.oldest - oldest < COMPARABLE;
  }

  private String inRows() {
    return Long.toString(oldest & 0xffff_ffffL);
  }

  @Override
  public String toString() {
    return started + " " + oldest;
  }
}
