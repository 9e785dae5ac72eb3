package io.kith.istio;

import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;

import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.ApprovedBlock;
import io.kith.istio.FailureMode.ApprovedHost;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The filters behind checks that let everything pass when the server cannot be asked: what it
 * answered passes, for it allowed it, and else only what goes to an approved destination.
 */
final class Floor {
  static final String NAME = "kith.floor";

  private Floor() {}

  /** Of connections: their addresses alone are known. */
  static Map<String, Object> ofConnections(List<Approved> approved) {
    var permissions = new ArrayList<Object>();
    permissions.add(answered(Checks.L4));
    for (var one : approved) {
      if (one instanceof ApprovedBlock block) {
        permissions.add(to(block));
      }
    }
    return typed(
        NAME,
        "envoy.extensions.filters.network.rbac.v3.RBAC",
        "stat_prefix",
        "kith_floor.",
        "rules",
        rules(permissions));
  }

  /** Of requests. */
  static Map<String, Object> ofRequests(List<Approved> approved) {
    var permissions = new ArrayList<Object>();
    permissions.add(answered(Checks.L7));
    for (var one : approved) {
      permissions.add(
          switch (one) {
            case ApprovedBlock block -> to(block);
            case ApprovedHost host -> to(host);
          });
    }
    return typed(NAME, "envoy.extensions.filters.http.rbac.v3.RBAC", "rules", rules(permissions));
  }

  private static Map<String, Object> rules(List<Object> permissions) {
    return map(
        "action",
        "ALLOW",
        "policies",
        map("kith", map("permissions", permissions, "principals", List.of(map("any", true)))));
  }

  /** Every answer of the server says what it decided; where it refused, this is not reached. */
  private static Map<String, Object> answered(String check) {
    return map(
        "sourced_metadata",
        map(
            "metadata_matcher",
            map(
                "filter",
                check,
                "path",
                List.of(map("key", "decision")),
                "value",
                map("string_match", map("exact", "allow")))));
  }

  private static Map<String, Object> to(ApprovedBlock block) {
    return both(
        map(
            "destination_ip",
            map("address_prefix", block.address(), "prefix_len", block.prefixLength())),
        map("destination_port", block.port()));
  }

  private static Map<String, Object> to(ApprovedHost host) {
    return both(
        map("destination_port", host.port()),
        map(
            "or_rules",
            map(
                "rules",
                List.of(authority(host.host()), authority(host.host() + ":" + host.port())))));
  }

  private static Map<String, Object> authority(String name) {
    return map(
        "header",
        map("name", ":authority", "string_match", map("exact", name, "ignore_case", true)));
  }

  private static Map<String, Object> both(Map<String, Object> one, Map<String, Object> other) {
    return map("and_rules", map("rules", List.of(one, other)));
  }
}
