package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElector;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaderElectionRecord;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.Lock;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Whether this server, of several, is the one that writes: the one that holds a Lease.
 *
 * <p>A server that could not renew the Lease for five seconds does not write any more, and a
 * request takes ten at most; another one takes the Lease fifteen seconds after it was renewed last.
 * So no two write, also where the first one was stopped meanwhile or is throttled. Thread-safe.
 */
final class Leadership implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Leadership.class.getName());
  private static final String LEASE = "kith-cluster";
  private static final Duration HELD = Duration.ofSeconds(15);
  private static final Duration RENEWED_WITHIN = Duration.ofSeconds(10);
  private static final Duration WRITES_WITHIN = Duration.ofSeconds(5);
  private static final int CONFLICT = 409;
  private static final Duration EVERY = Duration.ofSeconds(2);

  /** It says at every attempt, with a stack trace, what this class says once. Held, or lost. */
  private static final Logger NOISE = Logger.getLogger(LeaderElector.class.getName());

  private final KubernetesClient client;
  private final String namespace;
  private final String identity;
  private final Runnable changed;
  private final ExecutorService executor =
      Executors.newThreadPerTaskExecutor(
          Thread.ofPlatform().name("kith-cluster-lease").daemon().factory());
  private volatile boolean leads;
  private volatile long renewed;
  private volatile @Nullable LeaderElectionRecord seen;
  private volatile @Nullable String failure;
  private volatile boolean closed;
  private @Nullable CompletableFuture<?> election;

  Leadership(KubernetesClient client, String namespace, String identity, Runnable changed) {
    this.client = client;
    this.namespace = namespace;
    this.identity = identity;
    this.changed = changed;
    NOISE.setLevel(java.util.logging.Level.OFF);
  }

  /** Whether this server may write now; to be asked before each write. */
  boolean leads() {
    return leads && System.nanoTime() - renewed < WRITES_WITHIN.toNanos();
  }

  /** The server that writes, as it calls itself; empty while that is not known. */
  String writer() {
    var record = seen;
    if (record == null || isOver(record)) {
      return "";
    }
    var holder = record.getHolderIdentity();
    return holder == null ? "" : holder;
  }

  private boolean isOver(LeaderElectionRecord record) {
    return Instant.now().isAfter(record.getRenewTime().toInstant().plus(HELD));
  }

  /** What is wrong, in words with what to do; null while one of the servers holds the lease. */
  @Nullable String problem() {
    if (!writer().isEmpty()) {
      return null;
    }
    var record = seen;
    var why = failure;
    var nobody =
        record == null
            ? "no server holds the Lease " + namespace + "/" + LEASE + " yet"
            : "no server is known to have renewed the Lease "
                + namespace
                + "/"
                + LEASE
                + " since "
                + record.getRenewTime().toInstant().truncatedTo(ChronoUnit.SECONDS);
    return nobody
        + (why == null ? "" : ": " + why)
        + ", so what changes is not put in force (the namespace has to be there, and the"
        + " server's account needs get, create and update of leases in it)";
  }

  /** The Lease, with what became of each attempt. */
  private final class Noted implements Lock {
    private final Lock lease = new LeaseLock(namespace, LEASE, identity);

    @Override
    public @Nullable LeaderElectionRecord get(KubernetesClient client) {
      try {
        var record = lease.get(client);
        seen = record;
        failure = null;
        return record;
      } catch (KubernetesClientException e) {
        failed(e);
        throw e;
      }
    }

    @Override
    public void create(KubernetesClient client, LeaderElectionRecord record) {
      written(record, () -> lease.create(client, record));
    }

    @Override
    public void update(KubernetesClient client, LeaderElectionRecord record) {
      written(record, () -> lease.update(client, record));
    }

    private void written(LeaderElectionRecord record, Runnable write) {
      var begin = System.nanoTime();
      try {
        write.run();
        seen = record;
        var released = !identity.equals(record.getHolderIdentity());
        renewed = released ? begin - WRITES_WITHIN.toNanos() : begin;
      } catch (KubernetesClientException e) {
        if (e.getCode() != CONFLICT) { // another one was faster
          failed(e);
        }
        throw e;
      }
    }

    private void failed(KubernetesClientException e) {
      var words = KubernetesApi.words(e);
      if (!words.equals(failure)) {
        LOG.log(Level.WARNING, () -> "the Lease is not to be had, tried again: " + words);
      }
      failure = words;
    }

    @Override
    public String identity() {
      return lease.identity();
    }

    @Override
    public String describe() {
      return lease.describe();
    }
  }

  /** Stands for election, and again whenever the lease is lost. */
  synchronized void start() {
    if (closed) {
      return;
    }
    election =
        new LeaderElector(
                client,
                new LeaderElectionConfigBuilder()
                    .withName(LEASE)
                    .withLock(new Noted())
                    .withLeaseDuration(HELD)
                    .withRenewDeadline(RENEWED_WITHIN)
                    .withRetryPeriod(EVERY)
                    .withReleaseOnCancel(true)
                    .withLeaderCallbacks(
                        new LeaderCallbacks(() -> set(true), () -> set(false), this::known))
                    .build(),
                executor)
            .start();
    var _ =
        election.whenCompleteAsync(
            (_, failure) -> {
              set(false);
              if (failure != null && !closed) {
                LOG.log(Level.WARNING, () -> "the lease is lost: " + KubernetesApi.words(failure));
              }
              again();
            },
            executor);
  }

  private void again() {
    try {
      Thread.sleep(EVERY);
      start();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void set(boolean leading) {
    if (leads != leading) {
      leads = leading;
      changed.run();
    }
  }

  private void known(@Nullable String leader) {
    LOG.log(
        Level.INFO,
        () -> "objects of the cluster are put in force by " + (leader == null ? "nobody" : leader));
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      if (election != null) {
        election.cancel(true);
      }
    }
    executor.shutdownNow();
  }
}
