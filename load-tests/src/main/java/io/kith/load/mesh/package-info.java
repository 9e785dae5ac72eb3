/**
 * Kith at work on this machine: its programs as processes of their own, beside a lab.
 *
 * <p>Start here: {@link io.kith.load.mesh.Mesh}, {@link io.kith.load.mesh.Attack}.
 */
@NullMarked
package io.kith.load.mesh;

import org.jspecify.annotations.NullMarked;
