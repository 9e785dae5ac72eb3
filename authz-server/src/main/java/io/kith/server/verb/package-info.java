/**
 * What all verbs of the command line share: where they run, how they print, how they fail.
 *
 * <p>Start here: {@link io.kith.server.verb.Surroundings}, {@link
 * io.kith.server.verb.OutputOption}.
 */
@NullMarked
package io.kith.server.verb;

import org.jspecify.annotations.NullMarked;
