/**
 * The operator's command line, one class per verb.
 *
 * <p>Start here: {@link io.kith.server.cli.Kith}.
 */
@NullMarked
package io.kith.server.cli;

import org.jspecify.annotations.NullMarked;
