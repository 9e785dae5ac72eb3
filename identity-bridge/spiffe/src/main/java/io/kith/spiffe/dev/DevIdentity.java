package io.kith.spiffe.dev;

import static java.util.Objects.requireNonNull;

import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.kith.baselines.identity.SpiffeId;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A development stand-in for SPIRE: a certificate authority in memory that serves the SPIFFE
 * Workload API and Envoy's SDS, on one Unix socket per workload.
 *
 * <p>It attests nobody: whoever can open a socket gets that socket's identity. Each socket lies in
 * folders that can be passed but not listed; the mode of the sockets is a setting, and the default
 * lets every user of the machine in, because sidecars run as uid 1337. A restart makes a new
 * authority and voids all that was issued before.
 */
public final class DevIdentity implements AutoCloseable {
  /** What a person sees who starts one. */
  public static final String DEV_BANNER =
      """
      development identity: attests nobody, whoever opens a socket gets its identity.
      The CA key is in memory; a restart voids everything. For production use SPIRE.""";

  /** How a decision record names an identity of this kind. */
  public static final String RECORD_NAME = "dev-unattested";

  private static final Logger LOG = System.getLogger(DevIdentity.class.getName());
  private static final String DEV_PREFIX = "dev.";
  private static final String SOCKET_NAME = "api.sock";
  private static final Duration SHORTEST_TTL = Duration.ofSeconds(2);
  private static final Duration LONGEST_TTL = Duration.ofHours(1);
  private static final long LONGEST_TICK_MILLIS = 5_000;

  /**
   * Whom to serve, and where.
   *
   * @param directory above all sockets; made when missing
   * @param trustDomain one that {@link #isDevTrustDomain} allows
   * @param ttl life of an SVID, 2 s to 1 h; renewed at half of it
   * @param ids the workloads, all of the trust domain
   * @param socketMode who may open the sockets
   */
  public record Settings(
      Path directory,
      String trustDomain,
      Duration ttl,
      Set<SpiffeId> ids,
      Set<PosixFilePermission> socketMode) {
    public Settings {
      directory = directory.toAbsolutePath().normalize();
      ids = new TreeSet<>(ids);
      socketMode = Set.copyOf(socketMode);
      if (!isDevTrustDomain(trustDomain)) {
        throw new IllegalArgumentException(
            "trust domain '"
                + trustDomain
                + "' (expected: one that starts with '"
                + DEV_PREFIX
                + "', so that no production configuration believes it)");
      }
      if (ttl.compareTo(SHORTEST_TTL) < 0 || ttl.compareTo(LONGEST_TTL) > 0) {
        throw new IllegalArgumentException("ttl: " + ttl + " (expected: PT2S to PT1H)");
      }
      for (var id : ids) {
        if (!id.trustDomain().equals(trustDomain) || id.path().isEmpty()) {
          throw new IllegalArgumentException(
              id + " (expected: spiffe://" + trustDomain + "/ and a path)");
        }
        WorkloadSocket.requireShort(socketOf(directory, id));
      }
    }

    /** With sockets that every user of the machine may open. */
    public Settings(Path directory, String trustDomain, Duration ttl, Set<SpiffeId> ids) {
      this(directory, trustDomain, ttl, ids, PosixFilePermissions.fromString("rw-rw-rw-"));
    }
  }

  private final Path directory;
  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final ScheduledExecutorService renewals =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("dev-identity-renewal").factory());
  private final List<IssuedIdentity> identities = new ArrayList<>();
  private final Map<SpiffeId, WorkloadSocket> sockets = new TreeMap<>();

  private DevIdentity(Path directory) {
    this.directory = requireNonNull(directory, "directory");
  }

  /**
   * Whether a trust domain is marked as one for development. A production configuration refuses
   * these.
   */
  public static boolean isDevTrustDomain(String trustDomain) {
    return trustDomain.startsWith(DEV_PREFIX);
  }

  /** Where a workload's socket is, whether or not it is served. */
  public static Path socketOf(Path directory, SpiffeId id) {
    return directory
        .toAbsolutePath()
        .normalize()
        .resolve(id.path().substring(1))
        .resolve(SOCKET_NAME);
  }

  /**
   * Makes an authority and serves all workloads; returns when the sockets can be opened.
   *
   * @throws IOException when a socket cannot be made; the ones made before are closed again
   */
  public static DevIdentity start(Settings settings, Clock clock) throws IOException {
    var started = new DevIdentity(settings.directory());
    try {
      started.open(settings, clock);
    } catch (GeneralSecurityException e) {
      started.close();
      throw new IllegalStateException("this JVM cannot issue EC P-256 certificates", e);
    } catch (IOException | RuntimeException e) {
      started.close();
      throw e;
    }
    return started;
  }

  private void open(Settings settings, Clock clock) throws IOException, GeneralSecurityException {
    var authority = new DevCertificateAuthority(settings.trustDomain(), clock.instant());
    for (var id : settings.ids()) {
      var identity = new IssuedIdentity(id, authority, settings.ttl(), clock);
      identities.add(identity);
      var path = socketOf(directory, id);
      sockets.put(id, WorkloadSocket.open(path, identity, settings.socketMode(), loop));
    }
    // Looked at often instead of once at half life: a machine that slept must renew at once.
    long tickMillis = Math.min(settings.ttl().toMillis() / 20, LONGEST_TICK_MILLIS);
    var _ =
        renewals.scheduleWithFixedDelay(
            this::renewWhenDue, tickMillis, tickMillis, TimeUnit.MILLISECONDS);
  }

  /** Issues what is due and pushes it to the open streams. */
  void renewWhenDue() {
    for (var identity : identities) {
      try {
        identity.renewWhenDue();
      } catch (GeneralSecurityException | RuntimeException | Error e) {
        LOG.log(Level.ERROR, "SVID not renewed, will be tried again: id=" + identity.id(), e);
      }
    }
  }

  /**
   * The socket of a workload.
   *
   * @throws IllegalArgumentException when this identity does not serve it
   */
  public Path socketOf(SpiffeId id) {
    var socket = sockets.get(id);
    if (socket == null) {
      throw new IllegalArgumentException(id + " (expected: one of " + sockets.keySet() + ")");
    }
    return socket.path();
  }

  /** Closes all streams and removes the sockets; folders stay. */
  @Override
  public void close() {
    renewals.shutdownNow();
    sockets.values().forEach(WorkloadSocket::close);
    var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}
