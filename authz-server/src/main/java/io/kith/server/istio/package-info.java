/**
 * The verbs that print what Istio is told.
 *
 * <p>Start here: {@link io.kith.server.istio.IstioCommand}.
 */
@NullMarked
package io.kith.server.istio;

import org.jspecify.annotations.NullMarked;
