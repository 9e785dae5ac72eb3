/**
 * Which container a process is in, as the kernel says, and what the container's runtime says of it.
 *
 * <p>Start here: {@link io.kith.bridge.container.ContainerDirectory}, {@link
 * io.kith.bridge.container.Placement}.
 */
@NullMarked
package io.kith.bridge.container;

import org.jspecify.annotations.NullMarked;
