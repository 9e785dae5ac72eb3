package io.kith.server.cli;

import io.kith.baselines.config.AdminRole;
import io.kith.baselines.config.AdminSettings.RoleEntry;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.server.admin.AdminHttp;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.AdminService;
import io.kith.server.admin.CallLimits;
import io.kith.server.http.JsonServer;
import io.kith.server.net.CheckServer;
import io.kith.server.net.ListenException;
import io.kith.server.oidc.OidcTokens;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OwnIdentity;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

/** The authorization server. */
@Command(
    name = "server",
    description = {
      "Answer Envoy's Checks, listen to identity bridges, serve the admin API.",
      "Stops on SIGTERM after the calls that run. What was decided is kept in the store; with"
          + " store.type memory a restart begins learning anew.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith config check kith.yaml && kith server --config kith.yaml",
      "  KITH_SERVER_CHECKS_LISTEN=127.0.0.1:9191 kith server",
    })
final class ServerCommand extends Service {
  @Override
  Running start(PrintWriter out)
      throws Failure, ConfigException, IOException, InterruptedException {
    var settings = ConfigFile.read(ConfigFile.require(config.file, surroundings()), surroundings());
    var id = settings.server().requireId();
    refuseDevTrust(settings);
    var parts = new Parts();
    try {
      var identity = parts.add(OwnIdentity.open(settings.identity(), id));
      assemble(settings, identity.source(), parts, out);
    } catch (Failure | IOException | InterruptedException | RuntimeException e) {
      parts.close();
      throw e;
    }
    printWhoMayAsk(settings, id, out);
    out.println("ready");
    return parts;
  }

  private void assemble(KithConfig settings, X509Source identity, Parts parts, PrintWriter out)
      throws Failure, IOException, InterruptedException {
    var directory = new StaticWorkloadDirectory(settings.workloads());
    var opened = parts.add(Control.open(settings, directory, surroundings()));
    var control = opened.state();
    var telemetry = parts.add(CheckTelemetry.of(settings.telemetry(), Version.current()));
    opened.measure(telemetry.metrics());
    if (settings.identity() instanceof Identity.Dev) {
      out.println(DevIdentity.DEV_BANNER);
      out.println();
    }
    var checks = parts.add(checks(settings, identity, directory, opened, telemetry));
    control.follow(checks.bridges());
    var bridges = new AttachedBridges(checks.bridges());
    var service = new AdminService(control, bridges, Version.current(), Instant.now());
    var oidc = settings.server().admin().oidc();
    var tokens = oidc == null ? null : parts.add(new OidcTokens(oidc));
    var limits = new CallLimits(settings.server().admin().limits());
    var admin = parts.add(admin(settings, identity, tokens, limits, service));
    var http = settings.server().admin().http();
    printAddresses(
        settings,
        checks,
        admin,
        http == null
            ? null
            : bound(
                http, parts.add(http(http, settings, identity, tokens, limits, service)).port()),
        out);
    for (var state : control.states()) {
      out.println("  workload     " + state.owner() + ": " + state.mode().word());
      state.waitsFor().forEach(missing -> out.println("                 waits for: " + missing));
    }
  }

  private static CheckServer checks(
      KithConfig settings,
      X509Source identity,
      StaticWorkloadDirectory directory,
      Control control,
      CheckTelemetry telemetry)
      throws Failure, InterruptedException {
    try {
      return CheckServer.start(
          settings.server(),
          identity,
          directory,
          control.provenance(),
          control.state(),
          telemetry,
          Version.current());
    } catch (ListenException e) {
      throw Failure.refused(String.valueOf(e.getMessage()));
    }
  }

  private static void printAddresses(
      KithConfig settings,
      CheckServer checks,
      AdminServer admin,
      @Nullable Endpoint http,
      PrintWriter out) {
    var server = settings.server();
    out.println("Kith " + Version.current());
    out.println("  checks       " + bound(server.checks(), checks.checkPort()));
    out.println("  bridges      " + bound(server.bridges(), checks.bridgePort()));
    out.println("  health       " + bound(server.health(), checks.healthAddress().getPort()));
    out.println("  admin        " + bound(server.admin().listen(), admin.port()));
    if (http != null) {
      out.println("  admin HTTP   " + http);
    }
    out.println(
        "  traces       "
            + (settings.telemetry().otlp() == null
                ? "nowhere (telemetry.otlp.endpoint)"
                : settings.telemetry().otlp()));
  }

  /** With the port that the system chose, where it was asked to choose. */
  private static Endpoint bound(Endpoint endpoint, int port) {
    return switch (endpoint) {
      case Endpoint.Unix _ -> endpoint;
      case Endpoint.Tcp(var host, _) -> new Endpoint.Tcp(host, port);
    };
  }

  private AdminServer admin(
      KithConfig settings,
      X509Source identity,
      @Nullable OidcTokens tokens,
      CallLimits limits,
      AdminService service)
      throws IOException {
    return switch (settings.server().admin().listen()) {
      case Endpoint.Unix(var path) ->
          AdminServer.onUnixSocket(
              surroundings().directory().resolve(path), users(settings.server()), limits, service);
      case Endpoint.Tcp tcp -> TcpAdmin.serve(tcp, settings, identity, tokens, limits, service);
    };
  }

  private JsonServer http(
      Endpoint endpoint,
      KithConfig settings,
      X509Source identity,
      @Nullable OidcTokens tokens,
      CallLimits limits,
      AdminService service)
      throws IOException {
    return switch (endpoint) {
      case Endpoint.Unix(var path) ->
          AdminHttp.onUnixSocket(
              surroundings().directory().resolve(path), users(settings.server()), limits, service);
      case Endpoint.Tcp tcp -> TcpAdmin.serveHttp(tcp, settings, identity, tokens, limits, service);
    };
  }

  private static Map<Integer, AdminRole> users(KithConfig.Server server) {
    var users = new HashMap<Integer, AdminRole>();
    for (var entry : server.admin().roles()) {
      if (entry instanceof RoleEntry.OfUser(var uid, var role)) {
        users.merge(uid, role, (one, other) -> one.compareTo(other) > 0 ? one : other);
      }
    }
    return users;
  }

  private static Stream<SpiffeIdPattern> adminIds(KithConfig.Server server) {
    return Stream.concat(
        server.adminIds().stream(),
        server.admin().roles().stream()
            .filter(RoleEntry.OfId.class::isInstance)
            .map(entry -> ((RoleEntry.OfId) entry).id()));
  }

  private static void printWhoMayAsk(KithConfig settings, SpiffeId id, PrintWriter out) {
    var reporters =
        settings.server().reporters().isEmpty()
            ? "every SPIFFE ID under workloads"
            : words(settings.server().reporters());
    out.println("  speaks as    " + id);
    out.println("  may ask      " + reporters);
    out.println("  may attest   " + words(settings.server().bridgeIds()));
    out.println("  store        " + Control.words(settings.store()));
    out.println("  provenance   " + provenanceWords(settings));
  }

  /** For people: whose tokens this server believes. */
  private static String provenanceWords(KithConfig settings) {
    var named = settings.keys().provenance().size();
    if (named > 0) {
      return named + (named == 1 ? " secret" : " secrets") + " (server.keys.provenance)";
    }
    return settings.store() instanceof StoreSettings.Postgresql
        ? "a secret of its own: no other server believes what this one lets out, nor this one them"
            + " (server.keys.provenance: the same file for all)"
        : "a secret of its own";
  }

  private static String words(List<SpiffeIdPattern> patterns) {
    return patterns.isEmpty()
        ? "nobody"
        : patterns.stream().map(SpiffeIdPattern::toString).collect(Collectors.joining(", "));
  }

  /** A trust domain for development attests nobody; only the development provider may use one. */
  static void refuseDevTrust(KithConfig settings) throws Failure {
    if (settings.identity() instanceof Identity.Dev) {
      return;
    }
    var server = settings.server();
    var ids =
        Stream.concat(
            Stream.concat(
                Stream.of(server.spiffeId()),
                settings.workloads().stream().map(StaticWorkloadDirectory.Entry::id)),
            Stream.of(server.reporters().stream(), server.bridgeIds().stream(), adminIds(server))
                .flatMap(patterns -> patterns)
                .map(pattern -> SpiffeId.parse(pattern.toString().replace("*", "any"))));
    var domains =
        ids.filter(Objects::nonNull)
            .map(id -> Objects.requireNonNull(id).trustDomain())
            .filter(DevIdentity::isDevTrustDomain)
            .collect(Collectors.toCollection(TreeSet::new));
    if (!domains.isEmpty()) {
      throw Failure.refused(
          "trust domain "
              + String.join(", ", domains)
              + " is for development: whoever opens a socket gets its identity (use the trust"
              + " domain of your SPIRE, or set identity.provider: dev)");
    }
  }

  /** What was started, closed in the opposite order. */
  private static final class Parts implements Running {
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();

    <T extends AutoCloseable> T add(T part) {
      parts.push(part);
      return part;
    }

    @Override
    public synchronized void close() {
      while (!parts.isEmpty()) {
        try {
          parts.pop().close();
        } catch (Exception e) {
          System.getLogger(ServerCommand.class.getName())
              .log(System.Logger.Level.WARNING, "a part of the server did not close", e);
        }
      }
    }
  }
}
