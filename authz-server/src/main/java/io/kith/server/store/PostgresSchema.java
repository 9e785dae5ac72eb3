package io.kith.server.store;

import io.kith.baselines.store.StoreException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.MigrationVersion;

/**
 * Brings the tables of a {@link PostgresStore} up to date; servers that start at once take turns.
 */
final class PostgresSchema {
  static final int VERSION = 3;

  // held, since a logger that nobody holds forgets its level
  private static final Logger FLYWAY = Logger.getLogger("org.flywaydb");

  private PostgresSchema() {}

  /**
   * Makes or upgrades the tables, if that is needed: a role without the right to is enough when it
   * is not.
   */
  static void migrate(PostgresSource source, PostgresErrors errors) throws StoreException {
    FLYWAY.setLevel(Level.WARNING); // it greets
    var flyway =
        Flyway.configure(PostgresSchema.class.getClassLoader())
            .dataSource(source)
            .locations("classpath:io/kith/server/store/postgresql")
            .table("kith_schema_history")
            .baselineOnMigrate(true) // the schema may hold tables of others
            .baselineVersion("0")
            .cleanDisabled(true)
            .failOnMissingLocations(true)
            .loggers("slf4j")
            .load();
    var info = flyway.info();
    var current = info.current();
    var version = current == null ? null : current.getVersion();
    if (version != null && version.compareTo(MigrationVersion.fromVersion("" + VERSION)) > 0) {
      throw new StoreException(
          "kith.yaml: store.url: "
              + errors.place()
              + " was written by a newer Kith: its version is "
              + version
              + ", this one knows "
              + VERSION
              + " (start the newer one, or restore a dump from before the upgrade)");
    }
    if (info.pending().length > 0) {
      flyway.migrate();
    }
  }
}
