/**
 * Kith under a real Istio: its control plane, its API server and its sidecar, without a cluster.
 *
 * <p>Start here: {@link io.kith.load.istio.ControlPlane}, {@link io.kith.load.istio.Sidecar}.
 */
@NullMarked
package io.kith.load.istio;

import org.jspecify.annotations.NullMarked;
