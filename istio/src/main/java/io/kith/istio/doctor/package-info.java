/**
 * What is wrong with a mesh in which Kith should check everything: rules over what the API server
 * and the sidecars say. Nothing is read here, and no clock.
 *
 * <p>Start here: {@link io.kith.istio.doctor.Doctor}, {@link io.kith.istio.doctor.Rule}.
 */
@NullMarked
package io.kith.istio.doctor;

import org.jspecify.annotations.NullMarked;
