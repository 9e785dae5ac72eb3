package io.kith.baselines.config;

import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.nio.file.Path;
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
 * @param trustDomain of the mesh: the SPIFFE ID of a pod is {@code
 *     spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT}
 * @param clusterDomain suffix of the DNS names of services: {@code
 *     NAME.NAMESPACE.svc.CLUSTER_DOMAIN}
 * @param rootNamespace Istio's root namespace
 */
public record KubernetesSettings(
    @Nullable Path kubeconfig,
    boolean workloads,
    boolean resources,
    String trustDomain,
    String clusterDomain,
    String rootNamespace) {
  /** Of the section, or null where there is none. */
  static @Nullable KubernetesSettings read(Section server) {
    var section = server.section("kubernetes");
    var settings =
        new KubernetesSettings(
            section.optional("kubeconfig", Values::path),
            section.value("workloads", Values::bool, true),
            section.value("resources", Values::bool, true),
            section.value("trustDomain", Values::text, "cluster.local"),
            section.value("clusterDomain", Values::text, "cluster.local"),
            section.value("rootNamespace", Values::text, "istio-system"));
    return server.has("kubernetes") ? settings : null;
  }
}
