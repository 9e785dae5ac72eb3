package io.kith.server.kubernetes.directory;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.check.BoundedLog;
import io.kith.server.kubernetes.ApiServer;
import io.kith.server.kubernetes.ClusterPods;
import io.kith.server.kubernetes.ClusterServices;
import io.kith.server.kubernetes.SeenVersions;
import io.kith.server.kubernetes.Throttling;
import io.kith.server.verb.Failure;
import java.net.ConnectException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Who is who, as the API server of a cluster says: lists and watches pods, ReplicaSets, Jobs,
 * services, their endpoints, ServiceEntries, WorkloadEntries, DestinationRules and namespaces, and
 * goes on with what it saw last while the API server is away. Thread-safe.
 */
public final class KubernetesDirectory implements AutoCloseable {
  /** Label of a namespace: the environment of the workloads in it. */
  static final String ENVIRONMENT = "kith.io/environment";

  /** Objects in one answer: a list of all at once would be some gigabytes in a large mesh. */
  private static final long PAGE = 500;

  private static final Duration LOOK = Duration.ofSeconds(1);
  private static final Duration ASK_AGAIN = Duration.ofSeconds(5);
  private static final BoundedLog LOG = new BoundedLog(KubernetesDirectory.class, 5);

  private final ClusterIndex index;
  private final CombinedDirectory answers;
  private final KubernetesClient client;
  private final InstantSource clock;
  private final List<Watched<?>> watched;
  private final ScheduledExecutorService looking =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("kith-kubernetes").factory());
  private volatile boolean connected;
  private volatile Instant since;
  private volatile List<String> contradictions = List.of();
  private List<String> unused = List.of();
  private Instant asked = Instant.EPOCH;

  private KubernetesDirectory(
      ClusterIndex index,
      List<StaticWorkloadDirectory.Entry> byHand,
      ObjectReader reader,
      KubernetesClient client,
      InstantSource clock) {
    this.index = index;
    this.answers = new CombinedDirectory(byHand, index);
    this.client = client;
    this.clock = clock;
    this.since = clock.instant();
    this.watched =
        List.of(
            new Watched<>(
                "pods",
                client.pods().inAnyNamespace(),
                Pod::new,
                pod -> put(pod, reader),
                index::removePod),
            new Watched<>(
                "replicasets.apps",
                client.apps().replicaSets().inAnyNamespace(),
                ReplicaSet::new,
                set -> index.put(ObjectReader.parent(set)),
                name -> index.removeParent("ReplicaSet", name)),
            new Watched<>(
                "jobs.batch",
                client.batch().v1().jobs().inAnyNamespace(),
                Job::new,
                job -> index.put(ObjectReader.parent(job)),
                name -> index.removeParent("Job", name)),
            new Watched<>(
                "services",
                client.services().inAnyNamespace(),
                Service::new,
                service -> index.put(ObjectReader.service(service)),
                index::removeService),
            new Watched<>(
                "endpointslices.discovery.k8s.io",
                client.discovery().v1().endpointSlices().inAnyNamespace(),
                EndpointSlice::new,
                this::put,
                index::removeSlice),
            new Watched<>(
                "serviceentries.networking.istio.io",
                ofIstio(client, "ServiceEntry", "serviceentries"),
                GenericKubernetesResource::new,
                entry -> index.put(ObjectReader.entry(entry)),
                index::removeEntry,
                Need.IF_DEFINED),
            new Watched<>(
                "workloadentries.networking.istio.io",
                ofIstio(client, "WorkloadEntry", "workloadentries"),
                GenericKubernetesResource::new,
                entry -> index.put(ObjectReader.workloadEntry(entry)),
                index::removeWorkloadEntry,
                Need.IF_DEFINED),
            new Watched<>(
                "destinationrules.networking.istio.io",
                ofIstio(client, "DestinationRule", "destinationrules"),
                GenericKubernetesResource::new,
                rule -> index.put(ObjectReader.rule(rule)),
                index::removeRule,
                Need.IF_ALLOWED),
            new Watched<>(
                "namespaces",
                client.namespaces(),
                Namespace::new,
                this::put,
                name -> index.environment(name.name(), null)));
  }

  private static FilterWatchListDeletable<GenericKubernetesResource, ?, ?> ofIstio(
      KubernetesClient client, String kind, String plural) {
    return client
        .genericKubernetesResources(
            new ResourceDefinitionContext.Builder()
                .withGroup("networking.istio.io")
                .withVersion("v1")
                .withKind(kind)
                .withPlural(plural)
                .withNamespaced(true)
                .build())
        .inAnyNamespace();
  }

  /**
   * Begins to list and watch; what is not known yet is nobody's.
   *
   * @param byHand entries that win over what the cluster says
   * @param base where a relative path of a kubeconfig begins
   * @param environment of the process
   * @param proxyContainer name of the sidecar's container in a pod
   * @throws Failure when the settings do not say where the API server is
   */
  public static KubernetesDirectory open(
      KubernetesSettings settings,
      List<StaticWorkloadDirectory.Entry> byHand,
      Path base,
      Map<String, String> environment,
      String proxyContainer)
      throws Failure {
    ClusterIndex index;
    try {
      index = new ClusterIndex(settings.trustDomain(), settings.clusterDomain());
    } catch (IllegalArgumentException e) {
      throw Failure.refused("server.kubernetes.trustDomain: " + e.getMessage());
    }
    var directory =
        new KubernetesDirectory(
            index,
            byHand,
            new ObjectReader(proxyContainer),
            ApiServer.client(ApiServer.of(settings, base, environment)),
            InstantSource.system());
    directory.start();
    return directory;
  }

  private void start() {
    watched.forEach(Watched::start);
    var _ =
        looking.scheduleWithFixedDelay(
            this::look, LOOK.toMillis(), LOOK.toMillis(), TimeUnit.MILLISECONDS);
  }

  // ---- what comes

  private void put(Pod pod, ObjectReader reader) {
    var facts = reader.pod(pod);
    if (facts == null) {
      index.removePod(ObjectReader.name(pod));
    } else {
      index.put(facts);
    }
  }

  private void put(EndpointSlice slice) {
    var facts = ObjectReader.slice(slice);
    if (facts == null) {
      index.removeSlice(ObjectReader.name(slice));
    } else {
      index.put(facts);
    }
  }

  private void put(Namespace namespace) {
    var labels = namespace.getMetadata().getLabels();
    index.environment(
        namespace.getMetadata().getName(), labels == null ? null : labels.get(ENVIRONMENT));
  }

  /** When a kind has to be watched. */
  private enum Need {
    ALWAYS,
    /** Where the cluster has the kind. */
    IF_DEFINED,
    /** And where the account may: its rights may be from before the kind was watched. */
    IF_ALLOWED
  }

  /**
   * Whether a 403 is about one kind. An API server that starts answers so to everything, until it
   * has read who may what.
   */
  private boolean isAllElseWatched() {
    return watched.stream().allMatch(one -> one.need == Need.IF_ALLOWED || one.isWatching());
  }

  /** The objects of one kind. */
  private final class Watched<T extends HasMetadata> implements ResourceEventHandler<T> {
    private final String kind;
    private final Need need;
    private final Consumer<T> put;
    private final Consumer<Facts.Name> remove;
    private final FilterWatchListDeletable<T, ?, ?> all;
    private final SharedIndexInformer<T> informer;
    private volatile boolean synced;

    /** It does without: there is no such kind in the cluster, or no right to it. */
    private volatile boolean absent;

    private boolean told;

    private volatile @Nullable String problem;

    private Watched(
        String kind,
        FilterWatchListDeletable<T, ?, ?> all,
        Supplier<T> empty,
        Consumer<T> put,
        Consumer<Facts.Name> remove) {
      this(kind, all, empty, put, remove, Need.ALWAYS);
    }

    private Watched(
        String kind,
        FilterWatchListDeletable<T, ?, ?> all,
        Supplier<T> empty,
        Consumer<T> put,
        Consumer<Facts.Name> remove,
        Need need) {
      this.kind = kind;
      this.all = all;
      this.need = need;
      this.put = put;
      this.remove = remove;
      this.informer =
          all.withLimit(PAGE)
              .runnableInformer(0)
              .removeNamespaceIndex()
              .itemStore(new SeenVersions<>(empty))
              .exceptionHandler(
                  (_, thrown) -> {
                    failed(thrown);
                    return true;
                  });
      informer.addEventHandler(this);
    }

    private void start() {
      var _ = informer.start(); // what fails goes to the exception handler
    }

    private void failed(Throwable thrown) {
      var code = 0;
      for (var one = thrown; one != null; one = one.getCause()) {
        if (one instanceof KubernetesClientException refusal && refusal.getCode() > 0) {
          code = refusal.getCode();
        }
      }
      absent =
          switch (need) {
            case ALWAYS -> false;
            case IF_DEFINED -> code == 404;
            case IF_ALLOWED -> code == 404 || (code == 403 && isAllElseWatched());
          };
      problem =
          absent && code == 404 ? null : code > 0 ? kind + ": " + refused(code) : words(thrown);
    }

    private static String refused(int code) {
      return switch (code) {
        case 401 -> "the API server does not know who asks (401)";
        case Throttling.TOO_MANY_REQUESTS -> Throttling.WORDS;
        case 403 -> "may not be listed and watched (403; docs/kubernetes.md has the rights)";
        default -> "the API server answers " + code;
      };
    }

    private static String words(Throwable thrown) {
      var said = thrown;
      for (var one = thrown; one != null; one = one.getCause()) {
        if (one instanceof ConnectException) {
          return "cannot be connected to";
        }
        if (one.getMessage() != null) {
          said = one; // the innermost that says something
        }
      }
      return said.getClass().getSimpleName() + ": " + said.getMessage();
    }

    /** All objects that there were at some time are known; or there are none. */
    private boolean isSynced() {
      return synced || absent;
    }

    private boolean isWatching() {
      return absent || (synced && informer.isWatching());
    }

    /** Takes note of a watch that is there again. */
    private void settle() {
      if (synced && informer.isWatching()) {
        answered();
      }
    }

    /** Says once that it does without what is in the cluster. */
    private void tellLacking() {
      var why = absent ? problem : null;
      if (why != null && !told) {
        LOG.log(
            Level.WARNING,
            "a kind of objects is not watched; the server goes on without",
            Map.of("problem", why),
            null);
      }
      told = why != null;
    }

    private void answered() {
      absent = false;
      problem = null;
    }

    /**
     * Finds out why there is no watch any more. One that is refused is tried again without a word:
     * its kind may be gone from the cluster by now, or the right to watch it.
     *
     * @return whether the API server answers
     */
    private boolean ask() {
      if (!synced || informer.isWatching()) {
        return true; // lists are tried again too, and their failures told
      }
      try {
        var _ = all.list(new ListOptionsBuilder().withLimit(1L).build());
        answered();
        return true;
      } catch (KubernetesClientException e) {
        failed(e);
        return e.getCode() > 0;
      }
    }

    @Override
    public void onList(String version, boolean remained) {
      answered();
      synced = true;
    }

    @Override
    public void onAdd(T object) {
      guarded(object);
    }

    @Override
    public void onUpdate(T before, T object) {
      guarded(object);
    }

    /** An object that cannot be understood is as one that is not there. */
    private void guarded(T object) {
      try {
        put.accept(object);
      } catch (RuntimeException e) {
        LOG.log(
            Level.WARNING,
            "an object of the cluster is not used",
            Map.of("kind", kind, "object", ObjectReader.name(object).toString()),
            e);
        remove.accept(ObjectReader.name(object));
      }
    }

    @Override
    public void onDelete(T object, boolean unknown) {
      remove.accept(ObjectReader.name(object));
    }
  }

  /** Who is who. Answers come from memory and take no lock. */
  public WorkloadDirectory answers() {
    return answers;
  }

  // ---- how it is

  /** Its pods. */
  public ClusterPods pods() {
    return index;
  }

  /** Its services. */
  public ClusterServices services() {
    return index;
  }

  private void look() {
    try {
      var now = watched.stream().allMatch(Watched::isWatching);
      if (now || connected) {
        since = clock.instant();
      }
      if (now != connected) {
        connected = now;
        LOG.log(
            now ? Level.INFO : Level.WARNING,
            now
                ? "the Kubernetes API server is watched"
                : "the Kubernetes API server is not watched; who is who stays as it was",
            Map.of("problem", problem()),
            null);
      }
      contradict();
      tellUnused();
      watched.forEach(Watched::settle);
      watched.forEach(Watched::tellLacking);
      askWhy();
    } catch (RuntimeException | Error e) { // else it would never run again
      LOG.log(Level.SEVERE, "a mistake inside while a cluster was watched", Map.of(), e);
    }
  }

  private void askWhy() {
    var now = clock.instant();
    if (connected || now.isBefore(asked.plus(ASK_AGAIN))) {
      return;
    }
    asked = now;
    for (var one : watched) {
      if (!one.ask()) {
        return;
      }
    }
  }

  /** Says each contradiction once. */
  private void contradict() {
    var now = answers.contradictions();
    for (var words : now) {
      if (!contradictions.contains(words)) {
        LOG.log(
            Level.WARNING,
            "the configuration and the cluster contradict each other; the configuration counts",
            Map.of("what", words),
            null);
      }
    }
    contradictions = now;
  }

  /** Says of each WorkloadEntry once that it names nothing, in words with why. */
  private void tellUnused() {
    var now = index.unusedWorkloadEntries();
    var told = Set.copyOf(unused);
    for (var words : now) {
      if (!told.contains(words)) {
        LOG.log(
            Level.WARNING,
            "a WorkloadEntry names no workload; its address is whose it would be without it",
            Map.of("what", words),
            null);
      }
    }
    unused = now;
  }

  /** What has not been listed yet, and why, in words; empty once all was listed. */
  public String waitsFor() {
    var missing = watched.stream().filter(one -> !one.isSynced()).toList();
    if (missing.isEmpty()) {
      return "";
    }
    var problem = problem();
    return "the Kubernetes API server at "
        + client.getMasterUrl()
        + ": "
        + (problem.isEmpty()
            ? "listing " + missing.stream().map(one -> one.kind).collect(Collectors.joining(", "))
            : problem);
  }

  private String problem() {
    return watched.stream()
        .map(one -> one.problem)
        .filter(Objects::nonNull)
        .map(Objects::requireNonNull)
        .distinct()
        .limit(3)
        .collect(Collectors.joining("; "));
  }

  /**
   * How it is.
   *
   * @param server address of the API server
   * @param connected everything is watched
   * @param asOf when everything was watched last
   * @param problem what is not watched and why, in words, also where the server does without it;
   *     may be empty
   * @param counts how much is known
   * @param contradictions of entries by hand with the cluster, in words
   */
  public record Status(
      String server,
      boolean connected,
      Instant asOf,
      String problem,
      Counts counts,
      List<String> contradictions) {
    public Status {
      contradictions = List.copyOf(contradictions);
    }
  }

  /**
   * How much is known.
   *
   * @param unresolved ReplicaSets and Jobs that pods name as theirs and that are not known, so that
   *     the pods are nobody's
   * @param services and ServiceEntries, by where they lead; the words are those of {@code
   *     kith_kubernetes_services}
   * @param workloadEntries by whether they name a workload: {@code yes} and {@code no}
   * @param several some services that lead to pods of several owners, and so to no workload
   */
  public record Counts(
      int pods,
      int workloads,
      int unresolved,
      Map<String, Long> services,
      Map<String, Long> workloadEntries,
      List<String> several) {
    public Counts {
      services = Map.copyOf(services);
      workloadEntries = Map.copyOf(workloadEntries);
      several = List.copyOf(several);
    }
  }

  /** How it is, as of the last second; looks at every service. */
  public Status status() {
    var now = connected;
    return new Status(
        client.getMasterUrl().toString(),
        now,
        now ? clock.instant() : since,
        problem(),
        index.counts(),
        contradictions);
  }

  /** Whether everything is watched, as of the last second. */
  public boolean isConnected() {
    return connected;
  }

  /** Seconds since everything was watched last. */
  public long age() {
    return connected ? 0 : Math.max(0, clock.instant().getEpochSecond() - since.getEpochSecond());
  }

  @Override
  public void close() {
    looking.shutdownNow();
    watched.forEach(one -> one.informer.close());
    client.close();
  }
}
