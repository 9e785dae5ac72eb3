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
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Whether this server, of several, is the one that writes: the one that holds a Lease.
 *
 * <p>A server that could not renew the Lease for five seconds does not write any more, and a
 * request takes ten at most; another one takes the Lease fifteen seconds after it saw it renewed
 * last. So no two write, also where the first one was stopped meanwhile or is throttled, or where
 * their clocks differ. Thread-safe.
 */
final class Leadership implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Leadership.class.getName());
  private static final String LEASE = "kith-cluster";
  private static final String MISTAKE = "a mistake inside while the writer was elected";
  private static final int CONFLICT = 409;
  private static final Times TIMES =
      new Times(
          Duration.ofSeconds(15),
          Duration.ofSeconds(10),
          Duration.ofSeconds(5),
          Duration.ofSeconds(2));

  /** It says at every attempt, with a stack trace, what this class says once. Held, or lost. */
  private static final Logger NOISE = Logger.getLogger(LeaderElector.class.getName());

  private final KubernetesClient client;
  private final String namespace;
  private final String identity;
  private final Runnable changed;
  private final Times times;
  private final InstantSource clock;
  private final ExecutorService executor =
      Executors.newThreadPerTaskExecutor(
          Thread.ofPlatform().name("kith-cluster-lease").daemon().factory());
  private volatile boolean leads;
  private volatile Moment renewed;
  private volatile @Nullable Seen seen;
  private volatile @Nullable String failure;
  private volatile boolean closed;
  private @Nullable CompletableFuture<?> election;

  /**
   * How long things take, the same for all servers of a Lease.
   *
   * @param held from when a server sees the Lease renewed to when it takes it; whole seconds
   * @param renewedWithin from the last renewal to when the holder gives up
   * @param writesWithin from the last renewal to when the holder stops writing
   * @param every how often the Lease is looked at, and renewed
   */
  record Times(Duration held, Duration renewedWithin, Duration writesWithin, Duration every) {}

  /**
   * By both clocks: the one stands still while the machine is suspended, the other one can be set.
   */
  private record Moment(long nanos, Instant time) {
    Duration elapsed(InstantSource clock) {
      var byOne = Duration.ofNanos(System.nanoTime() - nanos);
      var byOther = Duration.between(time, clock.instant());
      return byOne.compareTo(byOther) > 0 ? byOne : byOther;
    }
  }

  /** The Lease, and when this server saw it renewed. */
  private record Seen(LeaderElectionRecord record, long nanos) {
    Duration ago() {
      return Duration.ofNanos(System.nanoTime() - nanos);
    }
  }

  Leadership(KubernetesClient client, String namespace, String identity, Runnable changed) {
    this(client, namespace, identity, changed, TIMES, InstantSource.system());
  }

  Leadership(
      KubernetesClient client,
      String namespace,
      String identity,
      Runnable changed,
      Times times,
      InstantSource clock) {
    this.client = client;
    this.namespace = namespace;
    this.identity = identity;
    this.changed = changed;
    this.times = times;
    this.clock = clock;
    this.renewed = new Moment(System.nanoTime(), Instant.EPOCH);
    NOISE.setLevel(java.util.logging.Level.OFF);
  }

  /** Whether this server may write now; to be asked before each write. */
  boolean leads() {
    return leads && renewed.elapsed(clock).compareTo(times.writesWithin()) < 0;
  }

  /** The server that writes, as it calls itself; empty while that is not known. */
  String writer() {
    var last = seen;
    var holder = last == null ? null : last.record().getHolderIdentity();
    return last == null || holder == null || last.ago().compareTo(times.held()) > 0 ? "" : holder;
  }

  /** What is wrong, in words with what to do; null while one of the servers holds the lease. */
  @Nullable String problem() {
    if (!writer().isEmpty()) {
      return null;
    }
    var last = seen;
    var why = failure;
    var nobody =
        last == null
            ? "no server holds the Lease " + namespace + "/" + LEASE + " yet"
            : "no server is known to have renewed the Lease "
                + namespace
                + "/"
                + LEASE
                + " since "
                + last.record().getRenewTime().toInstant().truncatedTo(ChronoUnit.SECONDS);
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
        failure = null;
        if (record == null) {
          seen = null;
          return null;
        }
        var last = seen;
        if (last == null || !isSameRenewal(record, last.record())) {
          last = new Seen(record, System.nanoTime());
          seen = last;
        }
        return asOfHere(last);
      } catch (KubernetesClientException e) {
        failed(KubernetesApi.words(e));
        throw e;
      } catch (RuntimeException | Error e) {
        throw mistaken(e);
      }
    }

    /** The elector compares with its own clock, and another server's may be wrong by anything. */
    private LeaderElectionRecord asOfHere(Seen last) {
      var record = last.record();
      return new LeaderElectionRecord(
          record.getHolderIdentity(),
          record.getLeaseDuration(),
          record.getAcquireTime(),
          ZonedDateTime.now(ZoneOffset.UTC).minus(last.ago()),
          record.getLeaderTransitions());
    }

    private static boolean isSameRenewal(LeaderElectionRecord one, LeaderElectionRecord other) {
      return Objects.equals(one.getHolderIdentity(), other.getHolderIdentity())
          && Objects.equals(one.getRenewTime(), other.getRenewTime());
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
      var begin = new Moment(System.nanoTime(), clock.instant());
      try {
        write.run();
        seen = new Seen(record, begin.nanos());
        var released = !identity.equals(record.getHolderIdentity());
        renewed = released ? new Moment(begin.nanos(), Instant.EPOCH) : begin;
      } catch (KubernetesClientException e) {
        if (e.getCode() != CONFLICT) { // another one was faster
          failed(KubernetesApi.words(e));
        }
        throw e;
      } catch (RuntimeException | Error e) {
        throw mistaken(e);
      }
    }

    /** Of anything else the elector would end, and would not tell. */
    private KubernetesClientException mistaken(Throwable e) {
      var words = "it cannot be read or written (delete it if that stays so): " + e;
      failed(words);
      return new KubernetesClientException(words, e);
    }

    private void failed(String words) {
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
                    .withLeaseDuration(times.held())
                    .withRenewDeadline(times.renewedWithin())
                    .withRetryPeriod(times.every())
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

  /** Also after a mistake: nobody else would. */
  private void again() {
    try {
      var told = false;
      while (!closed) {
        Thread.sleep(times.every());
        try {
          start();
          return;
        } catch (RuntimeException | Error e) {
          LOG.log(told ? Level.DEBUG : Level.ERROR, MISTAKE, e);
          told = true;
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** A mistake of who hears it does not end the election. */
  private void set(boolean leading) {
    if (leads != leading) {
      leads = leading;
      try {
        changed.run();
      } catch (RuntimeException | Error e) {
        LOG.log(Level.ERROR, MISTAKE, e);
      }
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
