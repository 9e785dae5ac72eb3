package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.Seals;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.StoreException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The log of changes as this server follows and continues it.
 *
 * <p>A change is sealed, written to the store, and only then applied. Changes of other servers are
 * applied by the same code. An entry that was not sealed by a trusted server, does not follow the
 * one before or contradicts the state is not applied, nor anything after it: the last good state
 * stays, {@link #problem} says why, and changes are refused until the log is repaired. Thread-safe.
 */
final class Journal implements AutoCloseable {
  /*
   * The store is not trusted. A chain of seals shows everything but its missing end, so the last
   * entry that was applied is looked up again whenever the log is read: while the server lives it
   * notices that the log was cut or exchanged, and after a restart the high-water mark does.
   */
  private static final System.Logger LOG = System.getLogger(Journal.class.getName());
  private static final int PAGE = VerifiedPages.PAGE;
  private static final int TRIES = 16;

  /** Changes of the answer that are read at once; each may have 512 KiB. */
  private static final int AT_ONCE = 16;

  /** Characters of changes after which no more are answered. */
  private static final long ENOUGH = 8 << 20;

  private static final long PROGRESS_NANOS = Duration.ofSeconds(2).toNanos();

  private final BaselineStore store;
  private final SigningKey key;
  private final Fold fold;
  private final @Nullable History history;
  private final Listener listener;
  private final InstantSource clock;
  private final Consumer<AuditEntry> audit;
  private final @Nullable HighWaterMark mark;
  private final @Nullable EntryCopy copy;
  private final @Nullable VerifiedPages verified;
  private final Keyring keysOfVerified;
  private final LongAdder refusedEntries = new LongAdder();
  private String seal = Seals.FIRST;
  private HighWaterMark.@Nullable Mark expected;
  private long marked;
  private long told = System.nanoTime();
  private volatile long position;
  private volatile @Nullable String problem;
  private volatile @Nullable String unreachable;
  private @Nullable AutoCloseable watch;

  /** Hears of every entry that was applied, in order, by one thread at a time. */
  interface Listener {
    void applied(Entry entry, Amendment amendment, Fold.Outcome.Taken taken);
  }

  /** Makes amendments from the state as it is; asked again when others were first. */
  interface Draft<T> {
    Drafted<T> of(Fold now) throws RefusedException;
  }

  /**
   * Amendments that are taken together or not at all, and what their maker wants to know of them.
   *
   * @param amendments none when all is so already and nothing has to be written; several only of
   *     distinct workloads
   */
  record Drafted<T>(List<? extends Amendment> amendments, T result) {
    Drafted {
      amendments = List.copyOf(amendments);
      if (amendments.size() > 1
          && amendments.stream()
                  .filter(Amendment.OfWorkload.class::isInstance)
                  .map(Amendment::subject)
                  .distinct()
                  .count()
              < amendments.size()) {
        throw new IllegalArgumentException("amendments: several (expected: of distinct workloads)");
      }
    }

    /** Of one amendment, or none. */
    Drafted(@Nullable Amendment amendment, T result) {
      this(amendment == null ? List.of() : List.of(amendment), result);
    }
  }

  /**
   * What became of a draft that was not refused.
   *
   * @param changed false when all was so already
   */
  record Added<T>(boolean changed, T result) {}

  /** The log cannot be followed at all: the server must not decide by what it has. */
  static final class Untrusted extends Exception {
    private static final long serialVersionUID = 1L;

    Untrusted(String message) {
      super(message);
    }
  }

  /**
   * Of a log.
   *
   * @param mark how far it was seen, or null where nothing outlives the server
   * @param copy where a server keeps the log that has no store; else null
   * @param history told of every entry before it is applied; null where nobody asks for it
   * @param audit told of changes of which it is not known whether the store took them
   */
  Journal(
      BaselineStore store,
      SigningKey key,
      Fold fold,
      @Nullable HighWaterMark mark,
      @Nullable EntryCopy copy,
      InstantSource clock,
      @Nullable History history,
      Consumer<AuditEntry> audit,
      Listener listener) {
    this.audit = requireNonNull(audit, "audit");
    this.history = history;
    this.store = requireNonNull(store, "store");
    this.key = requireNonNull(key, "key");
    this.fold = requireNonNull(fold, "fold");
    this.mark = mark;
    this.copy = copy;
    this.keysOfVerified = fold.keys().ofVerified();
    this.verified =
        mark == null || copy != null
            ? null
            : new VerifiedPages(mark.file().resolveSibling("log.verified"), fold.keys());
    this.clock = requireNonNull(clock, "clock");
    this.listener = requireNonNull(listener, "listener");
  }

  /**
   * Applies the log as it is and follows it from now on. What the copy has is applied first, and is
   * enough when the store does not answer and the copy reaches what this server has seen.
   *
   * @throws StoreException when the store does not answer
   * @throws IOException when the high-water mark cannot be read
   * @throws Untrusted when the log does not reach what this server has seen before
   */
  synchronized void open() throws StoreException, IOException, Untrusted {
    expected = mark == null ? null : mark.read();
    if (copy != null) {
      applyCopy(copy);
    }
    try {
      catchUp();
      if (copy != null && problem == null) {
        copy.establish();
      }
    } catch (StoreException e) {
      if (copy == null || !copy.isEstablished() || expected != null) {
        throw e;
      }
      LOG.log(Level.WARNING, "decides by the copy of the log until a control server answers");
    }
    if (problem != null && copy != null && !copy.isEstablished()) {
      throw new StoreException(problem); // there is no good state that could stay in force
    }
    if (expected != null) {
      var why = problem;
      throw new Untrusted(
          "the log of changes is good up to "
              + position
              + ", and this server has seen change "
              + expected.position()
              + (why == null ? ": its end was cut off or an older log was put back" : ": " + why)
              + " (restore the store; or, to go on from "
              + position
              + " and lose what came after, remove '"
              + requireNonNull(mark).file()
              + "')");
    }
    watch = store.watch(this::follow);
  }

  private void applyCopy(EntryCopy kept) throws IOException {
    for (var entry = kept.next(); entry != null; entry = kept.next()) {
      var why = refused(entry, false);
      if (why != null) {
        LOG.log(Level.WARNING, () -> "the copy of the log is not used from there on: " + why);
        break;
      }
    }
    remember();
  }

  /**
   * Begins to fold a workload, from what the copy says of it.
   *
   * @param held makes the fold take what comes
   * @throws IOException when the copy does not say it, or contradicts itself; then nothing is begun
   */
  void hold(Owner owner, Runnable held) throws IOException {
    var kept = requireNonNull(copy, "a server that holds some workloads has a copy of the log");
    synchronized (fold) {
      if (kept.size() != position) {
        throw new IOException(
            "the copy of the log ends at " + kept.size() + " and not at " + position);
      }
      var replayed = new Replayed(owner);
      kept.about(owner, replayed);
      fold.put(owner, replayed.standing);
      held.run();
    }
  }

  /** What entries of the copy make of a workload. */
  private final class Replayed implements EntryCopy.Reader {
    private final Owner owner;
    private Standing standing;

    Replayed(Owner owner) {
      this.owner = owner;
      this.standing = Standing.none(owner);
    }

    @Override
    public void entry(String before, Entry entry) throws IOException {
      try {
        var broken = Seals.problem(before, entry, fold.keys());
        if (broken != null) {
          throw new IllegalArgumentException(broken);
        }
        var amendment = AmendmentJson.read(entry.change());
        standing = fold.replay(standing, owner, amendment, entry.change());
      } catch (IllegalArgumentException e) {
        throw new IOException("change " + entry.position() + ": " + e.getMessage(), e);
      }
    }
  }

  /** Folds a workload no more. */
  void release(Owner owner, Runnable released) {
    synchronized (fold) {
      released.run();
      fold.remove(owner);
    }
  }

  /** Position of the last change that is applied. */
  long position() {
    return position;
  }

  /** What stands against further changes, in words with what to do; null when nothing does. */
  @Nullable String problem() {
    var damaged = problem;
    return damaged == null ? unreachable : damaged;
  }

  /** Times that an entry of the log was refused. */
  long refusedEntries() {
    return refusedEntries.sum();
  }

  /** Applies what others wrote; never throws. */
  private void follow() {
    try {
      synchronized (this) {
        catchUp();
      }
    } catch (StoreException _) {
      // said by reading it
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "the log of changes was not followed", e);
      unreachable =
          "the log of changes was not followed (the state before it stays in force; this server's"
              + " log says why): "
              + e;
    }
  }

  /**
   * An amendment as it will be written, and what the state makes of it.
   *
   * @param before where its workload stood, or null of a scope
   */
  private record Step(
      Amendment amendment, Change change, @Nullable Standing before, Fold.Outcome.Taken taken) {}

  /**
   * Writes changes in one transaction, an entry for each amendment, and applies them.
   *
   * @return what the draft knows of them
   * @throws RefusedException when the draft or the state refuses one, or the store does not take
   *     them; then nothing is applied
   */
  synchronized <T> Added<T> add(String author, String note, Draft<T> draft)
      throws RefusedException {
    var steps = List.<Step>of();
    for (var tries = 0; tries < TRIES; tries++) {
      read();
      requireGood();
      var drafted = draft.of(fold);
      if (drafted.amendments().isEmpty()) {
        return new Added<>(false, drafted.result());
      }
      steps = steps(author, note, drafted.amendments(), steps);
      var entries = sealed(steps);
      switch (append(entries)) {
        case ADDED -> {
          for (var i = 0; i < entries.size(); i++) {
            apply(entries.get(i), steps.get(i).amendment(), steps.get(i).taken());
          }
          remember();
          return new Added<>(true, drafted.result());
        }
        case FOUND -> {
          return new Added<>(true, drafted.result());
        }
        case TAKEN -> {
          // others were first: again, from what they made of it
        }
      }
    }
    throw RefusedException.store(
        "others changed the same at the same time, " + TRIES + " times (try again)");
  }

  /*
   * What takes time is to verify and to pack many revisions. Where others wrote of something else
   * meanwhile that is not done again, or others would be first the next time as well.
   */
  private List<Step> steps(
      String author, String note, List<? extends Amendment> amendments, List<Step> earlier)
      throws RefusedException {
    var known = new IdentityHashMap<Amendment, Step>();
    earlier.forEach(step -> known.put(step.amendment(), step));
    var changes = new ArrayList<Change>();
    for (var amendment : amendments) {
      var before = known.get(amendment);
      changes.add(before == null ? change(author, note, amendment) : before.change());
    }
    var previews =
        IntStream.range(0, changes.size())
            .parallel()
            .mapToObj(i -> preview(amendments.get(i), changes.get(i), known))
            .toList();
    var steps = new ArrayList<Step>();
    for (var i = 0; i < previews.size(); i++) {
      var amendment = amendments.get(i);
      switch (previews.get(i)) {
        case Fold.Outcome.Refused(var why) ->
            throw RefusedException.precondition(
                previews.size() > 1
                    ? amendment.subject() + ": " + why + " (so nothing was changed)"
                    : why);
        case Fold.Outcome.Taken taken ->
            steps.add(new Step(amendment, changes.get(i), standing(amendment), taken));
      }
    }
    return steps;
  }

  private Fold.Outcome preview(
      Amendment amendment, Change change, IdentityHashMap<Amendment, Step> known) {
    var same = known.get(amendment);
    return same != null && same.before() != null && same.before().equals(standing(amendment))
        ? fold.again(same.taken())
        : fold.preview(amendment, change);
  }

  /** Where a workload stands, as far as the log was read. */
  Standing standing(Owner owner) {
    return fold.of(owner);
  }

  private @Nullable Standing standing(Amendment amendment) {
    return amendment instanceof Amendment.OfWorkload one ? fold.of(one.owner()) : null;
  }

  private List<Entry> sealed(List<Step> steps) {
    var entries = new ArrayList<Entry>();
    var before = seal;
    for (var step : steps) {
      var entry = Seals.seal(before, position + 1 + entries.size(), step.change(), key);
      entries.add(entry);
      before = entry.seal();
    }
    return entries;
  }

  private Change change(String author, String note, Amendment amendment) throws RefusedException {
    try {
      return new Change(
          clock.instant().truncatedTo(ChronoUnit.MILLIS), // what every store can keep
          author,
          note,
          amendment.kind(),
          amendment.subject(),
          AmendmentJson.write(amendment));
    } catch (IllegalArgumentException e) {
      throw RefusedException.invalid(String.valueOf(e.getMessage()));
    }
  }

  private enum Appended {
    /** They stand in the log. */
    ADDED,
    /** They do, as was found by reading, and are applied: only the answer was lost. */
    FOUND,
    /** Another has the place of the first. */
    TAKEN
  }

  private Appended append(List<Entry> entries) throws RefusedException {
    try {
      return store.append(entries) ? Appended.ADDED : Appended.TAKEN;
    } catch (StoreException e) {
      if (!e.isUnknown()) {
        throw RefusedException.store("nothing was changed: " + words(e));
      }
      return appendAgain(entries, e);
    }
  }

  /*
   * The entries may stand in the log, or come to stand there yet: a database goes on with a commit
   * after the connection broke. So to read the log is not enough. The very same ones are sent again:
   * they take their places, and what comes late finds them taken; or they find them taken, and by
   * whom is read. Since they are written together, the first speaks for all.
   */
  private Appended appendAgain(List<Entry> entries, StoreException lost) throws RefusedException {
    try {
      if (store.append(entries)) {
        return Appended.ADDED;
      }
      catchUp();
      var first = entries.getFirst();
      var there = store.after(first.position() - 1, 1);
      if (there.isEmpty() || !there.getFirst().seal().equals(first.seal())) {
        return Appended.TAKEN;
      }
      if (position < entries.getLast().position()) {
        throw notKnown(entries, lost); // they stand behind something damaged
      }
      return Appended.FOUND;
    } catch (StoreException _) {
      throw notKnown(entries, lost);
    }
  }

  /** Who made the change does not tell the log of it any more, and it may stand. */
  private RefusedException notKnown(List<Entry> entries, StoreException lost) {
    for (var entry : entries) {
      var change = entry.change();
      audit.accept(
          new AuditEntry(
              change.kind(),
              change.subject(),
              change.author(),
              change.note(),
              "not known",
              "not known, whether the store took it (kith audit tells)"));
    }
    return RefusedException.store(
        "it is not known whether the store took the change: "
            + words(lost)
            + " (see kith audit when it answers again)");
  }

  /** Entries that are applied, newest first; fewer than there are when they are large. */
  List<Entry> latest(@Nullable String subject, long before, int limit) throws RefusedException {
    var found = new ArrayList<Entry>();
    var end = before <= 0 ? position + 1 : Math.min(position + 1, before);
    var size = 0L;
    try {
      while (end > 1 && found.size() < limit && size < ENOUGH) {
        var asked = Math.min(AT_ONCE, limit - found.size());
        var page = store.latest(0, end, subject, asked);
        found.addAll(page);
        size += page.stream().mapToLong(entry -> entry.change().body().length()).sum();
        end = page.size() < asked ? 1 : page.getLast().position();
      }
      return found;
    } catch (StoreException e) {
      throw RefusedException.store(words(e));
    }
  }

  private void read() throws RefusedException {
    try {
      catchUp();
    } catch (StoreException e) {
      throw RefusedException.store("nothing was changed: " + words(e));
    }
  }

  private void requireGood() throws RefusedException {
    var damaged = problem;
    if (damaged != null) {
      throw RefusedException.store("nothing was changed: " + damaged);
    }
  }

  private static String words(StoreException e) {
    return e.getMessage() == null ? "the store failed" : e.getMessage();
  }

  private void catchUp() throws StoreException {
    try {
      if (isWhereItWas()) {
        var more = true;
        while (more) {
          var page = store.after(position, PAGE);
          more = applyAll(page) && !page.isEmpty();
          tellProgress();
        }
        mendCopy();
      }
      unreachable = null;
    } catch (StoreException e) {
      if (unreachable == null) {
        LOG.log(Level.WARNING, "the store does not answer", e);
      }
      unreachable = words(e);
      throw e;
    }
  }

  /** At the start of a server on a long log. */
  private void tellProgress() {
    var seen = expected;
    if (watch == null && System.nanoTime() - told > PROGRESS_NANOS) {
      told = System.nanoTime();
      LOG.log(
          Level.INFO,
          () ->
              "reading the log of changes: "
                  + position
                  + (seen == null ? "" : " of at least " + seen.position()));
    }
  }

  /** Whether the last entry that was applied still stands in the log. */
  private boolean isWhereItWas() throws StoreException {
    if (position == 0) {
      return true;
    }
    var last = store.after(position - 1, 1);
    if (last.isEmpty()) {
      return damaged("the log of changes ends before " + position + ", which was applied here");
    }
    if (last.getFirst().position() != position || !last.getFirst().seal().equals(seal)) {
      return damaged("change " + position + " is not the one that was applied here");
    }
    return true;
  }

  private boolean applyAll(List<Entry> page) {
    try {
      var known = verified == null ? 0 : verified.among(page);
      for (var i = 0; i < page.size(); i++) {
        var entry = page.get(i);
        // the seal of a page's first says that it follows the page before it, if there is one
        var why = refused(entry, i < known && (i > 0 || entry.position() == 1));
        if (why != null) {
          return damaged(why);
        }
      }
      problem = null;
      return true;
    } finally {
      remember();
    }
  }

  /**
   * Applies an entry, or says why not; no workload begins to be held meanwhile.
   *
   * @param known it is as it was when its signatures were verified
   */
  private @Nullable String refused(Entry entry, boolean known) {
    synchronized (fold) {
      return refusedNow(entry, known);
    }
  }

  private @Nullable String refusedNow(Entry entry, boolean known) {
    if (entry.position() != position + 1) {
      return "change " + (position + 1) + " is missing, and " + entry.position() + " is there";
    }
    var keys = known ? keysOfVerified : fold.keys();
    var broken = Seals.problem(seal, entry, keys);
    if (broken != null) {
      return "change " + entry.position() + ": " + broken;
    }
    try {
      var amendment = AmendmentJson.read(entry.change());
      return switch (fold.preview(amendment, entry.change(), keys)) {
        case Fold.Outcome.Refused(var why) -> "change " + entry.position() + ": " + why;
        case Fold.Outcome.Taken taken -> {
          apply(entry, amendment, taken);
          yield null;
        }
      };
    } catch (IllegalArgumentException e) {
      return "change " + entry.position() + ": " + e.getMessage();
    }
  }

  private void apply(Entry entry, Amendment amendment, Fold.Outcome.Taken taken) {
    if (history != null) {
      history.note(amendment, fold);
    }
    fold.commit(taken);
    seal = entry.seal();
    if (expected != null
        && entry.position() == expected.position()
        && entry.seal().equals(expected.seal())) {
      expected = null;
      marked = entry.position();
    }
    listener.applied(entry, amendment, taken);
    if (verified != null) {
      verified.note(entry);
    }
    if (copy != null) {
      keep(copy, entry);
    }
    position = entry.position(); // last: who sees it finds all of the change in force
  }

  /** What is not kept does not stop what is decided; {@link #mendCopy} tries again. */
  private static void keep(EntryCopy copy, Entry entry) {
    if (copy.size() == entry.position() - 1) {
      try {
        copy.keep(entry);
      } catch (IOException e) {
        LOG.log(Level.WARNING, "the copy of the log was not written; it is tried again", e);
      }
    }
  }

  /** Writes what could not be written before, when the disk was full. */
  private void mendCopy() throws StoreException {
    while (copy != null && copy.size() < position) {
      var page = store.after(copy.size(), PAGE);
      var before = copy.size();
      for (var entry : page) {
        if (entry.position() > position || Seals.problem(copy.seal(), entry, fold.keys()) != null) {
          return; // another log, which is noticed where it is followed
        }
        keep(copy, entry);
      }
      if (copy.size() == before) {
        return;
      }
    }
  }

  /** Writes down how far the log was seen: before a change is answered, and once for many. */
  private void remember() {
    if (verified != null
        && problem == null) { // else what was noted of the log is kept, to be repaired
      verified.save();
    }
    if (mark != null && expected == null && marked < position) {
      try {
        mark.write(position, seal);
        marked = position;
      } catch (IOException e) {
        LOG.log(Level.WARNING, "how far the log was seen could not be written", e);
      }
    }
  }

  private boolean damaged(String why) {
    var words = why + " (the state before it stays in force; restore the log of the store)";
    if (!words.equals(problem)) {
      refusedEntries.increment();
      LOG.log(Level.ERROR, () -> "the log of changes is damaged: " + words);
    }
    problem = words;
    return false;
  }

  /** Stops following, and keeps no copy any more. */
  @Override
  public void close() {
    try {
      if (watch != null) {
        watch.close();
      }
    } catch (Exception e) {
      LOG.log(Level.WARNING, "the store did not stop calling", e);
    }
    if (copy != null) {
      copy.close();
    }
  }
}
