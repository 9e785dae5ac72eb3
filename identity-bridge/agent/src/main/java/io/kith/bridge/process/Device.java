package io.kith.bridge.process;

/** The device number of a file system. */
record Device(int major, int minor) {}
