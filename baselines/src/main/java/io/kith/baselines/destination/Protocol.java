package io.kith.baselines.destination;

/** Transport of a flow. */
public enum Protocol {
  TCP,
  UDP
}
