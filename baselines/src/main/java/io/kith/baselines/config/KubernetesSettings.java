package io.kith.baselines.config;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a server has to do with a Kubernetes API server: section {@code server.kubernetes}.
 *
 * @param kubeconfig file that says where it is and who calls, or null: the service account of the
 *     pod that the server runs in
 * @param workloads whether pods, their owners, services and ServiceEntries say who is who, beside
 *     the section {@code workloads}
 * @param resources whether EgressAllowLists and Scopes of the cluster count, and Baselines are
 *     written there
 * @param overlays whether the failure mode of sidecars follows the modes of scopes; needs both
 * @param recipe what the sidecars have, which overlays have to agree with
 * @param trustDomain of the mesh: the SPIFFE ID of a pod is {@code
 *     spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT}
 * @param clusterDomain suffix of the DNS names of services: {@code
 *     NAME.NAMESPACE.svc.CLUSTER_DOMAIN}
 * @param rootNamespace Istio's root namespace
 * @param nodeTaint key of the taint that is taken off a node once its bridge is well, or null;
 *     needs resources
 */
public record KubernetesSettings(
    @Nullable Path kubeconfig,
    boolean workloads,
    boolean resources,
    boolean overlays,
    Recipe recipe,
    String trustDomain,
    String clusterDomain,
    String rootNamespace,
    @Nullable String nodeTaint) {
  private static final Pattern TAINT =
      Pattern.compile(
          "[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");

  /** What the cluster says of nodes. */
  private static final Pattern OF_THE_CLUSTER = Pattern.compile("(.*\\.)?(kubernetes|k8s)\\.io/.*");

  /**
   * The recipe that a mesh has, as {@code kith istio recipe} was told.
   *
   * @param strict whether it is the recipe strict, else baseline
   * @param shortCut whether requests are spared a check of their own
   * @param inbound whether what comes in is checked as well
   * @param revision of istiod
   * @param nodeVariable environment variable of the sidecar that has the name of its node
   * @param timeout how long Envoy waits for an answer
   */
  public record Recipe(
      boolean strict,
      boolean shortCut,
      boolean inbound,
      String revision,
      String nodeVariable,
      Duration timeout) {
    /** As the command makes it when it is told nothing. */
    public static final Recipe BASELINE =
        new Recipe(false, false, true, "default", "ISTIO_META_NODE_NAME", Duration.ofMillis(500));

    public Recipe {
      requireNonNull(revision, "revision");
      requireNonNull(nodeVariable, "nodeVariable");
      requireNonNull(timeout, "timeout");
    }

    private enum Name {
      BASELINE,
      STRICT
    }

    private static Recipe read(Section section) {
      return new Recipe(
          section.value("name", Values.oneOf(Name.class), Name.BASELINE) == Name.STRICT,
          section.value("shortCut", Values::bool, BASELINE.shortCut),
          section.value("inbound", Values::bool, BASELINE.inbound),
          section.value("revision", Values::text, BASELINE.revision),
          section.value("nodeVariable", Values::text, BASELINE.nodeVariable),
          section.value("timeout", Values::duration, BASELINE.timeout));
    }
  }

  public KubernetesSettings {
    requireNonNull(recipe, "recipe");
  }

  /** Without overlays and a taint. */
  public KubernetesSettings(
      @Nullable Path kubeconfig,
      boolean workloads,
      boolean resources,
      String trustDomain,
      String clusterDomain,
      String rootNamespace) {
    this(
        kubeconfig,
        workloads,
        resources,
        false,
        Recipe.BASELINE,
        trustDomain,
        clusterDomain,
        rootNamespace,
        null);
  }

  private static String taint(String text) {
    if (!TAINT.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' (expected: the key of a taint with its domain, without value and effect, as"
              + " kith.io/starting)");
    }
    if (OF_THE_CLUSTER.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' (expected: a taint of your own, as kith.io/starting; those of kubernetes.io say"
              + " what is wrong with a node)");
    }
    return text;
  }

  /** Of the section, or null where there is none. */
  static @Nullable KubernetesSettings read(Section server) {
    var section = server.section("kubernetes");
    var settings =
        new KubernetesSettings(
            section.optional("kubeconfig", Values::path),
            section.value("workloads", Values::bool, true),
            section.value("resources", Values::bool, true),
            section.value("overlays", Values::bool, false),
            Recipe.read(section.section("recipe")),
            section.value("trustDomain", Values::text, "cluster.local"),
            section.value("clusterDomain", Values::text, "cluster.local"),
            section.value("rootNamespace", Values::text, "istio-system"),
            section.optional("nodeTaint", KubernetesSettings::taint));
    if (settings.nodeTaint != null && !settings.resources) {
      section.problem(
          "nodeTaint",
          "with resources false (expected: resources true as well, by whose Lease one of several"
              + " servers writes; or no nodeTaint)");
    }
    if (settings.overlays && !(settings.workloads && settings.resources)) {
      section.problem(
          "overlays",
          "true (expected: workloads and resources true as well, which say whose pods have to have"
              + " which filter; or overlays false)");
    }
    return server.has("kubernetes") ? settings : null;
  }
}
