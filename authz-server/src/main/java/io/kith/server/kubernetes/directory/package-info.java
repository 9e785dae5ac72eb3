/**
 * Who is who in a cluster, as a Kubernetes API server says: pods and their owners, services and
 * ServiceEntries.
 *
 * <p>Start here: {@link io.kith.server.kubernetes.directory.ClusterIndex}, {@link
 * io.kith.server.kubernetes.directory.KubernetesDirectory}.
 */
@NullMarked
package io.kith.server.kubernetes.directory;

import org.jspecify.annotations.NullMarked;
