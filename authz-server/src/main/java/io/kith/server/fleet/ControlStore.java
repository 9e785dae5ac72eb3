package io.kith.server.fleet;

import static java.util.Objects.requireNonNull;

import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.control.v1.ControlServiceGrpc;
import io.kith.control.v1.ControlServiceGrpc.ControlServiceBlockingStub;
import io.kith.control.v1.DecisionsAnswer;
import io.kith.control.v1.DecisionsQuestion;
import io.kith.control.v1.Denial;
import io.kith.control.v1.ForgetLearnedRequest;
import io.kith.control.v1.GetEntriesRequest;
import io.kith.control.v1.GetLearnedRequest;
import io.kith.control.v1.Holdings;
import io.kith.control.v1.News;
import io.kith.control.v1.Report;
import io.kith.control.v1.SaveLearnedRequest;
import io.kith.server.check.Heard;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Sidecars;
import io.kith.server.control.Elsewhere;
import io.kith.server.control.FleetDenial;
import io.kith.server.control.Wanted;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The store of a check server: a control server, one of several, over mutual TLS. Nothing is
 * appended through it. Thread-safe.
 *
 * <p>One control server is followed at a time; when it is gone, or has not answered for a while
 * what it was asked, the next one is. What is asked for meanwhile fails at once.
 */
public final class ControlStore implements BaselineStore {
  private static final System.Logger LOG = System.getLogger(ControlStore.class.getName());
  private static final Duration CALL = Duration.ofSeconds(3);
  private static final Duration LONG_CALL = Duration.ofSeconds(30);
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(10);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(3);
  private static final Duration PAUSE = Duration.ofMillis(500);
  private static final Duration REPORTS = Duration.ofSeconds(1);
  private static final int PAGE = 512;
  private static final int MAX_DECISIONS = 1_000;

  /** Calls that fail in a row, for one look and a half at least, before another one is tried. */
  private static final int FAILURES = 3;

  /** Times that it is waited twice as long, each when all of them were left so. */
  private static final int DOUBLINGS = 4;

  private final Settings settings;
  private final ChannelCredentials tls;
  private final InstantSource clock = InstantSource.system();
  private final List<Watch> watchers = new CopyOnWriteArrayList<>();
  private final ScheduledExecutorService calls =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("kith-control-watch").factory());
  private final AtomicBoolean woken = new AtomicBoolean();
  private final CountDownLatch connected = new CountDownLatch(1);
  private final Thread thread;
  private final Semaphore answering =
      new Semaphore(CheckServers.MAX_QUESTIONS + CheckServers.MAX_FOLLOWED);
  private volatile Reporter reporter = Reporter.NONE;
  private volatile @Nullable Link link;
  private volatile String problem = "not reached yet";
  private volatile boolean closed;

  /** Control servers that were left since one answered. */
  private final AtomicInteger left = new AtomicInteger();

  /**
   * Whom it follows, and as who.
   *
   * @param servers tried in turn, beginning with any
   * @param id of this server
   * @param name of this server among those with its identity
   * @param version of this server, for people
   * @param look how often the log is looked at when there is no news
   */
  public record Settings(
      List<Endpoint.Tcp> servers, SpiffeId id, String name, String version, Duration look) {
    /** By default. */
    public static final Duration LOOK = Duration.ofSeconds(10);

    public Settings {
      servers = List.copyOf(servers);
      if (servers.isEmpty()) {
        throw new IllegalArgumentException("servers: none (expected: a control server)");
      }
      FleetMessages.replica(id, name);
      requireNonNull(version, "version");
      requireNonNull(look, "look");
    }

    /** The name under which what it learned is kept. */
    public String replica() {
      return FleetMessages.replica(id, name);
    }
  }

  /**
   * How this server is doing, for the control server's people.
   *
   * @param position of the last change that it decides by
   * @param problem what stands against following the log, or null
   */
  public record State(long position, int pods, int workloads, @Nullable String problem) {
    static final State NONE = new State(0, 0, 0, null);
  }

  /**
   * What a workload's pods are here.
   *
   * @param pods the first address of each; may be empty
   */
  public record Held(Owner owner, Set<IpAddress> pods) {
    public Held {
      pods = Set.copyOf(pods);
    }
  }

  /** What there is to tell the control server, from memory. */
  public interface Reporter {
    /** Nothing. */
    Reporter NONE =
        new Reporter() {
          @Override
          public State state() {
            return State.NONE;
          }

          @Override
          public boolean holdsAll() {
            return false;
          }

          @Override
          public List<Held> held() {
            return List.of();
          }

          @Override
          public List<FleetDenial> takeDenials() {
            return List.of();
          }

          @Override
          public Elsewhere.Remembered decisions(Elsewhere.Question question) {
            return new Elsewhere.Remembered(List.of(), 0, 0);
          }
        };

    /** How this server is doing. */
    State state();

    /** Whether it holds every workload. */
    boolean holdsAll();

    /** What it holds, in order; of a server that holds all, what has pods here. */
    List<Held> held();

    /** Denials to be counted by the guard over new revisions; each is handed out once. */
    List<FleetDenial> takeDenials();

    /** What it remembers of its decisions. */
    Elsewhere.Remembered decisions(Elsewhere.Question question) throws InterruptedException;

    /** What sidecars said of their filters after a version of that. */
    default Heard<Sidecars.State> sidecars(long after, int most) {
      return Heard.nothing(after);
    }

    /** Has what the sidecar of a pod said be told once more. */
    default void again(IpAddress pod) {}

    /** Has what the sidecar of a pod said not count any more. */
    default void outdate(IpAddress pod) {}

    /** What bridges said of themselves after a version of that. */
    default Heard<NodeBridges.State> bridges(long after, int most) {
      return Heard.nothing(after);
    }
  }

  private ControlStore(Settings settings, ChannelCredentials tls) {
    this.settings = settings;
    this.tls = tls;
    this.thread = Thread.ofPlatform().daemon().name("kith-control").start(this::run);
    var look = settings.look().toMillis();
    var _ = calls.scheduleWithFixedDelay(this::wake, look, look, TimeUnit.MILLISECONDS);
    var _ =
        calls.scheduleWithFixedDelay(
            this::report, REPORTS.toMillis(), REPORTS.toMillis(), TimeUnit.MILLISECONDS);
  }

  /**
   * Begins to follow, and waits for a control server, but no longer than that.
   *
   * @param tls which knows the control servers by their identity
   */
  public static ControlStore open(Settings settings, ChannelCredentials tls, Duration patience)
      throws InterruptedException {
    var store = new ControlStore(settings, tls);
    var _ = store.connected.await(patience.toMillis(), TimeUnit.MILLISECONDS);
    return store;
  }

  /** Tells the control server from now on how this server is doing, and what it asks for. */
  public void reports(Reporter what) {
    reporter = what;
  }

  /** The name under which what this server learned is kept. */
  public String replica() {
    return settings.replica();
  }

  /** Whether a control server is followed now. */
  public boolean isConnected() {
    return link != null;
  }

  /** Why not, or empty. */
  public String problem() {
    return link == null ? problem : "";
  }

  // the stream

  /** Calls that failed in a row. */
  private static final class Failures {
    private int times;
    private long since;

    synchronized void ended() {
      times = 0;
    }

    /** Whether that was enough of them, for long enough. */
    synchronized boolean oneMore(long nanos, Duration patience) {
      if (times++ == 0) {
        since = nanos;
      }
      return times >= FAILURES && nanos - since >= patience.toNanos();
    }
  }

  /** A control server that is followed. */
  private final class Link implements StreamObserver<News>, AutoCloseable {
    final ManagedChannel channel;
    final ControlServiceBlockingStub stub;
    private final CompletableFuture<Throwable> ended = new CompletableFuture<>();
    private final StreamObserver<Report> out;
    private Report sent = Report.getDefaultInstance();
    private @Nullable Holdings heldSent;
    private long sidecarsSent;
    private long bridgesSent;
    private volatile @Nullable News news;
    private final Failures failures = new Failures();

    Link(Endpoint.Tcp server) {
      channel =
          NettyChannelBuilder.forAddress(server.host(), server.port(), tls)
              .overrideAuthority("kith-control")
              .defaultServiceConfig(
                  Map.of(
                      "loadBalancingConfig",
                      List.of(Map.of("pick_first", Map.of("shuffleAddressList", true)))))
              .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
              .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
              .keepAliveWithoutCalls(true)
              .maxInboundMessageSize(FleetServer.MAX_MESSAGE)
              .build();
      stub = ControlServiceGrpc.newBlockingStub(channel);
      out = ControlServiceGrpc.newStub(channel).follow(this);
    }

    /**
     * Says what is new.
     *
     * @param answer to a question, or null
     */
    synchronized void report(@Nullable DecisionsAnswer answer) {
      if (ended.isDone()) {
        return;
      }
      var now = reporter.state();
      var report =
          Report.newBuilder()
              .setProtocolVersion(FleetMessages.PROTOCOL_VERSION)
              .setName(settings.name())
              .setVersion(settings.version())
              .setPosition(now.position())
              .setPods(now.pods())
              .setWorkloads(now.workloads())
              .setProblem(now.problem() == null ? "" : now.problem())
              .build();
      var more = report.toBuilder();
      var held = holdings();
      if (!held.equals(heldSent)) {
        more.setHoldings(held);
        if (heldSent != null) { // it took nothing of pods that were not held
          var news = pods(held);
          news.removeAll(pods(heldSent));
          news.forEach(pod -> reporter.again(IpAddress.parse(pod)));
        }
      }
      if (news != null) { // who is not followed yet may refuse, and they would be lost
        reporter.takeDenials().forEach(one -> more.addDenials(message(one)));
        var heard = reporter.sidecars(sidecarsSent, FleetMessages.MAX_SIDECARS);
        sidecarsSent = heard.version();
        var at = clock.instant();
        heard.states().forEach(one -> more.addSidecars(FleetMessages.message(one, at)));
        var bridges = reporter.bridges(bridgesSent, FleetMessages.MAX_BRIDGES);
        bridgesSent = bridges.version();
        bridges.states().forEach(one -> more.addBridges(FleetMessages.message(one, at)));
      }
      if (answer != null) {
        more.addAnswers(answer);
      }
      if (!report.equals(sent) || !more.build().equals(report)) {
        sent = report;
        heldSent = held;
        out.onNext(more.build());
      }
    }

    private Holdings holdings() {
      var held = Holdings.newBuilder().setAll(reporter.holdsAll());
      for (var one : reporter.held()) {
        held.addWorkloads(
            Holdings.Workload.newBuilder()
                .setOwner(one.owner().toString())
                .addAllPods(one.pods().stream().map(IpAddress::toString).sorted().toList()));
      }
      return held.build();
    }

    private static Set<String> pods(Holdings held) {
      return held.getWorkloadsList().stream()
          .flatMap(one -> one.getPodsList().stream())
          .collect(Collectors.toSet());
    }

    private static Denial message(FleetDenial denial) {
      return Denial.newBuilder()
          .setOwner(denial.owner().toString())
          .setRevision(denial.revision())
          .setPod(denial.pod().toString())
          .setCount(denial.count())
          .setBody(denial.body())
          .build();
    }

    private static Wanted wanted(DecisionsQuestion question) {
      return new Wanted(
          question.getOwner().isEmpty() ? null : Owner.parse(question.getOwner()),
          question.getDeniedOnly(),
          question.getReason().isEmpty() ? null : question.getReason(),
          question.getSinceMillis() == 0 ? null : Instant.ofEpochMilli(question.getSinceMillis()));
    }

    /** Answers, unless there are more questions than a control server asks. */
    private void answer(DecisionsQuestion question) {
      if (!answering.tryAcquire()) {
        return;
      }
      Thread.ofVirtual()
          .name("kith-answer")
          .start(
              () -> {
                try {
                  var asked =
                      new Elsewhere.Question(
                          question.getDecisionId().isEmpty() ? null : question.getDecisionId(),
                          wanted(question),
                          Math.clamp(question.getLimit(), 1, MAX_DECISIONS),
                          question.hasFrom() ? question.getFrom() : null);
                  var remembered = reporter.decisions(asked);
                  report(
                      DecisionsAnswer.newBuilder()
                          .setId(question.getId())
                          .addAllDecisions(remembered.decisions())
                          .setNext(remembered.next())
                          .setMissed(remembered.missed())
                          .build());
                } catch (InterruptedException | RuntimeException e) {
                  LOG.log(Level.DEBUG, "the control server was not answered", e);
                } finally {
                  answering.release();
                }
              });
    }

    @Override
    public void onNext(News latest) {
      if (news == null) {
        link = this;
        connected.countDown();
        LOG.log(Level.INFO, () -> "follows a control server: version=" + latest.getServerVersion());
      }
      if (latest.hasQuestion()) {
        answer(latest.getQuestion());
      }
      latest.getOutdatedList().forEach(this::outdate);
      var end = latest.toBuilder().clearQuestion().clearOutdated().build();
      if (!end.equals(news)) {
        news = end;
        wake();
      }
    }

    private void outdate(String pod) {
      try {
        reporter.outdate(IpAddress.parse(pod));
      } catch (IllegalArgumentException e) {
        LOG.log(Level.WARNING, "the control server tells of a pod without an address", e);
      }
    }

    @Override
    public void onError(Throwable thrown) {
      ended.complete(thrown);
    }

    @Override
    public void onCompleted() {
      ended.complete(Status.UNAVAILABLE.withDescription("it stops").asRuntimeException());
    }

    void answered() {
      failures.ended();
      left.set(0);
    }

    /** Its stream lives on without its store: then another one may have what it lacks. */
    void failed(StatusRuntimeException why) {
      var code = why.getStatus().getCode();
      if (code != Status.Code.UNAVAILABLE && code != Status.Code.DEADLINE_EXCEEDED) {
        return;
      }
      var rounds = Math.min(left.get() / settings.servers().size(), DOUBLINGS);
      var patience = settings.look().multipliedBy(3L << rounds).dividedBy(2);
      if (failures.oneMore(System.nanoTime(), patience)
          && settings.servers().size() > 1
          && ended.complete(
              why.getStatus()
                  .withDescription("it does not answer what it is asked: " + words(why))
                  .asRuntimeException())) {
        left.incrementAndGet();
      }
    }

    /** Waits until there is nothing more to follow, and returns why. */
    String awaitEnd() throws InterruptedException {
      try {
        return words(ended.get());
      } catch (java.util.concurrent.ExecutionException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void close() {
      channel.shutdownNow();
    }
  }

  private void run() {
    var turn = ThreadLocalRandom.current().nextInt(settings.servers().size());
    try {
      while (!closed) {
        var server = settings.servers().get(turn++ % settings.servers().size());
        try (var next = new Link(server)) {
          next.report(null);
          var why = next.awaitEnd();
          link = null;
          if (!closed) {
            say(server + ": " + why);
          }
        } catch (RuntimeException | Error e) { // else none would be followed any more
          link = null;
          LOG.log(Level.ERROR, "a control server was not followed", e);
          say(server + ": " + e);
        }
        // not all at once, when a control server comes back
        Thread.sleep(ThreadLocalRandom.current().nextLong(PAUSE.toMillis(), 3 * PAUSE.toMillis()));
      }
    } catch (InterruptedException _) {
      // closed
    } finally {
      link = null;
    }
  }

  private void say(String why) {
    if (!why.equals(problem)) {
      problem = why;
      LOG.log(Level.WARNING, () -> "no control server is followed: " + why);
    }
  }

  private void report() {
    var now = link;
    if (now != null) {
      try {
        now.report(null);
      } catch (RuntimeException | Error e) { // else it would never run again
        LOG.log(Level.DEBUG, "the control server was not told", e);
      }
    }
  }

  private static String words(Throwable thrown) {
    var status = Status.fromThrowable(thrown);
    var cause = status.getCause();
    return status.getDescription() == null
        ? status.getCode() + (cause == null ? "" : ": " + cause.getMessage())
        : status.getDescription()
            + (cause == null || cause.getMessage() == null ? "" : ": " + cause.getMessage());
  }

  // watchers

  /** One call of {@link #watch}: the same callback may be added twice. */
  private static final class Watch {
    final Runnable callback;

    Watch(Runnable callback) {
      this.callback = callback;
    }
  }

  private void wake() {
    if (!closed && woken.compareAndSet(false, true)) {
      calls.execute(this::callAll);
    }
  }

  private void callAll() {
    woken.set(false);
    for (var watcher : watchers) {
      try {
        watcher.callback.run();
      } catch (Throwable e) { // an error too: the others are called all the same
        LOG.log(Level.ERROR, "store watcher failed", e);
      }
    }
  }

  @Override
  public AutoCloseable watch(Runnable mayHaveChanged) {
    var watch = new Watch(mayHaveChanged);
    watchers.add(watch);
    return () -> watchers.remove(watch);
  }

  // calls

  /** What is asked of a control server. */
  private interface Question<T> {
    T of(ControlServiceBlockingStub server);
  }

  private void requireOpen() throws StoreException {
    if (closed) {
      throw new StoreException("the store is closed (the server is stopping)");
    }
  }

  private <T> T ask(Duration limit, Question<T> question) throws StoreException {
    requireOpen();
    var now = link;
    if (now == null) {
      throw new StoreException("no control server is followed: " + problem);
    }
    try {
      var answer = question.of(now.stub.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS));
      now.answered();
      return answer;
    } catch (StatusRuntimeException e) {
      now.failed(e);
      throw new StoreException("the control server: " + words(e), e);
    } catch (IllegalArgumentException e) {
      throw new StoreException("the control server sent what cannot be: " + e.getMessage(), e);
    }
  }

  @Override
  public List<Entry> after(long position, int limit) throws StoreException {
    if (position < 0) {
      throw new IllegalArgumentException("position: " + position + " (expected: from 0)");
    }
    if (limit < 1) {
      throw new IllegalArgumentException("limit: " + limit + " (expected: from 1)");
    }
    var entries = new ArrayList<Entry>();
    var last = position;
    while (entries.size() < limit) {
      var request =
          GetEntriesRequest.newBuilder()
              .setPosition(last)
              .setLimit(Math.min(PAGE, limit - entries.size()))
              .build();
      var page =
          ask(
              CALL,
              server ->
                  server.getEntries(request).getEntriesList().stream()
                      .map(FleetMessages::entry)
                      .toList());
      if (page.isEmpty() || page.getLast().position() <= last) {
        break;
      }
      entries.addAll(page);
      last = page.getLast().position();
    }
    return entries;
  }

  /** Refused: the record of changes is asked for at a control server. */
  @Override
  public List<Entry> latest(long after, long before, @Nullable String subject, int limit)
      throws StoreException {
    requireOpen();
    throw new StoreException(
        "a check server looks nothing up in the log (call a control server's admin API)");
  }

  /** Refused: changes are made at a control server. */
  @Override
  public boolean append(List<Entry> entries) throws StoreException {
    requireOpen();
    throw new StoreException("a check server changes nothing (call a control server's admin API)");
  }

  /** Takes sealed parts; their seals are taken off, since the control server seals them. */
  @Override
  public void saveLearned(List<LearnedPart> parts) throws StoreException {
    requireOpen();
    var request = SaveLearnedRequest.newBuilder().setName(settings.name());
    for (var part : parts) {
      requireOwn(part.replica());
      var plain = LearnedSeals.unsealed(part);
      request.addParts(
          SaveLearnedRequest.Part.newBuilder()
              .setOwner(part.owner().toString())
              .setKey(part.key())
              .setEpoch(plain.epoch())
              .setBody(plain.part().body()));
    }
    var _ = ask(LONG_CALL, server -> server.saveLearned(request.build()));
  }

  @Override
  public void forgetLearned(String replica, Owner owner) throws StoreException {
    requireOwn(replica);
    var request =
        ForgetLearnedRequest.newBuilder()
            .setName(settings.name())
            .setOwner(owner.toString())
            .build();
    var _ = ask(CALL, server -> server.forgetLearned(request));
  }

  private void requireOwn(String replica) throws StoreException {
    requireOpen();
    if (!replica.equals(settings.replica())) {
      throw new IllegalArgumentException(
          "replica: '" + replica + "' (expected: this server's, " + settings.replica() + ")");
    }
  }

  @Override
  public List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
      throws StoreException {
    requireOpen();
    if (owners.isEmpty()) {
      return List.of(); // without owners it would be all
    }
    var request =
        GetLearnedRequest.newBuilder()
            .setName(settings.name())
            .setOthersOnly(replica.equals(settings.replica()))
            .addAllOwners(owners.stream().map(Owner::toString).toList())
            .build();
    return ask(
        LONG_CALL,
        server -> {
          var parts = new ArrayList<LearnedPart>();
          server
              .getLearned(request)
              .forEachRemaining(
                  message -> {
                    var part = FleetMessages.part(message);
                    if (!part.replica().equals(replica)) {
                      parts.add(part);
                    }
                  });
          return parts;
        });
  }

  /** Cannot be told: control servers are not asked for it. */
  @Override
  public LearnedChanges changedByOthers(String replica, @Nullable String since)
      throws StoreException {
    requireOpen();
    return LearnedChanges.ANY;
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    calls.shutdownNow();
    try {
      thread.join(Duration.ofSeconds(2));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
