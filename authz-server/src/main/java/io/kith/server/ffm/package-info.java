/**
 * Memory that the kernel shares. The only package of the server with {@code java.lang.foreign}.
 *
 * <p>Start here: {@link io.kith.server.ffm.SharedWords}.
 */
@NullMarked
package io.kith.server.ffm;

import org.jspecify.annotations.NullMarked;
