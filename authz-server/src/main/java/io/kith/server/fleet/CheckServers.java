package io.kith.server.fleet;

import io.kith.baselines.identity.IpAddress;
import io.kith.control.v1.News;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The check servers that follow this control server now, by name. Thread-safe. */
public final class CheckServers {
  private final Map<String, Follower> byName = new ConcurrentHashMap<>();

  /**
   * How one is doing.
   *
   * @param name SPIFFE ID, {@code #} and the name that it gives itself
   * @param position of the last change that it decides by
   * @param behind changes that it lacks
   * @param problem what stands against following, or empty
   */
  public record Status(
      String name,
      String version,
      long position,
      long behind,
      int pods,
      int workloads,
      String problem,
      Instant since) {}

  /** One stream of one of them. */
  interface Follower {
    @Nullable IpAddress address();

    Status status();

    void tell(News news);

    /** Another stream of the same server has taken its place. */
    void replaced();
  }

  /**
   * Takes one in. A newer stream from the same address takes the place of an older.
   *
   * @return why not, or null
   */
  @Nullable String attach(String name, Follower follower) {
    var refused = refusal(name, follower.address());
    if (refused != null) {
      return refused;
    }
    var older = byName.put(name, follower);
    if (older != null) {
      older.replaced();
    }
    return null;
  }

  /** Why a server at that address may not use a name, or null. */
  @Nullable String refusal(String name, @Nullable IpAddress address) {
    var older = byName.get(name);
    return older == null || Objects.equals(older.address(), address)
        ? null
        : "'" + name + "' follows already, from " + older.address() + " (see store.replica)";
  }

  void detach(String name, Follower follower) {
    byName.remove(name, follower);
  }

  /** By name. */
  public List<Status> statuses() {
    return byName.values().stream()
        .map(Follower::status)
        .sorted(Comparator.comparing(Status::name))
        .toList();
  }

  Iterable<Follower> followers() {
    return List.copyOf(byName.values());
  }
}
