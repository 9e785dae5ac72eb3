package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A PostgreSQL of its own: a fresh cluster in a temporary folder, on a loopback port.
 *
 * <p>Run as a process of this machine where PostgreSQL's programs are, else in Docker. The database
 * refuses root, so for root it runs as {@code postgres} or {@code nobody}.
 */
public final class Postgres implements AutoCloseable {
  /** The superuser of every cluster. */
  public static final String USER = "kith";

  /** Their password: the port is open to every user of this machine. */
  public static final String PASSWORD = "of-a-test";

  private static final String IMAGE = "postgres:17";
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private final AtomicInteger databases = new AtomicInteger();
  private final int port;
  private final Engine engine;

  private Postgres(int port, Engine engine) {
    this.port = port;
    this.engine = engine;
  }

  /** What runs the database. */
  private sealed interface Engine {
    /** Starts it unless it runs: after a crash it refuses while its children still end. */
    void start() throws IOException, InterruptedException;

    void crash() throws IOException, InterruptedException;

    void freeze() throws IOException, InterruptedException;

    void thaw() throws IOException, InterruptedException;

    void end() throws IOException, InterruptedException;
  }

  /**
   * Makes a cluster and starts it.
   *
   * @param say takes one line of progress when something takes time
   * @throws MissingToolException when this machine has neither PostgreSQL nor Docker
   */
  public static Postgres start(Consumer<String> say) throws IOException, InterruptedException {
    return start(Path.of(System.getProperty("java.io.tmpdir")), say);
  }

  /** The same with its files below a folder, unless it runs in Docker. */
  public static Postgres start(Path disk, Consumer<String> say)
      throws IOException, InterruptedException {
    var programs = programs();
    var port = FreePorts.next();
    Engine engine;
    if (programs != null) {
      engine = Local.make(programs, disk, port);
    } else if (hasDocker()) {
      say.accept("starting PostgreSQL in Docker (" + IMAGE + ", fetched once)");
      engine = new InDocker("kith-postgres-" + ProcessHandle.current().pid() + "-" + port, port);
    } else {
      throw new MissingToolException(
          "PostgreSQL is missing: no KITH_POSTGRES, no initdb on PATH or in"
              + " /usr/lib/postgresql/*/bin, and no Docker that answers (install PostgreSQL 15 or"
              + " newer, as apt-get install postgresql does, or set KITH_POSTGRES to the folder of"
              + " its programs)");
    }
    var postgres = new Postgres(port, engine);
    postgres.begin();
    return postgres;
  }

  /**
   * A standby of this one, that follows it and takes no changes.
   *
   * @throws MissingToolException when PostgreSQL's programs are not on this machine
   */
  public Postgres standby() throws IOException, InterruptedException {
    if (!(engine instanceof Local local)) {
      throw new MissingToolException(
          "a standby is made by pg_basebackup, which is not here (install PostgreSQL, as apt-get"
              + " install postgresql does)");
    }
    var itsPort = FreePorts.next();
    var standby = new Postgres(itsPort, local.follower(port, itsPort));
    standby.begin();
    return standby;
  }

  /** Lets a standby take changes. */
  public void promote() throws SQLException {
    execute("postgres", "select pg_promote()");
  }

  /** Whether the standbys have all that was changed so far. */
  public boolean isFollowed() throws SQLException {
    try (var connection = DriverManager.getConnection(url("postgres"), USER, PASSWORD);
        var statement = connection.createStatement();
        var found =
            statement.executeQuery(
                "select count(*) from pg_stat_replication where replay_lsn ="
                    + " pg_current_wal_lsn()")) {
      return found.next() && found.getInt(1) > 0;
    }
  }

  /** The folder with {@code initdb} and {@code postgres}, or null. */
  private static @Nullable Path programs() throws IOException {
    var chosen = System.getenv("KITH_POSTGRES");
    if (chosen != null && !chosen.isBlank()) {
      var folder = Path.of(chosen);
      Envoy.requireExecutable("KITH_POSTGRES", folder.resolve("initdb").toString());
      Envoy.requireExecutable("KITH_POSTGRES", folder.resolve("postgres").toString());
      return folder;
    }
    var initdb = Command.find("initdb");
    if (initdb != null && Files.isExecutable(initdb.toRealPath().resolveSibling("postgres"))) {
      return initdb.toRealPath().getParent();
    }
    for (var versions : List.of("/usr/lib/postgresql", "/usr/pgsql")) {
      var root = Path.of(versions);
      if (Files.isDirectory(root)) {
        try (var folders = Files.list(root)) {
          var newest =
              folders
                  .filter(folder -> Files.isExecutable(folder.resolve("bin/initdb")))
                  .max(Comparator.comparingInt(Postgres::versionOf));
          if (newest.isPresent()) {
            return newest.get().resolve("bin");
          }
        }
      }
    }
    return null;
  }

  private static int versionOf(Path folder) {
    var digits = folder.toString().replaceAll("\\D", "");
    return digits.isEmpty() || digits.length() > 6 ? 0 : Integer.parseInt(digits);
  }

  private static boolean hasDocker() throws IOException, InterruptedException {
    var docker = Command.find("docker");
    return docker != null
        && Command.run(Duration.ofMinutes(1), List.of(docker.toString(), "info")).succeeded();
  }

  /** Starts it again after {@link #crash}, with what it had. */
  public void begin() throws IOException, InterruptedException {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      engine.start();
      try {
        execute("postgres", "select 1");
        return;
      } catch (SQLException e) {
        if (System.nanoTime() > end) {
          throw new IOException("PostgreSQL does not answer: " + e.getMessage(), e);
        }
      }
      Thread.sleep(50);
    }
  }

  /** Ends it at once, without a chance to say goodbye; its files stay. */
  public void crash() throws IOException, InterruptedException {
    engine.crash();
  }

  /** Stops all of it where it is: connections stay open, and no answer comes. */
  public void freeze() throws IOException, InterruptedException {
    engine.freeze();
  }

  /** Lets it go on after {@link #freeze}. */
  public void thaw() throws IOException, InterruptedException {
    engine.thaw();
  }

  /** Makes an empty database and returns its JDBC URL. */
  public String newDatabase() throws SQLException {
    var name = "kith_" + databases.incrementAndGet();
    execute("postgres", "create database " + name);
    return url(name);
  }

  /** The JDBC URL of a database, without user and password. */
  public String url(String database) {
    return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
  }

  /** Runs SQL as the superuser. */
  public void execute(String database, String sql) throws SQLException {
    executeAt(url(database), sql);
  }

  /** The same, in the database of a URL. */
  public static void executeAt(String url, String sql) throws SQLException {
    try (var connection = DriverManager.getConnection(url, USER, PASSWORD);
        var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  public int port() {
    return port;
  }

  @Override
  public void close() {
    try {
      engine.end();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** As a process of ours. */
  private static final class Local implements Engine {
    private static final List<String> INIT =
        List.of(
            "--username=" + USER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync");

    private final Path programs;
    private final List<String> asUser;
    private final Path folder;
    private final int port;
    private @Nullable RunningProcess process;

    private Local(Path programs, List<String> asUser, Path folder, int port) {
      this.programs = programs;
      this.asUser = asUser;
      this.folder = folder;
      this.port = port;
    }

    static Local make(Path programs, Path disk, int port) throws IOException, InterruptedException {
      var folder = Files.createTempDirectory(disk, "kith-postgres");
      var asUser = asUser(folder);
      copy(initialized(programs, folder).resolve("data"), folder);
      return new Local(programs, asUser, folder, port);
    }

    /** The cluster that each begins as: of this version, for the user who owns a folder. */
    private static Path initialized(Path programs, Path owned)
        throws IOException, InterruptedException {
      var server = programs.resolve("postgres").toString();
      var version = Command.run(LIMIT, List.of(server, "--version")).orFail().output();
      var which =
          "%s-of-%s-%08x"
              .formatted(
                  version.strip().replaceAll("[^0-9A-Za-z.]+", "-"),
                  Files.getAttribute(owned, "unix:uid"),
                  List.of(INIT, PASSWORD).hashCode());
      return ToolCache.ofUser()
          .fetch("postgresql-cluster", which, folder -> initialize(programs, folder));
    }

    /** By way of a temporary folder, since the user cannot reach the cache of root. */
    private static void initialize(Path programs, Path cached)
        throws IOException, InterruptedException {
      var folder = Files.createTempDirectory("kith-postgres");
      try {
        var init = new ArrayList<>(asUser(folder));
        var secret = folder.resolve("password");
        Files.writeString(secret, PASSWORD + "\n");
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-r--r--"));
        init.add(programs.resolve("initdb").toString());
        init.addAll(List.of("--pgdata=" + folder.resolve("data"), "--pwfile=" + secret));
        init.addAll(INIT);
        Command.run(LIMIT, folder, Map.of(), init).orFail();
        copy(folder.resolve("data"), cached);
      } finally {
        ToolCache.delete(folder);
      }
    }

    /** Into a folder, with the owner. */
    private static void copy(Path from, Path folder) throws IOException, InterruptedException {
      Command.run(LIMIT, List.of("cp", "--archive", from.toString(), folder.toString())).orFail();
    }

    /** A copy that follows the cluster at a port. */
    Local follower(int primary, int itsPort) throws IOException, InterruptedException {
      var copy = Files.createTempDirectory("kith-postgres");
      var owner = asUser(copy);
      var argv = new ArrayList<>(owner);
      argv.addAll(
          List.of(
              programs.resolve("pg_basebackup").toString(),
              "--pgdata=" + copy.resolve("data"),
              "--write-recovery-conf",
              "--checkpoint=fast",
              "--no-sync",
              "--host=127.0.0.1",
              "--port=" + primary,
              "--username=" + USER));
      Command.run(LIMIT, copy, Map.of("PGPASSWORD", PASSWORD), argv).orFail();
      return new Local(programs, owner, copy, itsPort);
    }

    private List<String> argv() {
      var argv = new ArrayList<>(asUser);
      argv.addAll(
          List.of(
              programs.resolve("postgres").toString(),
              "-D",
              folder.resolve("data").toString(),
              "-k",
              folder.toString(),
              "-h",
              "127.0.0.1",
              "-p",
              String.valueOf(port)));
      return argv;
    }

    /** What to put before a program so that it does not run as root, and owns the folder. */
    private static List<String> asUser(Path folder) throws IOException, InterruptedException {
      if (!System.getProperty("user.name").equals("root")) {
        return List.of();
      }
      var setpriv = Command.find("setpriv");
      if (setpriv == null) {
        throw new MissingToolException(
            "setpriv is missing, with which root runs PostgreSQL as another user (install"
                + " util-linux, or run this as an ordinary user)");
      }
      var id = Command.find("id");
      var exists =
          id != null
              && Command.run(Duration.ofMinutes(1), List.of(id.toString(), "postgres")).succeeded();
      var user = exists ? "postgres" : "nobody";
      Files.setOwner(
          folder,
          folder.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName(user));
      return List.of(
          setpriv.toString(), "--reuid=" + user, "--clear-groups", "--inh-caps=-all", "--");
    }

    @Override
    public void start() {
      if (process != null && process.alive()) {
        return;
      }
      process = RunningProcess.start("PostgreSQL", folder.resolve("log"), Map.of(), argv());
    }

    @Override
    public void crash() {
      if (process != null) {
        process.kill();
      }
    }

    @Override
    public void freeze() throws IOException, InterruptedException {
      if (process != null) {
        process.freezeAll();
      }
    }

    @Override
    public void thaw() throws IOException, InterruptedException {
      if (process != null) {
        process.thawAll();
      }
    }

    @Override
    public void end() throws IOException {
      crash();
      ToolCache.delete(folder);
    }
  }

  /** In a container. */
  private record InDocker(String name, int port) implements Engine {
    @Override
    public void start() throws IOException, InterruptedException {
      var again = docker("start", name);
      if (!again.succeeded()) {
        docker(
                "run",
                "--detach",
                "--name",
                name,
                "--publish",
                "127.0.0.1:" + port + ":5432",
                "--env",
                "POSTGRES_USER=" + USER,
                "--env",
                "POSTGRES_PASSWORD=" + PASSWORD,
                IMAGE)
            .orFail();
      }
    }

    @Override
    public void crash() throws IOException, InterruptedException {
      docker("kill", name).orFail();
    }

    @Override
    public void freeze() throws IOException, InterruptedException {
      docker("pause", name).orFail();
    }

    @Override
    public void thaw() throws IOException, InterruptedException {
      docker("unpause", name).orFail();
    }

    @Override
    public void end() throws IOException, InterruptedException {
      docker("rm", "--force", "--volumes", name).orFail();
    }

    private static Command.Outcome docker(String... arguments)
        throws IOException, InterruptedException {
      var argv = new ArrayList<String>();
      argv.add("docker");
      argv.addAll(List.of(arguments));
      return Command.run(Duration.ofMinutes(5), argv);
    }
  }
}
