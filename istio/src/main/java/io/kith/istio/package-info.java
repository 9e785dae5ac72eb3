/**
 * What Envoy and Istio are told so that every outbound connection is checked, each file generated
 * from one typed source.
 *
 * <p>Start here: {@link io.kith.istio.StandaloneRecipe}.
 */
@NullMarked
package io.kith.istio;

import org.jspecify.annotations.NullMarked;
