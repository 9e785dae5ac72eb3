package io.kith.server.cli;

import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.AdminSettings.RoleEntry;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Bridge;
import io.kith.baselines.config.KithConfig.Guard;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.config.KithConfig.Keys;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.KithConfig.Server;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.baselines.config.OidcSettings;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A configuration as keys and values of {@code kith.yaml}; read again, it means the same. */
final class EffectiveConfig {
  private EffectiveConfig() {}

  static Map<String, Object> of(KithConfig config) {
    return map(
        "server", server(config.server(), config.keys()),
        "bridge", bridge(config.bridge()),
        "identity", identity(config.identity()),
        "workloads", config.workloads().stream().map(EffectiveConfig::workload).toList(),
        "scopes", config.scopes().stream().map(EffectiveConfig::scope).toList(),
        "learning", learning(config.learning()),
        "allowLists", words(config.allowLists()),
        "store", store(config.store()),
        "telemetry",
            map(
                "otlp",
                    map(
                        "endpoint",
                        config.telemetry().otlp(),
                        "metrics",
                        config.telemetry().metrics(),
                        "logs",
                        config.telemetry().logs()),
                "sampleAllows", config.telemetry().sampleAllows()));
  }

  private static Map<String, Object> store(StoreSettings store) {
    return switch (store) {
      case StoreSettings.Memory(var interval) ->
          map("type", "memory", "flushInterval", words(interval));
      case StoreSettings.Sqlite(var path, var interval) ->
          map("type", "sqlite", "path", path, "flushInterval", words(interval));
      case StoreSettings.Postgresql(var url, var user, var file, var size, var every, var name) ->
          map(
              "type", "postgresql",
              "url", url,
              "user", user,
              "passwordFile", file,
              "poolSize", size,
              "flushInterval", words(every),
              "replica", name);
      case StoreSettings.Control(
              var servers,
              var serverId,
              var directory,
              var all,
              var every,
              var name) ->
          map(
              "type",
              "control",
              "servers",
              words(servers),
              "serverId",
              serverId,
              "directory",
              directory,
              "holds",
              all ? "all" : "pods",
              "flushInterval",
              words(every),
              "replica",
              name);
    };
  }

  private static Map<String, Object> server(Server server, Keys keys) {
    return map(
        "role", server.role().word(),
        "spiffeId", server.spiffeId(),
        "checks", map("listen", server.checks()),
        "bridges", map("listen", server.bridges()),
        "control", map("listen", server.control()),
        "admin",
            map(
                "listen",
                server.admin().listen(),
                "http",
                server.admin().http() == null ? null : map("listen", server.admin().http()),
                "oidc",
                server.admin().oidc() == null ? null : oidc(server.admin().oidc()),
                "limits",
                limits(server.admin().limits()),
                "roles",
                server.admin().roles().stream().map(EffectiveConfig::role).toList()),
        "health", map("listen", server.health()),
        "reporters", words(server.reporters()),
        "bridgeIds", words(server.bridgeIds()),
        "adminIds", words(server.adminIds()),
        "checkIds", words(server.checkIds()),
        "keys",
            map(
                "directory", keys.directory(),
                "learner", keys.learner(),
                "approver", keys.approver(),
                "approvers", words(keys.approvers()),
                "bundlers", words(keys.bundlers()),
                "trusted", words(keys.trusted()),
                "provenance", words(keys.provenance())),
        "deadline", words(server.deadline()),
        "bridgeTimeout", words(server.bridgeTimeout()),
        "connectionAge", words(server.connectionAge()),
        "connections",
            map(
                "perId", server.connections().perId(),
                "handshakes", server.connections().handshakes()),
        "onFailure",
            map(
                "observe", allowOrDeny(server.onFailure().allowUnderObserve()),
                "shadow", allowOrDeny(server.onFailure().allowUnderShadow())),
        "guard", guard(server.guard()),
        "inbound", map("probes", server.probes()),
        "kubernetes", kubernetes(server.kubernetes()));
  }

  private static @Nullable Map<String, Object> kubernetes(@Nullable KubernetesSettings settings) {
    return settings == null
        ? null
        : map(
            "kubeconfig", settings.kubeconfig(),
            "workloads", settings.workloads(),
            "resources", settings.resources(),
            "overlays", settings.overlays(),
            "recipe", recipe(settings.recipe()),
            "trustDomain", settings.trustDomain(),
            "clusterDomain", settings.clusterDomain(),
            "rootNamespace", settings.rootNamespace(),
            "nodeTaint", settings.nodeTaint());
  }

  private static Map<String, Object> recipe(KubernetesSettings.Recipe recipe) {
    return map(
        "name", recipe.strict() ? "strict" : "baseline",
        "shortCut", recipe.shortCut(),
        "inbound", recipe.inbound(),
        "revision", recipe.revision(),
        "nodeVariable", recipe.nodeVariable(),
        "timeout", words(recipe.timeout()));
  }

  private static Map<String, Object> guard(Guard guard) {
    var families = new ArrayList<String>();
    if (guard.redirectsV4()) {
      families.add("ipv4");
    }
    if (guard.redirectsV6()) {
      families.add("ipv6");
    }
    return map(
        "proxy",
            map(
                "uid", guard.proxyUid(),
                "gid", guard.proxyGid(),
                "ports", guard.proxyPorts()),
        "redirects", families,
        "resolvers", words(guard.resolvers()),
        "excluded", words(guard.excluded()),
        "approvedTcp", words(guard.approvedTcp()),
        "approvedUdp", words(guard.approvedUdp()));
  }

  private static Map<String, Object> role(RoleEntry entry) {
    return switch (entry) {
      case RoleEntry.OfUser(var uid, var role) -> map("uid", uid, "role", role.word());
      case RoleEntry.OfId(var id, var role) -> map("spiffeId", id, "role", role.word());
    };
  }

  private static Map<String, Object> limits(AdminLimits limits) {
    return map(
        "reads", rate(limits.reads()),
        "changes", rate(limits.changes()),
        "streams", limits.streams());
  }

  private static Map<String, Object> rate(AdminLimits.Rate rate) {
    return map("perSecond", rate.perSecond(), "burst", rate.burst());
  }

  private static Map<String, Object> oidc(OidcSettings oidc) {
    return map(
        "issuer", oidc.issuer(),
        "audience", oidc.audience(),
        "caFile", oidc.caFile(),
        "roles",
            map(
                "claim", oidc.claim(),
                "viewer", oidc.viewers(),
                "operator", oidc.operators(),
                "admin", oidc.admins()));
  }

  private static Map<String, Object> bridge(Bridge bridge) {
    return map(
        "node", bridge.node(),
        "spiffeId", bridge.spiffeId(),
        "servers", words(bridge.servers()),
        "serverId", bridge.serverId(),
        "entries", bridge.entries(),
        "proxy",
            map(
                "ports", bridge.proxyPorts(),
                "uid", bridge.proxyUid(),
                "container", bridge.proxyContainer()),
        "cgroup", bridge.cgroup() == null ? "auto" : bridge.cgroup(),
        "hostNetwork", bridge.hostNetwork(),
        "minimumRung", bridge.minimumRung().letter(),
        "attest", bridge.attest(),
        "pin", bridge.pin() == null ? "off" : bridge.pin(),
        "status", bridge.status(),
        "lock", bridge.lock(),
        "serversGroup", bridge.serversGroup(),
        "runtime", bridge.runtime(),
        "hash", map("maxSize", size(bridge.hashMaxSize()), "workers", bridge.hashWorkers()));
  }

  private static Map<String, Object> identity(Identity identity) {
    return switch (identity) {
      case Identity.Dev(var directory, var trustDomain, var ttl) ->
          map(
              "provider",
              "dev",
              "dev",
              map("directory", directory, "trustDomain", trustDomain, "ttl", words(ttl)));
      case Identity.WorkloadApi(var socket) ->
          map("provider", "workload-api", "workloadApi", map("socket", "unix:" + socket));
      case Identity.Files(var certificate, var key, var bundle) ->
          map(
              "provider",
              "files",
              "files",
              map("certificate", certificate, "key", key, "bundle", bundle));
    };
  }

  private static Map<String, Object> workload(StaticWorkloadDirectory.Entry entry) {
    return map(
        "owner", entry.owner(),
        "spiffeId", entry.id(),
        "environment", entry.environment(),
        "addresses", words(entry.addresses()),
        "names", entry.names(),
        "onHost", entry.onHost());
  }

  private static Map<String, Object> scope(ScopeEntry entry) {
    return map(
        "scope", entry.scope(),
        "mode", entry.mode().word(),
        "unattributed", allowOrDeny(entry.unattributedAllowed()),
        "inbound",
            entry.inbound() == null ? null : entry.inbound().name().toLowerCase(Locale.ROOT));
  }

  private static Map<String, Object> learning(LearningSettings learning) {
    return map(
        "support",
            map(
                "replicas", learning.replicas(),
                "fraction", learning.fraction(),
                "hours", learning.hours(),
                "span", words(learning.span())),
        "window", learning.window() == null ? null : words(learning.window()),
        "minimum", words(learning.minimum()),
        "maximum", words(learning.maximum()),
        "deficit", learning.deficit(),
        "quiet", words(learning.quiet()),
        "quietFraction", learning.quietFraction(),
        "jobRuns", learning.jobRuns(),
        "external", learning.external().name().toLowerCase(Locale.ROOT),
        "upgradeGrace", words(learning.upgradeGrace()),
        "stale", words(learning.stale()),
        "maxEdges", learning.maxEdges());
  }

  private static String allowOrDeny(boolean allow) {
    return allow ? "allow" : "deny";
  }

  private static List<String> words(List<?> values) {
    return values.stream().map(Object::toString).toList();
  }

  private static String words(Duration duration) {
    if (duration.toMillis() % 1_000 != 0) {
      return duration.toMillis() + "ms";
    }
    var seconds = duration.toSeconds();
    if (seconds > 0 && seconds % 3_600 == 0) {
      return seconds / 3_600 + "h";
    }
    return seconds > 0 && seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
  }

  private static String size(long bytes) {
    return bytes % (1L << 20) == 0 ? (bytes >> 20) + "MiB" : bytes + "B";
  }

  /** Keys and values in turn, in this order; without those that are absent. */
  private static Map<String, Object> map(@Nullable Object... keysAndValues) {
    var map = new LinkedHashMap<String, Object>();
    for (var i = 0; i < keysAndValues.length; i += 2) {
      var value = keysAndValues[i + 1];
      if (value != null) {
        map.put(
            String.valueOf(keysAndValues[i]),
            value instanceof Map
                    || value instanceof List
                    || value instanceof Number
                    || value instanceof Boolean
                ? value
                : value.toString());
      }
    }
    return map;
  }
}
