/**
 * A server's life in a few seconds, from which the JVM learns what to have at hand at each start.
 *
 * <p>Start here: {@link io.kith.server.rehearsal.Rehearsal}.
 */
@NullMarked
package io.kith.server.rehearsal;

import org.jspecify.annotations.NullMarked;
