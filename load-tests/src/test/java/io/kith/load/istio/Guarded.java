package io.kith.load.istio;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;

/**
 * How much of a sidecar's configuration asks Kith, counted in what Envoy says it runs with.
 *
 * @param chains filter chains of the outbound listeners
 * @param guardedChains those whose first filter is ext_authz
 * @param managers HTTP connection managers in them
 * @param guardedManagers those whose first filter is ext_authz
 * @param inbound ext_authz filters of either kind in inbound listeners
 */
record Guarded(int chains, int guardedChains, int managers, int guardedManagers, int inbound) {
  private static final String NETWORK =
      "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz";
  private static final String HTTP =
      "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
  private static final String MANAGER =
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

  /** Counts in a dump of the whole configuration. */
  static Guarded in(String configDump) throws IOException {
    var sum = new Guarded(0, 0, 0, 0, 0);
    for (var config : new ObjectMapper().readTree(configDump).path("configs")) {
      for (var dynamic : config.path("dynamic_listeners")) {
        var listener = dynamic.path("active_state").path("listener");
        for (var chain : listener.path("filter_chains")) {
          sum = sum.plus(of(listener, chain.path("filters")));
        }
        if (listener.has("default_filter_chain")) {
          sum = sum.plus(of(listener, listener.path("default_filter_chain").path("filters")));
        }
      }
    }
    return sum;
  }

  private static Guarded of(JsonNode listener, JsonNode filters) {
    int managers = 0;
    int guardedManagers = 0;
    int anywhere = 0;
    for (var filter : filters) {
      anywhere += type(filter).equals(NETWORK) ? 1 : 0;
      if (type(filter).equals(MANAGER)) {
        var http = filter.path("typed_config").path("http_filters");
        managers++;
        guardedManagers += type(http.path(0)).equals(HTTP) ? 1 : 0;
        for (var one : http) {
          anywhere += type(one).equals(HTTP) ? 1 : 0;
        }
      }
    }
    if (!listener.path("traffic_direction").asText().equals("OUTBOUND")) {
      return new Guarded(0, 0, 0, 0, anywhere);
    }
    return new Guarded(
        1, type(filters.path(0)).equals(NETWORK) ? 1 : 0, managers, guardedManagers, 0);
  }

  private static String type(JsonNode filter) {
    return filter.path("typed_config").path("@type").asText();
  }

  private Guarded plus(Guarded other) {
    return new Guarded(
        chains + other.chains,
        guardedChains + other.guardedChains,
        managers + other.managers,
        guardedManagers + other.guardedManagers,
        inbound + other.inbound);
  }
}
