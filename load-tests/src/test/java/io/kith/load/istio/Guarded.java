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
 * @param chains filter chains of the outbound listeners
 * @param unguarded those in which neither a connection is asked about, nor led through the gate
 * @param managers HTTP connection managers in them and in the gate
 * @param unguardedManagers those in which no request is asked about
 * @param inboundChains filter chains of the inbound listeners
 * @param asking filters that ask, in all of them
 * @param wrong filters that ask as if the traffic went the other way, by listener
 */
record Guarded(
    int chains,
    List<String> unguarded,
    int managers,
    List<String> unguardedManagers,
    int inboundChains,
    int asking,
    List<String> wrong) {
  private static final String NETWORK =
      "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz";
  private static final String HTTP =
      "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
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

  /** Whether any filter asks Kith. */
  boolean some() {
    return asking > 0;
  }

  private static final class Counter {
    private int chains;
    private final List<String> unguarded = new ArrayList<>();
    private int managers;
    private final List<String> unguardedManagers = new ArrayList<>();
    private int inboundChains;
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
          inboundChains++;
          directions(name, filters, "inbound");
        } else {
          if (!listener.has("internal_listener")) { // else the gate, which asks about requests
            connections(name, filters);
          }
          requests(name, filters);
          directions(name, filters, "outbound");
        }
      }
    }

    private void connections(String name, JsonNode filters) {
      chains++;
      for (var filter : filters) {
        var config = filter.path("typed_config");
        if (holds(filter, NETWORK)
            || (GATES.contains(config.path("cluster").asText())
                && config.has("tunneling_config"))) {
          return;
        }
      }
      unguarded.add(name);
    }

    private void requests(String name, JsonNode filters) {
      for (var filter : filters) {
        var http = filter.path("typed_config").path("http_filters");
        if (!http.isMissingNode()) {
          managers++;
          if (!holds(http, HTTP)) {
            unguardedManagers.add(name);
          }
        }
      }
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
          chains,
          List.copyOf(unguarded),
          managers,
          List.copyOf(unguardedManagers),
          inboundChains,
          asking,
          List.copyOf(wrong));
    }
  }
}
