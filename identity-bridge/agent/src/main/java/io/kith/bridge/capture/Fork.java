package io.kith.bridge.capture;

/**
 * A process that was forked.
 *
 * @param startNanos when it began, after boot
 * @param execId of the program that it was forked from
 * @param parent pid of the process that called fork
 */
public record Fork(long startNanos, long execId, int parent) {}
