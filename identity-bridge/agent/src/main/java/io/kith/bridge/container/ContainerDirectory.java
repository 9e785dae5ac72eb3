package io.kith.bridge.container;

import io.kith.baselines.config.RuntimeSetting;
import io.kith.bridge.container.Described.Known;
import io.kith.bridge.container.Described.Unknown;
import io.kith.bridge.ffm.HostCgroups;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The containers of this node, as its runtimes describe them.
 *
 * <p>A runtime is asked about a container once, ahead of need, by threads of its own; a question
 * here is answered from memory or after {@link #PATIENCE} at most, and not at all after a runtime
 * has failed. What a runtime says counts only when the kernel has the process that it names in that
 * very container. Thread-safe.
 */
public final class ContainerDirectory implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(ContainerDirectory.class.getName());

  /** How long a question waits for a runtime that is well. */
  static final Duration PATIENCE = Duration.ofMillis(20);

  private static final Duration LIMIT = Duration.ofSeconds(2);
  private static final long FIRST_RETRY_NANOS = 100_000_000;
  private static final int MAX_DOUBLINGS = 8;
  private static final int CAPACITY = 8_192;
  private static final int WAITING = 1_024;
  private static final int WORKERS = 2;
  private static final int SHOWN_DIGITS = 12;
  private static final List<Path> DOCKERS =
      List.of(Path.of("/run/docker.sock"), Path.of("/run/podman/podman.sock"));
  private static final List<Path> CRIS =
      List.of(
          Path.of("/run/containerd/containerd.sock"),
          Path.of("/run/crio/crio.sock"),
          Path.of("/run/k3s/containerd/containerd.sock"),
          Path.of("/run/cri-dockerd.sock"));

  private final List<WatchedRuntime> runtimes;
  private final IntFunction<String> cgroups;
  private final LongSupplier nanoTime;
  private final AtomicLong disagreements = new AtomicLong();
  private final AtomicBoolean toldMistake = new AtomicBoolean();
  private final ThreadPoolExecutor workers;

  /** Those that were asked for least recently are forgotten. Guarded by itself. */
  private final Map<String, Asked> entries =
      new LinkedHashMap<>(64, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Asked> eldest) {
          return size() > CAPACITY;
        }
      };

  /** A container that was asked about. Guarded by {@code entries}. */
  private static final class Asked {
    private CompletableFuture<Described> asked = new CompletableFuture<>();
    private @Nullable Described answer;
    private int tries;
    private long askAgainAt;
  }

  /**
   * How the directory is doing.
   *
   * @param runtimes a line each
   * @param known containers that are described
   * @param unknown containers that are not
   * @param disagreements times that a runtime named a process that is elsewhere, so far
   * @param failures questions that no runtime answered, so far
   * @param problems why containers are not described; a few
   */
  public record Status(
      List<String> runtimes,
      int known,
      int unknown,
      long disagreements,
      long failures,
      List<String> problems) {
    public Status {
      runtimes = List.copyOf(runtimes);
      problems = List.copyOf(problems);
    }
  }

  /**
   * Asks nobody yet.
   *
   * @param cgroups what {@code /proc/PID/cgroup} says of a process
   */
  ContainerDirectory(
      List<ContainerRuntime> runtimes, IntFunction<String> cgroups, LongSupplier nanoTime) {
    this.runtimes =
        runtimes.stream().map(runtime -> new WatchedRuntime(runtime, nanoTime)).toList();
    this.cgroups = cgroups;
    this.nanoTime = nanoTime;
    this.workers =
        new ThreadPoolExecutor(
            WORKERS,
            WORKERS,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(WAITING),
            Thread.ofPlatform().daemon().name("kith-runtime-", 0).factory());
  }

  /**
   * Opens the directory; nothing is asked before it is needed.
   *
   * @param cgroups stay open
   */
  public static ContainerDirectory open(RuntimeSetting setting, HostCgroups cgroups) {
    return new ContainerDirectory(runtimes(setting), cgroups::of, System::nanoTime);
  }

  private static List<ContainerRuntime> runtimes(RuntimeSetting setting) {
    return switch (setting) {
      case RuntimeSetting.Off() -> List.of();
      case RuntimeSetting.Docker(var socket) -> List.of(new DockerEngine(socket, LIMIT));
      case RuntimeSetting.Cri(var socket) -> List.of(new CriRuntime(socket, LIMIT));
      case RuntimeSetting.Auto() -> {
        var all = new ArrayList<ContainerRuntime>();
        DOCKERS.forEach(socket -> all.add(new DockerEngine(socket, LIMIT)));
        CRIS.forEach(socket -> all.add(new CriRuntime(socket, LIMIT)));
        yield all;
      }
    };
  }

  /** Where the kernel has a process now. */
  public Placement placement(int pid) {
    return CgroupFile.placement(cgroups.apply(pid));
  }

  /** Has a container asked about, unless that was done; returns at once. */
  public void expect(Placement placement) {
    if (placement instanceof Placement.In(var id)) {
      synchronized (entries) {
        ask(id);
      }
    }
  }

  /**
   * What is known of a container.
   *
   * @param until time of {@link System#nanoTime} when an answer that says less is better than none
   */
  public Described describe(Placement placement, long until) {
    return switch (placement) {
      case Placement.Outside() -> new Described.Outside();
      case Placement.Unclear(var why) -> new Unknown(why);
      case Placement.In(var id) -> withLiving(id, answer(id, until));
    };
  }

  /** Whether {@link #describe} answers from memory. */
  public boolean isAtHand(Placement placement) {
    if (!(placement instanceof Placement.In(var id))) {
      return true;
    }
    synchronized (entries) {
      var entry = entries.get(id);
      return entry != null && entry.answer instanceof Known;
    }
  }

  /** The first process of a container that is started again is another. */
  private Described withLiving(String id, Described answer) {
    if (!(answer instanceof Known(var facts, var first)) || (first != null && first.isAlive())) {
      return answer;
    }
    synchronized (entries) {
      var entry = entries.get(id);
      if (entry != null && nanoTime.getAsLong() - entry.askAgainAt >= 0) {
        submit(id, entry);
      }
    }
    return new Known(facts, null);
  }

  private Described answer(String id, long until) {
    CompletableFuture<Described> asked;
    Described before;
    synchronized (entries) {
      var entry = ask(id);
      asked = entry.asked;
      before = entry.answer;
    }
    if (before instanceof Known) {
      return before;
    }
    var isWell = runtimes.stream().allMatch(runtime -> runtime.problem() == null);
    var wait = isWell ? Math.min(until - System.nanoTime(), PATIENCE.toNanos()) : 0;
    try {
      return asked.get(Math.max(0, wait), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException _) {
      return before != null ? before : new Unknown(shown(id) + ": no answer of its runtime yet");
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return new Unknown("the bridge stops");
    }
  }

  /** Holds the lock of {@code entries}. */
  private Asked ask(String id) {
    var entry = entries.get(id);
    if (entry == null) {
      entry = new Asked();
      entries.put(id, entry);
      submit(id, entry);
    } else if (!(entry.answer instanceof Known)
        && entry.asked.isDone()
        && nanoTime.getAsLong() - entry.askAgainAt >= 0) {
      submit(id, entry);
    }
    return entry;
  }

  /** Holds the lock of {@code entries}. */
  private void submit(String id, Asked entry) {
    var asked = new CompletableFuture<Described>();
    entry.asked = asked;
    entry.askAgainAt =
        nanoTime.getAsLong() + (FIRST_RETRY_NANOS << Math.min(entry.tries++, MAX_DOUBLINGS));
    try {
      workers.execute(() -> answered(entry, asked, askedSafely(id)));
    } catch (RejectedExecutionException _) {
      answered(entry, asked, new Unknown(shown(id) + ": too many containers at once"));
    } catch (Error e) { // as of a thread that is not to be had
      answered(entry, asked, mistaken(id, e));
    }
  }

  /** What is not answered would never be asked again. */
  private Described askedSafely(String id) {
    try {
      return askRuntimes(id);
    } catch (RuntimeException | Error e) {
      return mistaken(id, e);
    }
  }

  private Unknown mistaken(String id, Throwable mistake) {
    LOG.log(
        toldMistake.getAndSet(true) ? System.Logger.Level.DEBUG : System.Logger.Level.ERROR,
        "a mistake inside while a container runtime was asked",
        mistake);
    return new Unknown(shown(id) + ": a mistake inside: " + mistake);
  }

  private void answered(Asked entry, CompletableFuture<Described> asked, Described answer) {
    synchronized (entries) {
      if (answer instanceof Known || !(entry.answer instanceof Known)) {
        entry.answer = answer;
      }
      if (answer instanceof Known) {
        entry.tries = 0;
      }
    }
    asked.complete(answer);
  }

  private Described askRuntimes(String id) {
    var problems = new ArrayList<String>();
    var there = 0;
    for (var runtime : runtimes) {
      if (runtimes.size() > 1 && !runtime.isThere()) {
        continue;
      }
      there++;
      try {
        var facts = runtime.inspect(id);
        if (facts != null) {
          return checked(facts);
        }
      } catch (IOException e) {
        problems.add(String.valueOf(e.getMessage()));
      }
    }
    if (!problems.isEmpty()) {
      return new Unknown(shown(id) + ": " + String.join("; ", problems));
    }
    if (runtimes.isEmpty()) {
      return new Unknown(shown(id) + ": bridge.runtime is none");
    }
    return new Unknown(
        shown(id)
            + (there == 0
                ? ": no container runtime has a socket here (bridge.runtime)"
                : ": no container runtime knows it"));
  }

  private Described checked(ContainerFacts facts) {
    var first = FirstProcess.of(facts.firstPid());
    if (facts.firstPid() == 0) {
      return new Unknown(shown(facts.id()) + ": its runtime says that it does not run");
    }
    if (first == null
        || !placement(facts.firstPid()).equals(new Placement.In(facts.id()))
        || !first.isAlive()) {
      disagreements.incrementAndGet();
      return new Unknown(
          shown(facts.id())
              + ": its runtime says that it began with process "
              + facts.firstPid()
              + ", which the kernel does not have in it");
    }
    return new Known(facts, first);
  }

  private static String shown(String id) {
    return "container " + id.substring(0, Math.min(id.length(), SHOWN_DIGITS));
  }

  /** How it is doing. */
  public Status status() {
    var known = 0;
    var unknown = 0;
    var problems = new ArrayList<String>();
    synchronized (entries) {
      for (var entry : entries.values()) {
        if (entry.answer instanceof Unknown(var why)) {
          unknown++;
          problems.add(why);
        } else if (entry.answer != null) {
          known++;
        }
      }
    }
    var lines =
        runtimes.stream()
            .filter(runtime -> runtimes.size() == 1 || runtime.isThere())
            .map(WatchedRuntime::words)
            .toList();
    return new Status(
        lines,
        known,
        unknown,
        disagreements.get(),
        runtimes.stream().mapToLong(WatchedRuntime::failures).sum(),
        problems.stream().distinct().limit(5).toList());
  }

  @Override
  public void close() {
    workers.shutdownNow();
    runtimes.forEach(WatchedRuntime::close);
  }
}
