/**
 * The development identity: a stand-in that speaks the Workload API and Envoy's SDS.
 *
 * <p>Start here: {@link io.kith.spiffe.dev.DevIdentity}.
 */
@NullMarked
package io.kith.spiffe.dev;

import org.jspecify.annotations.NullMarked;
