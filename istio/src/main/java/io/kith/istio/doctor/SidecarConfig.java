package io.kith.istio.doctor;

import io.kith.istio.MeshNames;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** What a sidecar runs with, as far as Kith's filters and server are concerned. */
record SidecarConfig(
    Tree bootstrap,
    List<Listener> listeners,
    Map<String, Tree> clusters,
    Map<String, List<Tree>> endpoints,
    List<Secret> secrets,
    Set<String> switchedByRoutes,
    Set<String> mirrors,
    List<String> rejected) {
  private static final String NETWORK = "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz";
  static final String PER_ROUTE = "typed_per_filter_config";

  /** In place of a filter's configuration, where it is discovered by itself. */
  static final String DISCOVERY = "config_discovery";

  static final String TYPES = "type_urls";

  static final String MIRRORS = "request_mirror_policies";

  private static final List<String> PROGRAMS =
      List.of(".Lua", ".Wasm", ".golang.v3alpha.Config", ".DynamicModuleFilter");

  /** Where Istio has what goes to addresses that no service has. */
  private static final String PASSTHROUGH = "PassthroughCluster";

  private static final String HTTP = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
  private static final String COMPOSITE = "envoy.extensions.filters.http.composite.v3.Composite";

  /** Whom Istio's own static listeners ask: Envoy's counters, and pilot-agent. */
  private static final Set<String> OF_BOOTSTRAP = Set.of("prometheus_stats", "agent");

  /**
   * A listener with all of its chains.
   *
   * @param isStatic in the bootstrap, where Istio has none for traffic
   */
  record Listener(String name, Tree tree, boolean isStatic) {
    boolean isOutbound() {
      return isStatic || tree.at("traffic_direction").is("OUTBOUND");
    }

    /** Whether connections come to it from within Envoy alone. */
    boolean isInternal() {
      return tree.at("internal_listener").present();
    }

    List<Chain> chains() {
      var chains = new ArrayList<Chain>();
      for (var chain : tree.at("filter_chains").list()) {
        chains.add(Chain.of(this, chain));
      }
      if (tree.at("default_filter_chain").present()) {
        chains.add(Chain.of(this, tree.at("default_filter_chain")));
      }
      return chains;
    }
  }

  /** A chain of filters. */
  record Chain(String name, List<Filter> filters) {
    private static Chain of(Listener listener, Tree chain) {
      var name = chain.at("name").text();
      return new Chain(
          listener.name() + (name.isEmpty() ? "" : "/" + name),
          chain.at("filters").stream().map(Filter::of).toList());
    }

    /** The filters within HTTP managers. */
    Stream<Filter> httpFilters() {
      return managers().flatMap(manager -> manager.httpFilters().stream());
    }

    Stream<Filter> managers() {
      return filters.stream().filter(filter -> filter.config().at("http_filters").present());
    }
  }

  /**
   * A filter.
   *
   * @param type of its configuration, without what types' names begin with
   * @param config taken out of its wrapping
   * @param matcher that says when it is skipped; nothing where it never is
   * @param isDisabled unless a route switches it on
   */
  record Filter(String name, String type, Tree config, Tree matcher, boolean isDisabled) {
    static Filter of(Tree tree) {
      var config = tree.at("typed_config");
      var type =
          config.present()
              ? config.at("@type").text()
              : tree.at(DISCOVERY, TYPES).stream() // of several, what a program would be of
                  .map(Tree::text)
                  .max(Comparator.comparing(Filter::isOfProgram))
                  .orElse("");
      var name = tree.at("name").text();
      var isDisabled = tree.at("disabled").isTrue();
      if (type.endsWith("/xds.type.v3.TypedStruct")) {
        return new Filter(
            name,
            lastPart(config.at("type_url").text()),
            config.at("value"),
            Tree.NOTHING,
            isDisabled);
      }
      if (type.endsWith(".ExtensionWithMatcher")) {
        var matcher = config.at("xds_matcher");
        var inner = of(config.at("extension_config"));
        if (inner.type().equals(COMPOSITE)) { // what it does is the matcher's to say
          inner = of(matcher.at("on_no_match", "action", "typed_config", "typed_config"));
        }
        return new Filter(name, inner.type(), inner.config(), matcher, isDisabled);
      }
      return new Filter(name, lastPart(type), config, Tree.NOTHING, isDisabled);
    }

    private static String lastPart(String type) {
      return type.substring(type.lastIndexOf('/') + 1);
    }

    List<Filter> httpFilters() {
      return config.at("http_filters").stream().map(Filter::of).toList();
    }

    /** Whom it asks; empty where it asks nobody. */
    String asks() {
      return config.at("grpc_service", "envoy_grpc", "cluster_name").text();
    }

    boolean checksConnections() {
      return type.equals(NETWORK);
    }

    boolean checksRequests() {
      return type.equals(HTTP);
    }

    /** Whether what comes to it goes on to somebody. */
    boolean leadsOn() {
      return type.endsWith(".TcpProxy") || config.at("http_filters").present();
    }

    /** Whether it is a program that somebody wrote. */
    boolean isProgram() {
      return isOfProgram(type);
    }

    private static boolean isOfProgram(String type) {
      return PROGRAMS.stream().anyMatch(type::endsWith);
    }

    /** Whether it connects to wherever the application did. */
    boolean passesThrough() {
      return type.endsWith(".TcpProxy") && config.at("cluster").is(PASSTHROUGH);
    }

    /** Whether it leads connections to the gate, which asks when they are made. */
    boolean leadsToGate() {
      return MeshNames.GATES.contains(config.at("cluster").text())
          && config.at("tunneling_config").present();
    }
  }

  /**
   * A certificate, or the certificates of authorities.
   *
   * @param updated when the sidecar got it
   * @param pem text
   */
  record Secret(String name, String updated, boolean isAuthority, String pem) {}

  static SidecarConfig of(Tree dump) {
    var bootstrap = Tree.NOTHING;
    var listeners = new ArrayList<Listener>();
    var clusters = new LinkedHashMap<String, Tree>();
    var endpoints = new LinkedHashMap<String, List<Tree>>();
    var secrets = new ArrayList<Secret>();
    var switched = new TreeSet<String>();
    var mirrors = new TreeSet<String>();
    var rejected = new ArrayList<String>();
    for (var config : dump.at("configs").list()) {
      if (config.at("bootstrap").present()) {
        bootstrap = config.at("bootstrap");
      }
      for (var one : config.at("dynamic_listeners").list()) {
        var listener = one.at("active_state", "listener");
        if (listener.present()) {
          listeners.add(new Listener(one.at("name").text(), listener, false));
          switched.addAll(byRoutes(listener));
        }
        rejection("listener " + one.at("name").text(), one, rejected);
      }
      config.at("static_listeners").stream()
          .map(one -> one.at("listener"))
          .filter(SidecarConfig::isForTraffic)
          .forEach(one -> listeners.add(new Listener("static " + address(one), one, true)));
      for (var kind : List.of("static_clusters", "dynamic_active_clusters")) {
        for (var one : config.at(kind).list()) {
          clusters.put(one.at("cluster", "name").text(), one.at("cluster"));
          rejection("cluster " + one.at("cluster", "name").text(), one, rejected);
        }
      }
      for (var kind : List.of("static_endpoint_configs", "dynamic_endpoint_configs")) {
        for (var one : config.at(kind).list()) {
          var assigned = one.at("endpoint_config");
          endpoints.put(
              assigned.at("cluster_name").text(),
              assigned.at("endpoints").stream()
                  .flatMap(locality -> locality.at("lb_endpoints").stream())
                  .toList());
        }
      }
      for (var kind : List.of("static_route_configs", "dynamic_route_configs")) {
        switched.addAll(byRoutes(config.at(kind)));
        mirrors.addAll(mirrors(config.at(kind)));
      }
      for (var kind : List.of("static_secrets", "dynamic_active_secrets")) {
        config.at(kind).stream().flatMap(SidecarConfig::secrets).forEach(secrets::add);
      }
    }
    return new SidecarConfig(
        bootstrap, listeners, clusters, endpoints, secrets, switched, mirrors, rejected);
  }

  /** Whether a static listener leads connections or requests elsewhere than Istio's own do. */
  static boolean isForTraffic(Tree listener) {
    var clusters = clusters(listener);
    return new Listener("", listener, true)
            .chains().stream().flatMap(chain -> chain.filters().stream()).anyMatch(Filter::leadsOn)
        && (clusters.isEmpty() || !OF_BOOTSTRAP.containsAll(clusters));
  }

  private static String address(Tree listener) {
    var socket = listener.at("address", "socket_address");
    return listener.at("name").present() || !socket.present()
        ? listener.at("name").text()
        : socket.at("address").text() + "_" + socket.at("port_value").text();
  }

  /** Clusters that a part names; empty text for what is found out for each request. */
  private static Set<String> clusters(Tree tree) {
    var names = new TreeSet<String>();
    tree.entries()
        .forEach(
            (key, value) -> {
              switch (key) {
                case "cluster" -> names.add(value.text());
                case "cluster_header", "weighted_clusters", "rds", "scoped_routes" -> names.add("");
                default -> names.addAll(clusters(value));
              }
            });
    tree.stream().map(SidecarConfig::clusters).forEach(names::addAll);
    return names;
  }

  /** Kith's filters that routes, virtual hosts or weighted clusters have a word about. */
  static Set<String> byRoutes(Tree tree) {
    var filters = new TreeSet<String>();
    if (tree.value() instanceof Map) {
      tree.entries()
          .forEach(
              (key, value) -> {
                if (key.equals(PER_ROUTE)) {
                  value.entries().keySet().stream()
                      .filter(MeshNames.FILTERS::contains)
                      .forEach(filters::add);
                } else {
                  filters.addAll(byRoutes(value));
                }
              });
    } else {
      tree.stream().map(SidecarConfig::byRoutes).forEach(filters::addAll);
    }
    return filters;
  }

  /** Where routes send copies of requests; empty where a request says it itself. */
  static Set<String> mirrors(Tree tree) {
    var clusters = new TreeSet<String>();
    tree.entries()
        .forEach(
            (key, value) -> {
              if (key.equals(MIRRORS)) {
                value.stream().map(one -> one.at("cluster").text()).forEach(clusters::add);
              } else {
                clusters.addAll(mirrors(value));
              }
            });
    tree.stream().map(SidecarConfig::mirrors).forEach(clusters::addAll);
    return clusters;
  }

  private static void rejection(String what, Tree resource, List<String> to) {
    var details = resource.at("error_state", "details").text();
    if (!details.isEmpty()) {
      to.add(what + ": " + details);
    }
  }

  private static Stream<Secret> secrets(Tree one) {
    var name = one.at("name").text();
    var updated = one.at("last_updated").text();
    var secret = one.at("secret");
    return Stream.concat(
        secret(name, updated, false, secret.at("tls_certificate", "certificate_chain")),
        secret(name, updated, true, secret.at("validation_context", "trusted_ca")));
  }

  private static Stream<Secret> secret(
      String name, String updated, boolean isAuthority, Tree source) {
    var bytes = source.at("inline_bytes").text();
    var text = source.at("inline_string").text();
    if (bytes.isEmpty() && text.isEmpty()) {
      return Stream.of();
    }
    try {
      var pem =
          bytes.isEmpty()
              ? text
              : new String(Base64.getDecoder().decode(bytes), StandardCharsets.ISO_8859_1);
      return Stream.of(new Secret(name, updated, isAuthority, pem));
    } catch (IllegalArgumentException _) {
      return Stream.of(); // somebody took it out of the dump
    }
  }

  Stream<Chain> outbound() {
    return listeners.stream().filter(Listener::isOutbound).flatMap(one -> one.chains().stream());
  }

  /** Filters of one name, of connections and of requests, in the chains of both directions. */
  Stream<Filter> named(String name) {
    return listeners.stream()
        .flatMap(one -> one.chains().stream())
        .flatMap(chain -> Stream.concat(chain.filters().stream(), chain.httpFilters()))
        .filter(filter -> filter.name().equals(name));
  }

  /** Whether connections without a service are checked when they are made. */
  boolean hasGate() {
    return listensAtGate()
        && outbound().flatMap(chain -> chain.filters().stream()).anyMatch(Filter::leadsToGate);
  }

  /** Whether there is a gate, be it that nothing leads to it. */
  boolean listensAtGate() {
    return listeners.stream()
        .anyMatch(one -> one.isInternal() && MeshNames.GATES.contains(one.name()));
  }

  /** Of Envoy, {@code 1.40.0}; empty when it does not say. */
  String envoyVersion() {
    var version = bootstrap.at("node", "user_agent_build_version", "version");
    return version.present()
        ? version.at("major_number").number(0)
            + "."
            + version.at("minor_number").number(0)
            + "."
            + version.at("patch").number(0)
        : "";
  }

  /** Of pilot-agent; empty or a word when it does not say. */
  String istioVersion() {
    return bootstrap.at("node", "metadata", "ISTIO_VERSION").text();
  }
}
