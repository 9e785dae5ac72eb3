package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElector;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** Whether this server, of several, is the one that writes: the one that holds a Lease. */
final class Leadership implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Leadership.class.getName());
  private static final String LEASE = "kith-cluster";
  private static final Duration HELD = Duration.ofSeconds(15);
  private static final Duration RENEWED_WITHIN = Duration.ofSeconds(10);
  private static final Duration EVERY = Duration.ofSeconds(2);

  private final KubernetesClient client;
  private final String namespace;
  private final String identity;
  private final Runnable changed;
  private final ExecutorService executor =
      Executors.newThreadPerTaskExecutor(
          Thread.ofPlatform().name("kith-cluster-lease").daemon().factory());
  private volatile boolean leads;
  private volatile boolean someoneLeads;
  private volatile boolean closed;
  private @Nullable CompletableFuture<?> election;

  Leadership(KubernetesClient client, String namespace, String identity, Runnable changed) {
    this.client = client;
    this.namespace = namespace;
    this.identity = identity;
    this.changed = changed;
  }

  boolean leads() {
    return leads;
  }

  /** What is wrong, in words with what to do; null once one of the servers held the lease. */
  @Nullable String problem() {
    return someoneLeads
        ? null
        : "no server holds the Lease "
            + namespace
            + "/"
            + LEASE
            + " yet, so what changes is not put in force (the namespace has to be there, and the"
            + " server's account needs get, create and update of leases in it)";
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
                    .withLock(new LeaseLock(namespace, LEASE, identity))
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

  private void known(String leader) {
    someoneLeads = true;
    LOG.log(Level.INFO, () -> "objects of the cluster are put in force by " + leader);
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
