package io.kith.spiffe;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An identity from PEM files, such as those that istio-agent writes; read again when one changes.
 *
 * <p>The files are looked at by time, size and inode. A missing or broken file, or a key that does
 * not belong to the certificate (seen in the middle of a renewal), never replaces a good identity
 * and is tried again at every look. The bundle is that of the SVID's own trust domain.
 */
public final class FileSource implements X509Source {
  /** Where the PEM files are: chain (leaf first), its key, CA certificates. */
  public record PemFiles(Path certificate, Path key, Path bundle) {
    public PemFiles {
      requireNonNull(certificate, "certificate");
      requireNonNull(key, "key");
      requireNonNull(bundle, "bundle");
    }
  }

  private record Stamp(Instant modified, long size, @Nullable Object inode) {}

  private final PemFiles files;
  private final CurrentIdentity identity;
  private @Nullable List<Stamp> loaded; // guarded by this
  private @Nullable ScheduledFuture<?> polling; // guarded by this

  FileSource(PemFiles files, Clock clock) {
    this.files = requireNonNull(files, "files");
    this.identity = new CurrentIdentity(clock, files.certificate().toString());
  }

  /**
   * Reads the files now and then looks at them again and again. A first failure is in {@link
   * #state}.
   *
   * @param every how often to look
   * @param scheduler where to look; stays open when this source is closed
   */
  public static FileSource start(
      PemFiles files, Duration every, Clock clock, ScheduledExecutorService scheduler) {
    var source = new FileSource(files, clock);
    source.poll();
    synchronized (source) {
      source.polling =
          scheduler.scheduleWithFixedDelay(
              source::poll, every.toMillis(), every.toMillis(), TimeUnit.MILLISECONDS);
    }
    return source;
  }

  synchronized void poll() {
    try {
      var stamps = List.of(stamp(files.certificate()), stamp(files.key()), stamp(files.bundle()));
      if (!stamps.equals(loaded)) {
        load();
        loaded = stamps;
      }
    } catch (NoSuchFileException e) {
      fail(e.getFile() + ": no such file (expected: a PEM file)");
    } catch (IOException e) {
      fail(e.toString());
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      fail(
          files.certificate() + ", " + files.key() + ", " + files.bundle() + ": " + e.getMessage());
    } catch (RuntimeException | Error e) {
      fail("a mistake inside while it was read: " + e);
    }
  }

  private synchronized void fail(String reason) {
    loaded = null;
    identity.stale(reason);
  }

  private void load() throws IOException, GeneralSecurityException {
    var chain = Encoded.certificates(Files.readAllBytes(files.certificate()));
    var key = Encoded.keyOfPem(Files.readString(files.key(), US_ASCII), chain.getFirst());
    var bundle = Encoded.certificates(Files.readAllBytes(files.bundle()));
    var svid = Svid.of(chain, key);
    identity.update(svid, Map.of(svid.id().trustDomain(), bundle));
  }

  private static Stamp stamp(Path file) throws IOException {
    var attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return new Stamp(
        attributes.lastModifiedTime().toInstant(), attributes.size(), attributes.fileKey());
  }

  @Override
  public Optional<Svid> svid() {
    return identity.svid();
  }

  @Override
  public Map<String, List<X509Certificate>> bundles() {
    return identity.bundles();
  }

  @Override
  public State state() {
    return identity.state();
  }

  @Override
  public OptionalLong secondsToExpiry() {
    return identity.secondsToExpiry();
  }

  @Override
  public Optional<Instant> lastUpdate() {
    return identity.lastUpdate();
  }

  @Override
  public void addListener(Consumer<Event> listener) {
    identity.addListener(listener);
  }

  @Override
  public boolean awaitReady(Duration timeout) throws InterruptedException {
    return identity.awaitReady(timeout);
  }

  @Override
  public synchronized void close() {
    if (polling != null) {
      polling.cancel(false);
    }
  }
}
