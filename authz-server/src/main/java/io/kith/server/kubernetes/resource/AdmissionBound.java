package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.baselines.config.ScopeName;
import io.kith.istio.doctor.Admission;
import io.kith.server.control.ClusterVerbs;
import io.kith.server.kubernetes.resource.Condition.Reason;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Whether the API server refuses what would go round the sidecars of a scope. It is asked when
 * somebody wants to know, twice a minute at most. Not thread-safe.
 */
final class AdmissionBound {
  /** What was read, or that it was not, is taken for so long. */
  static final Duration KNOWN = Duration.ofSeconds(30);

  private final Supplier<List<Map<String, Object>>> objects;
  private final ClusterVerbs cluster;
  private final InstantSource clock;
  private Instant due = Instant.MIN;
  private @Nullable Admission admission;
  private String unread = "";

  /**
   * One that knows nothing yet.
   *
   * @param objects as {@link Admission#of} takes them; fails as clients of API servers do
   */
  AdmissionBound(
      Supplier<List<Map<String, Object>>> objects, ClusterVerbs cluster, InstantSource clock) {
    this.objects = objects;
    this.cluster = cluster;
    this.clock = clock;
  }

  Condition of(ScopeName scope) {
    var now = clock.instant();
    if (!now.isBefore(due)) {
      read();
      due = now.plus(KNOWN);
    }
    if (admission == null) {
      return condition(Reason.NOT_READ, unread);
    }
    var namespaces = namespaces(scope, admission);
    if (namespaces.isEmpty()) {
      return condition(
          Reason.NO_NAMESPACES, "no namespace with injection is without a scope of its own");
    }
    var problem = admission.problem(namespaces);
    return problem == null ? condition(Reason.BOUND, "") : condition(Reason.NOT_BOUND, problem);
  }

  private static Condition condition(Reason reason, String message) {
    return new Condition(Condition.Type.ADMISSION_BOUND, reason, message);
  }

  private void read() {
    try {
      admission = Admission.of(objects.get());
    } catch (RuntimeException e) { // whatever it is, it is no reason to follow no objects
      admission = null;
      unread =
          KubernetesApi.words(e)
              + "; it is tried again"
              + (e instanceof KubernetesClientException answer
                      && answer.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                  ? " (the server's account needs get of validatingadmissionpolicies, and list of"
                      + " validatingadmissionpolicybindings and namespaces: helm upgrade kith CHART"
                      + " -n kith --reset-then-reuse-values)"
                  : "");
    }
  }

  private List<String> namespaces(ScopeName scope, Admission of) {
    return switch (scope) {
      case ScopeName.Mesh() -> {
        var modes = cluster.modes();
        yield of.injected().stream()
            .filter(namespace -> !modes.containsKey(new ScopeName.Namespace(namespace)))
            .toList();
      }
      case ScopeName.Namespace(var namespace) -> List.of(namespace);
      case ScopeName.One(var owner) -> List.of(owner.namespace());
    };
  }
}
