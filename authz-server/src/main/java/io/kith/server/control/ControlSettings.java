package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.store.BaselineStore;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a control state is made of.
 *
 * @param directory the workloads; those that it gets to know later as well
 * @param store where changes outlive the server
 * @param storeKind {@code memory}, {@code sqlite} or {@code postgresql}
 * @param replica name of this server in the store
 * @param mark how far the log was seen, or null where nothing outlives the server
 * @param queue how many answers may wait to be learned from
 * @param following of a check server; null for one that has its own store
 */
public record ControlSettings(
    WorkloadDirectory directory,
    List<ScopeEntry> scopes,
    LearningSettings learning,
    PublicSuffixes suffixes,
    ServerKeys keys,
    BaselineStore store,
    String storeKind,
    String replica,
    @Nullable HighWaterMark mark,
    int queue,
    @Nullable Following following) {
  /** Answers that wait by default. */
  public static final int QUEUE = 65_536;

  public ControlSettings {
    requireNonNull(directory, "directory");
    scopes = List.copyOf(scopes);
    requireNonNull(learning, "learning");
    requireNonNull(suffixes, "suffixes");
    requireNonNull(keys, "keys");
    requireNonNull(store, "store");
    requireNonNull(storeKind, "storeKind");
    requireNonNull(replica, "replica");
  }

  /** Of a server with its own store. */
  public ControlSettings(
      WorkloadDirectory directory,
      List<ScopeEntry> scopes,
      LearningSettings learning,
      PublicSuffixes suffixes,
      ServerKeys keys,
      BaselineStore store,
      String storeKind,
      String replica,
      @Nullable HighWaterMark mark,
      int queue) {
    this(directory, scopes, learning, suffixes, keys, store, storeKind, replica, mark, queue, null);
  }

  /** Whether all ends with the process. */
  boolean keptInMemory() {
    return storeKind.equals("memory");
  }
}
