/**
 * Proof that a request was let out of its caller's pod: what it says, and the keys that it is made
 * and checked with.
 *
 * <p>Start here: {@link io.kith.server.provenance.MeshKeys}, {@link
 * io.kith.server.provenance.ProvenanceToken}.
 */
@NullMarked
package io.kith.server.provenance;

import org.jspecify.annotations.NullMarked;
