package io.kith.server.fleet;

import static java.util.Objects.requireNonNull;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.control.v1.ControlServiceGrpc;
import io.kith.control.v1.DecisionsAnswer;
import io.kith.control.v1.DecisionsQuestion;
import io.kith.control.v1.Denial;
import io.kith.control.v1.ForgetLearnedRequest;
import io.kith.control.v1.ForgetLearnedResponse;
import io.kith.control.v1.GetEntriesRequest;
import io.kith.control.v1.GetEntriesResponse;
import io.kith.control.v1.GetLearnedRequest;
import io.kith.control.v1.Holdings;
import io.kith.control.v1.News;
import io.kith.control.v1.Report;
import io.kith.control.v1.SaveLearnedRequest;
import io.kith.control.v1.SaveLearnedResponse;
import io.kith.control.v1.Sidecar;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Peer;
import io.kith.server.check.Sidecars;
import io.kith.server.check.Untrusted;
import io.kith.server.control.Elsewhere.Remembered;
import io.kith.server.control.FleetDenial;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.Gatherers;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a control server does for check servers: {@code control.proto} says what.
 *
 * <p>A check server is known by its TLS identity alone, reads what everybody may read who decides
 * by it, and writes what it learned under its own name; there is no call to write a change.
 */
public final class FleetService extends ControlServiceGrpc.ControlServiceImplBase
    implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(FleetService.class.getName());
  private static final Context.Key<Caller> CALLER = Context.key("kith-check-server");
  private static final int MAX_ENTRIES = 512;
  private static final int ENTRIES_AT_ONCE = 64;
  private static final int MAX_ENTRY_BYTES = 1 << 20;
  private static final int MAX_PARTS = 20_000;
  private static final int MAX_WORKLOADS = 100_000;
  private static final int MAX_DENIALS = 1_000;

  /** Of one check server, over time; it is told of no more. */
  private static final int MAX_CLOSED = 1_000_000;

  private static final int MAX_DECISIONS = 1_000;

  /** How often a stream is told where the log ends when nothing changes. */
  private static final Duration PULSE = Duration.ofSeconds(5);

  private final BaselineStore store;
  private final SigningKey learner;
  private final List<SpiffeIdPattern> checkIds;
  private final InstantSource clock;
  private final CheckServers servers = new CheckServers();
  private final Parts accepted;
  private final Denials denials;
  private final Sidecars sidecars;
  private final NodeBridges bridges;
  private final LongAdder counted = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final AutoCloseable watch;

  /** Who called the sidecar of a pod closed. */
  private final Map<IpAddress, List<Following>> closedBy = new ConcurrentHashMap<>();

  private volatile News news;

  /** Guarded by this. */
  private Instant told = Instant.MIN;

  /** A check server that calls. */
  private record Caller(SpiffeId id, @Nullable IpAddress address) {}

  /** The guard over new revisions, which what check servers deny is told to. */
  public interface Denials {
    /**
     * Takes a denial by a check server, at a pod that it holds.
     *
     * @param running how many pods of the workload all check servers together have
     * @return whether it counts
     */
    boolean denied(FleetDenial denial, int running);
  }

  /** What is known of what may be learned. */
  public interface Parts {
    /** Why a part is not taken, in words, or null. */
    @Nullable String problem(Plain part);
  }

  /**
   * Serves a store.
   *
   * @param learner seals what check servers learned
   * @param checkIds who may call
   * @param accepted asked about each part that a check server learned
   * @param denials told of what check servers deny
   * @param sidecars told of what sidecars said to check servers
   * @param bridges told of what bridges said to check servers
   * @param version of this server, for people
   */
  public FleetService(
      BaselineStore store,
      SigningKey learner,
      List<SpiffeIdPattern> checkIds,
      Parts accepted,
      Denials denials,
      Sidecars sidecars,
      NodeBridges bridges,
      String version,
      InstantSource clock) {
    this.store = requireNonNull(store, "store");
    this.learner = requireNonNull(learner, "learner");
    this.checkIds = List.copyOf(checkIds);
    this.accepted = requireNonNull(accepted, "accepted");
    this.denials = requireNonNull(denials, "denials");
    this.sidecars = requireNonNull(sidecars, "sidecars");
    this.bridges = requireNonNull(bridges, "bridges");
    this.clock = requireNonNull(clock, "clock");
    this.news = News.newBuilder().setServerVersion(version).build();
    this.watch = store.watch(this::look);
    sidecars.whenOpened(this::outdate);
  }

  /** Denials by check servers that the guard over new revisions counted. */
  public long denialsCounted() {
    return counted.sum();
  }

  /** Denials that check servers told and that do not count. */
  public long denialsRefused() {
    return refused.sum();
  }

  /** Those that follow now. */
  public CheckServers servers() {
    return servers;
  }

  /** With the caller of each call found out before anything of it is read. */
  public ServerServiceDefinition definition() {
    return ServerInterceptors.intercept(
        bindService(),
        new ServerInterceptor() {
          @Override
          public <Q, R> ServerCall.Listener<Q> interceptCall(
              ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            var peer = Peer.of(call.getAttributes());
            var refused = refusal(peer);
            if (refused != null) { // what it sends is not collected first
              call.close(refused, new Metadata());
              return new ServerCall.Listener<>() {};
            }
            var caller = new Caller(requireNonNull(peer.id(), "id"), peer.address());
            return Contexts.interceptCall(
                Context.current().withValue(CALLER, caller), call, headers, next);
          }
        });
  }

  /** Whether a peer is a check server now. */
  boolean mayCall(Peer peer) {
    return refusal(peer) == null;
  }

  private @Nullable Status refusal(Peer peer) {
    var now = clock.instant();
    var id = peer.idAt(now);
    if (id == null) {
      return Status.UNAUTHENTICATED.withDescription(peer.problemAt(now));
    }
    return checkIds.stream().noneMatch(pattern -> pattern.matches(id))
        ? Status.PERMISSION_DENIED.withDescription(id + " is no check server (see server.checkIds)")
        : null;
  }

  /** A check server that called a sidecar closed would not hear it say so again. */
  private void outdate(IpAddress pod) {
    var followers = closedBy.remove(pod);
    if (followers != null) {
      followers.forEach(follower -> follower.outdate(pod));
    }
  }

  // where the log ends

  /** The store may have more entries; it calls every second or so anyway. */
  private synchronized void look() {
    try {
      var before = news;
      var end = before;
      var more = true;
      while (more) {
        var page = store.after(end.getPosition(), MAX_ENTRIES);
        more = !page.isEmpty();
        if (more) {
          end =
              before.toBuilder()
                  .setPosition(page.getLast().position())
                  .setSeal(page.getLast().seal())
                  .build();
        }
      }
      news = end;
      var now = clock.instant();
      if (!end.equals(before) || !now.isBefore(told.plus(PULSE))) {
        told = now;
        servers.followers().forEach(follower -> follower.tell(news));
      }
    } catch (StoreException _) {
      // the journal says it; who follows has what there was
    }
  }

  @Override
  public StreamObserver<Report> follow(StreamObserver<News> responses) {
    var calls = (ServerCallStreamObserver<News>) responses;
    var following = new Following(caller(), calls);
    calls.setOnCancelHandler(following::gone);
    calls.setOnReadyHandler(following::ready);
    return following;
  }

  /** What a check server holds, as it says. */
  private record Held(boolean all, Map<Owner, Set<IpAddress>> pods) {
    Held {
      pods = Map.copyOf(pods);
    }

    static Held of(Holdings message) {
      if (message.getWorkloadsCount() > MAX_WORKLOADS) {
        throw new IllegalArgumentException(
            "holdings: "
                + message.getWorkloadsCount()
                + " workloads (expected: up to "
                + MAX_WORKLOADS
                + ")");
      }
      var pods = new HashMap<Owner, Set<IpAddress>>();
      for (var one : message.getWorkloadsList()) {
        pods.put(
            Owner.parse(one.getOwner()),
            one.getPodsList().stream()
                .map(IpAddress::parse)
                .collect(Collectors.toUnmodifiableSet()));
      }
      return new Held(message.getAll(), pods);
    }

    /** Of all pods. */
    Set<IpAddress> addresses() {
      return pods.values().stream().flatMap(Set::stream).collect(Collectors.toSet());
    }
  }

  /** The stream of a check server. */
  private final class Following implements StreamObserver<Report>, CheckServers.Follower {
    private final Caller caller;
    private final ServerCallStreamObserver<News> out;
    private final Instant since = clock.instant();
    private volatile Report latest = Report.getDefaultInstance(); // as far as it is shown
    private volatile String replica = "";
    private volatile Held held = new Held(false, Map.of());
    private final Set<Owner> heldOnce = ConcurrentHashMap.newKeySet();
    private final Map<Long, CompletableFuture<Remembered>> asked = new ConcurrentHashMap<>();

    /** Guarded by this. */
    private boolean ended;

    /** Pods whose sidecars it called closed. */
    private final Set<IpAddress> closed = ConcurrentHashMap.newKeySet();

    /** Pods of which it is told in the next News. Guarded by this. */
    private final Set<IpAddress> outdated = new LinkedHashSet<>();

    /** Whether it was logged that something cannot be read; one thread at a time reads. */
    private boolean unreadTold;

    Following(Caller caller, ServerCallStreamObserver<News> out) {
      this.caller = caller;
      this.out = out;
    }

    @Override
    public void onNext(Report report) {
      if (isEnded()) {
        return; // what was on its way
      }
      if (replica.isEmpty()) {
        var refused = begin(report);
        if (refused != null) {
          end(refused);
          return;
        }
        tell(news);
      }
      latest = said(report);
      take(report);
    }

    /** What is kept of it for long. */
    private static Report said(Report report) {
      return Report.newBuilder()
          .setVersion(Untrusted.plain(report.getVersion(), 100))
          .setPosition(report.getPosition())
          .setPods(report.getPods())
          .setWorkloads(report.getWorkloads())
          .setProblem(Untrusted.plain(report.getProblem(), 500))
          .build();
    }

    private void take(Report report) {
      try {
        if (report.hasHoldings()) {
          held = Held.of(report.getHoldings());
          if (heldOnce.size() < MAX_WORKLOADS) {
            heldOnce.addAll(held.pods().keySet());
          }
        }
      } catch (IllegalArgumentException e) {
        end(Status.INVALID_ARGUMENT.withDescription(words(e)));
        return;
      }
      report.getAnswersList().forEach(this::answered);
      report.getDenialsList().stream().limit(MAX_DENIALS).forEach(this::denied);
      if (report.getSidecarsCount() > 0) {
        heard(report.getSidecarsList());
      }
      var now = clock.instant();
      report.getBridgesList().stream()
          .limit(FleetMessages.MAX_BRIDGES)
          .forEach(one -> read(() -> bridges.elsewhere(FleetMessages.state(one, now), now)));
    }

    private static String words(IllegalArgumentException e) {
      return Untrusted.plain(String.valueOf(e.getMessage()), 500);
    }

    /** What cannot be read, as of a newer version, costs only itself. */
    private boolean read(Runnable one) {
      try {
        one.run();
        return true;
      } catch (IllegalArgumentException e) {
        if (!unreadTold) {
          unreadTold = true;
          LOG.log(
              Level.WARNING,
              () ->
                  "some of what a check server tells cannot be read and is left out: name="
                      + replica
                      + " first="
                      + words(e));
        }
        return false;
      }
    }

    /** Of pods that it does not hold it has nothing to say. */
    private void heard(List<Sidecar> told) {
      var pods = held.addresses();
      var now = clock.instant();
      told.stream()
          .limit(FleetMessages.MAX_SIDECARS)
          .forEach(
              one ->
                  read(
                      () -> {
                        var state = FleetMessages.state(one, now);
                        if (pods.contains(state.pod())) {
                          heard(state);
                        }
                      }));
    }

    private void heard(Sidecars.State state) {
      var pod = state.pod();
      if (state.open()) {
        forgetClosed(pod);
        sidecars.elsewhere(state);
        return;
      }
      if (closed.size() < MAX_CLOSED) {
        closed.add(pod);
        closedBy.merge(pod, List.of(this), Following::both);
        if (isEnded()) { // meanwhile
          forgetClosed(pod);
        }
      }
      sidecars.elsewhere(state);
      var known = sidecars.of(pod);
      if (known != null && known.open()) { // since then
        forgetClosed(pod);
        outdate(pod);
      }
    }

    private void forgetClosed(IpAddress pod) {
      closed.remove(pod);
      closedBy.computeIfPresent(
          pod,
          (_, followers) -> {
            var others = followers.stream().filter(one -> one != this).toList();
            return others.isEmpty() ? null : others;
          });
    }

    private static List<Following> both(List<Following> some, List<Following> others) {
      return Stream.concat(some.stream(), others.stream()).distinct().toList();
    }

    synchronized void ready() {
      if (!outdated.isEmpty()) {
        tell(news);
      }
    }

    void outdate(IpAddress pod) {
      synchronized (this) {
        outdated.add(pod);
      }
      tell(news);
    }

    private void answered(DecisionsAnswer answer) {
      var waits = asked.remove(answer.getId());
      if (waits != null) {
        waits.complete(
            new Remembered(
                answer.getDecisionsList().stream().limit(MAX_DECISIONS).toList(),
                answer.getNext(),
                answer.getMissed()));
      }
    }

    /** Of a pod that it does not hold it does not count, nor what cannot be read. */
    private void denied(Denial told) {
      if (!read(() -> count(told))) {
        refused.increment();
      }
    }

    private void count(Denial told) {
      var denial =
          FleetDenial.read(
              Owner.parse(told.getOwner()),
              told.getRevision(),
              IpAddress.parse(told.getPod()),
              told.getCount(),
              told.getBody());
      var owner = denial.owner();
      if (pods(owner).contains(denial.pod()) && denials.denied(denial, servers.pods(owner))) {
        counted.add(denial.count());
      } else {
        refused.add(denial.count());
      }
    }

    @Override
    public CompletableFuture<Remembered> ask(DecisionsQuestion question) {
      var coming = new CompletableFuture<Remembered>();
      asked.put(question.getId(), coming);
      tell(news.toBuilder().setQuestion(question).build());
      return coming;
    }

    @Override
    public void forget(DecisionsQuestion question) {
      asked.remove(question.getId());
    }

    @Override
    public boolean holds(Owner owner) {
      return held.all() || heldOnce.contains(owner);
    }

    @Override
    public Set<IpAddress> pods(Owner owner) {
      return held.pods().getOrDefault(owner, Set.of());
    }

    private @Nullable Status begin(Report report) {
      if (report.getProtocolVersion() < FleetMessages.PROTOCOL_VERSION) {
        return Status.FAILED_PRECONDITION.withDescription(
            "protocol version "
                + Integer.toUnsignedString(report.getProtocolVersion())
                + " (expected: "
                + FleetMessages.PROTOCOL_VERSION
                + " or later)");
      }
      try {
        latest = said(report);
        var name = FleetMessages.replica(caller.id(), report.getName());
        var refused = servers.attach(name, this);
        if (refused != null) {
          return Status.FAILED_PRECONDITION.withDescription(refused);
        }
        replica = name;
        LOG.log(Level.INFO, () -> "check server follows: name=" + name);
        return null;
      } catch (IllegalArgumentException e) {
        return Status.INVALID_ARGUMENT.withDescription(e.getMessage());
      }
    }

    /** What it missed because it was slow is in the next. */
    @Override
    public synchronized void tell(News latestNews) {
      var next = latestNews.toBuilder();
      do {
        if (ended || !out.isReady()) {
          return;
        }
        for (var pods = outdated.iterator();
            pods.hasNext() && next.getOutdatedCount() < FleetMessages.MAX_SIDECARS; ) {
          next.addOutdated(pods.next().toString());
          pods.remove();
        }
        out.onNext(next.build());
        next.clearQuestion().clearOutdated();
      } while (!outdated.isEmpty());
    }

    private synchronized boolean isEnded() {
      return ended;
    }

    /** Of a call that is ended here gRPC tells no cancellation. */
    private synchronized void end(Status why) {
      gone();
      if (!ended) {
        ended = true;
        out.onError(why.asRuntimeException());
      }
    }

    @Override
    public void onError(Throwable thrown) {
      gone();
    }

    @Override
    public synchronized void onCompleted() {
      gone();
      if (!ended) {
        ended = true;
        out.onCompleted();
      }
    }

    void gone() {
      closed.forEach(this::forgetClosed);
      if (!replica.isEmpty()) {
        servers.detach(replica, this);
      }
    }

    @Override
    public void replaced() {
      end(Status.ABORTED.withDescription("a newer stream of the same server took its place"));
    }

    @Override
    public @Nullable IpAddress address() {
      return caller.address();
    }

    @Override
    public CheckServers.Status status() {
      var report = latest;
      return new CheckServers.Status(
          replica,
          report.getVersion(),
          report.getPosition(),
          Math.max(0, news.getPosition() - report.getPosition()),
          report.getPods(),
          report.getWorkloads(),
          report.getProblem(),
          since);
    }
  }

  // calls

  /** An answer, or words about why there is none. */
  private interface Work<R> {
    R done() throws StoreException;
  }

  private static <R> void answer(StreamObserver<R> caller, Work<R> work) {
    try {
      caller.onNext(work.done());
      caller.onCompleted();
    } catch (StoreException e) {
      caller.onError(Status.UNAVAILABLE.withDescription(e.getMessage()).asRuntimeException());
    } catch (IllegalArgumentException e) {
      caller.onError(Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException());
    } catch (StatusRuntimeException e) {
      caller.onError(e);
    }
  }

  private static Caller caller() {
    return requireNonNull(CALLER.get(), "every call goes through the interceptor");
  }

  /** The name under which the caller's parts are kept. */
  private String replica(String name) {
    var replica = FleetMessages.replica(caller().id(), name);
    var refused = servers.refusal(replica, caller().address());
    if (refused != null) {
      throw Status.FAILED_PRECONDITION.withDescription(refused).asRuntimeException();
    }
    return replica;
  }

  @Override
  public void getEntries(GetEntriesRequest request, StreamObserver<GetEntriesResponse> caller) {
    answer(
        caller,
        () -> {
          var limit = Math.min(MAX_ENTRIES, Math.max(1, request.getLimit()));
          var response = GetEntriesResponse.newBuilder();
          var bytes = 0L;
          var last = request.getPosition();
          while (response.getEntriesCount() < limit) {
            var asked = Math.min(ENTRIES_AT_ONCE, limit - response.getEntriesCount());
            var page = store.after(last, asked);
            for (var entry : page) {
              var message = FleetMessages.message(entry);
              bytes += message.getSerializedSize();
              if (bytes > MAX_ENTRY_BYTES && response.getEntriesCount() > 0) {
                return response.build();
              }
              response.addEntries(message);
              last = entry.position();
            }
            if (page.size() < asked) {
              break;
            }
          }
          return response.build();
        });
  }

  @Override
  public void getLearned(
      GetLearnedRequest request, StreamObserver<io.kith.control.v1.LearnedPart> caller) {
    try {
      var own = replica(request.getName());
      var without = request.getOthersOnly() ? own : ""; // nobody's name
      var owners =
          request.getOwnersCount() == 0
              ? requireNonNull(store.changedByOthers(without, null).owners(), "owners")
              : request.getOwnersList().stream().map(Owner::parse).toList();
      for (var some :
          owners.stream().gather(Gatherers.windowFixed(BaselineStore.OWNERS_AT_ONCE)).toList()) {
        store
            .learnedByOthers(without, some)
            .forEach(part -> caller.onNext(FleetMessages.message(part)));
      }
      caller.onCompleted();
    } catch (StoreException e) {
      caller.onError(Status.UNAVAILABLE.withDescription(e.getMessage()).asRuntimeException());
    } catch (IllegalArgumentException e) {
      caller.onError(Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException());
    } catch (StatusRuntimeException e) {
      caller.onError(e);
    }
  }

  @Override
  public void saveLearned(SaveLearnedRequest request, StreamObserver<SaveLearnedResponse> caller) {
    answer(
        caller,
        () -> {
          var replica = replica(request.getName());
          if (request.getPartsCount() > MAX_PARTS) {
            throw new IllegalArgumentException(
                "parts: " + request.getPartsCount() + " (expected: up to " + MAX_PARTS + ")");
          }
          var parts = new ArrayList<Plain>();
          for (var part : request.getPartsList()) {
            var owner = Owner.parse(part.getOwner());
            var plain =
                new Plain(
                    new LearnedPart(replica, owner, part.getKey(), part.getBody()),
                    part.getEpoch());
            var problem = accepted.problem(plain);
            if (problem != null) { // sealed, it would be taken for good by every server
              throw new IllegalArgumentException(Untrusted.plain(problem, 500));
            }
            parts.add(plain);
          }
          store.saveLearned(LearnedSeals.seal(parts, learner));
          return SaveLearnedResponse.getDefaultInstance();
        });
  }

  @Override
  public void forgetLearned(
      ForgetLearnedRequest request, StreamObserver<ForgetLearnedResponse> caller) {
    answer(
        caller,
        () -> {
          store.forgetLearned(replica(request.getName()), Owner.parse(request.getOwner()));
          return ForgetLearnedResponse.getDefaultInstance();
        });
  }

  @Override
  public void close() {
    try {
      watch.close();
    } catch (Exception e) {
      LOG.log(Level.WARNING, "the store did not stop calling", e);
    }
  }
}
