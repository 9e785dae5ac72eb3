package io.kith.server.control;

import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.bundle.LearnedSeals.Opened;
import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What was learned, on its way to the store and back: each server writes its own parts, sealed, and
 * reads those of the others. A part whose seal is not good is not used. Thread-safe.
 */
final class LearnedParts {
  private static final System.Logger LOG = System.getLogger(LearnedParts.class.getName());
  private static final int REMEMBERED = 1_024;

  /** Less than a Check waits. */
  private static final Duration SOON = Duration.ofMillis(200);

  /** No server has this name: the parts of others than nobody are those of all. */
  private static final String NOBODY = "";

  /** Of so many readings one is of all: the store does not tell what was forgotten. */
  private static final int ALL_EVERY = 60;

  private final BaselineStore store;
  private final String replica;
  private final ServerKeys keys;
  private final Workloads workloads;
  private final LearnedSeals seals;
  private final LongAdder refused = new LongAdder();
  private final Set<String> said = new HashSet<>();
  private final Set<Owner> late = ConcurrentHashMap.newKeySet();
  private final Set<Owner> unread = ConcurrentHashMap.newKeySet(); // and that was said
  private final List<Plain> left = new ArrayList<>();
  private final ReentrantLock reading = new ReentrantLock();

  /** Up to where the others' parts were read; null when all are to be. Guarded by reading. */
  private @Nullable String mark;

  /** Guarded by reading. */
  private int readings;

  LearnedParts(BaselineStore store, String replica, ServerKeys keys, Workloads workloads) {
    this.store = store;
    this.replica = replica;
    this.keys = keys;
    this.workloads = workloads;
    this.seals = new LearnedSeals(keys.ring());
  }

  /** Parts that were found altered, or of a server that is not trusted; each reading counts. */
  long refused() {
    return refused.sum();
  }

  /** What was learned since it was last asked for, sealed; each part is handed out once. */
  List<LearnedPart> changed(boolean countsToo, int limit) {
    var parts = takeLeft(limit);
    for (var workload : workloads.inOrder()) {
      if (parts.size() < limit && !late.contains(workload.owner())) {
        try {
          parts.addAll(workload.learning().changed(replica, countsToo, limit - parts.size()));
          if (unread.remove(workload.owner())) {
            LOG.log(Level.INFO, "what {0} learned is read again", workload.owner());
          }
        } catch (RuntimeException | Error e) { // those of the others would not be handed out again
          LOG.log(
              unread.add(workload.owner()) ? Level.ERROR : Level.DEBUG,
              "what " + workload.owner() + " learned was not read; it is tried again",
              e);
        }
      }
    }
    return LearnedSeals.seal(parts, keys.learner());
  }

  /**
   * Goes on from what this server had learned before a restart, and takes what the others had. What
   * cannot be used is left out, and said.
   */
  void resume() throws StoreException {
    reading.lock();
    try {
      mark = readChanged(NOBODY, null, this::resume);
    } finally {
      reading.unlock();
    }
  }

  private void resume(GovernedWorkload workload, List<Plain> parts) throws StoreException {
    try {
      if (workload.learning().resume(replica, own(parts))) {
        store.forgetLearned(replica, workload.owner());
      }
    } catch (IllegalArgumentException e) {
      LOG.log(Level.ERROR, "what was learned before the restart was not taken over", e);
    }
    late.remove(workload.owner()); // once more, it would count twice
    take(workload, others(parts));
  }

  /** Something that is done with the parts of a workload. */
  private interface Taker {
    void take(GovernedWorkload workload, List<Plain> parts) throws StoreException;
  }

  /**
   * Reads what may have changed, some workloads at a time.
   *
   * @param since the mark that an earlier reading returned, or null for all
   * @throws StoreException when some was not read: that mark is still the one to read from
   */
  private @Nullable String readChanged(String without, @Nullable String since, Taker taker)
      throws StoreException {
    var changes = store.changedByOthers(without, since);
    var some = new ArrayList<GovernedWorkload>();
    for (var workload : workloads.inOrder()) {
      if (changes.mayBeOf(workload.owner()) || workload.learning().lacksOthers()) {
        some.add(workload);
      } else if (since == null) {
        taker.take(workload, List.of());
      }
      if (some.size() == BaselineStore.OWNERS_AT_ONCE) {
        read(without, some, taker);
        some.clear();
      }
    }
    read(without, some, taker);
    return changes.mark();
  }

  private void read(String without, List<GovernedWorkload> some, Taker taker)
      throws StoreException {
    var owners = some.stream().map(GovernedWorkload::owner).toList();
    var byOwner = byOwner(store.learnedByOthers(without, owners));
    for (var workload : some) {
      taker.take(workload, byOwner.getOrDefault(workload.owner(), List.of()));
    }
  }

  private List<Plain> takeLeft(int limit) {
    synchronized (left) {
      var some = left.subList(0, Math.min(limit, left.size()));
      var taken = new ArrayList<>(some);
      some.clear();
      return taken;
    }
  }

  /** Takes all that this server learned of a workload, which is about to be released. */
  void leave(GovernedWorkload workload) {
    unread.remove(workload.owner());
    if (late.remove(workload.owner())) {
      return; // it would take the place of what was written before
    }
    var parts = workload.learning().changed(replica, true, Integer.MAX_VALUE);
    synchronized (left) {
      left.addAll(parts);
    }
  }

  /**
   * Goes on from what this server had learned of a workload, which nothing is known of yet, and
   * takes what the others had. When the store does not answer soon, or did not for another, that is
   * done by {@link #catchUp}, and nothing that this server learns meanwhile is handed out before.
   */
  void resume(GovernedWorkload workload) {
    var owner = workload.owner();
    var behind = !late.isEmpty();
    late.add(owner);
    if (behind) {
      return;
    }
    try {
      var parts = byOwner(soon(owner)).getOrDefault(owner, List.of());
      workload.learning().resume(replica, own(parts));
      take(workload, others(parts));
      late.remove(owner);
    } catch (StoreException _) {
      LOG.log(Level.DEBUG, "what was learned before is taken over later: " + owner);
    } catch (IllegalArgumentException e) {
      late.remove(owner);
      LOG.log(Level.ERROR, "what was learned before was not taken over", e);
    }
  }

  /** What the store has, of which a new version's grace is part; but Checks wait meanwhile. */
  private List<LearnedPart> soon(Owner owner) throws StoreException {
    var asked = new FutureTask<>(() -> store.learnedByOthers(NOBODY, List.of(owner)));
    Thread.ofVirtual().name("kith-learned").start(asked);
    try {
      return asked.get(SOON.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new StoreException("what was learned was not read", e);
    } catch (TimeoutException e) {
      throw new StoreException("the store does not answer soon", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StoreException("the server stops", e);
    } finally {
      asked.cancel(true);
    }
  }

  /**
   * Has {@link #catchUp} do that of a workload that is not governed yet, or hands out nothing
   * before.
   */
  void resumeLater(Owner owner) {
    late.add(owner);
  }

  /** As {@link #resume()}, or later when the store does not answer now. */
  void resumeOrLater() {
    workloads.inOrder().forEach(workload -> late.add(workload.owner()));
    try {
      resume();
    } catch (StoreException e) {
      LOG.log(Level.DEBUG, "what was learned before is taken over later", e);
    }
  }

  /** Takes over what could not be when it was to be resumed. */
  void catchUp() {
    for (var owner : List.copyOf(late)) {
      var workload = workloads.find(owner);
      if (workload == null) {
        continue; // about to be held
      }
      try {
        var parts =
            byOwner(store.learnedByOthers(NOBODY, List.of(owner))).getOrDefault(owner, List.of());
        if (late.contains(owner)) {
          workload.learning().resumeLate(replica, own(parts));
          take(workload, others(parts));
          late.remove(owner);
        }
      } catch (StoreException _) {
        return; // still away
      } catch (IllegalArgumentException e) {
        late.remove(owner);
        LOG.log(Level.ERROR, "what was learned before was not taken over", e);
      }
    }
  }

  private List<Plain> own(List<Plain> parts) {
    return parts.stream().filter(plain -> plain.part().replica().equals(replica)).toList();
  }

  private List<Plain> others(List<Plain> parts) {
    return parts.stream().filter(plain -> !plain.part().replica().equals(replica)).toList();
  }

  /** Takes what the other servers have written of a workload by now. */
  void readOthers(Owner owner) {
    var workload = workloads.find(owner);
    if (workload != null) {
      try {
        read(replica, List.of(workload), LearnedParts::take);
      } catch (StoreException e) {
        notRead(e);
      }
    }
  }

  /** Takes what the other servers have written since the last time; now and then of all. */
  void readOthers() {
    reading.lock();
    try {
      if (++readings % ALL_EVERY == 0) {
        mark = null;
      }
      mark = readChanged(replica, mark, LearnedParts::take);
    } catch (StoreException e) {
      notRead(e);
    } finally {
      reading.unlock();
    }
  }

  /** The journal says that the store does not answer. */
  private static void notRead(StoreException e) {
    LOG.log(Level.DEBUG, "what other servers learned was not read; it is tried again", e);
  }

  private static void take(GovernedWorkload workload, List<Plain> parts) {
    workload
        .learning()
        .others(
            parts, e -> LOG.log(Level.ERROR, "what another server learned was not taken over", e));
  }

  private synchronized Map<Owner, List<Plain>> byOwner(List<LearnedPart> sealed) {
    var byOwner = new HashMap<Owner, List<Plain>>();
    for (var part : sealed) {
      switch (seals.open(part)) {
        case Opened.Good(var plain) ->
            byOwner.computeIfAbsent(part.owner(), _ -> new ArrayList<>()).add(plain);
        case Opened.Refused(var why) -> refuse(part, why);
      }
    }
    return byOwner;
  }

  /** Says it once for a server, a workload and a reason. */
  private void refuse(LearnedPart part, String why) {
    refused.increment();
    var words = "server '" + part.replica() + "' about " + part.owner() + ": " + why;
    if (said.size() < REMEMBERED && said.add(words)) {
      LOG.log(Level.ERROR, () -> "a learned part is not used: " + words);
    }
  }

  /** Frees the room of what this server wrote before an epoch ended. */
  void forget(GovernedWorkload workload) {
    try {
      store.forgetLearned(replica, workload.owner());
    } catch (StoreException e) {
      LOG.log(Level.DEBUG, "what was forgotten takes room in the store; it is not used", e);
    }
  }
}
