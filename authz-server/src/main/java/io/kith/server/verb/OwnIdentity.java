package io.kith.server.verb;

import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.FileSource;
import io.kith.spiffe.FileSource.PemFiles;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/** The certificates that this process speaks with, from where the configuration says. */
public final class OwnIdentity implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration FILES_EVERY = Duration.ofSeconds(5);

  private final Identity settings;
  private final SpiffeId id;
  private final X509Source source;
  private final ScheduledExecutorService scheduler;

  private OwnIdentity(
      Identity settings, SpiffeId id, X509Source source, ScheduledExecutorService scheduler) {
    this.settings = settings;
    this.id = id;
    this.source = source;
    this.scheduler = scheduler;
  }

  /**
   * Opens the source and waits until it has the identity.
   *
   * @throws Failure when it has none after half a minute, with what to do
   */
  public static OwnIdentity open(Identity settings, SpiffeId id)
      throws Failure, InterruptedException {
    var identity = start(settings, id);
    try {
      identity.await();
      return identity;
    } catch (Failure | InterruptedException | RuntimeException e) {
      identity.close();
      throw e;
    }
  }

  /** Opens the source, which has no identity yet: see {@link #await}. */
  public static OwnIdentity start(Identity settings, SpiffeId id) {
    var scheduler =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("kith-identity").factory());
    var clock = Clock.systemUTC();
    var source =
        switch (settings) {
          case Identity.Dev(var directory, _, _) ->
              WorkloadApiSource.start(DevIdentity.socketOf(directory, id), id, clock);
          case Identity.WorkloadApi(var socket) -> WorkloadApiSource.start(socket, id, clock);
          case Identity.Files(var certificate, var key, var bundle) ->
              FileSource.start(
                  new PemFiles(certificate, key, bundle), FILES_EVERY, clock, scheduler);
        };
    return new OwnIdentity(settings, id, source, scheduler);
  }

  /**
   * Waits until the source has the identity.
   *
   * @throws Failure when it has none after half a minute, or another's, with what to do
   */
  public void await() throws Failure, InterruptedException {
    if (!source.awaitReady(PATIENCE)) {
      throw Failure.refused(
          "no identity " + id + ": " + source.state().words() + " (" + remedy(settings) + ")");
    }
    var held = source.svid().map(svid -> svid.id()).orElse(id);
    if (!held.equals(id)) {
      throw Failure.refused("the certificate is of " + held + " (expected: " + id + ")");
    }
  }

  private static String remedy(Identity settings) {
    return switch (settings) {
      case Identity.Dev(var directory, _, _) ->
          "start ./kith dev-identity with the same configuration, which serves " + directory;
      case Identity.WorkloadApi(var socket) ->
          "is the SPIRE agent at " + socket + " running, and the entry registered?";
      case Identity.Files(var certificate, _, _) -> "see identity.files, " + certificate;
    };
  }

  public X509Source source() {
    return source;
  }

  @Override
  public void close() {
    source.close();
    scheduler.shutdownNow();
  }
}
