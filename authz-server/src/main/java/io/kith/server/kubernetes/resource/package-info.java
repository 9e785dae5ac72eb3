/**
 * EgressAllowLists and Scopes of a cluster, put in force through the log of changes; Baselines and
 * conditions, written there for people.
 *
 * <p>Start here: {@link io.kith.server.kubernetes.resource.ClusterResources}, {@link
 * io.kith.server.kubernetes.resource.Reconciler}.
 */
@NullMarked
package io.kith.server.kubernetes.resource;

import org.jspecify.annotations.NullMarked;
