package io.kith.bridge.container;

import io.kith.bridge.container.Described.Known;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The containers of each pod, looked at now and then. Thread-safe.
 *
 * <p>Where its processes are is asked when they come; what is known of the containers, at each
 * look.
 */
public final class PodContainers {
  private final ContainerDirectory directory;
  private final String proxyName;
  private final Map<String, Map<Integer, Placement>> placements =
      new HashMap<>(); // guarded by this
  private volatile Map<String, Look> looks = Map.of();

  /**
   * No pods yet.
   *
   * @param proxyName of the proxy's container in a pod
   */
  public PodContainers(ContainerDirectory directory, String proxyName) {
    this.directory = directory;
    this.proxyName = proxyName;
  }

  /** Who a pod's proxy is, as its runtime says. */
  public sealed interface Proxy {
    /**
     * A container.
     *
     * @param firstPid of its first process
     */
    record In(int firstPid) implements Proxy {}

    /** All containers of the pod are known, and none is the proxy's. */
    record None() implements Proxy {}

    /** Nothing can be said. */
    record NotKnown() implements Proxy {}
  }

  private record Look(List<Known> known, List<String> unknown) {
    static final Look NOTHING = new Look(List.of(), List.of());
  }

  /** Looks at the processes of every pod, by the pod's id; forgets all other pods. */
  public synchronized void look(Map<String, List<Integer>> pidsByPod) {
    placements.keySet().retainAll(pidsByPod.keySet());
    var seen = new HashMap<String, Look>();
    pidsByPod.forEach((pod, pids) -> seen.put(pod, look(pod, pids)));
    looks = Map.copyOf(seen);
  }

  private Look look(String pod, List<Integer> pids) {
    var known = placements.computeIfAbsent(pod, _ -> new HashMap<>());
    known.keySet().retainAll(Set.copyOf(pids));
    pids.forEach(pid -> known.computeIfAbsent(pid, directory::placement));
    var containers = new ArrayList<Known>();
    var unknown = new TreeSet<String>();
    for (var placement : new HashSet<>(known.values())) {
      switch (directory.describe(placement, 0)) {
        case Known described -> containers.add(described);
        case Described.Unknown(var why) -> unknown.add(why);
        case Described.Outside() -> {
          // a process that entered the network of the pod from the host
        }
      }
    }
    containers.sort(Comparator.comparing(described -> described.facts().name()));
    return new Look(List.copyOf(containers), List.copyOf(unknown));
  }

  private Look of(String pod) {
    return looks.getOrDefault(pod, Look.NOTHING);
  }

  /**
   * Digest of the image of the workload's container: of the one that the pod's annotations call the
   * main one, else of the first by name, which is the same in every replica. Null while any
   * container of the pod is not described, or the main one does not run.
   */
  public @Nullable String imageDigest(String pod) {
    var look = of(pod);
    if (!look.unknown().isEmpty()) {
      return null;
    }
    var main =
        look.known().stream()
            .map(described -> described.facts().defaultContainer())
            .filter(name -> name != null)
            .findFirst();
    return look.known().stream()
        .map(Known::facts)
        .filter(facts -> !facts.sandbox() && !facts.name().equals(proxyName))
        .filter(facts -> main.isEmpty() || facts.name().equals(main.get()))
        .findFirst()
        .map(ContainerFacts::image)
        .map(image -> image == null ? null : image.digest())
        .orElse(null);
  }

  /** The pod's proxy. */
  public Proxy proxy(String pod) {
    var look = of(pod);
    for (var described : look.known()) {
      var first = described.first();
      if (described.facts().name().equals(proxyName) && first != null) {
        return new Proxy.In(first.pid());
      }
    }
    var isOfKubernetes = look.known().stream().anyMatch(known -> known.facts().pod() != null);
    return isOfKubernetes && look.unknown().isEmpty() ? new Proxy.None() : new Proxy.NotKnown();
  }

  /** The pod in a line for people, or empty when nothing is known of it. */
  public String words(String pod) {
    var look = of(pod);
    var parts = new ArrayList<String>();
    look.known().stream()
        .map(described -> described.facts().pod())
        .filter(name -> name != null)
        .findFirst()
        .ifPresent(name -> parts.add("pod " + name));
    for (var described : look.known()) {
      var facts = described.facts();
      if (!facts.sandbox()) {
        var image = facts.image();
        parts.add(
            "container "
                + facts.name()
                + (image == null
                    ? ""
                    : (image.ofManifest() ? " " : " image id ") + image.digest()));
      }
    }
    parts.addAll(look.unknown());
    return String.join(", ", parts);
  }
}
