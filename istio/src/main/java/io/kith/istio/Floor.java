package io.kith.istio;

import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;

import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.ApprovedBlock;
import io.kith.istio.FailureMode.ApprovedHost;
import io.kith.istio.FailureMode.ApprovedService;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The filters behind checks that let everything pass when the server cannot be asked: what it
 * answered passes, for it allowed it, and else only what goes to an approved destination.
 */
final class Floor {
  static final String NAME = "kith.floor";

  /*
   * Services with a port of their own are one rule: whichever of their addresses was dialled, and
   * whichever of their hosts is named, it goes to one of them. Each listener has a copy of the list,
   * so hosts are written as few long expressions. Istio's Envoy refuses one of more than 32,768
   * instructions, which is about as many characters.
   */
  private static final int LONGEST_EXPRESSION = 2_000;

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
    byPort(approved, true)
        .forEach((port, services) -> permissions.add(all(port(port), blocks(services))));
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
      switch (one) {
        case ApprovedBlock block -> permissions.add(to(block));
        case ApprovedHost host -> permissions.add(to(host));
        case ApprovedService _ -> {} // below, by their ports
      }
    }
    byPort(approved, false)
        .forEach(
            (port, services) ->
                permissions.add(all(port(port), blocks(services), hosts(services, port))));
    return typed(NAME, "envoy.extensions.filters.http.rbac.v3.RBAC", "rules", rules(permissions));
  }

  private static SortedMap<Integer, List<ApprovedService>> byPort(
      List<Approved> approved, boolean hostless) {
    return approved.stream()
        .filter(ApprovedService.class::isInstance)
        .map(ApprovedService.class::cast)
        .filter(service -> hostless || !service.hosts().isEmpty())
        .collect(Collectors.groupingBy(ApprovedService::port, TreeMap::new, Collectors.toList()));
  }

  private static Map<String, Object> blocks(List<ApprovedService> services) {
    return any(
        services.stream()
            .flatMap(service -> service.blocks().stream())
            .distinct()
            .sorted()
            .map(Floor::block)
            .toList());
  }

  private static Map<String, Object> block(String text) {
    var slash = text.lastIndexOf('/');
    return within(text.substring(0, slash), Integer.parseInt(text.substring(slash + 1)));
  }

  private static Map<String, Object> hosts(List<ApprovedService> services, int port) {
    var expressions = new ArrayList<String>();
    var expression = new StringBuilder();
    var hosts =
        services.stream().flatMap(service -> service.hosts().stream()).distinct().sorted().toList();
    for (var host : hosts) {
      if (expression.length() + host.length() > LONGEST_EXPRESSION) {
        expressions.add(expression.toString());
        expression.setLength(0);
      }
      expression.append(expression.isEmpty() ? "" : "|").append(literal(host));
    }
    expressions.add(expression.toString());
    return any(
        expressions.stream()
            .map(
                one ->
                    map(
                        "header",
                        map(
                            "name",
                            ":authority",
                            "string_match",
                            map(
                                "safe_regex",
                                map("regex", "(?i)(?:" + one + ")(?::" + port + ")?")))))
            .toList());
  }

  private static String literal(String host) {
    return host.replaceAll("[^A-Za-z0-9_-]", "\\\\$0");
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
    return all(within(block.address(), block.prefixLength()), port(block.port()));
  }

  private static Map<String, Object> within(String address, int prefixLength) {
    return map("destination_ip", map("address_prefix", address, "prefix_len", prefixLength));
  }

  private static Map<String, Object> port(int port) {
    return map("destination_port", port);
  }

  private static Map<String, Object> to(ApprovedHost host) {
    return all(
        port(host.port()),
        any(List.of(authority(host.host()), authority(host.host() + ":" + host.port()))));
  }

  private static Map<String, Object> authority(String name) {
    return map(
        "header",
        map("name", ":authority", "string_match", map("exact", name, "ignore_case", true)));
  }

  private static Map<String, Object> all(Object... rules) {
    return map("and_rules", map("rules", List.of(rules)));
  }

  private static Map<String, Object> any(List<?> rules) {
    return map("or_rules", map("rules", rules));
  }
}
