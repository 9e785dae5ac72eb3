package io.kith.baselines.change;

import static io.kith.baselines.change.Edges.APP_TO_API;
import static io.kith.baselines.change.Edges.APP_TO_CART;
import static io.kith.baselines.change.Edges.TOOL_TO_API;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.kith.baselines.change.BlastRadiusGuard.Denial;
import io.kith.baselines.change.BlastRadiusGuard.Reopened;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Script;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class BlastRadiusGuardTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final Reason NEW = new Reason.NewDestination();
  private static final Destination API = external("api.example.com");
  private static final Destination CART =
      new Destination("shop/deployment/cart", Evidence.OWNER, null, 8080, Protocol.TCP);
  private static final Candidate APP = image("/app/checkout");

  private final BlastRadiusGuard guard =
      new BlastRadiusGuard(List.of(APP_TO_API, APP_TO_CART, TOOL_TO_API));

  @Test
  void denied_onHalfOfTheReplicas_reopensThatEdgeForAnHour_andNoOther() {
    assertThat(denied(APP, API, NEW, "pod-1", 4, NOON)).isEmpty();

    var reopened = denied(APP, API, NEW, "pod-2", 4, NOON.plusSeconds(5));

    assertThat(reopened)
        .containsExactly(
            new Reopened(
                APP_TO_API,
                NOON.plusSeconds(5).plus(Duration.ofHours(1)),
                "approved before, and denied on 2 of 4 replicas since the new revision"));
    var rule = reopened.getFirst().temporary();
    assertThat(rule.provenance().endedAt(NOON.plusSeconds(3_604))).isFalse();
    assertThat(rule.provenance().endedAt(NOON.plusSeconds(3_605))).isTrue();
  }

  @Test
  void denied_halfOfAnOddNumber_isRoundedUp() {
    assertThat(denied(APP, API, NEW, "pod-1", 3, NOON)).isEmpty();
    assertThat(denied(APP, API, NEW, "pod-2", 3, NOON)).hasSize(1);
    assertThat(denied(APP, CART, NEW, "pod-1", 1, NOON)).hasSize(1);
  }

  @Test
  void denied_twoEdges_areCountedApart() {
    denied(APP, API, NEW, "pod-1", 4, NOON);

    assertThat(denied(APP, CART, NEW, "pod-2", 4, NOON)).isEmpty();
  }

  @Test
  void denied_oftenOnOneReplica_countsOnce() {
    for (var i = 0; i < 10_000; i++) {
      assertThat(denied(APP, API, NEW, "pod-1", 4, NOON.plusMillis(i))).isEmpty();
    }
  }

  @Test
  void denied_longAgoOnTheOtherReplica_doesNotCount() {
    denied(APP, API, NEW, "pod-1", 4, NOON);

    assertThat(denied(APP, API, NEW, "pod-2", 4, NOON.plus(BlastRadiusGuard.WINDOW).plusMillis(1)))
        .isEmpty();
    assertThat(denied(APP, API, NEW, "pod-1", 4, NOON.plus(BlastRadiusGuard.WINDOW))).hasSize(1);
  }

  @Test
  void denied_anEdgeThatWasReopenedBefore_isNotReopenedAgain() {
    denied(APP, API, NEW, "pod-1", 2, NOON);

    assertThat(denied(APP, API, NEW, "pod-1", 2, NOON.plus(Duration.ofHours(2)))).isEmpty();
    assertThat(denied(APP, API, NEW, "pod-2", 2, NOON.plus(Duration.ofHours(2)))).isEmpty();
  }

  @Test
  void denied_anEdgeThatCouldNotBeReopened_isTriedAgain_notAtOnce() {
    denied(APP, API, NEW, "pod-1", 3, NOON);
    var reopened = denied(APP, API, NEW, "pod-2", 3, NOON).getFirst();

    guard.notReopened(reopened.edge(), NOON);

    assertThat(denied(APP, API, NEW, "pod-3", 3, NOON.plusSeconds(1))).isEmpty();
    assertThat(denied(APP, API, NEW, "pod-3", 3, NOON.plus(BlastRadiusGuard.AGAIN))).hasSize(1);
    assertThat(denied(APP, API, NEW, "pod-1", 3, NOON.plus(Duration.ofMinutes(5)))).isEmpty();
  }

  @Test
  void denied_noReplicas_isABug() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> denied(APP, API, NEW, "pod-1", 0, NOON))
        .withMessage("replicas: 0 (expected: 1 or more)");
  }

  // ---- the intruder, who wants enforcement to switch itself off (research: hazards, 1.1)

  @Test
  void intruder_withWhatObserveLetPass_reopensNothing_onAllReplicas() {
    // seen for weeks, and never approved
    var exfiltration = external("drop.attacker.example");
    for (var pod = 0; pod < 4; pod++) {
      for (var i = 0; i < 1_000; i++) {
        assertThat(denied(APP, exfiltration, NEW, "pod-" + pod, 4, NOON.plusMillis(i))).isEmpty();
      }
    }
  }

  @Test
  void intruder_withCodeThatIsNotFromTheImage_reopensNothing_onAllReplicas() {
    var class_ = APP.processClass();
    var fingerprint = APP.fingerprint();
    var masks =
        new ArrayList<ProcessFingerprint>(
            List.of(
                like(fingerprint, Origin.WRITABLE_LAYER, EntryKind.NATIVE, null, List.of(), false),
                like(fingerprint, Origin.MEMFD, EntryKind.NATIVE, null, List.of(), false),
                like(fingerprint, Origin.UNKNOWN, EntryKind.NATIVE, null, List.of(), false),
                like(fingerprint, Origin.IMAGE, EntryKind.INLINE, null, List.of(), false),
                like(fingerprint, Origin.IMAGE, EntryKind.NATIVE, null, List.of("/tmp/x"), false),
                like(fingerprint, Origin.IMAGE, EntryKind.NATIVE, null, List.of(), true),
                like(
                    fingerprint,
                    Origin.IMAGE,
                    EntryKind.SCRIPT,
                    new Script("/tmp/x.py", null, Origin.WRITABLE_LAYER, true),
                    List.of(),
                    false)));
    for (var mask : masks) {
      var candidate = new Candidate("fp:2", mask, class_, Quality.EXACT, Set.of());
      for (var pod = 0; pod < 4; pod++) {
        assertThat(denied(candidate, API, NEW, "pod-" + pod, 4, NOON)).as("%s", mask).isEmpty();
      }
    }
  }

  @Test
  void intruder_onFewerThanHalfOfTheReplicas_reopensNothing_howeverLoud() {
    for (var i = 0; i < 10_000; i++) {
      assertThat(denied(APP, API, NEW, "pod-" + i % 4, 10, NOON.plusMillis(i))).isEmpty();
    }
  }

  @Test
  void intruder_cannotSpendWhatAnHonestMistakeNeeds() {
    for (var i = 0; i < 10_000; i++) {
      denied(APP, external("h" + i + ".attacker.example"), NEW, "pod-" + i, 4, NOON);
      denied(image("/tmp/x" + i), API, new Reason.NewProcess(), "pod-" + i % 4, 4, NOON);
    }

    assertThat(denied(APP, CART, NEW, "pod-1", 4, NOON)).isEmpty();
    assertThat(denied(APP, CART, NEW, "pod-2", 4, NOON))
        .extracting(Reopened::edge)
        .containsExactly(APP_TO_CART);
  }

  @Test
  void intruder_withAReasonThatAPersonMeantOrThatIsAboutTheFlow_reopensNothing() {
    for (var reason :
        List.of(
            new Reason.DeniedByHand("x"),
            new Reason.Quarantined("x"),
            new Reason.Expired(NOON),
            new Reason.HashChanged("a", "b"),
            new Reason.NameMismatch("x"),
            new Reason.IdentityMismatch("x"),
            new Reason.OriginNotInImage(Origin.MOUNT))) {
      assertThat(denied(APP, API, reason, "pod-1", 1, NOON)).as(reason.code()).isEmpty();
    }
  }

  @Test
  void intruder_withAnotherProgramOfTheImage_reopensNothingOfTheApp() {
    assertThat(denied(image("/usr/bin/curl"), API, new Reason.NewProcess(), "pod-1", 1, NOON))
        .isEmpty();
  }

  @Test
  void anEdgeThatNamesAFile_isNeverReopened() {
    var only = new BlastRadiusGuard(List.of(Edges.hashed('a')));
    var tool = image("/usr/bin/tool");

    assertThat(only.denied(new Denial(tool, external("vendor.example.com"), NEW, "pod-1", 1, NOON)))
        .isEmpty();
  }

  @Test
  void counts_whatWouldBeCounted_untilItIsReopened() {
    var stranger = image("/tmp/stranger");
    var elsewhere = external("elsewhere.example.com");
    assertThat(guard.counts(new Denial(APP, API, NEW, "pod-1", 2, NOON))).isTrue();
    assertThat(guard.counts(new Denial(stranger, API, NEW, "pod-1", 2, NOON))).isFalse();
    assertThat(guard.counts(new Denial(APP, elsewhere, NEW, "pod-1", 2, NOON))).isFalse();
    assertThat(guard.counts(new Denial(APP, API, new Reason.DeniedByHand("no"), "pod-1", 2, NOON)))
        .isFalse();

    assertThat(denied(APP, API, NEW, "pod-1", 2, NOON)).as("asking counts nothing").hasSize(1);

    assertThat(guard.counts(new Denial(APP, API, NEW, "pod-1", 2, NOON))).isFalse();
    assertThat(guard.counts(new Denial(APP, CART, NEW, "pod-1", 2, NOON))).isTrue();
  }

  private List<Reopened> denied(
      Candidate process, Destination to, Reason reason, String replica, int replicas, Instant at) {
    return guard.denied(new Denial(process, to, reason, replica, replicas, at));
  }

  private static Destination external(String name) {
    return new Destination(name, Evidence.CLIENT_NAME, null, 443, Protocol.TCP);
  }

  private static Candidate image(String path) {
    var fingerprint =
        new ProcessFingerprint(
            path,
            null,
            Origin.IMAGE,
            1000,
            EntryKind.NATIVE,
            path.substring(path.lastIndexOf('/') + 1),
            null,
            List.of("/init"),
            "app",
            null,
            List.of(),
            false);
    return new Candidate(
        "fp:1", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
  }

  private static ProcessFingerprint like(
      ProcessFingerprint one,
      Origin origin,
      EntryKind kind,
      @org.jspecify.annotations.Nullable Script script,
      List<String> injected,
      boolean exec) {
    return new ProcessFingerprint(
        one.path(),
        null,
        origin,
        1000,
        kind,
        one.program(),
        script,
        one.lineage(),
        "app",
        null,
        injected,
        exec);
  }
}
