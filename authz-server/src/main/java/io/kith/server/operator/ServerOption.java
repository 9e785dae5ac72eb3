package io.kith.server.operator;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.admin.AdminClient;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.ConfigOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
import java.io.IOException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that say which server is asked, and as whom. */
public final class ServerOption {
  private static final String VARIABLE = "KITH_SERVER_ADMIN";

  @Mixin ConfigOption config = new ConfigOption();

  @Option(
      names = "--server",
      paramLabel = "ADDRESS",
      description =
          "Admin API of the server: unix:/path or host:port. Default: $KITH_SERVER_ADMIN, else"
              + " server.admin.listen of the configuration.")
  @Nullable String server;

  @Option(
      names = "--identity",
      paramLabel = "SPIFFE-ID",
      description =
          "Over TCP: which identity to speak with; one of server.adminIds or server.admin.roles.")
  @Nullable String identity;

  @Mixin TokenOption token = new TokenOption();

  /** One or several calls. */
  @FunctionalInterface
  public interface Question<T> {
    T ask(AdminServiceBlockingStub admin) throws Failure, IOException, InterruptedException;
  }

  /** Connects, asks and hangs up. */
  public <T> T ask(Surroundings surroundings, Question<T> question)
      throws Failure, ConfigException, IOException, InterruptedException {
    AdminClient.prepare();
    var settings = ConfigFile.readOrDefaults(config.file, surroundings);
    var endpoint = endpoint(settings, surroundings);
    try (var connection = connect(endpoint, settings, surroundings)) {
      return question.ask(connection.client().service());
    } catch (StatusRuntimeException e) {
      throw failure(e, endpoint);
    }
  }

  /** Whether somebody named a server, so that it should be there. */
  public boolean isNamed(Surroundings surroundings) {
    return server != null || surroundings.environment().containsKey(VARIABLE);
  }

  private static Failure failure(StatusRuntimeException e, Endpoint endpoint) {
    var status = e.getStatus();
    return switch (status.getCode()) {
      case UNAVAILABLE -> unavailable(status, endpoint);
      case DEADLINE_EXCEEDED -> Failure.unreachable("no answer from " + endpoint + HOW);
      case UNIMPLEMENTED ->
          Failure.refused(
              "the server at " + endpoint + " is older than this command (update the server)");
      default -> Failure.refused(words(status));
    };
  }

  /** Whether the server said so, or there is none that we can speak with. */
  private static Failure unavailable(Status status, Endpoint endpoint) {
    var cause = status.getCause();
    if (cause == null && status.getDescription() != null) {
      return Failure.unreachable(
          "the server at " + endpoint + " cannot answer now: " + words(status));
    }
    var isTls = false;
    while (cause != null) {
      isTls |= cause instanceof SSLException;
      if (cause.getCause() == null && isTls) {
        return Failure.unreachable(
            "the server at %s and this command do not prove to each other who they are: %s"
                .formatted(endpoint, Words.safe(String.valueOf(cause.getMessage()))));
      }
      cause = cause.getCause();
    }
    return Failure.unreachable("no server at " + endpoint + HOW);
  }

  private static final String HOW = " (start one with ./kith server, or name it with --server)";

  /** What the server said, for people. */
  static String words(Status status) {
    var description = status.getDescription();
    return description == null
        ? "the server answered " + status.getCode()
        : Words.safe(description);
  }

  /** How the person named the server, to be repeated in a command that is shown. */
  String repeated() {
    return (server == null ? "" : " --server " + server)
        + (identity == null ? "" : " --identity " + identity)
        + (token.file == null ? "" : " --token-file " + token.file)
        + (token.authorities == null ? "" : " --ca-file " + token.authorities);
  }

  private Endpoint endpoint(KithConfig settings, Surroundings surroundings) throws Failure {
    var named = server == null ? surroundings.environment().get(VARIABLE) : server;
    if (named == null) {
      return settings.server().admin().listen();
    }
    try {
      return Endpoint.parse(named);
    } catch (IllegalArgumentException e) {
      throw Failure.usage((server == null ? VARIABLE : "--server") + ": " + e.getMessage());
    }
  }

  private Connection connect(Endpoint endpoint, KithConfig settings, Surroundings surroundings)
      throws Failure, ConfigException, InterruptedException {
    if (endpoint instanceof Endpoint.Unix socket) { // a switch takes milliseconds to begin with
      return Connection.of(
          AdminClient.toUnixSocket(
              surroundings.directory().resolve(socket.path()), surroundings.user()));
    }
    if (endpoint instanceof Endpoint.Tcp tcp) {
      return connect(tcp, settings, surroundings);
    }
    throw new IllegalArgumentException(endpoint + " (expected: a socket, or host:port)");
  }

  private Connection connect(Endpoint.Tcp tcp, KithConfig settings, Surroundings surroundings)
      throws Failure, ConfigException, InterruptedException {
    var bearer = token.token(surroundings);
    return bearer == null || identity != null
        ? Connection.toTcp(tcp, settings, identity(), bearer)
        : Connection.toTcp(
            tcp, settings, token.authorities(settings, surroundings), bearer, surroundings.user());
  }

  private SpiffeId identity() throws Failure {
    if (identity == null) {
      throw Failure.usage(
          "--identity: missing (expected over TCP: a SPIFFE ID of server.adminIds, or"
              + " --token-file)");
    }
    try {
      return SpiffeId.parse(identity);
    } catch (IllegalArgumentException e) {
      throw Failure.usage("--identity: " + e.getMessage());
    }
  }
}
