package io.kith.bridge.process;

import static java.util.Objects.requireNonNull;

import io.kith.bridge.container.Placement;
import io.kith.bridge.ffm.FileStat;
import io.kith.bridge.ffm.PosixFile;
import io.kith.bridge.turns.FairExecutor;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256 of files, each state of a file hashed once. Thread-safe.
 *
 * <p>A file is read through the descriptor that its identity was read from, and its attributes are
 * compared before and after: what changes meanwhile gets no hash and is not remembered.
 */
final class HashCache {
  private static final int CAPACITY = 65_536;
  private static final int CHUNK = 256 << 10;
  private static final Placement ELSEWHERE = new Placement.Outside();

  /**
   * A hash, or why there is none.
   *
   * @param sha256 64 lower-case hex digits
   */
  record Hash(@Nullable String sha256, @Nullable String problem) {
    static Hash none(String problem) {
      return new Hash(null, requireNonNull(problem));
    }
  }

  private final long maxSize;
  private final FairExecutor<Placement> workers;
  private final BoundedMap<FileId, Hash> known = new BoundedMap<>(CAPACITY);
  private final Map<FileId, CompletableFuture<Hash>> running = new ConcurrentHashMap<>();

  /**
   * @param maxSize bytes; larger files are not hashed
   * @param workers by where the process is that wants a hash; may refuse, which is answered as a
   *     busy bridge
   */
  HashCache(long maxSize, FairExecutor<Placement> workers) {
    this.maxSize = maxSize;
    this.workers = workers;
  }

  @Nullable Hash known(FileId id) {
    return known.get(id);
  }

  /**
   * The hash of a file, now or soon.
   *
   * @param whose where the process is that the file belongs to: containers hash in turns
   * @param file closed when it is done
   */
  CompletableFuture<Hash> hash(Placement whose, FileId id, PosixFile file) {
    var before = known.get(id);
    if (before != null) {
      file.close();
      return CompletableFuture.completedFuture(before);
    }
    if (id.size() > maxSize) {
      file.close();
      return CompletableFuture.completedFuture(
          Hash.none(
              "not hashed: " + id.size() + " bytes (bridge.hash.maxSize is " + maxSize + ")"));
    }
    var mine = new CompletableFuture<Hash>();
    var other = running.putIfAbsent(id, mine);
    if (other != null) {
      file.close();
      return other;
    }
    try {
      workers.execute(
          whose instanceof Placement.In ? whose : ELSEWHERE, () -> finish(id, file, mine));
    } catch (RejectedExecutionException _) {
      file.close();
      running.remove(id);
      mine.complete(Hash.none("not hashed: too many files wait (raise bridge.hash.workers)"));
    }
    return mine;
  }

  private void finish(FileId id, PosixFile file, CompletableFuture<Hash> result) {
    try (file) {
      var hash = compute(file);
      if (hash.sha256() != null) {
        known.put(id, hash);
      }
      result.complete(hash);
    } catch (IOException e) {
      result.complete(Hash.none("not hashed: " + e.getMessage()));
    } finally {
      running.remove(id);
      result.complete(Hash.none("not hashed: an error inside")); // does nothing after an answer
    }
  }

  private static Hash compute(PosixFile file) throws IOException {
    var before = file.stat();
    var digest = sha256();
    file.readAll(CHUNK, digest::update);
    return sameState(before, file.stat())
        ? new Hash(HexFormat.of().formatHex(digest.digest()), null)
        : Hash.none("not hashed: it changed while it was read");
  }

  private static boolean sameState(FileStat before, FileStat after) {
    return before.inode() == after.inode() && before.isAsOldAs(after);
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
