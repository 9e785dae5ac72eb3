/** Readers of what others wrote, given what nobody would write. Start here: {@code FuzzTarget}. */
@NullMarked
package io.kith.server.fuzz;

import org.jspecify.annotations.NullMarked;
