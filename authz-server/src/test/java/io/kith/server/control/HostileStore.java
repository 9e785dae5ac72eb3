package io.kith.server.control;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A store that somebody else can write to, and that can be away. */
final class HostileStore implements BaselineStore {
  final List<Entry> rows = new ArrayList<>();
  final List<Runnable> watchers = new ArrayList<>();
  boolean away;
  boolean answersGetLost;

  /** It is away from the moment that an answer got lost. */
  boolean goesAwayThen;

  /** What reading the log fails with. */
  @Nullable RuntimeException bug;

  /** The next commit comes to its end only after the connection broke and the log was read. */
  boolean commitsAreLate;

  /** Transactions that were begun. */
  int appends;

  private List<Entry> late = List.of();

  /** Runs whenever the latest entries are asked for. */
  volatile Runnable looking = () -> {};

  /** Entries that were given as the latest. */
  int given;

  /** Runs before the next append, once: another server that is faster. */
  @Nullable Runnable first;

  @Override
  public synchronized List<Entry> after(long position, int limit) throws StoreException {
    requireThere();
    if (bug != null) {
      throw bug;
    }
    return rows.stream().filter(row -> row.position() > position).limit(limit).toList();
  }

  @Override
  public List<Entry> latest(long after, long before, @Nullable String subject, int limit)
      throws StoreException {
    looking.run();
    return looked(after, before, subject, limit);
  }

  private synchronized List<Entry> looked(
      long after, long before, @Nullable String subject, int limit) throws StoreException {
    requireThere();
    var found =
        rows.reversed().stream()
            .filter(row -> row.position() > after && row.position() < before)
            .filter(row -> subject == null || subject.equals(row.change().subject()))
            .limit(limit)
            .toList();
    given += found.size();
    return found;
  }

  @Override
  public synchronized boolean append(List<Entry> entries) throws StoreException {
    requireThere();
    appends++;
    var faster = first;
    first = null;
    if (faster != null) {
      faster.run();
    }
    if (commitsAreLate) {
      commitsAreLate = false;
      late = entries;
      throw new StoreException("the connection broke", new IOException(), true);
    }
    rows.addAll(late);
    late = List.of();
    if (rows.stream().anyMatch(row -> row.position() >= entries.getFirst().position())) {
      return false;
    }
    rows.addAll(entries);
    if (answersGetLost) {
      answersGetLost = false;
      away = goesAwayThen;
      throw new StoreException("the connection broke", new IOException(), true);
    }
    return true;
  }

  private void requireThere() throws StoreException {
    if (away) {
      throw new StoreException("db.example.org does not answer (start it)");
    }
  }

  /** What the servers do every two seconds. */
  void tick() {
    List.copyOf(watchers).forEach(Runnable::run);
  }

  @Override
  public void saveLearned(List<LearnedPart> parts) {}

  @Override
  public void forgetLearned(String replica, Owner owner) {}

  @Override
  public List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners) {
    return List.of();
  }

  @Override
  public LearnedChanges changedByOthers(String replica, @Nullable String since) {
    return LearnedChanges.ANY;
  }

  @Override
  public AutoCloseable watch(Runnable mayHaveChanged) {
    watchers.add(mayHaveChanged);
    return () -> watchers.remove(mayHaveChanged);
  }

  @Override
  public void close() {}
}
