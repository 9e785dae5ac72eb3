package io.kith.spiffe;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.X509Source.Condition;
import io.kith.spiffe.X509Source.Event;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What every source does, wherever its identity comes from. */
abstract class X509SourceContract {
  static final Duration LIMIT = Duration.ofSeconds(60);
  static final SpiffeId ID = SpiffeId.parse("spiffe://mesh.test/ns/shop/sa/checkout");

  final TestAuthority authority = TestAuthority.create("mesh.test");
  final SettableClock clock = new SettableClock();
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();

  /** Starts the source; nothing was issued yet. */
  abstract X509Source start() throws Exception;

  /** The issuer gives this identity from now on. */
  abstract void issue(Svid svid) throws Exception;

  /** The issuer gives something unusable from now on. */
  abstract void issueNonsense() throws Exception;

  abstract void stop();

  @AfterEach
  void stopIssuer() {
    stop();
  }

  static final class SettableClock extends Clock {
    volatile Duration ahead = Duration.ZERO;

    @Override
    public Instant instant() {
      return Instant.now().plus(ahead);
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  Event nextEvent() throws InterruptedException {
    var event = events.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
    assertThat(event).as("an event within " + LIMIT).isNotNull();
    return event;
  }

  X509Source listenedTo() throws Exception {
    var source = start();
    source.addListener(events::add);
    return source;
  }

  @Test
  void svid_nothingIssued_isEmptyAndWaiting() throws Exception {
    try (var source = start()) {
      assertThat(source.awaitReady(Duration.ofMillis(1))).isFalse();
      assertThat(source.svid()).isEmpty();
      assertThat(source.bundles()).isEmpty();
      assertThat(source.secondsToExpiry()).isEmpty();
      assertThat(source.lastUpdate()).isEmpty();
      assertThat(source.state().condition()).isEqualTo(Condition.WAITING);
      assertThat(source.state().words()).isNotEmpty();
    }
  }

  @Test
  void svid_issued_isReadyWithItsBundle() throws Exception {
    try (var source = listenedTo()) {
      var issued = authority.svid(ID.toString());

      issue(issued);

      assertThat(nextEvent()).isEqualTo(new Event.Updated(ID, issued.expires()));
      assertThat(source.awaitReady(LIMIT)).isTrue();
      assertThat(source.svid()).contains(issued);
      assertThat(source.bundles())
          .containsOnlyKeys("mesh.test")
          .containsValue(java.util.List.of(authority.certificate()));
      assertThat(source.secondsToExpiry().orElseThrow()).isBetween(3_500L, 3_600L);
      assertThat(source.state().condition()).isEqualTo(Condition.READY);
    }
  }

  @Test
  void svid_issuedAgain_isReplacedAndListenersHear() throws Exception {
    try (var source = listenedTo()) {
      issue(authority.svid(ID.toString()));
      nextEvent();
      var second = authority.svid(ID.toString());

      issue(second);

      assertThat(nextEvent()).isEqualTo(new Event.Updated(ID, second.expires()));
      assertThat(source.svid()).contains(second);
    }
  }

  @Test
  void svid_nonsenseAfterAGoodOne_keepsTheGoodOneAndIsStale() throws Exception {
    try (var source = listenedTo()) {
      var good = authority.svid(ID.toString());
      issue(good);
      nextEvent();

      issueNonsense();

      assertThat(nextEvent()).isInstanceOf(Event.Stale.class);
      assertThat(source.svid()).contains(good);
      assertThat(source.state().condition()).isEqualTo(Condition.STALE);
      assertThat(source.state().usable()).isTrue();
      assertThat(source.awaitReady(LIMIT)).isTrue();
    }
  }

  @Test
  void svid_pastItsEnd_isNotGivenOut() throws Exception {
    try (var source = listenedTo()) {
      issue(authority.svid(ID.toString()));
      nextEvent();

      clock.ahead = Duration.ofHours(2);

      assertThat(source.svid()).isEmpty();
      assertThat(source.state().condition()).isEqualTo(Condition.EXPIRED);
      assertThat(source.state().usable()).isFalse();
      assertThat(source.secondsToExpiry().orElseThrow()).isNegative();
    }
  }
}
