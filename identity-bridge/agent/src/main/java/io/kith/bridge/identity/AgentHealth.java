package io.kith.bridge.identity;

import io.kith.baselines.identity.IpAddress;
import io.kith.spiffe.spire.WorkloadAttestor;
import io.kith.spiffe.spire.WorkloadAttestor.Answer;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Whether a SPIRE agent answers: heard from every answer, and asked about ourselves every 10 s, or,
 * while it does not answer, after 0.25 to 10 s, doubling with jitter. Thread-safe.
 */
final class AgentHealth implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(AgentHealth.class.getName());
  private static final Duration FIRST_RETRY = Duration.ofMillis(250);
  private static final Duration REGULAR = Duration.ofSeconds(10);
  private static final int MAX_DOUBLINGS = 6;

  /**
   * Calls may run out because of huge executables in a pod; several in a row are the agent, of
   * which all those about one pod count once.
   */
  private static final int LATE_IN_A_ROW = 3;

  private final WorkloadAttestor agent;
  private final Duration limit;
  private final Consumer<String> tell;
  private final int ourselves = (int) ProcessHandle.current().pid();
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("kith-spire-agent").factory());
  private @Nullable Future<?> next; // guarded by this
  private int failures; // guarded by this
  private final Set<IpAddress> latePods = new HashSet<>(); // guarded by this
  private int lateOurselves; // guarded by this
  private boolean answered; // guarded by this
  private volatile @Nullable String problem;

  AgentHealth(WorkloadAttestor agent, Duration limit, Consumer<String> tell) {
    this.agent = agent;
    this.limit = limit;
    this.tell = tell;
  }

  void start() {
    schedule(Duration.ZERO);
  }

  /** How long a call may take. */
  Duration limit() {
    return limit;
  }

  /** Why nobody is attested now, or null. */
  @Nullable String problem() {
    return problem;
  }

  synchronized String words() {
    if (problem != null) {
      return "nobody is attested: " + problem;
    }
    return answered ? "attested by SPIRE" : "the SPIRE agent has not answered yet";
  }

  /**
   * What the agent said to anybody.
   *
   * @param pod that was asked about, or null: ourselves
   */
  synchronized void heard(Answer answer, @Nullable IpAddress pod) {
    switch (answer) {
      case Answer.Identities _, Answer.Unknown _ -> {
        latePods.clear();
        lateOurselves = 0;
        failures = 0;
        var first = !answered || problem != null;
        answered = true;
        problem = null;
        if (first) {
          tellWords();
          schedule(REGULAR);
        }
      }
      case Answer.Late _ -> {
        var first = late() == 0;
        if (pod == null) {
          lateOurselves++;
        } else {
          latePods.add(pod);
        }
        if (late() >= LATE_IN_A_ROW || problem != null) {
          fails("the SPIRE agent does not answer within " + limit.toMillis() + " ms");
        } else if (first && pod != null) {
          schedule(FIRST_RETRY); // is it the pod, or the agent?
        }
      }
      case Answer.Unavailable(var why) -> fails(why);
    }
  }

  private int late() {
    return latePods.size() + lateOurselves;
  }

  private synchronized void fails(String why) {
    var known = why.equals(problem);
    var wasWell = problem == null;
    problem = why;
    if (!known) {
      tellWords();
    }
    if (wasWell) {
      schedule(FIRST_RETRY);
    }
  }

  /** A mistake of who hears it is not the agent's. */
  private void tellWords() {
    try {
      tell.accept(words());
    } catch (RuntimeException | Error e) {
      LOG.log(System.Logger.Level.ERROR, "a mistake inside while it was told how SPIRE is", e);
    }
  }

  private void askAboutOurselves() {
    try {
      agent.reconnect();
      var _ =
          agent
              .ask(ourselves, limit)
              .thenAccept(answer -> heard(answer, null))
              .whenComplete((_, thrown) -> askAgain(thrown));
    } catch (RuntimeException | Error e) {
      askAgain(e);
    }
  }

  /** Also after a mistake, as of an agent that cannot be reached: nobody else would. */
  private void askAgain(@Nullable Throwable mistake) {
    try {
      if (mistake != null) {
        LOG.log(System.Logger.Level.ERROR, "a mistake inside while SPIRE was asked", mistake);
        var cause = mistake instanceof CompletionException ? mistake.getCause() : mistake;
        heard(new Answer.Unavailable("a mistake inside: " + cause), null);
      }
    } finally {
      schedule(untilNext());
    }
  }

  private synchronized Duration untilNext() {
    if (problem == null) {
      return late() == 0 ? REGULAR : FIRST_RETRY;
    }
    long millis =
        Math.min(FIRST_RETRY.toMillis() << Math.min(failures++, MAX_DOUBLINGS), REGULAR.toMillis());
    return Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis / 2 + 1));
  }

  /** Instead of what was scheduled before. */
  private synchronized void schedule(Duration delay) {
    if (next != null) {
      next.cancel(false);
    }
    try {
      next = timer.schedule(this::askAboutOurselves, delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException _) {
      // closed in between
    }
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
