package io.kith.server.store;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A store that ends with its process. */
public final class InMemoryStore implements BaselineStore {
  private final List<Entry> log = new ArrayList<>();
  private final Map<Key, LearnedPart> parts = new LinkedHashMap<>();
  private final Watchers watchers = new Watchers();
  private boolean closed;

  private record Key(String replica, Owner owner, String key) {
    static Key of(LearnedPart part) {
      return new Key(part.replica(), part.owner(), part.key());
    }
  }

  @Override
  public synchronized List<Entry> after(long position, int limit) throws StoreException {
    Rows.checkRange(position, limit);
    checkOpen();
    var from = (int) Math.min(position, log.size());
    return List.copyOf(log.subList(from, (int) Math.min((long) from + limit, log.size())));
  }

  @Override
  public synchronized List<Entry> latest(
      long after, long before, @Nullable String subject, int limit) throws StoreException {
    Rows.checkRange(after, limit);
    checkOpen();
    var from = (int) Math.min(after, log.size());
    var to = Math.clamp(before - 1, from, log.size());
    return log.subList(from, to).reversed().stream()
        .filter(entry -> subject == null || subject.equals(entry.change().subject()))
        .limit(limit)
        .toList();
  }

  @Override
  public synchronized boolean append(List<Entry> entries) throws StoreException {
    Rows.checkRow(entries);
    checkOpen();
    var first = entries.getFirst().position();
    if (first <= log.size()) {
      return false;
    }
    if (first != log.size() + 1) {
      throw Rows.beyondTheEnd(first, log.size());
    }
    log.addAll(entries);
    watchers.wake();
    return true;
  }

  @Override
  public synchronized void saveLearned(List<LearnedPart> added) throws StoreException {
    checkOpen();
    added.forEach(part -> parts.put(Key.of(part), part));
  }

  @Override
  public synchronized void forgetLearned(String replica, Owner owner) throws StoreException {
    checkOpen();
    parts.keySet().removeIf(key -> key.owner.equals(owner) && key.replica.equals(replica));
  }

  @Override
  public synchronized List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
      throws StoreException {
    checkOpen();
    return parts.values().stream()
        .filter(part -> !part.replica().equals(replica))
        .filter(part -> owners.contains(part.owner()))
        .toList();
  }

  @Override
  public synchronized LearnedChanges changedByOthers(String replica, @Nullable String since)
      throws StoreException {
    checkOpen();
    return new LearnedChanges(
        parts.keySet().stream()
            .filter(key -> !key.replica.equals(replica))
            .map(Key::owner)
            .collect(Collectors.toSet()),
        null);
  }

  @Override
  public AutoCloseable watch(Runnable mayHaveChanged) {
    return watchers.add(mayHaveChanged);
  }

  private void checkOpen() throws StoreException {
    if (closed) {
      throw Rows.closed();
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    watchers.close();
  }
}
