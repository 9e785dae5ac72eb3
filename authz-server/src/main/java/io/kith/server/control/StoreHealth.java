package io.kith.server.control;

import org.jspecify.annotations.Nullable;

/**
 * How the log of changes is doing.
 *
 * @param kind of the store
 * @param replica name of this server in it
 * @param position of the last change that is applied
 * @param problem what stands against further changes, or null
 */
public record StoreHealth(String kind, String replica, long position, @Nullable String problem) {}
