package io.kith.bridge.identity;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.Pidfd;
import io.kith.bridge.process.BoundedMap;
import io.kith.bridge.process.ProcessKey;
import io.kith.bridge.process.ProcessState;
import io.kith.bridge.process.Sighting;
import io.kith.bridge.stream.NodeView.IdentitySource;
import io.kith.spiffe.spire.WorkloadAttestor;
import io.kith.spiffe.spire.WorkloadAttestor.Answer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What a SPIRE agent says of processes.
 *
 * <p>The agent knows processes by their number only. So the process is held by a pidfd before it is
 * asked about, and looked at before and after: an answer counts when the number was this process's
 * all along, and it ran the same program with the same users in the same cgroup.
 */
public final class SpireIdentities implements ProcessIdentities {
  private static final System.Logger LOG = System.getLogger(SpireIdentities.class.getName());

  /*
   * A Check must not wait for an agent that does not answer:
   *   - a question waits at most PATIENCE; the call goes on, and its answer serves the next question;
   *   - after IN_VAIN questions that waited for nothing no question of that pod waits, until the
   *     agent is quick again: it may be slow because of what runs there;
   *   - no pod has more than CALLS_OF_ONE of the CALLS;
   *   - an agent that cannot be reached, refuses us or lets several calls run out is not asked about
   *     anybody until it answers AgentHealth, which asks about ourselves.
   */
  private static final Duration PATIENCE = Duration.ofMillis(100);
  private static final Duration LIMIT = Duration.ofSeconds(2);
  private static final int IN_VAIN = 4;
  private static final int CALLS = 32;
  private static final int CALLS_OF_ONE = 8;
  private static final int REMEMBERED = 16_384;

  /**
   * A registration entry that is deleted or made is noticed after so long, and SPIRE's own delay.
   */
  private static final long KEPT_NANOS = Duration.ofSeconds(5).toNanos();

  private static final long NOTHING_KEPT_NANOS = Duration.ofSeconds(1).toNanos();

  private final WorkloadAttestor agent;
  private final IdentitySource source;
  private final AgentHealth health;
  private final LongSupplier nanoTime;
  private final Map<IpAddress, Asked> asked = new HashMap<>(); // guarded by itself
  private int calls; // of all pods; guarded by asked
  private final Map<ProcessKey, CompletableFuture<Attested>> running = new ConcurrentHashMap<>();
  private final BoundedMap<ProcessKey, Remembered> remembered = new BoundedMap<>(REMEMBERED);
  private final AtomicBoolean toldMistake = new AtomicBoolean();

  private record Remembered(Attested attested, long nanos) {}

  /** A pod of which the agent is being asked. */
  private static final class Asked {
    private int calls;
    private int inVain;
  }

  SpireIdentities(
      WorkloadAttestor agent,
      IdentitySource source,
      Duration limit,
      Consumer<String> tell,
      LongSupplier nanoTime) {
    this.agent = agent;
    this.source = source;
    this.health = new AgentHealth(agent, limit, tell);
    this.nanoTime = nanoTime;
  }

  /**
   * Starts to follow an agent; returns at once.
   *
   * @param agent closed with this
   * @param tell hears, in words, whenever the agent begins or ceases to attest
   */
  public static SpireIdentities start(
      WorkloadAttestor agent, IdentitySource source, Consumer<String> tell) {
    var identities = new SpireIdentities(agent, source, LIMIT, tell, System::nanoTime);
    identities.health.start();
    return identities;
  }

  @Override
  public Attested of(Sighting process, IpAddress address, long until) {
    var before = atHand(process, address);
    if (before != null) {
      return before;
    }
    var problem = health.problem();
    if (problem != null) {
      return Attested.unknown("not attested: " + problem);
    }
    return await(lookUp(process, address), address, until);
  }

  @Override
  public @Nullable Attested atHand(Sighting process, IpAddress address) {
    var before = remembered.get(process.key());
    return before != null && nanoTime.getAsLong() - before.nanos() < kept(before.attested())
        ? before.attested()
        : null;
  }

  private static long kept(Attested attested) {
    return attested.ids().isEmpty() ? NOTHING_KEPT_NANOS : KEPT_NANOS;
  }

  private Attested await(CompletableFuture<Attested> answer, IpAddress address, long until) {
    var patience = isWorthWaiting(address) ? PATIENCE.toNanos() : 0;
    try {
      return answer.get(
          Math.max(0, Math.min(patience, until - System.nanoTime())), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      waitedInVain(address);
      return Attested.unknown("not attested: the SPIRE agent has not answered yet");
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return Attested.unknown("not attested: the bridge stops");
    }
  }

  private boolean isWorthWaiting(IpAddress address) {
    synchronized (asked) {
      var pod = asked.get(address);
      return pod == null || pod.inVain < IN_VAIN;
    }
  }

  private void waitedInVain(IpAddress address) {
    synchronized (asked) {
      var pod = asked.get(address);
      if (pod != null) { // else it was answered just now
        pod.inVain++;
      }
    }
  }

  /** Whether a call may be made; {@link #called} follows it. */
  private boolean mayCall(IpAddress address) {
    synchronized (asked) {
      var pod = asked.getOrDefault(address, new Asked());
      if (calls == CALLS || pod.calls == CALLS_OF_ONE) {
        return false;
      }
      calls++;
      pod.calls++;
      asked.put(address, pod);
      return true;
    }
  }

  private void called(IpAddress address, boolean quick) {
    synchronized (asked) {
      var pod = requireNonNull(asked.get(address), "called");
      calls--;
      pod.calls--;
      if (quick) {
        pod.inVain = 0;
      }
      if (pod.calls == 0) {
        asked.remove(address);
      }
    }
  }

  /** Once for all who ask about the same run of a program at the same time. */
  private CompletableFuture<Attested> lookUp(Sighting process, IpAddress address) {
    var key = process.key();
    if (key.startNanos() == 0 || key.execId() == 0) {
      return ask(process, address); // a number only, or a program that may change unseen
    }
    var mine = new CompletableFuture<Attested>();
    var other = running.putIfAbsent(key, mine);
    if (other != null) {
      return other;
    }
    var _ =
        ask(process, address)
            .thenAccept(
                attested -> {
                  remembered.put(key, new Remembered(attested, nanoTime.getAsLong()));
                  running.remove(key);
                  mine.complete(attested);
                });
    return mine;
  }

  /** Whatever happens there is an answer, and nothing is kept of the question. */
  private CompletableFuture<Attested> ask(Sighting process, IpAddress address) {
    var pid = process.key().pid();
    Pidfd held;
    try {
      held = Pidfd.open(pid);
    } catch (KernelException e) {
      return unknown("process " + pid + " was not there to be attested: " + e.getMessage());
    }
    CompletableFuture<Attested> attested;
    try {
      attested = ask(process, address, held);
    } catch (RuntimeException | Error e) {
      attested = CompletableFuture.failedFuture(e);
    }
    return attested.whenComplete((_, _) -> held.close()).exceptionally(this::mistaken);
  }

  private CompletableFuture<Attested> ask(Sighting process, IpAddress address, Pidfd held) {
    var pid = process.key().pid();
    var before = ProcessState.read(pid);
    if (before == null || !before.isOf(process)) {
      return unknown(
          "process "
              + pid
              + (before == null
                  ? " cannot be looked into (gone, or CAP_SYS_PTRACE is missing)"
                  : " became another before it was attested"));
    }
    if (!mayCall(address)) {
      return unknown(
          "not attested: the SPIRE agent is asked about %d others of this pod, or %d of all"
              .formatted(CALLS_OF_ONE, CALLS));
    }
    var began = nanoTime.getAsLong();
    CompletableFuture<Answer> answer;
    try {
      answer = agent.ask(pid, health.limit());
    } catch (RuntimeException | Error e) {
      answer = CompletableFuture.failedFuture(e);
    }
    return answer
        .whenComplete((_, _) -> called(address, nanoTime.getAsLong() - began < PATIENCE.toNanos()))
        .thenApply(said -> attested(pid, address, before, held, said));
  }

  private Attested mistaken(Throwable mistake) {
    var cause =
        mistake instanceof CompletionException e && e.getCause() != null ? e.getCause() : mistake;
    LOG.log(
        toldMistake.getAndSet(true) ? System.Logger.Level.DEBUG : System.Logger.Level.ERROR,
        "a mistake inside while SPIRE was asked about a process",
        cause);
    return Attested.unknown("not attested: a mistake inside: " + cause);
  }

  private Attested attested(
      int pid, IpAddress address, ProcessState before, Pidfd held, Answer answer) {
    health.heard(answer, address);
    return switch (answer) {
      case Answer.Identities(var ids) -> {
        if (!before.equals(ProcessState.read(pid)) || held.ended()) { // in this order
          yield Attested.unknown("process " + pid + " became another while it was attested");
        }
        yield ids.isEmpty()
            ? Attested.unknown("no registration entry of SPIRE matches process " + pid)
            : new Attested(ids, null);
      }
      case Answer.Unknown(var why) ->
          Attested.unknown("SPIRE does not attest process " + pid + ": " + why);
      case Answer.Late(var limit) ->
          Attested.unknown(
              "not attested: no answer from the SPIRE agent within " + limit.toMillis() + " ms");
      case Answer.Unavailable(var why) -> Attested.unknown("not attested: " + why);
    };
  }

  private static CompletableFuture<Attested> unknown(String why) {
    return CompletableFuture.completedFuture(Attested.unknown(why));
  }

  @Override
  public IdentitySource source() {
    return source;
  }

  @Override
  public String words() {
    return health.words();
  }

  @Override
  public @Nullable String problem() {
    return health.problem();
  }

  @Override
  public void close() {
    health.close();
    agent.close();
  }
}
