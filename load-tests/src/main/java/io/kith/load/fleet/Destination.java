package io.kith.load.fleet;

/**
 * Where a flow goes.
 *
 * @param address IPv4 address
 * @param port TCP port
 * @param words as Kith names it to people
 */
public record Destination(String address, int port, String words) {}
