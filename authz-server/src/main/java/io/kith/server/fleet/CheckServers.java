package io.kith.server.fleet;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.control.v1.DecisionsQuestion;
import io.kith.control.v1.News;
import io.kith.server.control.Elsewhere;
import io.kith.server.control.Elsewhere.Remembered;
import io.kith.server.control.RefusedException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The check servers that follow this control server now, by name. Thread-safe. */
public final class CheckServers implements Elsewhere {
  /** Questions that are asked of all at the same time. */
  static final int MAX_QUESTIONS = 8;

  /** Of those who follow, beside these: they ask again and again. */
  static final int MAX_FOLLOWED = 8;

  /** Decisions that one question brings, of all together, unless more servers have one each. */
  private static final int MAX_DECISIONS = 10_000;

  private final Map<String, Follower> byName = new ConcurrentHashMap<>();
  private final Semaphore questions = new Semaphore(MAX_QUESTIONS);
  private final Semaphore followed = new Semaphore(MAX_FOLLOWED);
  private final AtomicLong lastQuestion = new AtomicLong();
  private final Duration patience;

  public CheckServers() {
    this(Duration.ofSeconds(1));
  }

  /**
   * With another patience.
   *
   * @param patience how long an answer is waited for
   */
  CheckServers(Duration patience) {
    this.patience = patience;
  }

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

    /** Completed with its answer; never, when it does not take questions now. */
    CompletableFuture<Remembered> ask(DecisionsQuestion question);

    /** Does not wait for that answer any more. */
    void forget(DecisionsQuestion question);

    /** Whether it held a workload at some time since it follows. */
    boolean holds(Owner owner);

    /** Pods of a workload that its bridges registered. */
    Set<IpAddress> pods(Owner owner);

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

  /** Pods of a workload that the bridges of all of them registered. */
  int pods(Owner owner) {
    var pods = new HashSet<IpAddress>();
    byName.values().forEach(one -> pods.addAll(one.pods(owner)));
    return pods.size();
  }

  @Override
  public Answers ask(Question question) throws RefusedException, InterruptedException {
    return ask(questions, question.wanted().owner(), _ -> question);
  }

  @Override
  public Answers follow(@Nullable Owner owner, Function<String, Question> question)
      throws RefusedException, InterruptedException {
    return ask(followed, owner, question);
  }

  private Answers ask(Semaphore places, @Nullable Owner owner, Function<String, Question> question)
      throws RefusedException, InterruptedException {
    var asked = new TreeMap<String, Follower>();
    byName.forEach(
        (name, one) -> {
          if (owner == null || one.holds(owner)) {
            asked.put(name, one);
          }
        });
    if (asked.isEmpty()) {
      return new Answers(List.of(), 0, List.of());
    }
    if (!places.tryAcquire(patience.toMillis(), TimeUnit.MILLISECONDS)) {
      throw RefusedException.busy(
          "too many others ask the check servers for decisions (ask again)");
    }
    try {
      return ask(question, asked);
    } finally {
      places.release();
    }
  }

  private DecisionsQuestion message(Question question, int servers) {
    var wanted = question.wanted();
    var message =
        DecisionsQuestion.newBuilder()
            .setId(lastQuestion.incrementAndGet())
            .setDecisionId(question.id() == null ? "" : question.id())
            .setOwner(wanted.owner() == null ? "" : wanted.owner().toString())
            .setDeniedOnly(wanted.deniedOnly())
            .setReason(wanted.reason() == null ? "" : wanted.reason())
            .setSinceMillis(wanted.since() == null ? 0 : wanted.since().toEpochMilli())
            .setLimit(Math.min(question.limit(), Math.max(1, MAX_DECISIONS / servers)));
    if (question.from() != null) {
      message.setFrom(question.from());
    }
    return message.build();
  }

  private record Asked(
      String name,
      Follower follower,
      DecisionsQuestion question,
      CompletableFuture<Remembered> answer) {}

  private Answers ask(Function<String, Question> question, SortedMap<String, Follower> followers)
      throws InterruptedException {
    var asked = new ArrayList<Asked>();
    followers.forEach(
        (name, one) -> {
          var message = message(question.apply(name), followers.size());
          asked.add(new Asked(name, one, message, one.ask(message)));
        });
    try {
      CompletableFuture.allOf(asked.stream().map(Asked::answer).toArray(CompletableFuture[]::new))
          .get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException | ExecutionException _) {
      // who has answered by now has
    }
    var answers = new ArrayList<Answer>();
    var silent = new ArrayList<String>();
    for (var one : asked) {
      one.follower.forget(one.question);
      if (one.answer.state() == Future.State.SUCCESS) {
        answers.add(new Answer(one.name, one.follower::holds, one.answer.resultNow()));
      } else {
        silent.add(one.name);
      }
    }
    return new Answers(answers, asked.size(), silent);
  }

  Iterable<Follower> followers() {
    return List.copyOf(byName.values());
  }
}
