package io.kith.load.compare;

/** Which of Envoy's filters asks. */
public enum Shape {
  /** The network filter: a connection to a database. */
  l4,
  /** The HTTP filter: a request with its headers. */
  l7
}
