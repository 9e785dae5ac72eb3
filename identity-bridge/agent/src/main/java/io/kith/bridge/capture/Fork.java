package io.kith.bridge.capture;

/**
 * A process that was forked.
 *
 * @param startNanos when it began, after boot
 * @param execId of the program that it was forked from
 * @param parent pid of the process that called fork
 * @param parentStart when that began, in 2^20 ns after boot, the low 31 bits with bit 31 set; 0:
 *     not known
 */
public record Fork(long startNanos, long execId, int parent, int parentStart) {}
