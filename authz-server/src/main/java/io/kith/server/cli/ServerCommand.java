package io.kith.server.cli;

import io.kith.baselines.config.AdminRole;
import io.kith.baselines.config.AdminSettings.RoleEntry;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.config.ServerRole;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.admin.AdminHttp;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.AdminService;
import io.kith.server.admin.BridgeStatuses;
import io.kith.server.admin.CallLimits;
import io.kith.server.admin.CheckServerStatuses;
import io.kith.server.control.ControlState;
import io.kith.server.control.ProvenanceSecrets;
import io.kith.server.fleet.CheckServers;
import io.kith.server.fleet.FleetServer;
import io.kith.server.fleet.FleetService;
import io.kith.server.http.JsonServer;
import io.kith.server.kubernetes.resource.ClusterResources;
import io.kith.server.net.CheckServer;
import io.kith.server.net.FolderPlace;
import io.kith.server.net.ListenException;
import io.kith.server.oidc.OidcTokens;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.server.telemetry.HealthServer;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OwnIdentity;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
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
  /** For the objects of a cluster, before what is known of them has to do. */
  private static final Duration CLUSTER_PATIENCE = Duration.ofSeconds(10);

  /** For the node's bridge to make the folder, or for another server to end. */
  private static final Duration PLACE_PATIENCE = Duration.ofMinutes(2);

  @Override
  Running start(PrintWriter out)
      throws Failure, ConfigException, IOException, InterruptedException {
    var settings = ConfigFile.read(ConfigFile.require(config.file, surroundings()), surroundings());
    var id = settings.server().requireId();
    refuseDevTrust(settings);
    var parts = new Parts();
    try {
      assemble(settings, parts.add(OwnIdentity.start(settings.identity(), id)), parts, out);
    } catch (Failure | ConfigException | IOException | InterruptedException | RuntimeException e) {
      parts.close();
      throw e;
    }
    printWhoMayAsk(settings, id, out);
    out.println("ready");
    return parts;
  }

  private void assemble(KithConfig settings, OwnIdentity own, Parts parts, PrintWriter out)
      throws Failure, ConfigException, IOException, InterruptedException {
    var telemetry =
        parts.add(
            CheckTelemetry.of(
                settings.telemetry(), Version.current(), surroundings().environment()));
    if (settings.identity() instanceof Identity.Dev) {
      out.println(DevIdentity.DEV_BANNER);
      out.println();
    }
    var health = parts.add(health(settings, telemetry)); // one for all of the time: for probes
    var cluster = cluster(settings, health, telemetry, parts, out);
    var directory =
        cluster == null ? new StaticWorkloadDirectory(settings.workloads()) : cluster.directory();
    var place = place(settings, health, parts, out);
    var opened = parts.add(control(settings, own, directory, place, health, out));
    own.await(); // which it did while the store was read
    var identity = own.source();
    var control = opened.state();
    opened.measure(telemetry.metrics());
    out.println("Kith " + Version.current());
    BridgeStatuses bridges = List::of;
    Supplier<String> cold = () -> "";
    if (settings.server().role().checks()) {
      var server =
          place == null ? settings.server() : settings.server().withBridges(place.endpoint());
      var checks = parts.add(checks(server, identity, directory, opened, telemetry, health));
      control.follow(checks.bridges());
      bridges = new AttachedBridges(checks.bridges());
      cold = checks::cold;
      printAddresses(server, checks, out);
    } else {
      out.println(
          "  health       " + bound(settings.server().health(), health.address().getPort()));
    }
    if (settings.server().role() == ServerRole.CHECK) {
      refuseAdmin(settings, parts, out);
    } else {
      resources(settings, cluster, control, telemetry, parts, out);
      var followers = fleet(settings, identity, opened, telemetry, parts, out);
      serveAdmin(
          settings,
          identity,
          new AdminService(
              control,
              bridges,
              followers,
              cluster == null ? () -> null : cluster::status,
              cold,
              Version.current(),
              Instant.now()),
          telemetry,
          parts,
          out);
    }
    if (!settings.server().role().checks()) {
      health.says(() -> ""); // it serves all that it is asked for
    }
    out.println(
        "  traces       "
            + (settings.telemetry().otlp() == null
                ? "nowhere (telemetry.otlp.endpoint)"
                : settings.telemetry().otlp()));
    for (var state : control.states()) {
      out.println("  workload     " + state.owner() + ": " + state.mode().word());
      state.waitsFor().forEach(missing -> out.println("                 waits for: " + missing));
    }
  }

  /**
   * What says who is who beside the configuration, once it does; is healthy and not ready while it
   * waits.
   */
  private @Nullable WatchedCluster cluster(
      KithConfig settings,
      HealthServer health,
      CheckTelemetry telemetry,
      Parts parts,
      PrintWriter out)
      throws Failure, InterruptedException {
    var kubernetes = settings.server().kubernetes();
    if (kubernetes == null || !kubernetes.workloads()) {
      return null;
    }
    var cluster = parts.add(WatchedCluster.open(settings, kubernetes, surroundings()));
    cluster.measure(telemetry.metrics());
    var waitsFor = new AtomicReference<>("reading from the Kubernetes API server");
    health.says(waitsFor::get);
    cluster.await(why -> say(why, "waits for ", waitsFor, out));
    health.says(ServerCommand::starts);
    return cluster;
  }

  /**
   * Objects of a cluster, if any are to be followed. What the store has of them decides as well
   * while the API server does not answer, so that is waited for only so long.
   */
  private void resources(
      KithConfig settings,
      @Nullable WatchedCluster cluster,
      ControlState state,
      CheckTelemetry telemetry,
      Parts parts,
      PrintWriter out)
      throws Failure, InterruptedException {
    var kubernetes = settings.server().kubernetes();
    if (kubernetes == null || !kubernetes.resources()) {
      return;
    }
    var shared = settings.store() instanceof StoreSettings.Postgresql;
    var resources =
        parts.add(
            ClusterResources.open(
                kubernetes,
                surroundings().directory(),
                surroundings().environment(),
                state,
                shared,
                settings.keys().provenance().isEmpty() && ProvenanceSecrets.isOneOfSeveral(settings)
                    ? "needs the same secret on every server (set server.keys.provenance)"
                    : null,
                cluster == null ? null : cluster.pods(),
                cluster == null ? null : cluster.services()));
    resources.measure(telemetry.metrics());
    var read = resources.awaitFirst(CLUSTER_PATIENCE);
    out.println(
        "  cluster      "
            + (read
                ? "its EgressAllowLists and Scopes count"
                : Objects.requireNonNullElse(
                    resources.problem(), "not all that it says is in force yet (kith status)")));
  }

  /**
   * A place among the servers of this node, where they have a folder; is healthy and not ready
   * while it waits for the node's bridge to make that.
   */
  private @Nullable FolderPlace place(
      KithConfig settings, HealthServer health, Parts parts, PrintWriter out)
      throws Failure, InterruptedException {
    if (!(settings.server().bridges() instanceof Endpoint.Folder(var folder))) {
      return null;
    }
    var waitsFor = new AtomicReference<>("a place among the servers of this node");
    health.says(waitsFor::get);
    try {
      return parts.add(
          FolderPlace.await(
              surroundings().directory().resolve(folder),
              PLACE_PATIENCE,
              why ->
                  say(why, "waits for a place among the servers of this node: ", waitsFor, out)));
    } catch (IOException e) {
      throw Failure.refused(String.valueOf(e.getMessage()));
    } finally {
      health.says(ServerCommand::starts);
    }
  }

  /** From its own store, or from control servers; is healthy and not ready while it waits. */
  private Control control(
      KithConfig settings,
      OwnIdentity own,
      WorkloadDirectory directory,
      @Nullable FolderPlace place,
      HealthServer health,
      PrintWriter out)
      throws Failure, ConfigException, IOException, InterruptedException {
    if (!(settings.store() instanceof StoreSettings.Control followed)) {
      return Control.open(settings, directory, surroundings());
    }
    own.await();
    var waitsFor = new AtomicReference<>("reading the log of changes");
    health.says(waitsFor::get);
    var control =
        FollowedControl.open(
            settings,
            followed,
            settings.server().requireId(),
            directory,
            own.source(),
            place,
            surroundings(),
            why -> say(why, "waits for a control server: ", waitsFor, out));
    health.says(ServerCommand::starts);
    return control;
  }

  private static String starts() {
    return "the server starts";
  }

  /** Says what is waited for when it is another than before. */
  private static void say(
      String why, String before, AtomicReference<String> said, PrintWriter out) {
    if (!why.equals(said.getAndSet(why))) {
      out.println(before + why);
      out.flush();
    }
  }

  /** Is healthy and not ready until it says otherwise. */
  private static HealthServer health(KithConfig settings, CheckTelemetry telemetry) throws Failure {
    var endpoint = settings.server().health();
    if (!(endpoint instanceof Endpoint.Tcp(var host, var port))) {
      throw Failure.refused("server.health.listen: " + endpoint + " (expected: host:port)");
    }
    try {
      return new HealthServer(
          new InetSocketAddress(host, port), ServerCommand::starts, telemetry.metrics());
    } catch (IOException e) {
      throw Failure.refused(
          "server.health.listen: " + endpoint + " cannot be listened on: " + e.getMessage());
    }
  }

  /** Where check servers find this one, if any may. */
  private static CheckServerStatuses fleet(
      KithConfig settings,
      X509Source identity,
      Control opened,
      CheckTelemetry telemetry,
      Parts parts,
      PrintWriter out)
      throws Failure, IOException {
    var server = settings.server();
    if (server.checkIds().isEmpty()) {
      return List::of;
    }
    if (!(server.control() instanceof Endpoint.Tcp endpoint)) {
      throw Failure.refused(
          "server.control.listen: " + server.control() + " (expected: host:port)");
    }
    var service =
        parts.add(
            new FleetService(
                opened.store(),
                opened.state().keys().learner(),
                server.checkIds(),
                opened.state().rules()::unlearnable,
                opened.state()::denied,
                opened.state().sidecars(),
                opened.state().nodeBridges(),
                Version.current(),
                InstantSource.system()));
    var served = parts.add(FleetServer.start(endpoint, identity, server.connectionAge(), service));
    out.println("  control      " + bound(endpoint, served.port()));
    telemetry
        .metrics()
        .counters(
            "kith_control_connections_refused_total",
            "Connections to the port of control servers that were ended: of strangers beyond 100 of"
                + " a SPIFFE ID, and of unfinished handshakes beyond 10,000.",
            "limit",
            () -> served.connections().endedByLimit());
    telemetry
        .metrics()
        .gauge(
            "kith_check_servers",
            "Check servers that follow this server.",
            () -> service.servers().statuses().size());
    telemetry
        .metrics()
        .gauge(
            "kith_check_servers_behind",
            "Changes that the check server lacks which lacks most.",
            () ->
                service.servers().statuses().stream()
                    .mapToLong(CheckServers.Status::behind)
                    .max()
                    .orElse(0));
    telemetry
        .metrics()
        .counter(
            "kith_check_server_denials_total",
            "Denials by check servers that the guard over new revisions counted.",
            service::denialsCounted);
    telemetry
        .metrics()
        .counter(
            "kith_check_server_denials_refused_total",
            "Denials that check servers told and that do not count: of a pod that the server does"
                + " not hold, or under another revision.",
            service::denialsRefused);
    opened.state().others().ask(service.servers());
    return new FollowingServers(service.servers());
  }

  /** There is none; where others have it, whoever calls is told. */
  private void refuseAdmin(KithConfig settings, Parts parts, PrintWriter out) throws IOException {
    var words =
        "this is a check server, which has no admin API: call a control server's (it follows "
            + Control.words(settings.store())
            + "; docs/roles.md)";
    if (settings.server().admin().listen() instanceof Endpoint.Unix(var path)) {
      var _ = parts.add(RefusedAdmin.onUnixSocket(surroundings().directory().resolve(path), words));
      out.println("  admin        none: calls at unix:" + path + " are told so");
    } else {
      out.println("  admin        none: a check server has no admin API");
    }
  }

  private void serveAdmin(
      KithConfig settings,
      X509Source identity,
      AdminService service,
      CheckTelemetry telemetry,
      Parts parts,
      PrintWriter out)
      throws IOException {
    var oidc = settings.server().admin().oidc();
    var tokens = oidc == null ? null : parts.add(OidcTokens.of(oidc, surroundings().directory()));
    var limits = new CallLimits(settings.server().admin().limits());
    telemetry
        .metrics()
        .counters(
            "kith_admin_refused_total",
            "Calls of the admin API by whom it does not recognize or who has no role; limited: too"
                + " many from one address or user.",
            "reason",
            limits::refusals);
    var admin = parts.add(admin(settings, identity, tokens, limits, service));
    out.println("  admin        " + bound(settings.server().admin().listen(), admin.port()));
    var http = settings.server().admin().http();
    if (http != null) {
      var served = parts.add(http(http, settings, identity, tokens, limits, service));
      out.println("  admin HTTP   " + bound(http, served.port()));
    }
  }

  private static CheckServer checks(
      KithConfig.Server settings,
      X509Source identity,
      WorkloadDirectory directory,
      Control control,
      CheckTelemetry telemetry,
      HealthServer health)
      throws Failure, InterruptedException {
    try {
      return CheckServer.start(
          settings,
          identity,
          directory,
          control.provenance(),
          control.state(),
          telemetry,
          Version.current(),
          health);
    } catch (ListenException e) {
      throw Failure.refused(String.valueOf(e.getMessage()));
    }
  }

  private static void printAddresses(
      KithConfig.Server server, CheckServer checks, PrintWriter out) {
    out.println("  checks       " + bound(server.checks(), checks.checkPort()));
    out.println("  bridges      " + bound(server.bridges(), checks.bridgePort()));
    out.println("  health       " + bound(server.health(), checks.healthAddress().getPort()));
  }

  /** With the port that the system chose, where it was asked to choose. */
  private static Endpoint bound(Endpoint endpoint, int port) {
    return switch (endpoint) {
      case Endpoint.Unix _, Endpoint.Folder _ -> endpoint;
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
      case Endpoint.Folder folder ->
          throw new IllegalArgumentException(folder + " (expected: a socket, or host:port)");
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
      case Endpoint.Folder folder ->
          throw new IllegalArgumentException(folder + " (expected: a socket, or host:port)");
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
                + (watchesWorkloads(settings) ? ", and of pods with a sidecar" : "")
            : words(settings.server().reporters());
    out.println("  speaks as    " + id);
    if (settings.server().role().checks()) {
      out.println("  may ask      " + reporters);
      out.println("  may attest   " + words(settings.server().bridgeIds()));
    }
    if (!settings.server().checkIds().isEmpty()) {
      out.println("  may follow   " + words(settings.server().checkIds()));
    }
    out.println("  store        " + Control.words(settings.store()));
    out.println("  provenance   " + provenanceWords(settings));
  }

  private static boolean watchesWorkloads(KithConfig settings) {
    var kubernetes = settings.server().kubernetes();
    return kubernetes != null && kubernetes.workloads();
  }

  /** For people: whose tokens this server believes. */
  private static String provenanceWords(KithConfig settings) {
    var named = settings.keys().provenance().size();
    if (named > 0) {
      return named + (named == 1 ? " secret" : " secrets") + " (server.keys.provenance)";
    }
    return ProvenanceSecrets.isOneOfSeveral(settings)
        ? "none: requests carry no proof of what let them out, none is looked at, and"
            + " what a scope requires is refused (server.keys.provenance: the same file for all"
            + " servers)"
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
    var kubernetes = server.kubernetes();
    if (kubernetes != null && DevIdentity.isDevTrustDomain(kubernetes.trustDomain())) {
      throw devTrust(kubernetes.trustDomain());
    }
    var ids =
        Stream.concat(
            Stream.concat(
                Stream.of(
                    server.spiffeId(),
                    settings.store() instanceof StoreSettings.Control control
                        ? control.serverId()
                        : null),
                settings.workloads().stream().map(StaticWorkloadDirectory.Entry::id)),
            Stream.of(
                    server.reporters().stream(),
                    server.bridgeIds().stream(),
                    server.checkIds().stream(),
                    adminIds(server))
                .flatMap(patterns -> patterns)
                .map(pattern -> SpiffeId.parse(pattern.toString().replace("*", "any"))));
    var domains =
        ids.filter(Objects::nonNull)
            .map(id -> Objects.requireNonNull(id).trustDomain())
            .filter(DevIdentity::isDevTrustDomain)
            .collect(Collectors.toCollection(TreeSet::new));
    if (!domains.isEmpty()) {
      throw devTrust(String.join(", ", domains));
    }
  }

  private static Failure devTrust(String domains) {
    return Failure.refused(
        "trust domain "
            + domains
            + " is for development: whoever opens a socket gets its identity (use the trust"
            + " domain of your SPIRE, or set identity.provider: dev)");
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
