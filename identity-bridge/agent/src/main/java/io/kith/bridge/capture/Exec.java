package io.kith.bridge.capture;

/**
 * A program that started.
 *
 * @param process the process; its connect time is the time of the exec
 * @param filename what was executed: a program, or a script with a first line that names one; at
 *     most 255 bytes
 * @param interpreter what runs: another name than {@code filename} for such a script
 * @param line the arguments, with the program's own name first and a zero between two; the first
 *     4,096 bytes, or 512 where much waits to be read
 * @param truncated there are more arguments
 */
public record Exec(
    Owner process, String filename, String interpreter, String line, boolean truncated) {}
