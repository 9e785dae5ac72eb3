/**
 * Programs that a run needs (Envoy, iptables, Jaeger, SPIRE): found, or fetched into a cache
 * outside the tree, and run.
 *
 * <p>Start here: {@link io.kith.load.tools.Envoy}, {@link io.kith.load.tools.RunningProcess}.
 */
@NullMarked
package io.kith.load.tools;

import org.jspecify.annotations.NullMarked;
