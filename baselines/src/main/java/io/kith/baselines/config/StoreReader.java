package io.kith.baselines.config;

import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Pattern;

/** Reads the section {@code store}. */
final class StoreReader {
  private static final String URL = "jdbc:postgresql://";
  private static final String EXAMPLE = URL + "db.example.org:5432/kith?sslmode=verify-full";
  private static final Pattern PASSWORD = Pattern.compile("[?&](ssl)?password=");

  private static final Pattern REPLICA = Pattern.compile("[A-Za-z0-9._-]{1,200}");

  private StoreReader() {}

  private enum Type {
    SQLITE,
    POSTGRESQL,
    CONTROL,
    MEMORY
  }

  /** What a check server has snapshots of. */
  private enum Holds {
    PODS,
    ALL
  }

  /**
   * Reads it.
   *
   * @param state where the file is when none is named
   */
  static StoreSettings read(Section store, Path state) {
    var type = store.value("type", Values.oneOf(Type.class), Type.SQLITE);
    var path = store.value("path", Values::path, state.resolve("kith.db"));
    var url = store.optional("url", StoreReader::url);
    var user = store.optional("user", Values::text);
    var passwordFile = store.optional("passwordFile", Values::path);
    var poolSize = store.value("poolSize", Values.integer(1, 100), 4);
    var interval = store.value("flushInterval", StoreReader::interval, Duration.ofSeconds(5));
    var replica = store.optional("replica", StoreReader::replica);
    var servers = store.list("servers", StoreReader::server);
    var serverId = store.optional("serverId", SpiffeId::parse);
    var directory = store.value("directory", Values::path, state.resolve("check"));
    var holds = store.value("holds", Values.oneOf(Holds.class), Holds.PODS);
    return switch (type) {
      case MEMORY -> new StoreSettings.Memory(interval);
      case SQLITE -> new StoreSettings.Sqlite(path, interval);
      case POSTGRESQL -> {
        if (url == null) {
          if (!store.has("url")) {
            store.problem("url", "missing (expected: " + EXAMPLE + ")");
          }
          yield new StoreSettings.Memory(interval);
        }
        yield new StoreSettings.Postgresql(url, user, passwordFile, poolSize, interval, replica);
      }
      case CONTROL -> {
        if (servers.isEmpty() && !store.has("servers")) {
          store.problem("servers", "missing (expected: control servers, as [\"control:9195\"])");
        }
        if (serverId == null) {
          if (!store.has("serverId")) {
            store.problem("serverId", "missing (expected: the SPIFFE ID of the control servers)");
          }
          yield new StoreSettings.Memory(interval);
        }
        yield new StoreSettings.Control(
            servers, serverId, directory, holds == Holds.ALL, interval, replica);
      }
    };
  }

  private static Endpoint.Tcp server(String text) {
    if (Endpoint.parse(text) instanceof Endpoint.Tcp tcp && tcp.port() > 0) {
      return tcp;
    }
    throw new IllegalArgumentException("'" + text + "' (expected: host:port of a control server)");
  }

  private static String url(String text) {
    if (PASSWORD.matcher(text.toLowerCase(Locale.ROOT)).find()) {
      throw new IllegalArgumentException(
          "holds a password (expected: it in a file, named by store.passwordFile)");
    }
    if (!text.startsWith(URL) || text.indexOf('@') >= 0) {
      throw new IllegalArgumentException("not a JDBC URL without user (expected: " + EXAMPLE + ")");
    }
    return text;
  }

  private static String replica(String text) {
    if (!REPLICA.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: 1 to 200 letters, digits, dots, hyphens and underscores)");
    }
    return text;
  }

  private static Duration interval(String text) {
    var interval = Values.duration(text);
    if (interval.compareTo(Duration.ofMillis(100)) < 0
        || interval.compareTo(Duration.ofMinutes(10)) > 0) {
      throw new IllegalArgumentException("'" + text + "' (expected: 100ms to 10m)");
    }
    return interval;
  }
}
