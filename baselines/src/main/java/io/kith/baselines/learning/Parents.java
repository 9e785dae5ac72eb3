package io.kith.baselines.learning;

import io.kith.baselines.destination.Protocol;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Unrelated owners of the external names that one process class reaches, by port. */
final class Parents {
  private final Map<Port, Set<String>> byPort = new HashMap<>();

  private record Port(int number, Protocol protocol) {}

  void add(int port, Protocol protocol, String parent) {
    byPort.computeIfAbsent(new Port(port, protocol), _ -> new HashSet<>()).add(parent);
  }

  int count(int port, Protocol protocol) {
    return byPort.getOrDefault(new Port(port, protocol), Set.of()).size();
  }
}
