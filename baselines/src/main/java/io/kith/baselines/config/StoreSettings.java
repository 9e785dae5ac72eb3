package io.kith.baselines.config;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.SpiffeId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where decisions and what was learned are kept. */
public sealed interface StoreSettings {
  /** How often what was learned is written. */
  Duration flushInterval();

  /** Nowhere: a restart begins learning anew. */
  record Memory(Duration flushInterval) implements StoreSettings {
    public Memory {
      requireNonNull(flushInterval, "flushInterval");
    }
  }

  /**
   * A file of this machine, for one server.
   *
   * @param path of the file; made when absent, with its folder
   */
  record Sqlite(Path path, Duration flushInterval) implements StoreSettings {
    public Sqlite {
      requireNonNull(path, "path");
      requireNonNull(flushInterval, "flushInterval");
    }
  }

  /**
   * A database for several servers.
   *
   * @param url {@code jdbc:postgresql://host:port/database?…}, without a password
   * @param user role, or null for the driver's choice: the user that runs the server
   * @param passwordFile file whose first line is the password, or null for none
   * @param poolSize connections at most, besides the one that listens
   * @param replica name of this server in the database, or null for the host's name with an id that
   *     is kept beside the keys
   */
  record Postgresql(
      String url,
      @Nullable String user,
      @Nullable Path passwordFile,
      int poolSize,
      Duration flushInterval,
      @Nullable String replica)
      implements StoreSettings {
    public Postgresql {
      requireNonNull(url, "url");
      requireNonNull(flushInterval, "flushInterval");
      if (poolSize < 1) {
        throw new IllegalArgumentException("poolSize: " + poolSize + " (expected: from 1)");
      }
    }
  }

  /**
   * At control servers, for a server whose role is to check.
   *
   * @param servers one of them is followed at a time
   * @param serverId who they are
   * @param directory where a copy of the log is kept, so that a restart does not need them
   * @param all holds every workload, or else those of the pods that its bridges register
   * @param replica name of this server, or null for the host's name with an id that is kept in the
   *     directory
   */
  record Control(
      List<Endpoint.Tcp> servers,
      SpiffeId serverId,
      Path directory,
      boolean all,
      Duration flushInterval,
      @Nullable String replica)
      implements StoreSettings {
    public Control {
      servers = List.copyOf(servers);
      requireNonNull(serverId, "serverId");
      requireNonNull(directory, "directory");
      requireNonNull(flushInterval, "flushInterval");
    }
  }
}
