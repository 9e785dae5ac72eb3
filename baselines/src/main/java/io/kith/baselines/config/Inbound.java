package io.kith.baselines.config;

/** What a workload asks of the requests that come in to it. */
public enum Inbound {
  /**
   * A request may come without proof of where it comes from; one that brings it has to bring a good
   * one.
   */
  ACCEPT,
  /** A request without proof of the process that sent it is as bad as one with a forged one. */
  REQUIRE
}
