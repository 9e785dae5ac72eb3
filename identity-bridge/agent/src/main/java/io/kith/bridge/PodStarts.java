package io.kith.bridge;

import io.kith.bridge.capture.Pod;
import io.kith.bridge.process.ProcessStarts;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * When the pods of this node started: the start of the oldest process that was in the network
 * namespace at the first look. It stays when that process ends before the pod does. Thread-safe.
 */
final class PodStarts {
  private final ConcurrentHashMap<String, Instant> byId = new ConcurrentHashMap<>();

  /** Null when it is not known, as of a network with addresses of its own on loopback: ours. */
  @Nullable Instant of(Pod pod) {
    return pod.addresses().stream().anyMatch(address -> address.isLoopback())
        ? null
        : byId.computeIfAbsent(pod.id(), _ -> ProcessStarts.oldest(pod.pids()));
  }

  /** Forgets all other pods. */
  void keep(List<Pod> pods) {
    byId.keySet().retainAll(pods.stream().map(Pod::id).collect(Collectors.toSet()));
  }
}
