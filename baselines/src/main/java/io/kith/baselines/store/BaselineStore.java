package io.kith.baselines.store;

import io.kith.baselines.identity.Owner;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where decisions of people and what was learned outlive a server.
 *
 * <p>The log of changes is the truth: every server folds it, from the first entry on, into what it
 * decides by. The store is not trusted; whoever folds verifies the seals. Thread-safe. Never called
 * on the check path.
 */
public interface BaselineStore extends AutoCloseable {
  /** Owners to ask {@link #learnedByOthers} about at once: their parts take a few MB. */
  int OWNERS_AT_ONCE = 16;

  /**
   * Entries behind a position, in order.
   *
   * @param position 0 for all
   * @param limit at most so many, from 1
   */
  List<Entry> after(long position, int limit) throws StoreException;

  /**
   * Entries between two positions, newest first.
   *
   * @param after 0 for all from the first
   * @param before entries below it only
   * @param subject of this subject only, or null for all
   * @param limit at most so many, from 1
   */
  List<Entry> latest(long after, long before, @Nullable String subject, int limit)
      throws StoreException;

  /** Adds one entry, as {@link #append(List)} does. */
  default boolean append(Entry entry) throws StoreException {
    return append(List.of(entry));
  }

  /**
   * Adds entries that follow each other, in one transaction: all of them or none, and nobody reads
   * some of them only. Durable when it returns true.
   *
   * @param entries one or more, their positions without gaps
   * @return false when the position of the first is taken, so another server was first: read {@link
   *     #after}, seal again and try again
   * @throws StoreException also when it is not known whether they were added: read {@link #after}
   */
  boolean append(List<Entry> entries) throws StoreException;

  /** Puts parts in place, all or none. */
  void saveLearned(List<LearnedPart> parts) throws StoreException;

  /** Forgets a replica's parts of a workload. */
  void forgetLearned(String replica, Owner owner) throws StoreException;

  /**
   * Every part of the other replicas of some workloads, in no order.
   *
   * @param owners the fewer, the less is in memory at once; up to some thousand
   */
  List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners) throws StoreException;

  /**
   * Of which workloads the other replicas may have written parts since an earlier answer: of more
   * than they did, never of fewer. Parts that are read after the answer are those that it tells of,
   * or later ones. What was forgotten is not told.
   *
   * @param since the mark of that answer, or null for all that there is
   */
  LearnedChanges changedByOthers(String replica, @Nullable String since) throws StoreException;

  /**
   * Calls back whenever entries may have been added, by this server or another, and at least every
   * two seconds when the store cannot tell. Called from a thread of the store; may be called for
   * nothing.
   *
   * @return stops the calls
   */
  AutoCloseable watch(Runnable mayHaveChanged);

  @Override
  void close();
}
