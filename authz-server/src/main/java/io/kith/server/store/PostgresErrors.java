package io.kith.server.store;

import io.kith.baselines.config.StoreSettings.Postgresql;
import io.kith.baselines.store.StoreException;
import java.sql.SQLException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What an error of PostgreSQL means for an operator. Source: its manual, appendix A. */
final class PostgresErrors {
  /** A state of our own; no SQLSTATE class begins with KI. */
  static final String NO_PASSWORD_FILE = "KI001";

  /** States that trying again does not mend. */
  private static final Set<String> LASTING =
      Set.of(NO_PASSWORD_FILE, "28P01", "28000", "3D000", "42501");

  /** States with which the database says itself that it did nothing. */
  private static final Set<String> CERTAIN =
      Set.of(
          NO_PASSWORD_FILE,
          "28P01",
          "28000",
          "3D000",
          "42501",
          "53100",
          "53300",
          "25006",
          "57014",
          "55P03",
          "40P01",
          "40001");

  private static final Set<String> NO_LISTEN = Set.of("0A000", "42601", "42883");

  private final String place;
  private final String role;

  PostgresErrors(Postgresql settings) {
    var url = settings.url();
    var query = url.indexOf('?');
    this.place =
        (query < 0 ? url : url.substring(0, query)).substring("jdbc:postgresql://".length());
    this.role = settings.user() == null ? System.getProperty("user.name") : settings.user();
  }

  /** Where the database is, without parameters. */
  String place() {
    return place;
  }

  /** Whether a person has to do something before it can work. */
  static boolean isLasting(Throwable failure) {
    return LASTING.contains(state(failure));
  }

  /** Whether the engine does not know LISTEN. */
  static boolean isWithoutListen(Throwable failure) {
    return NO_LISTEN.contains(state(failure));
  }

  /** For an action that was not done. */
  StoreException refusal(Exception failure) {
    return refusal(failure, "nothing was written", false);
  }

  /** For an action that may have been done: the answer to its commit was lost. */
  StoreException unknown(Exception failure) {
    return refusal(
        failure, "whether the change was added is not known until the log is read again", true);
  }

  private StoreException refusal(Exception failure, String effect, boolean unknown) {
    var altered = Rows.notOurs(failure);
    if (altered != null) {
      return new StoreException("PostgreSQL at " + place + ": " + altered, failure);
    }
    var state = state(failure);
    return new StoreException(
        switch (state) {
          case NO_PASSWORD_FILE -> said(failure);
          case "28P01", "28000" ->
              "kith.yaml: store.user: PostgreSQL at "
                  + place
                  + " does not let '"
                  + role
                  + "' in: "
                  + said(failure)
                  + " (see store.user and store.passwordFile, and the database's pg_hba.conf)";
          case "3D000" ->
              "kith.yaml: store.url: " + place + ": " + said(failure) + " (create the database)";
          case "42501" ->
              "PostgreSQL at "
                  + place
                  + ": the role '"
                  + role
                  + "' may not do that: "
                  + said(failure)
                  + " (grant it: docs/store.md, Rights)";
          case "53100" ->
              "the disk of PostgreSQL at "
                  + place
                  + " is full: nothing was written (free some space there)";
          case "53300" ->
              "PostgreSQL at "
                  + place
                  + " has no connection left: nothing was written (raise max_connections, or lower"
                  + " store.poolSize)";
          case "25006" ->
              "PostgreSQL at "
                  + place
                  + " is read-only: nothing was written (a standby? name the primary, or add"
                  + " targetServerType=primary to store.url)";
          case "57014", "55P03", "40P01", "40001" ->
              "PostgreSQL at "
                  + place
                  + " took too long or gave way to another: nothing was written ("
                  + said(failure)
                  + ")";
          default ->
              "PostgreSQL at "
                  + place
                  + " failed: "
                  + said(failure)
                  + "; "
                  + effect
                  + " (is it running and reachable? Kith tries again)";
        },
        failure,
        unknown && !CERTAIN.contains(state));
  }

  private static String state(Throwable failure) {
    var sql = deepest(failure);
    return sql == null || sql.getSQLState() == null ? "" : sql.getSQLState();
  }

  private static String said(Throwable failure) {
    var sql = deepest(failure);
    var message = (sql == null ? failure : sql).getMessage();
    return message == null
        ? failure.getClass().getSimpleName()
        : message.lines().findFirst().orElse("").strip();
  }

  /** A pool wraps the reason of its own failure. */
  private static @Nullable SQLException deepest(Throwable failure) {
    SQLException deepest = null;
    for (var cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql) {
        deepest = sql;
      }
    }
    return deepest;
  }
}
