package io.kith.bridge;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.capture.Exec;
import io.kith.bridge.capture.Fork;
import io.kith.bridge.capture.ImageId;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.Resolution;
import io.kith.bridge.capture.SocketOwners;
import io.kith.bridge.container.ContainerDirectory;
import io.kith.bridge.container.PodContainers;
import io.kith.bridge.ffm.HostCgroups;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.guard.DnsMemory;
import io.kith.bridge.guard.Guard;
import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.guard.GuardLock;
import io.kith.bridge.guard.GuardPolicy;
import io.kith.bridge.guard.PodGuard;
import io.kith.bridge.guard.Totals;
import io.kith.bridge.identity.Attested;
import io.kith.bridge.identity.ProcessIdentities;
import io.kith.bridge.process.Birth;
import io.kith.bridge.process.ExecEvent;
import io.kith.bridge.process.FileId;
import io.kith.bridge.process.FingerprintSource;
import io.kith.bridge.process.Identified;
import io.kith.bridge.process.KernelImage;
import io.kith.bridge.process.ProcessKey;
import io.kith.bridge.process.Sighting;
import io.kith.bridge.stream.GuardView;
import io.kith.bridge.stream.NodeView;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The node's answer to one question: which processes opened this socket, and what are they?
 *
 * <p>Sockets are attributed by {@link SocketOwners}, processes are described by {@link
 * FingerprintSource}; here the two meet. Thread-safe.
 */
public final class Bridge implements NodeView, AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Bridge.class.getName());
  private static final Duration PATIENCE = Duration.ofMillis(200);
  private static final Duration NAMING = Duration.ofMillis(20);
  private static final int WARM_UP_ROUNDS = 200;
  private static final long POD_SECONDS = 1;
  private static final long CANARY_SECONDS = 10;
  private static final long FORK_SECONDS = 5;
  private static final long KEEP_UP_SECONDS = 2;
  private static final Duration TELL_AGAIN = Duration.ofSeconds(10);
  private static final int EXEC_WAIT_MILLIS = 200;
  private static final int MINOR_BITS = 20;

  private final KithConfig.Bridge settings;
  private final ProcessIdentities identities;
  private final PodStarts starts = new PodStarts();
  private final SocketOwners sockets;
  private final HostCgroups cgroups;
  private final ContainerDirectory containers;
  private final PodContainers podContainers;
  private final FingerprintSource fingerprints;
  private final Guarded guarded;
  private final Guard.Types types = Guard.Types.read();
  private volatile Guard guard;
  private final ScheduledExecutorService timer;
  private final Thread execs;
  private final Thread names;
  private volatile Found found = new Found(0, Duration.ZERO);
  private volatile @Nullable Future<?> keepingUp;
  private final AtomicLong toldNanos = new AtomicLong(System.nanoTime() - TELL_AGAIN.toNanos());
  private volatile boolean closed;

  private Bridge(KithConfig.Bridge settings, ProcessIdentities identities, SocketOwners sockets) {
    this.settings = settings;
    this.identities = identities;
    this.sockets = sockets;
    this.cgroups = HostCgroups.open();
    this.containers = ContainerDirectory.open(settings.runtime(), cgroups);
    this.podContainers = new PodContainers(containers, settings.proxyContainer());
    this.fingerprints =
        new FingerprintSource(
            settings.hashMaxSize(),
            settings.hashWorkers(),
            pid -> birth(sockets.fork(pid)),
            containers);
    this.guarded = new Guarded();
    this.guard = Guard.none(guarded, "the bridge starts");
    this.timer =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("kith-bridge-timer").factory());
    this.execs = Thread.ofPlatform().daemon().name("kith-bridge-execs").unstarted(this::readExecs);
    this.names = Thread.ofPlatform().daemon().name("kith-bridge-names").unstarted(this::readNames);
  }

  /**
   * Starts to watch and to guard the node, as well as this machine and this user allow; where
   * another bridge guards it, without a guard.
   *
   * @param identities closed by whoever made them
   */
  public static Bridge start(KithConfig.Bridge settings, ProcessIdentities identities)
      throws InterruptedException {
    var bridge = prepare(settings, identities);
    try {
      var lock = GuardLock.take(settings.lock());
      if (lock == null) {
        bridge.begin("another bridge guards this node: it has " + settings.lock());
      } else {
        bridge.begin(lock);
      }
    } catch (IOException e) {
      bridge.begin(cannotLock(settings, e));
    }
    bridge.watch();
    bridge.lookAtPods();
    return bridge;
  }

  /** Why a node is not guarded whose lock cannot be had. */
  static String cannotLock(KithConfig.Bridge settings, IOException why) {
    return settings.lock() + " cannot be locked: " + why.getMessage() + " (bridge.lock)";
  }

  /**
   * Does all that takes long and that may be done while another bridge of this node works: captures
   * what that captures, knows the processes that are there, and has run what will be asked of it.
   * Nothing is guarded, and nobody may be answered, before {@link #begin(GuardLock)}.
   *
   * @param identities closed by whoever made them
   */
  static Bridge prepare(KithConfig.Bridge settings, ProcessIdentities identities)
      throws InterruptedException {
    var began = System.nanoTime();
    var sockets =
        SocketOwners.open(
            new SocketOwners.Settings(
                settings.proxyPorts(),
                settings.proxyUid(),
                settings.entries(),
                settings.cgroup(),
                settings.hostNetwork(),
                settings.pin()));
    var bridge = new Bridge(settings, identities, sockets);
    bridge.found = bridge.rememberProcesses(began);
    bridge.warmUp();
    bridge.lookAtPods();
    return bridge;
  }

  /** Looks again and again at what is there, while another bridge works and until this one does. */
  void keepUp() {
    keepingUp =
        every(
            KEEP_UP_SECONDS,
            () -> {
              sockets.refreshPods();
              var _ = rememberProcesses(System.nanoTime());
              lookAtPods();
            });
  }

  /** Answers and guards from now on, as the only one of this node; {@link #watch} follows. */
  void begin(GuardLock lock) {
    sockets.begin();
    begin(Guard.open(guardSettings(settings), types, lock, cgroups, guarded));
  }

  /**
   * Answers from now on, and guards nothing; {@link #watch} follows.
   *
   * @param unguarded why, in words
   */
  void begin(String unguarded) {
    begin(Guard.none(guarded, unguarded));
  }

  private void begin(Guard opened) {
    if (keepingUp != null) {
      var _ = keepingUp.cancel(false);
    }
    guard = opened;
  }

  /** Begins to look at what is new. */
  void watch() {
    execs.start();
    names.start();
    var _ =
        every(
            POD_SECONDS,
            () -> {
              sockets.refreshPods();
              lookAtPods();
            });
    var _ = every(CANARY_SECONDS, sockets::checkCanary);
    var _ = every(FORK_SECONDS, this::rememberForks);
  }

  private void rememberForks() {
    var listed = sockets.processes(sockets.pods());
    if (listed != null) {
      fingerprints.rememberForks(listed);
    }
  }

  /**
   * The processes of pods that were there before the bridge.
   *
   * @param took from the start of the bridge until it knew them
   */
  public record Found(int processes, Duration took) {}

  private Found rememberProcesses(long began) {
    var pods = sockets.pods();
    var listed = sockets.processes(pods);
    var processes = 0;
    if (listed != null) {
      processes = fingerprints.rememberListed(listed);
    } else {
      for (var pod : pods) {
        processes += fingerprints.remember(pod.pids());
      }
    }
    return new Found(processes, Duration.ofNanos(System.nanoTime() - began));
  }

  /** What was there before the bridge. */
  public Found found() {
    return found;
  }

  /** Has what is guarded and described be that of now; else it is within a second. */
  synchronized void lookAtPods() {
    var pods = sockets.pods();
    podContainers.look(
        pods.stream()
            .collect(
                Collectors.toMap(
                    io.kith.bridge.capture.Pod::id, io.kith.bridge.capture.Pod::pids)));
    guard.refresh(pods);
  }

  /** The first questions would find code that was never run, and be answered too late. */
  private void warmUp() throws InterruptedException {
    var self = Sighting.holder((int) ProcessHandle.current().pid());
    var pods = sockets.pods();
    for (var i = 0; i < WARM_UP_ROUNDS; i++) {
      fingerprints.identify(self, System.nanoTime() + PATIENCE.toNanos());
      for (var pod : pods.subList(0, Math.min(1, pods.size()))) {
        for (var address : pod.addresses()) {
          sockets.resolve(new Tuple(address, 1, address, 1));
        }
      }
    }
  }

  private interface Task {
    void run() throws InterruptedException;
  }

  private Future<?> every(long seconds, Task task) {
    return timer.scheduleWithFixedDelay(() -> guarded(task), seconds, seconds, TimeUnit.SECONDS);
  }

  /** An error too: a repeated task that throws would never run again. */
  private void guarded(Task task) {
    try {
      task.run();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      tell(e);
    }
  }

  /** At a bounded rate: what a pod does or hears may lead to it again and again. */
  private void tell(Throwable mistake) {
    var last = toldNanos.get();
    var now = System.nanoTime();
    if (now - last >= TELL_AGAIN.toNanos() && toldNanos.compareAndSet(last, now)) {
      LOG.log(System.Logger.Level.ERROR, "a mistake inside while the node was looked at", mistake);
    }
  }

  private void readExecs() {
    guarded(() -> sockets.readExecsAgain(exec -> fingerprints.executedBefore(event(exec))));
    if (sockets.reportsExecs()) {
      fingerprints.execsAreTold();
    }
    while (!closed && sockets.reportsExecs()) {
      guarded(
          () -> sockets.readExecs(EXEC_WAIT_MILLIS, exec -> fingerprints.executed(event(exec))));
    }
  }

  private void readNames() {
    while (!closed && guard.works()) {
      guarded(() -> guard.readAnswers(EXEC_WAIT_MILLIS));
    }
  }

  private static Guard.Settings guardSettings(KithConfig.Bridge settings) {
    return new Guard.Settings(settings.pin(), settings.cgroup(), settings.proxyUid());
  }

  /** What the guard asks of the rest of the bridge, and what the streams ask of the guard. */
  private final class Guarded implements Guard.Node, GuardView {
    private final List<Runnable> hearers = new CopyOnWriteArrayList<>();

    @Override
    public @Nullable SockDiag sockets(io.kith.bridge.capture.Pod pod) {
      return sockets.sockets(pod);
    }

    @Override
    public long network(io.kith.bridge.capture.Pod pod) {
      return sockets.network(pod);
    }

    @Override
    public @Nullable Owner opener(io.kith.bridge.capture.Pod pod, Tuple tuple) {
      return sockets.opener(pod, tuple);
    }

    @Override
    public void letReopen(io.kith.bridge.capture.Pod pod, Tuple tuple) throws KernelException {
      sockets.letReopen(pod, tuple);
    }

    @Override
    public Identified identify(Owner owner) {
      return fingerprints.identify(sighting(owner), System.nanoTime() + NAMING.toNanos());
    }

    @Override
    public PodContainers.Proxy proxy(io.kith.bridge.capture.Pod pod) {
      return podContainers.proxy(pod.id());
    }

    @Override
    public void said(String server, Map<String, GuardPolicy> policies) {
      guard.said(server, policies);
    }

    @Override
    public void gone(String server) {
      guard.gone(server);
    }

    @Override
    public void revoke(List<Connection> connections, Runnable done) {
      var byId = new HashMap<String, List<Connection>>();
      connections.forEach(one -> byId.computeIfAbsent(one.pod(), _ -> new ArrayList<>()).add(one));
      var ofPods = new HashMap<io.kith.bridge.capture.Pod, List<Guard.Revoked>>();
      byId.forEach(
          (id, its) -> {
            // Also without the address: it may have that again, and goes on with what is open.
            var pod = sockets.pod(id);
            if (pod != null) {
              ofPods.put(pod, its.stream().map(one -> revoked(pod, one)).toList());
            }
          });
      guard.revoke(ofPods, done);
    }

    private Guard.Revoked revoked(io.kith.bridge.capture.Pod pod, Connection one) {
      var seen =
          new Tuple(one.source(), one.sourcePort(), one.destination(), one.destinationPort());
      var port = sockets.originalSourcePort(pod, seen);
      var tuple = new Tuple(one.source(), port, one.destination(), one.destinationPort());
      return new Guard.Revoked(tuple, one.seenNanos());
    }

    @Override
    public Totals totals() {
      return guard.totals();
    }

    @Override
    public long destroyed() {
      return guard.destroyed();
    }

    @Override
    public List<PodGuard> states() {
      return guard.states();
    }

    @Override
    public List<GuardEvent> events() {
      return guard.events();
    }

    @Override
    public List<DnsMemory.Fact> namesAfter(long number, int most) {
      return guard.names().after(number, most);
    }

    @Override
    public long latestName() {
      return guard.names().latest();
    }

    @Override
    public void named() {
      hearers.forEach(Runnable::run);
    }

    @Override
    public void whenNamed(Runnable hearer) {
      hearers.add(hearer);
    }

    @Override
    public void forget(Runnable hearer) {
      hearers.remove(hearer);
    }
  }

  @Override
  public GuardView guard() {
    return guarded;
  }

  /** Why no pod is guarded, or not as well as it could be. */
  public List<String> guardProblems() {
    return guard.problems();
  }

  @Override
  public Answer answer(Question question) {
    if (question.protocol() != Protocol.TCP) {
      return new Answer(
          List.of(), Rung.NONE, List.of("only TCP is attributed"), question.sourcePort());
    }
    try {
      return described(question, sockets.resolve(seen(question), guard::proxyCgroups));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return new Answer(List.of(), Rung.NONE, List.of("the bridge stops"), question.sourcePort());
    }
  }

  @Override
  public @Nullable Answer atHand(Question question) {
    if (question.protocol() != Protocol.TCP) {
      return null;
    }
    var resolution = sockets.atHand(seen(question), guard::proxyCgroups);
    if (resolution == null) {
      return null;
    }
    var reasons = new ArrayList<>(resolution.reasons());
    var candidates = new ArrayList<Candidate>();
    for (var owner : resolution.owners()) {
      var sighting = sighting(owner);
      var identified = isShared(owner) ? null : fingerprints.atHand(sighting);
      var attested = identities.atHand(sighting, question.source());
      if (identified == null || attested == null) {
        return null;
      }
      reasons.addAll(identified.remarks());
      var quality = quality(resolution.rung(), identified, false);
      candidates.add(candidate(sighting, identified, quality, attested, reasons));
    }
    return answer(candidates, resolution, reasons);
  }

  /** One process, and no doubts: then it stands for its other connections as well. */
  private static Answer answer(
      List<Candidate> candidates, Resolution resolution, List<String> reasons) {
    var opener = candidates.size() == 1 && reasons.isEmpty() ? resolution.opener() : null;
    return new Answer(
        candidates, resolution.rung(), reasons, resolution.originalSourcePort(), opener);
  }

  @Override
  public @Nullable OpenerTable openers() {
    var openers = sockets.openers();
    return openers == null
        ? null
        : new OpenerTable(openers.map(), openers.id(), openers.words(), openers.seed());
  }

  @Override
  public void unasked(List<Tuple> seen) {
    seen.forEach(sockets::unasked);
  }

  private static Tuple seen(Question question) {
    return new Tuple(
        question.source(),
        question.sourcePort(),
        question.destination(),
        question.destinationPort());
  }

  /** Whether another process than the one that connected sent the first packet. */
  private static boolean isShared(Owner owner) {
    return owner.senderPid() != 0 && owner.senderPid() != owner.pid();
  }

  private Answer described(Question question, Resolution resolution) {
    var reasons = new ArrayList<>(resolution.reasons());
    var candidates = new ArrayList<Candidate>();
    var until = System.nanoTime() + question.patience().toNanos() / 4 * 3; // and time to tell it
    for (var owner : resolution.owners()) {
      var sighting = sighting(owner);
      var identified = fingerprints.identify(sighting, until);
      reasons.addAll(identified.remarks());
      var shared = isShared(owner);
      candidates.add(
          candidate(
              sighting,
              identified,
              quality(resolution.rung(), identified, shared),
              identities.of(sighting, question.source(), until),
              reasons));
      if (shared) {
        reasons.add("another process than the one that connected sent the first packet");
        var sender = Sighting.holder(owner.senderPid());
        candidates.add(
            candidate(
                sender,
                fingerprints.identify(sender, until),
                Quality.IMAGE_UNVERIFIED,
                identities.of(sender, question.source(), until),
                reasons));
      }
    }
    return answer(candidates, resolution, reasons);
  }

  private Candidate candidate(
      Sighting sighting,
      Identified identified,
      Quality quality,
      Attested attested,
      List<String> reasons) {
    if (attested.remark() != null) {
      reasons.add(attested.remark());
    }
    return new Candidate(
        identified.id(),
        identified.fingerprint(),
        quality,
        sighting.key(),
        attested.ids(),
        identities.source());
  }

  private static Quality quality(Rung rung, Identified identified, boolean shared) {
    return switch (rung) {
      case KERNEL_EXACT_SENDER, KERNEL_EXACT -> {
        if (!identified.imageProved()) {
          yield Quality.IMAGE_UNVERIFIED;
        }
        yield shared ? Quality.EXACT_SHARED : Quality.EXACT;
      }
      case KERNEL_PID -> Quality.IMAGE_UNVERIFIED;
      case DIAG -> Quality.HOLDER;
      case WORKLOAD_ONLY, NONE -> Quality.UNKNOWN;
    };
  }

  private static Sighting sighting(Owner owner) {
    return new Sighting(
        key(owner),
        owner.tid(),
        owner.uid(),
        owner.parent(),
        mountNamespace(owner),
        image(owner.image()));
  }

  private static ExecEvent event(Exec exec) {
    var process = exec.process();
    return new ExecEvent(
        key(process),
        process.parent(),
        mountNamespace(process),
        process.cgroup(),
        image(process.image()),
        exec.filename(),
        exec.interpreter(),
        exec.line(),
        exec.truncated());
  }

  private static @Nullable Birth birth(@Nullable Fork fork) {
    return fork == null
        ? null
        : new Birth(fork.startNanos(), fork.execId(), fork.parent(), fork.parentStart());
  }

  private static ProcessKey key(Owner owner) {
    return new ProcessKey(owner.pid(), owner.startNanos(), owner.execId());
  }

  private static @Nullable String mountNamespace(Owner owner) {
    return owner.mountNamespace() == 0 ? null : "mnt:[" + owner.mountNamespace() + "]";
  }

  private static @Nullable KernelImage image(@Nullable ImageId image) {
    if (image == null) {
      return null;
    }
    var file =
        new FileId(
            image.device() >>> MINOR_BITS,
            image.device() & ((1 << MINOR_BITS) - 1),
            image.inode(),
            image.changeSeconds(),
            image.changeNanos(),
            image.size());
    return new KernelImage(file, image.links(), image.fileSystem(), image.overlayUpper());
  }

  @Override
  public long podChanges() {
    return sockets.podChanges();
  }

  @Override
  public List<NodeView.Pod> pods() {
    var pods = sockets.pods();
    starts.keep(pods);
    return pods.stream()
        .map(
            pod ->
                new NodeView.Pod(
                    pod.id(),
                    pod.addresses(),
                    identities.ofPod(pod.addresses()),
                    identities.source(),
                    starts.of(pod),
                    podContainers.imageDigest(pod.id())))
        .sorted(Comparator.comparing(Pod::id))
        .toList();
  }

  /** How the container runtimes answer. */
  public ContainerDirectory.Status containers() {
    return containers.status();
  }

  /** Why the cgroups of processes are not read as the host has them, or empty. */
  public String cgroupProblem() {
    return cgroups.problem();
  }

  /** The containers of a pod in a line for people; empty when nothing is known of them. */
  public String containersOf(String pod) {
    return podContainers.words(pod);
  }

  /**
   * Connections that had to give way to newer ones before anybody asked: at least so many. Those in
   * the pods' reserves are known all the same.
   */
  public long evicted() {
    return sockets.evicted();
  }

  /** Connections of each pod that no other pod's push out. */
  public int reservePerPod() {
    return sockets.reservePerPod();
  }

  @Override
  public Status status() {
    var described = containers.status();
    var problems = new ArrayList<>(sockets.problems());
    if (identities.problem() != null) {
      problems.add(identities.words());
    }
    return new Status(
        sockets.rung(),
        problems,
        sockets.canaryFound(),
        sockets.connectsSeen(),
        settings.entries(),
        new Containers(
            described.known(),
            described.unknown(),
            described.failures(),
            described.disagreements()),
        guard.works() ? "" : String.join("; ", guard.problems()));
  }

  /** Why the rung is not higher. */
  public List<String> rungProblems() {
    return sockets.problems();
  }

  /** Who attests processes, and how that goes. */
  public String identityWords() {
    return identities.words();
  }

  /** Looks at nothing new any more, and answers from what it knows. */
  void quiesce() {
    closed = true;
    timer.shutdownNow();
    try {
      for (var thread : List.of(execs, names)) {
        if (thread.isAlive()) {
          thread.join(Duration.ofSeconds(2));
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    quiesce();
    guard.close(); // with its lock: another bridge may wait for that
    fingerprints.close();
    containers.close();
    cgroups.close();
    sockets.close();
  }
}
