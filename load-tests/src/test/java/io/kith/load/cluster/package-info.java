/**
 * Kith on a Kubernetes cluster of one node. Start here: {@link io.kith.load.cluster.ClusterTest},
 * {@link io.kith.load.cluster.NodePlacementTest}.
 */
@NullMarked
package io.kith.load.cluster;

import org.jspecify.annotations.NullMarked;
