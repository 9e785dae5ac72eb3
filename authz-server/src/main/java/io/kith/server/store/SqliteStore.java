package io.kith.server.store;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A store in one SQLite file.
 *
 * <p>One connection, one use at a time. A change is on the disk when {@link #append} returns: the
 * write-ahead log is flushed with every commit. Other processes of this machine may read the file
 * meanwhile, and write it; never over a network file system.
 */
public final class SqliteStore implements BaselineStore {
  private final Path path;
  private final Connection connection;
  private final ReentrantLock lock = new ReentrantLock();
  private final Watchers watchers = new Watchers();
  private boolean closed;

  private SqliteStore(Path path, Connection connection) {
    this.path = path;
    this.connection = connection;
  }

  /**
   * Opens the file, or makes it with its folder, for its user alone.
   *
   * @throws StoreException when it cannot be written, is no store of Kith, is damaged, or is of a
   *     newer version
   */
  public static SqliteStore open(Path path) throws StoreException {
    return new SqliteStore(path, SqliteFile.open(path));
  }

  @Override
  public List<Entry> after(long position, int limit) throws StoreException {
    Rows.checkRange(position, limit);
    return call(false, on -> Rows.after(on, position, limit));
  }

  @Override
  public List<Entry> latest(long after, long before, @Nullable String subject, int limit)
      throws StoreException {
    Rows.checkRange(after, limit);
    return call(false, on -> Rows.latest(on, after, before, subject, limit));
  }

  @Override
  public boolean append(List<Entry> entries) throws StoreException {
    Rows.checkRow(entries);
    var added = call(true, on -> Rows.append(on, entries));
    if (added) {
      watchers.wake();
    }
    return added;
  }

  @Override
  public void saveLearned(List<LearnedPart> parts) throws StoreException {
    if (!parts.isEmpty()) {
      run(on -> Rows.save(on, parts));
    }
  }

  @Override
  public void forgetLearned(String replica, Owner owner) throws StoreException {
    run(on -> Rows.forget(on, replica, owner));
  }

  @Override
  public List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
      throws StoreException {
    return call(false, on -> Rows.learnedByOthers(on, replica, owners));
  }

  /** Of all that they wrote: mostly there are no others. */
  @Override
  public LearnedChanges changedByOthers(String replica, @Nullable String since)
      throws StoreException {
    return new LearnedChanges(call(false, on -> Rows.owners(on, "replica <> ?", replica)), null);
  }

  @Override
  public AutoCloseable watch(Runnable mayHaveChanged) {
    return watchers.add(mayHaveChanged);
  }

  private interface Write {
    void to(Connection connection) throws SQLException;
  }

  private void run(Write write) throws StoreException {
    call(
        true,
        on -> {
          write.to(on);
          return true;
        });
  }

  private <T> T call(boolean writes, Sql.Action<T> action) throws StoreException {
    lock.lock();
    try {
      if (closed) {
        throw Rows.closed();
      }
      return writes ? Sql.inTransaction(connection, action) : action.on(connection);
    } catch (SQLException e) {
      throw SqliteFile.refusal(path, e);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    watchers.close();
    lock.lock();
    try {
      closed = true;
      connection.close();
    } catch (SQLException e) {
      System.getLogger(SqliteStore.class.getName())
          .log(System.Logger.Level.WARNING, "store not closed", e);
    } finally {
      lock.unlock();
    }
  }
}
