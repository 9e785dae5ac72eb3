package io.kith.baselines.config;

import io.kith.baselines.config.KithConfig.Bridge;
import io.kith.baselines.config.KithConfig.Connections;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.config.KithConfig.OnFailure;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.KithConfig.Server;
import io.kith.baselines.config.KithConfig.Telemetry;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.process.Rung;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads {@code kith.yaml}, section by section, collecting problems. */
final class KithConfigReader {
  /** Istio's sidecar: admin, both listeners, debug, HBONE, pilot-agent, health, metrics. */
  private static final List<Integer> ISTIO_PORTS =
      List.of(15_000, 15_001, 15_004, 15_006, 15_008, 15_020, 15_021, 15_090);

  private final Section root;
  private final Path state;

  KithConfigReader(String file, String text, Map<String, String> environment, Path state) {
    this.state = state;
    this.root = YamlDocument.read(file, text, environment);
  }

  KithConfig read() throws ConfigException {
    var section = root.section("server");
    var server = server(section);
    var scopes = scopes();
    var identity = identity(root.section("identity"));
    var storeSection = root.section("store");
    var store = StoreReader.read(storeSection, state);
    var keySection = section.section("keys");
    var keys = keys(keySection, isOneOfSeveral(server, store), scopes);
    new RoleRules(section, keySection, storeSection).check(server, store, keys);
    var config =
        new KithConfig(
            server,
            bridge(root.section("bridge"), server.spiffeId(), identity),
            identity,
            workloads(),
            scopes,
            learning(root.section("learning")),
            root.list("allowLists", Values::path),
            store,
            keys,
            telemetry(root.section("telemetry")));
    root.finish();
    if (!root.problems().isEmpty()) {
      throw new ConfigException(root.problems());
    }
    return config;
  }

  /** Reads the section {@code learning} and looks at nothing else. */
  LearningSettings readLearning() throws ConfigException {
    var section = root.section("learning");
    var settings = learning(section);
    section.finish();
    if (!root.problems().isEmpty()) {
      throw new ConfigException(root.problems());
    }
    return settings;
  }

  /**
   * Of whole milliseconds. A {@link Duration} multiplies and divides by way of decimal numbers,
   * whose tables take a program that starts longer than to read all of its configuration.
   */
  private static Duration threeQuarters(Duration time) {
    var thrice = 3 * time.toMillis();
    return Duration.ofMillis(thrice / 4).plusNanos(thrice % 4 * 250_000);
  }

  private static Server server(Section server) {
    var deadline = server.value("deadline", Values::duration, Duration.ofMillis(400));
    var bridgeTimeout = server.value("bridgeTimeout", Values::duration, threeQuarters(deadline));
    if (bridgeTimeout.compareTo(deadline) >= 0) {
      server.problem(
          "bridgeTimeout",
          bridgeTimeout.toMillis()
              + "ms (expected: less than server.deadline, which is "
              + deadline.toMillis()
              + "ms)");
    }
    var connections = server.section("connections");
    var failure = server.section("onFailure");
    return new Server(
        server.value("role", Values.oneOf(ServerRole.class), ServerRole.ALL),
        server.optional("spiffeId", SpiffeId::parse),
        listen(server, "checks", "0.0.0.0:9191"),
        server
            .section("bridges")
            .value("listen", Endpoint::parseWithFolder, Endpoint.parse("0.0.0.0:9192")),
        listen(server, "control", "0.0.0.0:9195"),
        AdminReader.read(server.section("admin")),
        listen(server, "health", "127.0.0.1:9194"),
        server.list("reporters", SpiffeIdPattern::parse),
        server.list("bridgeIds", SpiffeIdPattern::parse),
        server.list("adminIds", SpiffeIdPattern::parse),
        server.list("checkIds", SpiffeIdPattern::parse),
        deadline,
        bridgeTimeout,
        server.value("connectionAge", Values::duration, Duration.ofMinutes(5)),
        new Connections(
            connections.value("perId", Values.integer(1, 1_000_000), 5_000),
            connections.value("handshakes", Values.integer(1, 1_000_000), 1_000)),
        new OnFailure(
            failure.value("observe", KithConfigReader::allows, true),
            failure.value("shadow", KithConfigReader::allows, true)),
        guard(server.section("guard")),
        probes(server.section("inbound")),
        KubernetesSettings.read(server));
  }

  /** An empty list is none. */
  private static List<String> probes(Section inbound) {
    var named = inbound.list("probes", KithConfigReader::pathOfUrl);
    return inbound.has("probes") ? named : Server.PROBES;
  }

  private static String pathOfUrl(String text) {
    if (!text.matches("/[A-Za-z0-9/._~-]*")) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: a path without query, such as /healthz)");
    }
    return text;
  }

  private static KithConfig.Guard guard(Section guard) {
    var proxy = guard.section("proxy");
    var ports = proxy.list("ports", Values.integer(1, 65_535));
    var families = guard.list("redirects", KithConfigReader::family);
    return new KithConfig.Guard(
        proxy.value("uid", Values.integer(0, Integer.MAX_VALUE), 1_337),
        proxy.value("gid", Values.integer(0, Integer.MAX_VALUE), 1_337),
        ports.isEmpty() ? ISTIO_PORTS : ports,
        families.isEmpty() || families.contains(4),
        families.isEmpty() || families.contains(6),
        guard.list("resolvers", KithConfigReader::withPort),
        guard.list("excluded", NetworkTarget::parse),
        guard.list("approvedTcp", NetworkTarget::parse),
        guard.list("approvedUdp", NetworkTarget::parse));
  }

  private static int family(String text) {
    return switch (text) {
      case "ipv4" -> 4;
      case "ipv6" -> 6;
      default -> throw new IllegalArgumentException("'" + text + "' (expected: ipv4 or ipv6)");
    };
  }

  private static NetworkTarget withPort(String text) {
    var target = NetworkTarget.parse(text);
    if (target.port() == 0) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: with its port, such as 10.96.0.10:53)");
    }
    return target;
  }

  /** Whether other servers let requests out whose tokens come to this one. */
  private static boolean isOneOfSeveral(Server server, StoreSettings store) {
    return store instanceof StoreSettings.Postgresql
        || store instanceof StoreSettings.Control
        || !server.checkIds().isEmpty();
  }

  private static KithConfig.Keys keys(
      Section keys, boolean isOneOfSeveral, List<ScopeEntry> scopes) {
    var provenance = keys.list("provenance", Values::path);
    if (provenance.isEmpty()
        && isOneOfSeveral
        && scopes.stream().anyMatch(entry -> entry.inbound() == Inbound.REQUIRE)) {
      keys.problem(
          "provenance",
          "missing, and a scope has inbound: require (expected: a file with the same secret for"
              + " every server, or each refuses what the others let out)");
    }
    return new KithConfig.Keys(
        keys.optional("directory", Values::path),
        keys.optional("learner", Values::path),
        keys.optional("approver", Values::path),
        keys.list("approvers", Values::path),
        keys.list("bundlers", Values::path),
        keys.list("trusted", Values::path),
        provenance);
  }

  private static boolean allows(String text) {
    return switch (text) {
      case "allow" -> true;
      case "deny" -> false;
      default -> throw new IllegalArgumentException("'" + text + "' (expected: allow or deny)");
    };
  }

  private static Endpoint listen(Section server, String name, String fallback) {
    return server.section(name).value("listen", Endpoint::parse, Endpoint.parse(fallback));
  }

  private static Bridge bridge(Section bridge, @Nullable SpiffeId serverId, Identity identity) {
    var proxy = bridge.section("proxy");
    var hash = bridge.section("hash");
    var ports = proxy.list("ports", Values.integer(1, 65_535));
    var servers = bridge.list("servers", Endpoint::parseWithFolder);
    var cgroup = bridge.value("cgroup", Values::text, "auto");
    var named = bridge.optional("serverId", SpiffeId::parse);
    var pin = bridge.value("pin", Values::text, "/sys/fs/bpf/kith");
    var status = Path.of(bridge.value("status", Values::text, "/run/kith/bridge.sock"));
    return new Bridge(
        bridge.optional("node", Values::text),
        bridge.optional("spiffeId", SpiffeId::parse),
        servers.isEmpty() ? List.of(Endpoint.parse("127.0.0.1:9192")) : servers,
        named == null ? serverId : named,
        bridge.value("entries", Values.integer(1_024, 16_777_216), 65_536),
        ports.isEmpty() ? List.of(15_001, 15_006) : ports,
        proxy.value("uid", Values.integer(0, Integer.MAX_VALUE), 1_337),
        proxy.value("container", Values::text, "istio-proxy"),
        cgroup.equals("auto") ? null : Path.of(cgroup),
        bridge.value("minimumRung", KithConfigReader::rung, Rung.WORKLOAD_ONLY),
        hash.value("maxSize", Values::size, 256L << 20),
        hash.value("workers", Values.integer(1, 64), 2),
        bridge.value("hostNetwork", Values::bool, false),
        pin.equals("off") ? null : Path.of(pin),
        status,
        bridge.value("lock", Values::path, status.resolveSibling("guard.lock")),
        bridge.optional("serversGroup", Values.integer(0, Integer.MAX_VALUE)),
        bridge.value("runtime", RuntimeSetting::parse, new RuntimeSetting.Auto()),
        attest(bridge, identity));
  }

  private static Attest attest(Section bridge, Identity identity) {
    var development = identity instanceof Identity.Dev;
    var attest =
        bridge.value("attest", Attest::parse, development ? new Attest.Dev() : new Attest.None());
    if (attest instanceof Attest.Dev && !development) {
      bridge.problem(
          "attest",
          "dev proves nothing and is for development only (expected: none or a SPIRE agent, or"
              + " identity.provider dev)");
    }
    if (attest instanceof Attest.SpireBroker && development) {
      bridge.problem(
          "attest",
          "the Broker API wants an SVID of SPIRE's trust domain from the bridge (expected:"
              + " identity.provider workload-api or files, or spire-delegated)");
    }
    return attest;
  }

  private static Rung rung(String text) {
    for (var rung : Rung.values()) {
      if (rung != Rung.NONE && rung.letter().equals(text)) {
        return rung;
      }
    }
    throw new IllegalArgumentException("'" + text + "' (expected: A+, A, B, C or D)");
  }

  private enum Provider {
    DEV,
    WORKLOAD_API,
    FILES
  }

  private static Identity identity(Section identity) {
    var provider = identity.value("provider", Values.oneOf(Provider.class), Provider.DEV);
    var dev = identity.section("dev");
    var development =
        new Identity.Dev(
            dev.value("directory", Values::path, Path.of("/run/kith/dev-identity")),
            dev.value("trustDomain", Values::text, "dev.kith.local"),
            dev.value("ttl", Values::duration, Duration.ofHours(1)));
    var api = identity.section("workloadApi");
    var endpoint = api.optional("socket", Endpoint::parse);
    var files = identity.section("files");
    var certificate = files.optional("certificate", Values::path);
    var key = files.optional("key", Values::path);
    var bundle = files.optional("bundle", Values::path);
    return switch (provider) {
      case DEV -> development;
      case WORKLOAD_API -> {
        if (endpoint instanceof Endpoint.Unix(var path)) {
          yield new Identity.WorkloadApi(path);
        }
        identity.problem(
            "workloadApi", "no socket (expected: {socket: \"unix:/run/spire/agent/api.sock\"})");
        yield development;
      }
      case FILES -> {
        if (certificate != null && key != null && bundle != null) {
          yield new Identity.Files(certificate, key, bundle);
        }
        identity.problem(
            "files", "incomplete (expected: {certificate: …, key: …, bundle: …}, PEM files)");
        yield development;
      }
    };
  }

  private List<StaticWorkloadDirectory.Entry> workloads() {
    var entries = new ArrayList<StaticWorkloadDirectory.Entry>();
    var takenBy = new HashMap<IpAddress, Owner>();
    var hosted = new HashMap<Owner, Boolean>();
    for (var section : root.sections("workloads")) {
      var owner = section.optional("owner", Owner::parse);
      var id = section.optional("spiffeId", SpiffeId::parse);
      var environment = section.value("environment", Values::text, "default");
      var addresses = section.list("addresses", IpAddress::parse);
      var onHost = section.value("onHost", Values::bool, false);
      var names = section.list("names", name -> Values.text(name).toLowerCase(Locale.ROOT));
      if (owner == null) {
        if (!section.has("owner")) {
          section.problem("owner", "missing (expected: namespace/kind/name)");
        }
        continue;
      }
      var before = hosted.putIfAbsent(owner, onHost);
      if (before != null && !before.equals(onHost)) {
        section.problem(
            "onHost",
            onHost
                + ", and "
                + before
                + " for "
                + owner
                + " before (expected: the same in all its entries; what runs in containers and on"
                + " hosts is two workloads)");
      }
      for (var address : addresses) {
        if (address.isLoopback()) { // everything that is dialled through a proxy would be it
          section.problem(
              "addresses",
              address + " is loopback, which every workload has (expected: its own addresses)");
        }
        var holder = takenBy.putIfAbsent(address, owner);
        if (holder != null && !holder.equals(owner)) {
          section.problem(
              "addresses", address + " belongs to " + holder + " already (expected: one owner)");
        }
      }
      entries.add(
          new StaticWorkloadDirectory.Entry(owner, id, environment, addresses, names, onHost));
    }
    return entries;
  }

  private List<ScopeEntry> scopes() {
    var entries = new ArrayList<ScopeEntry>();
    for (var section : root.sections("scopes")) {
      var scope = section.optional("scope", ScopeName::parse);
      var mode = section.value("mode", Mode::parse, Mode.OBSERVE);
      var unattributed = section.value("unattributed", KithConfigReader::allows, false);
      var inbound = section.optional("inbound", Values.oneOf(Inbound.class));
      if (scope != null) {
        entries.add(new ScopeEntry(scope, mode, unattributed, inbound));
      } else if (!section.has("scope")) {
        section.problem("scope", "missing (expected: *, namespace/* or namespace/kind/name)");
      }
    }
    return entries;
  }

  private static LearningSettings learning(Section learning) {
    var defaults = LearningSettings.defaults();
    var support = learning.section("support");
    var window = learning.optional("window", Values::duration);
    // whoever fixes a window says that nobody will answer questions
    var external = window == null ? defaults.external() : LearningSettings.External.AUTO;
    return new LearningSettings(
        support.value("replicas", Values.integer(1, 1_000), defaults.replicas()),
        support.value("fraction", Values.fraction(), defaults.fraction()),
        support.value("hours", Values.integer(1, 1_000), defaults.hours()),
        support.value("span", Values::duration, defaults.span()),
        window,
        learning.value("minimum", Values::duration, defaults.minimum()),
        learning.value("maximum", Values::duration, defaults.maximum()),
        learning.value("deficit", Values.fraction(), defaults.deficit()),
        learning.value("quiet", Values::duration, defaults.quiet()),
        learning.value("quietFraction", Values.fraction(), defaults.quietFraction()),
        learning.value("jobRuns", Values.integer(1, 1_000), defaults.jobRuns()),
        learning.value("external", KithConfigReader::external, external),
        learning.value("upgradeGrace", Values::duration, defaults.upgradeGrace()),
        learning.value("stale", Values::duration, defaults.stale()),
        learning.value("maxEdges", Values.integer(1, 1_000_000), defaults.maxEdges()));
  }

  private static LearningSettings.External external(String text) {
    return switch (text) {
      case "vouch" -> LearningSettings.External.VOUCH;
      case "auto" -> LearningSettings.External.AUTO;
      default -> throw new IllegalArgumentException("'" + text + "' (expected: vouch or auto)");
    };
  }

  private static Telemetry telemetry(Section telemetry) {
    var otlp = telemetry.section("otlp");
    return new Telemetry(
        otlp.optional("endpoint", Values::httpUri),
        otlp.value("metrics", Values::bool, false),
        otlp.value("logs", Values::bool, false),
        telemetry.value("sampleAllows", Values.fraction(), 0.01));
  }
}
