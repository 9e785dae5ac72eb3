package io.kith.load.istio;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * How much of a sidecar's configuration asks Kith, counted in what Envoy says it runs with.
 *
 * @param chains filter chains of the outbound listeners, by listener
 * @param unguarded those in which neither a connection is asked about, nor led through the gate,
 *     before it goes anywhere
 * @param managers HTTP connection managers in them and in the gate
 * @param unguardedManagers those in which no request is asked about before it is routed
 * @param inboundChains filter chains of the inbound listeners
 * @param unguardedInbound those in which neither connections nor requests are asked about
 * @param inboundManagers HTTP connection managers in them
 * @param asking filters that ask, in all of them
 * @param wrong filters that ask as if the traffic went the other way, by listener
 */
record Guarded(
    List<String> chains,
    List<String> unguarded,
    int managers,
    List<String> unguardedManagers,
    int inboundChains,
    List<String> unguardedInbound,
    int inboundManagers,
    int asking,
    List<String> wrong) {
  private static final String NETWORK =
      "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz";
  private static final String HTTP =
      "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
  private static final String ROUTER = "envoy.filters.http.router";
  private static final Set<String> GATES = Set.of("kith_gate", "kith_gate_open");

  /** Counts in a dump of the whole configuration. */
  static Guarded in(String configDump) throws IOException {
    var counter = new Counter();
    for (var config : new ObjectMapper().readTree(configDump).path("configs")) {
      for (var dynamic : config.path("dynamic_listeners")) {
        counter.listener(dynamic.path("active_state").path("listener"));
      }
    }
    return counter.result();
  }

  @Override
  public String toString() {
    return "outbound chains %d, guarded %d; managers %d, guarded %d; inbound chains %d, guarded %d (%d managers)"
        .formatted(
            chains.size(),
            chains.size() - unguarded.size(),
            managers,
            managers - unguardedManagers.size(),
            inboundChains,
            inboundChains - unguardedInbound.size(),
            inboundManagers);
  }

  /** Whether any filter asks Kith. */
  boolean some() {
    return asking > 0;
  }

  private static final class Counter {
    private final List<String> chains = new ArrayList<>();
    private final List<String> unguarded = new ArrayList<>();
    private int managers;
    private final List<String> unguardedManagers = new ArrayList<>();
    private int inboundChains;
    private final List<String> unguardedInbound = new ArrayList<>();
    private int inboundManagers;
    private int asking;
    private final List<String> wrong = new ArrayList<>();

    void listener(JsonNode listener) {
      var direction = listener.path("traffic_direction").asText();
      var all = new ArrayList<JsonNode>();
      listener.path("filter_chains").forEach(all::add);
      if (listener.has("default_filter_chain")) {
        all.add(listener.path("default_filter_chain"));
      }
      for (var chain : all) {
        var name = listener.path("name").asText() + "/" + chain.path("name").asText();
        var filters = chain.path("filters");
        if (direction.equals("INBOUND")) {
          inbound(name, filters);
          directions(name, filters, "inbound");
        } else {
          if (!listener.has("internal_listener")) { // else the gate, which asks about requests
            chains.add(name);
            if (!asksAboutConnections(filters)) {
              unguarded.add(name);
            }
          }
          requests(name, filters);
          directions(name, filters, "outbound");
        }
      }
    }

    /** Whether one asks before the last, which is what sends, or that leads to the gate. */
    private static boolean asksAboutConnections(JsonNode filters) {
      for (var i = 0; i < filters.size(); i++) {
        var config = filters.path(i).path("typed_config");
        if ((i < filters.size() - 1 && holds(filters.path(i), NETWORK))
            || (GATES.contains(config.path("cluster").asText())
                && config.has("tunneling_config"))) {
          return true;
        }
      }
      return false;
    }

    private void requests(String name, JsonNode filters) {
      for (var filter : filters) {
        var http = filter.path("typed_config").path("http_filters");
        if (!http.isMissingNode()) {
          managers++;
          if (!asksBeforeItRoutes(http)) {
            unguardedManagers.add(name);
          }
        }
      }
    }

    private void inbound(String name, JsonNode filters) {
      inboundChains++;
      var asks = asksAboutConnections(filters);
      for (var filter : filters) {
        var http = filter.path("typed_config").path("http_filters");
        if (!http.isMissingNode()) {
          inboundManagers++;
          asks = asksBeforeItRoutes(http);
        }
      }
      if (!asks) {
        unguardedInbound.add(name);
      }
    }

    private static boolean asksBeforeItRoutes(JsonNode http) {
      for (var filter : http) {
        if (holds(filter, HTTP)) {
          return true;
        }
        if (filter.path("name").asText().equals(ROUTER)) {
          return false;
        }
      }
      return false;
    }

    private void directions(String name, JsonNode filters, String expected) {
      for (var metadata : filters.findParents("key")) {
        if (metadata.path("key").asText().equals("x-kith-direction")) {
          asking++;
          if (!metadata.path("value").asText().equals(expected)) {
            wrong.add(name);
          }
        }
      }
    }

    /** In whatever wrapping. */
    private static boolean holds(JsonNode tree, String type) {
      return tree.toString().contains(type);
    }

    Guarded result() {
      return new Guarded(
          List.copyOf(chains),
          List.copyOf(unguarded),
          managers,
          List.copyOf(unguardedManagers),
          inboundChains,
          List.copyOf(unguardedInbound),
          inboundManagers,
          asking,
          List.copyOf(wrong));
    }
  }
}
