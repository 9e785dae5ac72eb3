package io.kith.server.cli;

import com.google.protobuf.Message;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.admin.AdminClient;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A verb that asks a running server. */
@Command(mixinStandardHelpOptions = true, sortOptions = false)
abstract class AdminVerb<T extends Message> implements Callable<Integer> {
  private static final String SERVER_VARIABLE = "KITH_SERVER_ADMIN";

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Mixin ConfigOption config = new ConfigOption();
  @Mixin OutputOption output = new OutputOption();

  @Option(
      names = "--server",
      paramLabel = "ADDRESS",
      description =
          "Admin API of the server: unix:/path or host:port. Default: $KITH_SERVER_ADMIN, else"
              + " server.admin.listen of the configuration.")
  @Nullable String server;

  @Option(
      names = "--as",
      paramLabel = "SPIFFE-ID",
      description = "Over TCP: which identity to speak with; one of server.adminIds.")
  @Nullable String speakAs;

  /** Asks; a {@link StatusRuntimeException} becomes the message for the person. */
  abstract T ask(AdminServiceBlockingStub admin) throws Failure;

  /** Prints the answer for a person. */
  abstract void print(T answer, PrintWriter out);

  @Override
  public final Integer call() throws Failure, ConfigException, InterruptedException {
    var settings = ConfigFile.readOrDefaults(config.file, surroundings());
    var endpoint = endpoint(settings);
    try (var connection = connect(endpoint, settings)) {
      var answer = ask(connection.client().service());
      var out = spec.commandLine().getOut();
      if (output.json()) {
        out.println(OutputOption.json(answer));
      } else {
        print(answer, out);
      }
      return 0;
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.UNAVAILABLE
          || e.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED) {
        throw Failure.unreachable(unreachable(endpoint, e.getStatus()));
      }
      throw e;
    }
  }

  final Surroundings surroundings() {
    return ((Kith) spec.root().userObject()).surroundings();
  }

  /** How the person named the server, to be repeated in a command that is shown. */
  final String serverOption() {
    return server == null ? "" : " --server " + server;
  }

  private Endpoint endpoint(KithConfig settings) throws Failure {
    var named = server == null ? surroundings().environment().get(SERVER_VARIABLE) : server;
    if (named == null) {
      return settings.server().admin();
    }
    try {
      return Endpoint.parse(named);
    } catch (IllegalArgumentException e) {
      throw Failure.usage((server == null ? SERVER_VARIABLE : "--server") + ": " + e.getMessage());
    }
  }

  private Connection connect(Endpoint endpoint, KithConfig settings)
      throws Failure, ConfigException, InterruptedException {
    return switch (endpoint) {
      case Endpoint.Unix(var path) ->
          Connection.of(
              AdminClient.toUnixSocket(
                  surroundings().directory().resolve(path), surroundings().user()));
      case Endpoint.Tcp tcp -> TcpAdmin.connect(tcp, settings, identity());
    };
  }

  private SpiffeId identity() throws Failure {
    if (speakAs == null) {
      throw Failure.usage("--as: missing (expected over TCP: a SPIFFE ID of server.adminIds)");
    }
    try {
      return SpiffeId.parse(speakAs);
    } catch (IllegalArgumentException e) {
      throw Failure.usage("--as: " + e.getMessage());
    }
  }

  private static String unreachable(Endpoint endpoint, Status status) {
    var why = status.getCode() == Status.Code.DEADLINE_EXCEEDED ? "no answer from" : "no server at";
    return why + " " + endpoint + " (start one with ./kith server, or name it with --server)";
  }
}
