package io.kith.server.store;

import io.kith.server.waiting.BackOff;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * Wakes the watchers when a server says that it added an entry.
 *
 * <p>Has a connection of its own, and makes another when that breaks. Nothing depends on it: the
 * watchers look by themselves every second, also where an engine or a pooler has no LISTEN.
 */
final class PostgresListener implements AutoCloseable {
  static final String CHANNEL = "kith_change";

  private static final System.Logger LOG = System.getLogger(PostgresListener.class.getName());
  private static final Duration QUIET = Duration.ofSeconds(5);

  private final PostgresSource source;
  private final Watchers watchers;
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile @Nullable Connection current;

  PostgresListener(PostgresSource source, Watchers watchers) {
    this.source = source;
    this.watchers = watchers;
    Thread.ofPlatform().daemon().name("kith-store-listen").start(this::run);
  }

  private void run() {
    var backOff = new BackOff(Duration.ofMillis(500), Duration.ofSeconds(10));
    do {
      try (var connection = source.getConnection()) {
        current = connection;
        listen(connection, backOff);
      } catch (SQLException e) {
        if (closed.getCount() > 0 && PostgresErrors.isWithoutListen(e)) {
          LOG.log(Level.INFO, "store has no LISTEN; news are polled", e);
          return;
        }
        if (closed.getCount() > 0) {
          LOG.log(Level.DEBUG, "store stopped telling news; they are polled meanwhile", e);
        }
      } catch (RuntimeException | Error e) {
        LOG.log(Level.ERROR, "store stopped telling news; they are polled meanwhile", e);
      }
    } while (isOpenAfter(backOff.next()));
  }

  private void listen(Connection connection, BackOff backOff) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute("listen " + CHANNEL);
      backOff.reset();
      watchers.wake(); // for what was missed
      var notifying = connection.unwrap(PGConnection.class);
      while (closed.getCount() > 0) {
        var news = notifying.getNotifications((int) QUIET.toMillis());
        if (news.length > 0) {
          watchers.wake();
        } else {
          statement.execute("select 1"); // a connection that died in silence
        }
      }
    }
  }

  private boolean isOpenAfter(Duration pause) {
    try {
      return !closed.await(pause.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException _) {
      return false;
    }
  }

  @Override
  public void close() {
    closed.countDown();
    var connection = current;
    if (connection != null) {
      try {
        connection.abort(Runnable::run);
      } catch (SQLException e) {
        LOG.log(Level.DEBUG, "store listener not closed", e);
      }
    }
  }
}
