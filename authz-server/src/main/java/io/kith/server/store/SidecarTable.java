package io.kith.server.store;

import io.kith.baselines.store.StoreException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;

/**
 * What sidecars said last to any of the servers of a {@link PostgresStore}: one row for each pod,
 * and the latest Check counts. All times are the database's. Thread-safe.
 */
public final class SidecarTable {
  /*
   * The row of kith_sidecar_news is locked by whoever writes, until the commit: so versions become
   * visible in their order, and who read up to one misses nothing.
   */

  private final Transactions transactions;

  /** How the store does something. */
  interface Transactions {
    <T> T run(Sql.Action<T> action) throws StoreException;
  }

  SidecarTable(Transactions transactions) {
    this.transactions = transactions;
  }

  /**
   * What a sidecar said; not trusted when it is read.
   *
   * @param pod its address
   * @param open whether its filter lets pass what cannot be asked about
   * @param asked when it was heard last
   * @param replica the server that heard it
   * @param owner its workload
   * @param body the same, sealed
   */
  public record Row(
      String pod, boolean open, Instant asked, String replica, String owner, String body) {}

  /** Up to where it was read. */
  public record Place(long version, String pod) {
    /** Before everything. */
    public static final Place START = new Place(0, "");
  }

  /** A row and its place. */
  public record Placed(Place place, Row row) {}

  /**
   * How it is.
   *
   * @param time of the database
   * @param version of the latest row; less than one that was read when a dump was put back
   */
  public record Now(Instant time, long version) {}

  public Now now() throws StoreException {
    return transactions.run(
        connection ->
            Sql.one(
                connection,
                row -> new Now(Instant.ofEpochMilli(row.getLong("time")), row.getLong("version")),
                """
                select cast(extract(epoch from clock_timestamp()) * 1000 as bigint) as time, version
                from kith_sidecar_news\
                """));
  }

  /** Puts rows in place, all or none, but for those of which a later Check is known. */
  public void tell(List<Row> rows) throws StoreException {
    if (rows.isEmpty()) {
      return;
    }
    transactions.run(
        connection -> {
          tell(connection, rows);
          return true;
        });
  }

  private static void tell(Connection connection, List<Row> rows) throws SQLException {
    var version =
        Sql.one(
            connection,
            row -> row.getLong(1),
            "update kith_sidecar_news set version = version + 1 returning version");
    Sql.updateAll(
        connection,
        """
        insert into kith_sidecar as known (pod, open, asked, version, replica, owner, body)
        values (?, ?, ?, ?, ?, ?, ?)
        on conflict (pod) do update set open = excluded.open, asked = excluded.asked,
          version = excluded.version, replica = excluded.replica, owner = excluded.owner,
          body = excluded.body
        where excluded.asked > known.asked or (excluded.asked = known.asked and excluded.open)\
        """,
        rows.stream()
            .map(
                row ->
                    new Object[] {
                      row.pod,
                      row.open,
                      row.asked.toEpochMilli(),
                      version,
                      row.replica,
                      row.owner,
                      row.body
                    })
            .toList());
  }

  /** Rows behind a place, in order. */
  public List<Placed> after(Place place, int most) throws StoreException {
    return transactions.run(
        connection ->
            Sql.list(
                connection,
                SidecarTable::placed,
                """
                select pod, open, asked, version, replica, owner, body from kith_sidecar
                where (version, pod) > (?, ?) order by version, pod limit ?\
                """,
                place.version,
                place.pod,
                most));
  }

  private static Placed placed(ResultSet row) throws SQLException {
    return new Placed(
        new Place(row.getLong("version"), row.getString("pod")),
        new Row(
            row.getString("pod"),
            row.getBoolean("open"),
            Instant.ofEpochMilli(row.getLong("asked")),
            row.getString("replica"),
            row.getString("owner"),
            row.getString("body")));
  }

  /** Forgets pods that were not heard of since then. */
  public void remove(Collection<String> pods, Instant heardBefore) throws StoreException {
    if (pods.isEmpty()) {
      return;
    }
    transactions.run(
        connection -> {
          // as writers do first
          Sql.execute(connection, "select version from kith_sidecar_news for update");
          Sql.updateAll(
              connection,
              "delete from kith_sidecar where pod = ? and asked < ?",
              pods.stream().map(pod -> new Object[] {pod, heardBefore.toEpochMilli()}).toList());
          return true;
        });
  }
}
