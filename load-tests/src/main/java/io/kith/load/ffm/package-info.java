/**
 * The system calls that the lab makes directly.
 *
 * <p>Start here: {@link io.kith.load.ffm.NetworkNamespace}.
 */
@NullMarked
package io.kith.load.ffm;

import org.jspecify.annotations.NullMarked;
