package io.kith.load.compare;

/** What passes through Envoy, and when it asks. */
enum EnvoyShape {
  /** A new TCP connection each time, checked at its first byte. */
  l4,
  /** Requests on kept connections, each checked; the connection was checked at its beginning. */
  l7,
  /** A new TCP connection each time, checked at connect by the gate. */
  gate
}
