/**
 * The operator's program: the server and the verbs of the command line.
 *
 * <p>Start here: {@link io.kith.server.Main}.
 */
@NullMarked
package io.kith.server;

import org.jspecify.annotations.NullMarked;
