package io.kith.server.kubernetes.resource;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.kith.server.check.Await;
import io.kith.server.kubernetes.resource.Leadership.Times;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** With a real API server, and a holder that is stopped, it is tested beside Istio. */
@Timeout(120)
class LeadershipTest {
  private static final Times TIMES =
      new Times(
          Duration.ofSeconds(3),
          Duration.ofMillis(2_000),
          Duration.ofMillis(1_200),
          Duration.ofMillis(100));

  private final FakeLeases leases = new FakeLeases();
  private final List<Leadership> servers = new ArrayList<>();
  private final AtomicReference<Duration> slept = new AtomicReference<>(Duration.ZERO);
  private final AtomicInteger changes = new AtomicInteger();
  private volatile int mistakenAt;

  @AfterEach
  void stop() {
    servers.forEach(Leadership::close);
    leases.close();
  }

  private Leadership start(String identity, FakeLeases.Door door) {
    var server =
        new Leadership(
            door.client,
            "kith",
            identity,
            () -> {
              if (changes.incrementAndGet() == mistakenAt) {
                throw new AssertionError("on purpose");
              }
            },
            TIMES,
            () -> Instant.now().plus(slept.get()));
    servers.add(server);
    server.start();
    return server;
  }

  private Leadership leading(String identity, FakeLeases.Door door) {
    var server = start(identity, door);
    Await.until(identity + " leads", server::leads);
    return server;
  }

  @Test
  void alone_leads_andRenews() throws IOException {
    var one = start("one", leases.door());
    assertThat(one.problem())
        .startsWith("no server holds the Lease kith/kith-cluster yet, so what changes is not");

    Await.until("it leads", one::leads);
    Await.until("it is told", () -> changes.get() == 1);
    Await.until("it renews", () -> leases.writes() > 3);

    assertThat(one.leads()).isTrue();
    assertThat(one.writer()).isEqualTo("one");
    assertThat(one.problem()).isNull();
  }

  @Test
  void closed_givesItAway_andWritesNothingMore() throws IOException {
    var one = leading("one", leases.door());
    var door = leases.door();
    var two = start("two", door);
    Await.until("it knows who writes", () -> two.writer().equals("one"));
    assertThat(two.leads()).isFalse();

    door.refuses = 503; // so that nobody takes it
    one.close();
    assertThat(one.leads()).isFalse();
    Await.until("it is given away", () -> leases.holder().isEmpty());
    door.refuses = 0;
    Await.until("the other one leads", two::leads);
    assertThat(two.writer()).isEqualTo("two");
  }

  /** From the last renewal on: first it does not write, then it gives up, then another one does. */
  @Test
  void holderThatCannotRenew_stopsBeforeAnotherWrites() throws IOException {
    var door = leases.door();
    var one = leading("one", door);
    var two = start("two", leases.door());
    Await.until("it knows who writes", () -> two.writer().equals("one"));

    door.refuses = 503;
    while (!two.leads()) {
      assertThat(leases.holder().equals("two") && one.leads()).isFalse();
      Thread.onSpinWait();
    }
    assertThat(one.leads()).isFalse();
    assertThat(one.problem())
        .startsWith("no server is known to have renewed the Lease kith/kith-cluster since 20")
        .contains(": 503 refused, so what changes is not put in force");

    door.refuses = 0;
    Await.until("it knows who writes now", () -> one.writer().equals("two"));
    assertThat(one.leads()).isFalse();
    assertThat(two.leads()).isTrue();
  }

  /** Another one took it after this one read it, as when it was stopped between. */
  @Test
  void holderWhoseReadingIsOld_doesNotOverwriteAnother() throws IOException {
    var door = leases.door();
    var one = leading("one", door);

    door.before = () -> leases.change(lease -> heldBy("other", Instant.now()));
    Await.until("it does not lead", () -> !one.leads());

    assertThat(leases.holder()).isEqualTo("other");
    assertThat(one.writer()).isEqualTo("other");
    assertThat(one.problem()).isNull();
  }

  /** Or its clock is set; System.nanoTime stands still on a machine that is suspended. */
  @Test
  void machineThatWasSuspended_doesNotWriteUntilItHasRenewed() throws IOException {
    var door = leases.door();
    var one = leading("one", door);
    door.refuses = 503;
    assertThat(one.leads()).isTrue();

    slept.set(TIMES.writesWithin());
    assertThat(one.leads()).isFalse();

    door.refuses = 0;
    Await.until("it has renewed", one::leads);
  }

  private static io.fabric8.kubernetes.api.model.coordination.v1.Lease heldBy(
      String holder, Instant renewed) {
    var time = ZonedDateTime.ofInstant(renewed, ZoneOffset.UTC);
    return new LeaseBuilder()
        .withNewMetadata()
        .withNamespace("kith")
        .withName("kith-cluster")
        .endMetadata()
        .withNewSpec()
        .withHolderIdentity(holder)
        .withLeaseDurationSeconds((int) TIMES.held().toSeconds())
        .withAcquireTime(time)
        .withRenewTime(time)
        .withLeaseTransitions(0)
        .endSpec()
        .build();
  }

  /** Two writers at once, as long as the elector compared the holder's clock with its own. */
  @Test
  void holderWhoseClockIsBehind_keepsItWhileItRenews() throws IOException {
    var behind = Instant.now().minus(Duration.ofHours(1));
    leases.change(_ -> heldBy("behind", behind));
    var two = start("two", leases.door());

    var begin = System.nanoTime();
    for (var n = 1; n <= 40; n++) {
      var renewed = behind.plusMillis(n * 100L);
      leases.change(_ -> heldBy("behind", renewed));
      var next = begin + n * 100_000_000L;
      while (System.nanoTime() < next) {
        assertThat(two.leads()).isFalse();
        Thread.onSpinWait();
      }
    }
    assertThat(leases.holder()).isEqualTo("behind");
    assertThat(two.writer()).isEqualTo("behind");

    Await.until("it is not renewed any more", two::leads);
  }

  /** One that is ahead is waited for no longer. */
  @Test
  void holderWhoseClockIsAhead_losesItAllTheSame() throws IOException {
    leases.change(_ -> heldBy("ahead", Instant.now().plus(Duration.ofHours(1))));
    var two = start("two", leases.door());

    Await.until("it leads", two::leads);
    assertThat(leases.holder()).isEqualTo("two");
  }

  @Test
  void leaseThatSomebodyDeletes_isMadeAnew() throws IOException {
    var one = leading("one", leases.door());

    leases.change(_ -> null);
    Await.until("it is there again", () -> leases.holder().equals("one"));

    Await.until("it leads", one::leads);
  }

  @Test
  void accountWithoutRights_isTold_andItGoesOnWhenItHasThem() throws IOException {
    var door = leases.door();
    door.refuses = 403;
    var one = start("one", door);

    Await.until("it is told", () -> one.problem() != null && one.problem().contains("403 refused"));
    assertThat(one.leads()).isFalse();
    assertThat(one.writer()).isEmpty();

    door.refuses = 0;
    Await.until("it leads", one::leads);
    assertThat(one.problem()).isNull();
  }

  /** The elector ended without a word, and nobody stood for election any more. */
  @Test
  void leaseThatCannotBeRead_isTold_andWaitedFor() throws IOException {
    leases.change(
        _ -> new LeaseBuilder(heldBy("other", Instant.now())).withNewSpec().endSpec().build());
    var one = start("one", leases.door());

    Await.until(
        "it is told",
        () -> one.problem() != null && one.problem().contains("it cannot be read or written"));

    leases.change(_ -> null);
    Await.until("it leads", one::leads);
    assertThat(one.problem()).isNull();
  }

  @Test
  void leaseThatCannotBeReadAnyMore_isTakenAgainOnceItCan() throws IOException {
    var one = leading("one", leases.door());

    leases.change(lease -> new LeaseBuilder(lease).withNewSpec().endSpec().build());
    Await.until("it does not lead", () -> !one.leads());
    leases.change(_ -> null);

    Await.until("it leads", one::leads);
  }

  @Test
  void whoeverIsToldOfTheEnd_makesAMistake_andTheServerStandsAgain() throws IOException {
    mistakenAt = 2; // the first change is that it leads
    var door = leases.door();
    var one = leading("one", door);

    door.before = () -> leases.change(_ -> heldBy("other", Instant.now()));
    Await.until("it does not lead", () -> !one.leads());

    Await.until("it leads again", one::leads);
    assertThat(changes).hasValue(3);
  }
}
