package io.kith.bridge.process;

import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.bridge.container.Placement;
import io.kith.bridge.process.HashCache.Hash;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What was found out about one run of a program; hashes may still be on their way.
 *
 * @param name of the executable as its link in {@code /proc} or the exec gave it, for its origin
 * @param path of the executable inside the process's root
 * @param file the executable; null when it was gone
 * @param fileOrigin where the executable came from, as user space sees it
 * @param entry what the program was given to run
 * @param placement the container that it was in
 * @param doubted what it was given to run is not known, as its command line is not believed
 * @param remarks what is missing or late
 */
record Examined(
    String name,
    String path,
    @Nullable FileId file,
    CompletableFuture<Hash> hash,
    Origin fileOrigin,
    String program,
    Entry entry,
    boolean host,
    ProcessTree.Ancestry ancestry,
    Placement placement,
    boolean doubted,
    List<String> remarks) {
  Examined {
    remarks = List.copyOf(remarks);
  }

  /**
   * The code that an interpreter was given.
   *
   * @param path null for native programs
   */
  record Entry(
      EntryKind kind,
      @Nullable String path,
      CompletableFuture<Hash> hash,
      Origin origin,
      boolean claimed) {
    static Entry without(EntryKind kind) {
      return new Entry(kind, null, NO_HASH, Origin.UNKNOWN, false);
    }

    /** Of an interpreter that was given nobody knows what. */
    static Entry unknown(boolean claimed) {
      return new Entry(EntryKind.UNKNOWN, "?", NO_HASH, Origin.UNKNOWN, claimed);
    }
  }

  /** Of what has no content to hash. */
  static final CompletableFuture<Hash> NO_HASH =
      CompletableFuture.completedFuture(new Hash(null, null));
}
