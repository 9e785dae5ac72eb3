/**
 * What a SPIRE agent says of other processes.
 *
 * <p>Start here: {@link io.kith.spiffe.spire.WorkloadAttestor}.
 */
@NullMarked
package io.kith.spiffe.spire;

import org.jspecify.annotations.NullMarked;
