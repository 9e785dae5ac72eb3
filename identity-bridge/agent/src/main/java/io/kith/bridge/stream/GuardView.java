package io.kith.bridge.stream;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.guard.DnsMemory;
import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.guard.GuardPolicy;
import io.kith.bridge.guard.PodGuard;
import io.kith.bridge.guard.Totals;
import java.util.List;
import java.util.Map;

/** What a stream tells about the guard and tells the guard, from memory. Thread-safe. */
public interface GuardView {
  /** Guards nothing. */
  GuardView NONE =
      new GuardView() {
        @Override
        public void said(String server, Map<String, GuardPolicy> policies) {}

        @Override
        public void gone(String server) {}

        @Override
        public void revoke(List<Connection> connections, Runnable done) {}

        @Override
        public List<PodGuard> states() {
          return List.of();
        }

        @Override
        public List<GuardEvent> events() {
          return List.of();
        }

        @Override
        public Totals totals() {
          return new Totals(Map.of(), 0);
        }

        @Override
        public long destroyed() {
          return 0;
        }

        @Override
        public List<DnsMemory.Fact> namesAfter(long number, int most) {
          return List.of();
        }

        @Override
        public long latestName() {
          return 0;
        }

        @Override
        public void whenNamed(Runnable hearer) {}

        @Override
        public void forget(Runnable hearer) {}
      };

  /** A server says how these pods, by id, are guarded. */
  void said(String server, Map<String, GuardPolicy> policies);

  /** The stream to a server has ended. */
  void gone(String server);

  /**
   * These connections lost their permission. May take a while.
   *
   * @param done told once none of them is there any more; never when one could not be ended
   */
  void revoke(List<Connection> connections, Runnable done);

  /** How each pod is guarded. */
  List<PodGuard> states();

  /** What went past the sidecars. */
  List<GuardEvent> events();

  /** What was counted at all pods since the bridge started. */
  Totals totals();

  /** Connections that were ended since the bridge started. */
  long destroyed();

  /** What pods were told about names, after a fact with this number. */
  List<DnsMemory.Fact> namesAfter(long number, int most);

  /** The number of the newest of these facts; costs nothing, so that it can be asked often. */
  long latestName();

  /** Has somebody told at each fact with an address that is new to it, who must be quick. */
  void whenNamed(Runnable hearer);

  /** Has nobody told any more who was. */
  void forget(Runnable hearer);

  /**
   * A TCP connection as its proxy sees it, near end first; the bridge undoes NAT.
   *
   * @param seenNanos when it was there for certain, after boot: one that was opened later is
   *     another
   */
  record Connection(
      String pod,
      IpAddress source,
      int sourcePort,
      IpAddress destination,
      int destinationPort,
      long seenNanos) {}
}
