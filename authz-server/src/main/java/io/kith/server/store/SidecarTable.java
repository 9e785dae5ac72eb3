package io.kith.server.store;

import io.kith.baselines.store.StoreException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.HandleCallback;

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
    <T> T run(HandleCallback<T, RuntimeException> action) throws StoreException;
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
        handle ->
            handle
                .createQuery(
                    """
                    select cast(extract(epoch from clock_timestamp()) * 1000 as bigint) as time, version
                    from kith_sidecar_news\
                    """)
                .map(
                    (row, _) ->
                        new Now(Instant.ofEpochMilli(row.getLong("time")), row.getLong("version")))
                .one());
  }

  /** Puts rows in place, all or none, but for those of which a later Check is known. */
  public void tell(List<Row> rows) throws StoreException {
    if (rows.isEmpty()) {
      return;
    }
    transactions.run(
        handle -> {
          tell(handle, rows);
          return true;
        });
  }

  private static void tell(Handle handle, List<Row> rows) {
    var version =
        handle
            .createQuery("update kith_sidecar_news set version = version + 1 returning version")
            .mapTo(Long.class)
            .one();
    var batch =
        handle.prepareBatch(
            """
            insert into kith_sidecar as known (pod, open, asked, version, replica, owner, body)
            values (:pod, :open, :asked, :version, :replica, :owner, :body)
            on conflict (pod) do update set open = excluded.open, asked = excluded.asked,
              version = excluded.version, replica = excluded.replica, owner = excluded.owner,
              body = excluded.body
            where excluded.asked > known.asked or (excluded.asked = known.asked and excluded.open)\
            """);
    for (var row : rows) {
      batch
          .bind("pod", row.pod)
          .bind("open", row.open)
          .bind("asked", row.asked.toEpochMilli())
          .bind("version", version)
          .bind("replica", row.replica)
          .bind("owner", row.owner)
          .bind("body", row.body)
          .add();
    }
    batch.execute();
  }

  /** Rows behind a place, in order. */
  public List<Placed> after(Place place, int most) throws StoreException {
    return transactions.run(
        handle ->
            handle
                .createQuery(
                    """
                    select pod, open, asked, version, replica, owner, body from kith_sidecar
                    where (version, pod) > (:version, :pod) order by version, pod limit :most\
                    """)
                .bind("version", place.version)
                .bind("pod", place.pod)
                .bind("most", most)
                .map(
                    (row, _) ->
                        new Placed(
                            new Place(row.getLong("version"), row.getString("pod")),
                            new Row(
                                row.getString("pod"),
                                row.getBoolean("open"),
                                Instant.ofEpochMilli(row.getLong("asked")),
                                row.getString("replica"),
                                row.getString("owner"),
                                row.getString("body"))))
                .list());
  }

  /** Forgets pods that were not heard of since then. */
  public void remove(Collection<String> pods, Instant heardBefore) throws StoreException {
    if (pods.isEmpty()) {
      return;
    }
    transactions.run(
        handle -> {
          handle.execute("select version from kith_sidecar_news for update"); // as writers do first
          var batch =
              handle.prepareBatch("delete from kith_sidecar where pod = :pod and asked < :before");
          pods.forEach(
              pod -> batch.bind("pod", pod).bind("before", heardBefore.toEpochMilli()).add());
          batch.execute();
          return true;
        });
  }
}
