package io.kith.load.spire;

import static java.util.Objects.requireNonNull;

import io.kith.load.tools.Command;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.RunningProcess;
import io.kith.load.tools.Spire;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A SPIRE server and agent of their own: SQLite, join token, the {@code unix} attestor, SVIDs of a
 * quarter of a minute. The agent keeps its key on disk, so that it can be started again.
 */
public final class SpireLab implements AutoCloseable {
  public static final String DOMAIN = "spiffe://mesh.test";
  public static final String BRIDGE = DOMAIN + "/identity-bridge";
  private static final String NODE = DOMAIN + "/node/one";
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final Pattern TOKEN = Pattern.compile("Token: (\\S+)");
  private static final Pattern ENTRY = Pattern.compile("Entry ID\\s*: (\\S+)");

  private final Path folder;
  private final Spire spire;
  private final int port;
  private final long hashed;
  private @Nullable RunningProcess server;
  private @Nullable RunningProcess agent;

  private SpireLab(Path folder, Spire spire, long hashed) throws IOException {
    this.folder = folder;
    this.spire = spire;
    this.port = FreePorts.next();
    this.hashed = hashed;
  }

  /**
   * Starts both.
   *
   * @param folder with a short path: sockets are in it
   */
  static SpireLab start(Path folder, Spire spire) throws Exception {
    return start(folder, spire, 0);
  }

  /** The same, for entries that do not select by the hash of a program: it is not computed. */
  public static SpireLab startWithoutHashes(Path folder, Spire spire) throws Exception {
    return start(folder, spire, -1);
  }

  private static SpireLab start(Path folder, Spire spire, long hashed) throws Exception {
    var lab = new SpireLab(folder, spire, hashed);
    try {
      lab.startServer();
      lab.startAgent(lab.token());
    } catch (Exception e) {
      lab.close();
      throw e;
    }
    return lab;
  }

  public Path workloadApi() {
    return folder.resolve("api/a.sock");
  }

  public Path admin() {
    return folder.resolve("admin/a.sock");
  }

  Path broker() {
    return folder.resolve("broker/b.sock");
  }

  private Path serverSocket() {
    return folder.resolve("s.sock");
  }

  private void startServer() throws Exception {
    var config = folder.resolve("server.conf");
    Files.writeString(
        config,
        """
        server {
          bind_address = "127.0.0.1"
          bind_port = "%d"
          socket_path = "%s"
          trust_domain = "mesh.test"
          data_dir = "%s"
          log_level = "INFO"
          ca_ttl = "24h"
          default_x509_svid_ttl = "15s"
        }
        plugins {
          DataStore "sql" { plugin_data { database_type = "sqlite3"  connection_string = "%s/ds.sqlite3" } }
          KeyManager "memory" { plugin_data {} }
          NodeAttestor "join_token" { plugin_data {} }
        }
        """
            .formatted(port, serverSocket(), folder, folder));
    server =
        RunningProcess.start(
            "spire-server",
            folder.resolve("server.log"),
            Map.of(),
            List.of(spire.server().toString(), "run", "-config", config.toString()));
    server.awaitReady(
        PATIENCE,
        () ->
            succeeds(
                spire.server().toString(),
                "healthcheck",
                "-socketPath",
                serverSocket().toString()));
    Files.writeString(folder.resolve("bundle.pem"), server("bundle", "show").output());
    var conf = folder.resolve("agent.conf");
    Files.writeString(conf, agentConfig());
  }

  private String agentConfig() {
    return """
    agent {
      data_dir = "%s/agent"
      trust_domain = "mesh.test"
      server_address = "127.0.0.1"
      server_port = "%d"
      socket_path = "%s"
      admin_socket_path = "%s"
      trust_bundle_path = "%s/bundle.pem"
      log_level = "INFO"
      authorized_delegates = ["%s"]
      experimental {
        sync_interval = "1s"
        broker {
          socket_path = "%s"
          brokers = [ { id = "%s"
            allowed_reference_types = [ { type_url = "type.googleapis.com/spiffe.broker.WorkloadPIDReference" } ] } ]
        }
      }
    }
    plugins {
      NodeAttestor "join_token" { plugin_data {} }
      KeyManager "disk" { plugin_data { directory = "%s/agent" } }
      WorkloadAttestor "unix" { plugin_data { discover_workload_path = true  workload_size_limit = %d } }
    }
    """
        .formatted(
            folder, port, workloadApi(), admin(), folder, BRIDGE, broker(), BRIDGE, folder, hashed);
  }

  private String token() throws Exception {
    var minted = server("token", "generate", "-spiffeID", NODE).output();
    var found = TOKEN.matcher(minted);
    if (!found.find()) {
      throw new IOException("no token: " + minted);
    }
    return requireNonNull(found.group(1));
  }

  /** Starts the agent again, as the same agent. */
  void startAgent() throws InterruptedException {
    startAgent(null);
  }

  private void startAgent(@Nullable String token) throws InterruptedException {
    var argv =
        new ArrayList<>(
            List.of(
                spire.agent().toString(),
                "run",
                "-config",
                folder.resolve("agent.conf").toString()));
    if (token != null) {
      argv.addAll(List.of("-joinToken", token));
    }
    agent = RunningProcess.start("spire-agent", folder.resolve("agent.log"), Map.of(), argv);
    agent.awaitReady(
        PATIENCE,
        () ->
            succeeds(
                spire.agent().toString(), "healthcheck", "-socketPath", workloadApi().toString()));
  }

  /** The agent, to be stopped, killed or signalled. */
  RunningProcess agent() {
    return requireNonNull(agent);
  }

  /**
   * Registers a SPIFFE ID.
   *
   * @param path of the ID, with its first slash
   * @param selectors a process has to have all of them
   * @return the entry's id, to delete it with
   */
  public String register(String path, String... selectors) throws Exception {
    var arguments =
        new ArrayList<>(List.of("entry", "create", "-parentID", NODE, "-spiffeID", DOMAIN + path));
    for (var selector : selectors) {
      arguments.addAll(List.of("-selector", selector));
    }
    var created = server(arguments.toArray(String[]::new)).output();
    var found = ENTRY.matcher(created);
    if (!found.find()) {
      throw new IOException("no entry: " + created);
    }
    return requireNonNull(found.group(1));
  }

  void delete(String entry) throws Exception {
    server("entry", "delete", "-entryID", entry);
  }

  private Command.Outcome server(String... arguments) throws Exception {
    var argv = new ArrayList<>(List.of(spire.server().toString()));
    argv.addAll(List.of(arguments));
    argv.addAll(List.of("-socketPath", serverSocket().toString()));
    return Command.run(PATIENCE, argv).orFail();
  }

  private static boolean succeeds(String... argv) {
    try {
      return Command.run(PATIENCE, List.of(argv)).succeeded();
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  @Override
  public void close() {
    if (agent != null) {
      agent.close();
    }
    if (server != null) {
      server.close();
    }
  }
}
