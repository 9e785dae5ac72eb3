package io.kith.server.control;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.store.InMemoryStore;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A store of several servers in memory, which tells what changed since a mark and nothing else. */
final class TellingStore implements BaselineStore {
  private final InMemoryStore memory = new InMemoryStore();
  private final Map<Written, Integer> latest = new HashMap<>();
  private int writes;

  /** The workloads of each reading of parts. */
  final List<List<Owner>> asked = new ArrayList<>();

  /** Readings of parts that are answered before the next ones fail. */
  int answers = Integer.MAX_VALUE;

  private record Written(String replica, Owner owner) {}

  @Override
  public synchronized void saveLearned(List<LearnedPart> parts) throws StoreException {
    memory.saveLearned(parts);
    writes++;
    parts.forEach(part -> latest.put(new Written(part.replica(), part.owner()), writes));
  }

  @Override
  public synchronized LearnedChanges changedByOthers(String replica, @Nullable String since)
      throws StoreException {
    var owners =
        since == null
            ? memory.changedByOthers(replica, null).owners()
            : latest.entrySet().stream()
                .filter(one -> !one.getKey().replica.equals(replica))
                .filter(one -> one.getValue() > Integer.parseInt(since))
                .map(one -> one.getKey().owner)
                .collect(Collectors.toSet());
    return new LearnedChanges(owners, Integer.toString(writes));
  }

  @Override
  public synchronized List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
      throws StoreException {
    if (answers == 0) {
      throw new StoreException("broken by the test");
    }
    answers--;
    if (!owners.isEmpty()) {
      asked.add(List.copyOf(owners));
    }
    return memory.learnedByOthers(replica, owners);
  }

  /** The workloads of all readings since it was asked last. */
  synchronized List<Owner> takeAsked() {
    var all = asked.stream().flatMap(List::stream).toList();
    asked.clear();
    return all;
  }

  @Override
  public synchronized void forgetLearned(String replica, Owner owner) throws StoreException {
    memory.forgetLearned(replica, owner);
  }

  @Override
  public List<Entry> after(long position, int limit) throws StoreException {
    return memory.after(position, limit);
  }

  @Override
  public List<Entry> latest(long after, long before, @Nullable String subject, int limit)
      throws StoreException {
    return memory.latest(after, before, subject, limit);
  }

  @Override
  public boolean append(List<Entry> entries) throws StoreException {
    return memory.append(entries);
  }

  @Override
  public AutoCloseable watch(Runnable mayHaveChanged) {
    return memory.watch(mayHaveChanged);
  }

  @Override
  public void close() {
    memory.close();
  }
}
