package io.kith.server.control;

/**
 * How many Checks got an answer.
 *
 * @param verdict {@code allow} or {@code deny}
 * @param reason code of the reason; empty for an allow
 */
public record VerdictCount(String verdict, String reason, long count) {}
