package io.kith.server.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.kith.baselines.config.StoreSettings.Postgresql;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.waiting.BackOff;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.logging.Logger;
import org.flywaydb.core.api.FlywayException;
import org.jspecify.annotations.Nullable;

/**
 * A store in a PostgreSQL database, for several servers.
 *
 * <p>May vanish and come back: what is asked meanwhile fails within seconds, and the next question
 * finds it again.
 */
public final class PostgresStore implements BaselineStore {
  private static final System.Logger LOG = System.getLogger(PostgresStore.class.getName());
  // held, since a logger that nobody holds forgets its level
  private static final Logger HIKARI = Logger.getLogger("com.zaxxer.hikari");

  private final PostgresErrors errors;
  private final HikariDataSource pool;
  private final Watchers watchers = new Watchers();
  private final PostgresListener listener;
  private volatile boolean closed;

  /**
   * Of each session. Who is stopped between two statements of a change (SIGSTOP, a machine that is
   * frozen) has its place in the log, and all others wait for it: for less long than they do.
   */
  private static final String LIMITS =
      "set statement_timeout = '20s'; set lock_timeout = '10s';"
          + " set idle_in_transaction_session_timeout = '5s'";

  private PostgresStore(Postgresql settings, PostgresSource source, PostgresErrors errors) {
    this.errors = errors;
    HIKARI.setLevel(java.util.logging.Level.WARNING); // it tells of every start
    var config = new HikariConfig();
    config.setPoolName("kith-store");
    config.setDataSource(source);
    config.setMaximumPoolSize(settings.poolSize());
    config.setMinimumIdle(1);
    config.setConnectionTimeout(5_000);
    config.setValidationTimeout(2_000);
    config.setIdleTimeout(60_000);
    config.setKeepaliveTime(60_000);
    config.setMaxLifetime(600_000);
    config.setInitializationFailTimeout(-1); // the first use tells it better
    config.setConnectionInitSql(LIMITS);
    this.pool = new HikariDataSource(config);
    this.listener = new PostgresListener(source, watchers);
  }

  /**
   * Opens the store and makes or upgrades its tables.
   *
   * @param patience how long it is tried while the database cannot be reached
   * @throws StoreException then, or at once when a person has to mend something
   */
  public static PostgresStore open(Postgresql settings, Duration patience) throws StoreException {
    var source = new PostgresSource(settings);
    var errors = new PostgresErrors(settings);
    var backOff = new BackOff(Duration.ofMillis(500), Duration.ofSeconds(5));
    var end = System.nanoTime() + patience.toNanos();
    while (true) {
      try {
        PostgresSchema.migrate(source, errors);
        return new PostgresStore(settings, source, errors);
      } catch (FlywayException e) {
        var refusal = errors.refusal(e);
        var pause = backOff.next();
        if (PostgresErrors.isLasting(e) || System.nanoTime() + pause.toNanos() > end) {
          throw refusal;
        }
        LOG.log(Level.WARNING, "store not reached yet: {0}", refusal.getMessage());
        await(pause, refusal);
      }
    }
  }

  private static void await(Duration pause, StoreException refusal) throws StoreException {
    try {
      Thread.sleep(pause);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw refusal;
    }
  }

  @Override
  public List<Entry> after(long position, int limit) throws StoreException {
    Rows.checkRange(position, limit);
    checkOpen();
    try (var connection = pool.getConnection()) {
      return Rows.after(connection, position, limit);
    } catch (SQLException e) {
      throw refusal(e);
    }
  }

  @Override
  public List<Entry> latest(long after, long before, @Nullable String subject, int limit)
      throws StoreException {
    Rows.checkRange(after, limit);
    checkOpen();
    try (var connection = pool.getConnection()) {
      return Rows.latest(connection, after, before, subject, limit);
    } catch (SQLException e) {
      throw refusal(e);
    }
  }

  /*
   * A commit whose answer is lost may have happened. It is not tried again here: the entries would
   * then find their own place taken, which says nothing about who took it. The caller reads the log.
   */
  @Override
  public boolean append(List<Entry> entries) throws StoreException {
    Rows.checkRow(entries);
    checkOpen();
    var added = append(connection(), entries);
    if (added) {
      watchers.wake();
      tellOthers();
    }
    return added;
  }

  private Connection connection() throws StoreException {
    try {
      return pool.getConnection();
    } catch (SQLException e) {
      throw refusal(e);
    }
  }

  private boolean append(Connection connection, List<Entry> entries) throws StoreException {
    try (connection) {
      return Sql.inTransaction(
          connection,
          on -> {
            flushAtCommit(on);
            return Rows.append(on, entries);
          });
    } catch (SQLException e) {
      throw closed ? Rows.closed() : errors.unknown(e);
    }
  }

  /** Durable means on the disk, whatever the database does by default. */
  private static void flushAtCommit(Connection connection) throws SQLException {
    Sql.execute(
        connection,
        """
        select set_config('synchronous_commit', 'on', true)
        where current_setting('synchronous_commit') in ('off', 'local')\
        """);
  }

  /** After the commit, and without effect on it: who is not told looks by themselves. */
  private void tellOthers() {
    try {
      inTransaction(
          on -> {
            Sql.execute(on, "set local synchronous_commit = off"); // news need no disk
            Sql.execute(on, "notify " + PostgresListener.CHANNEL);
            return true;
          });
    } catch (StoreException e) {
      LOG.log(Level.DEBUG, "store news not told; they are polled", e);
    }
  }

  @Override
  public void saveLearned(List<LearnedPart> parts) throws StoreException {
    if (!parts.isEmpty()) {
      inTransaction(
          on -> {
            Rows.save(on, parts);
            return true;
          });
    }
  }

  @Override
  public void forgetLearned(String replica, Owner owner) throws StoreException {
    inTransaction(
        on -> {
          Rows.forget(on, replica, owner);
          return true;
        });
  }

  @Override
  public List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
      throws StoreException {
    // in one, so that rows come in portions
    return inTransaction(on -> Rows.learnedByOthers(on, replica, owners));
  }

  @Override
  public LearnedChanges changedByOthers(String replica, @Nullable String since)
      throws StoreException {
    return inTransaction(on -> PostgresMark.changed(on, replica, since));
  }

  private <T> T inTransaction(Sql.Action<T> action) throws StoreException {
    checkOpen();
    try (var connection = pool.getConnection()) {
      return Sql.inTransaction(connection, action);
    } catch (SQLException e) {
      throw refusal(e);
    }
  }

  /** What sidecars said to servers of this store. */
  public SidecarTable sidecars() {
    return new SidecarTable(this::inTransaction);
  }

  @Override
  public AutoCloseable watch(Runnable mayHaveChanged) {
    return watchers.add(mayHaveChanged);
  }

  private StoreException refusal(SQLException e) {
    return closed ? Rows.closed() : errors.refusal(e);
  }

  private void checkOpen() throws StoreException {
    if (closed) {
      throw Rows.closed();
    }
  }

  @Override
  public void close() {
    closed = true;
    watchers.close();
    listener.close();
    pool.close();
  }
}
