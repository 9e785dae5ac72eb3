package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.istio.MeshSettings;
import io.kith.server.control.ClusterHealth;
import io.kith.server.control.ControlState;
import io.kith.server.control.RefusedException;
import io.kith.server.control.WorkloadCoverage;
import io.kith.server.kubernetes.ApiServer;
import io.kith.server.kubernetes.ClusterPods;
import io.kith.server.kubernetes.ClusterServices;
import io.kith.server.kubernetes.Throttling;
import io.kith.server.kubernetes.resource.StatusWriter.Target;
import io.kith.server.telemetry.Metrics;
import io.kith.server.verb.Failure;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Follows the EgressAllowLists and Scopes of a cluster, and writes conditions and Baselines there.
 *
 * <p>Until all of them were read once nothing is changed; while the API server does not answer the
 * last good state stays, which is that of the log of changes. Thread-safe.
 */
public final class ClusterResources implements ClusterHealth, AutoCloseable {
  private static final System.Logger LOG = System.getLogger(ClusterResources.class.getName());

  private static final Path POD_NAMESPACE =
      Path.of("/var/run/secrets/kubernetes.io/serviceaccount/namespace");
  private static final String OWN_NAMESPACE = "kith";

  /** Conditions change with workloads too, and what was refused is tried again. */
  private static final Duration TICK = Duration.ofSeconds(5);

  /** All edges of all workloads are looked at for Baselines. */
  private static final Duration BASELINES = Duration.ofSeconds(30);

  /** Objects of workloads that are gone, and such as somebody deleted, are noticed so often. */
  private static final Duration LISTING = Duration.ofMinutes(10);

  private static final Duration BETWEEN_STATUSES = Duration.ofMillis(50);

  private final KubernetesClient client;
  private final Throttling throttling;
  private final KubernetesApi api;
  private final ControlState state;
  private final StatusWriter writer;
  private final Reconciler reconciler;
  private final @Nullable EnvoyFilters filters;
  private final @Nullable Overlays overlays;
  private final SharedIndexInformer<GenericKubernetesResource> lists;
  private final SharedIndexInformer<GenericKubernetesResource> scopes;
  private final @Nullable NodeTaints taints;
  private final @Nullable Leadership leadership;
  private final Semaphore changes = new Semaphore(0);
  private final CountDownLatch first = new CountDownLatch(1);
  private final Thread thread;
  private volatile @Nullable String lastFailure;
  private volatile boolean closed;
  private Map<Target, Map<String, Object>> baselines = new HashMap<>();

  /** Edges that wait for a person by the scope that sets the mode, when last looked at. */
  private Map<ScopeName, Integer> reviews = Map.of();

  private @Nullable Instant listed;
  private Instant baselinesDue = Instant.MIN;
  private boolean led;
  private boolean answered;
  private boolean throttled;

  /**
   * What it is told beside the state.
   *
   * @param rootNamespace from where an object speaks for all
   * @param provenance why no scope may require proof of the process that sends, or null
   * @param lease namespace of the Lease by which several servers choose the one that writes; null
   *     for a server that is alone
   * @param sidecars what sidecars have, and which there are; null where their failure mode does not
   *     follow the modes of scopes
   * @param nodeTaint key of the taint that is taken off nodes whose bridge is well; null: none is
   */
  record Settings(
      String rootNamespace,
      @Nullable String provenance,
      @Nullable String lease,
      @Nullable Meshed sidecars,
      @Nullable String nodeTaint) {}

  /** The sidecars of a mesh, and what they can reach there. */
  record Meshed(MeshSettings recipe, ClusterPods pods, ClusterServices services) {}

  private ClusterResources(
      KubernetesClient client, Throttling throttling, ControlState state, Settings settings) {
    this.client = client;
    this.throttling = throttling;
    this.leadership =
        settings.lease() == null
            ? null
            : new Leadership(client, settings.lease(), state.store().replica(), this::wake);
    this.api = new KubernetesApi(client, this::writes);
    this.state = state;
    this.writer = new StatusWriter(api, BETWEEN_STATUSES);
    var meshed = settings.sidecars();
    if (meshed == null) {
      this.filters = null;
      this.overlays = null;
    } else {
      var clock = InstantSource.system();
      this.filters = new EnvoyFilters(client, this::writes, this::wake);
      this.overlays =
          new Overlays(
              filters,
              new Selectors(client, meshed.pods(), clock)::of,
              Floors.of(state.cluster(), meshed.services(), clock),
              meshed.recipe(),
              state.cluster(),
              meshed.pods(),
              state.sidecars(),
              clock);
    }
    this.reconciler =
        new Reconciler(
            state.cluster(),
            settings.rootNamespace(),
            settings.provenance(),
            writer,
            overlays == null ? FailureModes.NONE : overlays,
            new AdmissionBound(api::admission, state.cluster(), InstantSource.system())::of,
            scope -> reviews.getOrDefault(scope, 0),
            InstantSource.system());
    this.lists = informer(Kind.EGRESS_ALLOW_LIST);
    this.scopes = informer(Kind.SCOPE);
    this.taints =
        settings.nodeTaint() == null
            ? null
            : NodeTaints.watch(client, settings.nodeTaint(), state.nodeBridges());
    this.thread = Thread.ofPlatform().name("kith-cluster").daemon().unstarted(this::run);
  }

  /**
   * Begins to follow the objects of the API server that the settings name, which need not answer.
   *
   * @param base where relative paths begin
   * @param environment of the process
   * @param several whether other servers on the same store do the same
   * @param provenance why no scope may require proof of the process that sends, or null
   * @param pods of the cluster; null where they are not watched
   * @param services the same
   * @throws Failure when nothing says where the API server is
   */
  public static ClusterResources open(
      KubernetesSettings settings,
      Path base,
      Map<String, String> environment,
      ControlState state,
      boolean several,
      @Nullable String provenance,
      @Nullable ClusterPods pods,
      @Nullable ClusterServices services)
      throws Failure {
    var throttling = new Throttling(InstantSource.system());
    var client = ApiServer.client(ApiServer.of(settings, base, environment), throttling);
    return start(
        client,
        throttling,
        state,
        new Settings(
            settings.rootNamespace(),
            provenance,
            several ? namespace(client) : null,
            settings.overlays() && pods != null && services != null
                ? new Meshed(recipe(settings), pods, services)
                : null,
            settings.nodeTaint()));
  }

  private static MeshSettings recipe(KubernetesSettings settings) throws Failure {
    var recipe = settings.recipe();
    try {
      return new MeshSettings(
          recipe.strict() ? MeshSettings.Tcp.STRICT : MeshSettings.Tcp.BASELINE,
          settings.rootNamespace(),
          recipe.revision(),
          recipe.nodeVariable(),
          recipe.timeout(),
          recipe.inbound(),
          recipe.shortCut());
    } catch (IllegalArgumentException e) {
      throw Failure.refused("server.kubernetes.recipe." + e.getMessage());
    }
  }

  /** Of the pod, else of the kubeconfig. */
  private static String namespace(KubernetesClient client) {
    try {
      return Files.readString(POD_NAMESPACE).strip();
    } catch (IOException _) {
      return Objects.requireNonNullElse(client.getNamespace(), OWN_NAMESPACE);
    }
  }

  /**
   * Begins to follow; the API server need not answer.
   *
   * @param client is closed with it
   * @param throttling told of every answer that the client gets
   */
  private static ClusterResources start(
      KubernetesClient client, Throttling throttling, ControlState state, Settings settings) {
    var resources = new ClusterResources(client, throttling, state, settings);
    state.cluster().follow(resources, resources::answers, resources::writes);
    resources.thread.start();
    resources.lists.start();
    resources.scopes.start();
    if (resources.leadership != null) {
      resources.leadership.start();
    }
    return resources;
  }

  private SharedIndexInformer<GenericKubernetesResource> informer(Kind kind) {
    return api.objects(kind)
        .inAnyNamespace()
        .runnableInformer(0)
        .exceptionHandler(
            (_, failure) -> {
              var words = kind.plural() + ": " + KubernetesApi.words(failure);
              if (!words.equals(lastFailure)) {
                LOG.log(
                    Level.WARNING,
                    () -> "the API server does not answer, the last good state stays: " + words);
              }
              lastFailure = words;
              return true;
            })
        .addEventHandler(new Waking());
  }

  private final class Waking implements ResourceEventHandler<GenericKubernetesResource> {
    @Override
    public void onAdd(GenericKubernetesResource object) {
      wake();
    }

    @Override
    public void onUpdate(GenericKubernetesResource before, GenericKubernetesResource object) {
      wake();
    }

    @Override
    public void onDelete(GenericKubernetesResource object, boolean unknown) {
      wake();
    }

    @Override
    public void onList(String version, boolean remaining) {
      wake();
    }
  }

  private void wake() {
    changes.release();
  }

  /**
   * Waits until what the objects say is in force for the first time.
   *
   * @return whether it is; else the API server did not answer in time
   */
  public boolean awaitFirst(Duration limit) throws InterruptedException {
    return first.await(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void run() {
    try {
      while (!closed) {
        if (changes.tryAcquire(TICK.toMillis(), TimeUnit.MILLISECONDS)) {
          changes.drainPermits(); // all of them are seen by looking once
        }
        noteThrottling();
        look();
        lookAtNodes();
      }
    } catch (InterruptedException _) {
      // closed
    }
  }

  private void look() {
    try {
      if (!lists.hasSynced() || !scopes.hasSynced()) {
        return;
      }
      noteAnswers();
      var writes = writes();
      if (led && !writes) {
        writer.clear();
        if (overlays != null) {
          overlays.forget();
        }
      }
      if (!led && writes) {
        listed = null;
      }
      led = writes;
      if (reconciler.reconcile(
          objects(Kind.EGRESS_ALLOW_LIST, lists), objects(Kind.SCOPE, scopes), writes)) {
        first.countDown();
      }
      if (writes) {
        writeBaselines(Instant.now());
      }
    } catch (RuntimeException | Error | RefusedException e) {
      LOG.log(Level.ERROR, "the objects of the cluster were not looked at", e);
    }
  }

  /** Also where the definitions of Kith's objects are not there. */
  private void lookAtNodes() {
    if (taints != null) {
      try {
        taints.look(writes());
      } catch (RuntimeException | Error e) {
        LOG.log(Level.ERROR, "the nodes of the cluster were not looked at", e);
      }
    }
  }

  private void noteThrottling() {
    var now = throttling.since() != null;
    if (!throttled && now) {
      LOG.log(Level.WARNING, () -> Throttling.WORDS + "; the last good state stays");
    } else if (throttled && !now) {
      LOG.log(Level.INFO, "the API server does not throttle this server's account any more");
    }
    throttled = now;
  }

  private void noteAnswers() {
    var now = answers();
    if (answered && !now) {
      LOG.log(Level.WARNING, "the API server does not answer, the last good state stays");
    } else if (!answered && now) {
      LOG.log(Level.INFO, "the objects of the cluster are followed");
    }
    answered = now;
  }

  private static List<ClusterObject> objects(
      Kind kind, SharedIndexInformer<GenericKubernetesResource> informer) {
    var objects = new ArrayList<ClusterObject>();
    informer.getStore().list().forEach(one -> objects.add(KubernetesApi.read(kind, one)));
    return objects;
  }

  /** Where workloads stand, as far as that changed; only of one that is gone is the object. */
  private void writeBaselines(Instant now) throws RefusedException {
    if (now.isBefore(baselinesDue) || !answers()) {
      return;
    }
    baselinesDue = now.plus(BASELINES);
    if (listed == null || now.isAfter(listed.plus(LISTING))) {
      try {
        baselines = api.baselines();
        listed = now;
      } catch (RuntimeException e) {
        LOG.log(
            Level.WARNING,
            () -> "Baselines are not written, they are tried again: " + KubernetesApi.words(e));
        return;
      }
    }
    var coverage = state.reports().coverage(null);
    reviews = reviews(coverage);
    var wanted = BaselineStatus.all(state, coverage, baselines, now);
    for (var gone : List.copyOf(baselines.keySet())) {
      if (!wanted.containsKey(gone)) {
        remove(gone);
      }
    }
    wanted.forEach(
        (target, status) -> {
          if (!StatusWriter.isSo(status, baselines.getOrDefault(target, Map.of()))) {
            baselines.put(target, status);
            writer.put(target, status);
          }
        });
  }

  private Map<ScopeName, Integer> reviews(List<WorkloadCoverage> coverage) {
    var counts = new HashMap<ScopeName, Integer>();
    for (var one : coverage) {
      var scope = state.cluster().governing(one.owner());
      if (scope != null) {
        counts.merge(scope, one.reviewItems(), Integer::sum);
      }
    }
    return counts;
  }

  private void remove(Target gone) {
    try {
      api.delete(gone);
      baselines.remove(gone);
    } catch (RuntimeException e) {
      LOG.log(
          Level.WARNING, () -> gone + " was not deleted, tried again: " + KubernetesApi.words(e));
    }
  }

  private boolean answers() {
    return lists.isWatching() && scopes.isWatching();
  }

  // ---- how it is

  @Override
  public boolean isFollowed() {
    return true;
  }

  @Override
  public @Nullable String problem() {
    var since = throttling.since();
    if (since != null) {
      return Throttling.WORDS
          + ", since "
          + since.truncatedTo(ChronoUnit.SECONDS)
          + "; what was in force before stays, this server goes on trying";
    }
    if (answers()) {
      return leadership == null ? null : leadership.problem();
    }
    var failure = lastFailure;
    return (lists.hasSynced() && scopes.hasSynced()
            ? "the API server does not answer"
            : "the objects were not read yet")
        + (failure == null ? "" : ": " + failure)
        + " (what was in force before stays; this server goes on trying)";
  }

  @Override
  public List<String> problems() {
    var problems = new ArrayList<>(reconciler.problems());
    if (overlays != null) {
      problems.addAll(overlays.problems());
    }
    if (taints != null) {
      problems.addAll(taints.problems());
    }
    return problems;
  }

  @Override
  public boolean writes() {
    return leadership == null || leadership.leads();
  }

  @Override
  public String drains(ScopeName scope, Mode mode) {
    return overlays == null ? "" : overlays.drains(scope, mode);
  }

  @Override
  public String writer() {
    return leadership == null ? "" : leadership.writer();
  }

  /** Says how it is. */
  public void measure(Metrics metrics) {
    metrics.gauge(
        "kith_cluster_followed",
        "1 while the objects of the cluster are watched, else 0: the last good state stays.",
        () -> answers() ? 1 : 0);
    metrics.gauge(
        "kith_cluster_throttled",
        "1 while the API server refuses requests as too many (429), else 0.",
        () -> throttling.since() == null ? 0 : 1);
    metrics.gauge(
        "kith_cluster_writes",
        "1 on the control server that puts objects of the cluster in force, else 0.",
        () -> writes() ? 1 : 0);
    metrics.gauges(
        "kith_cluster_objects",
        "Objects of the cluster, by kind.",
        "kind",
        () ->
            Map.of(
                Kind.EGRESS_ALLOW_LIST.word(), (long) lists.getStore().list().size(),
                Kind.SCOPE.word(), (long) scopes.getStore().list().size()));
    metrics.gauge(
        "kith_cluster_problems",
        "Problems of objects that are not in force as they are.",
        () -> problems().size());
    if (overlays != null) {
      metrics.gauges(
          "kith_cluster_overlays",
          "Scopes whose sidecars are told what to do while no server can be asked, by what.",
          "failure",
          overlays::counts);
      metrics.gauges(
          "kith_cluster_enforced_open",
          "Enforced scopes that may pass what no server can be asked about, by the reason of their"
              + " condition; of the control server that writes.",
          "reason",
          overlays::open);
      metrics.gauges(
          "kith_cluster_floor_destinations",
          "Approved destinations of scopes with a floor, by whether they pass while no server can"
              + " be asked.",
          "passes",
          overlays::destinations);
      metrics.counter(
          "kith_cluster_overlay_writes_total",
          "EnvoyFilters that were written or deleted; each drains connections of its sidecars.",
          overlays::writes);
    }
    if (taints != null) {
      metrics.gauge(
          "kith_cluster_nodes_starting", "Nodes that have the start-up taint.", taints::starting);
      metrics.counter(
          "kith_cluster_taints_lifted_total",
          "Nodes from which this server took the start-up taint.",
          taints::lifted);
      metrics.counter(
          "kith_cluster_taint_failures_total",
          "Times that the start-up taint could not be taken off; it is tried again.",
          taints::failures);
    }
    metrics.counter(
        "kith_cluster_statuses_total",
        "Conditions and Baselines that were written.",
        writer::written);
    metrics.counter(
        "kith_cluster_status_failures_total",
        "Times that one could not be written; it is tried again.",
        writer::failures);
  }

  @Override
  public void close() {
    closed = true;
    wake(); // and no interrupt, which would close files that a change is written to
    state.cluster().follow(ClusterHealth.NONE, () -> false, () -> false);
    if (leadership != null) {
      leadership.close();
    }
    lists.stop();
    scopes.stop();
    if (filters != null) {
      filters.close();
    }
    if (taints != null) {
      taints.close();
    }
    writer.close();
    client.close();
  }
}
