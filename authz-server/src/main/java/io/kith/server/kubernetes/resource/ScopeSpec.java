package io.kith.server.kubernetes.resource;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.istio.FailureMode;
import io.kith.server.control.DeclaredScope;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a Scope says.
 *
 * @param scope whose workloads it governs
 * @param failure what becomes of them while the server cannot be asked; null: as the mode wants it
 */
record ScopeSpec(ScopeName scope, DeclaredScope declared, @Nullable FailureMode failure) {
  /**
   * Reads the spec, which the API server's schema let pass.
   *
   * @param rootNamespace where a Scope without a workload is for the mesh
   * @throws IllegalArgumentException with the field and what to do
   */
  static ScopeSpec read(ClusterObject object, String rootNamespace) {
    var spec = object.spec();
    return new ScopeSpec(
        scope(object, rootNamespace),
        new DeclaredScope(
            object.key(),
            mode(text(spec, "mode")),
            switch (text(spec, "unattributed")) {
              case null -> null;
              case "allow" -> true;
              case "deny" -> false;
              case String other -> throw wrong("unattributed", other, "allow or deny");
            },
            switch (text(spec, "inbound")) {
              case null -> null;
              case "accept" -> Inbound.ACCEPT;
              case "require" -> Inbound.REQUIRE;
              case String other -> throw wrong("inbound", other, "accept or require");
            }),
        failure(spec));
  }

  private static @Nullable FailureMode failure(Map<String, Object> spec) {
    var approved = spec.get("approved") instanceof List<?> list ? list : List.of();
    var word = text(spec, "failure");
    if (!"floor".equals(word) && !approved.isEmpty()) {
      throw new IllegalArgumentException("spec.approved: only with spec.failure: floor");
    }
    return switch (word) {
      case null -> null;
      case "open" -> new FailureMode.Open();
      case "closed" -> new FailureMode.Closed();
      case "floor" -> {
        try {
          yield new FailureMode.Floor(
              approved.stream().map(one -> FailureMode.Approved.parse(one.toString())).toList());
        } catch (IllegalArgumentException e) {
          throw new IllegalArgumentException("spec." + e.getMessage(), e);
        }
      }
      case String other -> throw wrong("failure", other, "open, closed or floor");
    };
  }

  private static Mode mode(@Nullable String text) {
    for (var mode : Mode.values()) {
      if (mode.word().equals(text)) {
        return mode;
      }
    }
    throw wrong("mode", text, "observe, shadow or enforce");
  }

  private static ScopeName scope(ClusterObject object, String rootNamespace) {
    if (!(object.spec().get("workload") instanceof Map<?, ?> workload)) {
      return object.namespace().equals(rootNamespace)
          ? new ScopeName.Mesh()
          : new ScopeName.Namespace(object.namespace());
    }
    try {
      return new ScopeName.One(
          new Owner(
              object.namespace(),
              String.valueOf(workload.get("kind")).toLowerCase(Locale.ROOT),
              String.valueOf(workload.get("name"))));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("spec.workload." + e.getMessage(), e);
    }
  }

  private static @Nullable String text(Map<String, Object> spec, String key) {
    var value = spec.get(key);
    return value == null ? null : value.toString();
  }

  private static IllegalArgumentException wrong(
      String key, @Nullable String value, String expected) {
    return new IllegalArgumentException(
        "spec."
            + key
            + ": "
            + (value == null ? "missing" : "'" + value + "'")
            + " (expected: "
            + expected
            + ")");
  }
}
