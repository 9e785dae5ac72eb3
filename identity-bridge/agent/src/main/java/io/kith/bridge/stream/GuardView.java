package io.kith.bridge.stream;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.guard.DnsMemory;
import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.guard.GuardPolicy;
import io.kith.bridge.guard.PodGuard;
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
        public void revoke(List<Connection> connections) {}

        @Override
        public List<PodGuard> states() {
          return List.of();
        }

        @Override
        public List<GuardEvent> events() {
          return List.of();
        }

        @Override
        public List<DnsMemory.Fact> namesAfter(long number, int most) {
          return List.of();
        }
      };

  /** A server says how these pods, by id, are guarded. */
  void said(String server, Map<String, GuardPolicy> policies);

  /** The stream to a server has ended. */
  void gone(String server);

  /** These connections lost their permission. May take a while. */
  void revoke(List<Connection> connections);

  /** How each pod is guarded. */
  List<PodGuard> states();

  /** What went past the sidecars. */
  List<GuardEvent> events();

  /** What pods were told about names, after a fact with this number. */
  List<DnsMemory.Fact> namesAfter(long number, int most);

  /** A TCP connection from the application's end, before NAT. */
  record Connection(
      String pod, IpAddress source, int sourcePort, IpAddress destination, int destinationPort) {}
}
