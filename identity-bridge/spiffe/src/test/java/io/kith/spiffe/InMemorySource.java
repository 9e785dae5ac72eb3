package io.kith.spiffe;

import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** An identity that a test sets; gives out expired ones as well. */
public final class InMemorySource implements X509Source {
  private volatile @Nullable Svid svid;
  private volatile Map<String, List<X509Certificate>> bundles;

  public InMemorySource(@Nullable Svid svid, Map<String, List<X509Certificate>> bundles) {
    this.svid = svid;
    this.bundles = bundles;
  }

  void replace(@Nullable Svid next, Map<String, List<X509Certificate>> nextBundles) {
    svid = next;
    bundles = nextBundles;
  }

  @Override
  public Optional<Svid> svid() {
    return Optional.ofNullable(svid);
  }

  @Override
  public Map<String, List<X509Certificate>> bundles() {
    return bundles;
  }

  @Override
  public State state() {
    return new State(svid == null ? Condition.WAITING : Condition.READY, "set by the test");
  }

  @Override
  public OptionalLong secondsToExpiry() {
    return svid().stream()
        .mapToLong(now -> Duration.between(Clock.systemUTC().instant(), now.expires()).toSeconds())
        .findFirst();
  }

  @Override
  public Optional<Instant> lastUpdate() {
    return Optional.empty();
  }

  @Override
  public void addListener(Consumer<Event> listener) {}

  @Override
  public boolean awaitReady(Duration timeout) {
    return svid != null;
  }

  @Override
  public void close() {}
}
