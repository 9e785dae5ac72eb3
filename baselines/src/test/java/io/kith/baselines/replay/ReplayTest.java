package io.kith.baselines.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.learning.LearningSettings;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ReplayTest {
  private static final double DAY = 86_400;
  private static final double HOUR = 3_600;
  private static final double START = 1_772_418_600;
  private static final String ID = "spiffe://prod.mesh.example/ns/shop/sa/default";
  private static final String DB = "db.shop.svc.cluster.local";

  private final Replay replay = new Replay(LearningSettings.defaults(), PublicSuffixes.UNKNOWN);

  @Test
  void decide_beforeTheBaseline_observesAndAllows() {
    pods("sha256:1", START, "a", "b");

    assertThat(replay.decide(app("a", 60, DB)))
        .isEqualTo(new ReplayVerdict(false, true, null, false, null, null));
  }

  @Test
  void decide_learned_isAllowedByItsEdge_andTheRestDeniedWithAQuestion() {
    learn();

    var known = replay.decide(app("a", 2 * DAY, DB));
    var unknown = replay.decide(app("a", 2 * DAY, "evil.shop.svc.cluster.local"));

    assertThat(known.enforced()).isTrue();
    assertThat(known.allowed()).isTrue();
    assertThat(known.edge()).startsWith("e:");
    assertThat(unknown.allowed()).isFalse();
    assertThat(unknown.reason()).isEqualTo("new_destination");
    assertThat(unknown.review()).startsWith("r:e:");
  }

  @Test
  void decide_thePodItself_isNobodysBusiness() {
    learn();

    var verdict =
        replay.decide(flow("a", 2 * DAY, "/bin/sh", "sha256:1", to("localhost", "127.0.0.1", 80)));

    assertThat(verdict.allowed()).isTrue();
    assertThat(verdict.edge()).isNull();
  }

  @Test
  void decide_nameThatIsNotWhereItGoes_isDeniedAndNeverLearned() {
    learn();
    var lie = new FlowRecord.Target(DB, "198.51.100.7", 80, "tcp", null, null, null);

    assertThat(replay.decide(flow("a", 2 * DAY, "/app", "sha256:1", lie)).reason())
        .isEqualTo("name_mismatch");
  }

  @Test
  void decide_nameThatLeadsToTheMetadataService_isAnotherQuestionThanTheName() {
    learn();
    var name = "api.psp.example";
    var known = flow("a", 2 * DAY, "/app", "sha256:1", to(name, "203.0.113.9", 80));
    var again = flow("a", 2 * DAY + 1, "/app", "sha256:1", to(name, "203.0.113.10", 80));
    var rebound = flow("a", 2 * DAY + 2, "/app", "sha256:1", to(name, "169.254.169.254", 80));

    var asked = replay.decide(known).review();

    assertThat(replay.decide(again).review()).isEqualTo(asked).isNotNull();
    assertThat(replay.decide(rebound).review()).isNotEqualTo(asked).isNotNull();
  }

  @Test
  void decide_protocolThatNoProxySees_isUnmediated() {
    learn();
    var icmp = new FlowRecord.Target(null, "203.0.113.9", 0, "icmp", null, null, null);

    assertThat(replay.decide(flow("a", 2 * DAY, "/app", "sha256:1", icmp)).reason())
        .isEqualTo("unmediated");
  }

  @Test
  void decide_processWithoutPath_isUnattributedWhateverItsName() {
    learn();

    assertThat(
            replay.decide(flow("a", 2 * DAY, null, "sha256:1", to(DB, "10.43.0.1", 80))).reason())
        .isEqualTo("unattributed");
  }

  /**
   * A dependency of a new build that calls a sibling from every pod: the grace approves nothing.
   */
  @Test
  void decide_newVersion_isFlaggedForADay_andDeniedAfterwards() {
    learn();
    pods("sha256:2", START + 3 * DAY, "c", "d");
    var sibling = "payment.shop.svc.cluster.local";

    for (var hour = 1; hour < 24; hour++) {
      for (var pod : List.of("c", "d")) {
        var verdict =
            replay.decide(
                flow(pod, 3 * DAY + hour * HOUR, "/app", "sha256:2", to(sibling, "10.43.0.2", 80)));
        assertThat(verdict.allowed()).isTrue();
        assertThat(verdict.flagged()).isTrue();
        assertThat(verdict.review()).isNotNull();
      }
    }
    var later =
        replay.decide(flow("c", 4 * DAY + HOUR, "/app", "sha256:2", to(sibling, "10.43.0.2", 80)));

    assertThat(later.allowed()).isFalse();
  }

  @Test
  void decide_newVersion_opensNoDoorOutside_norForTheOldImage() {
    learn();
    pods("sha256:2", START + 3 * DAY, "c", "d");
    var outside = to("c2.evil.example", "198.51.100.7", 443);
    var api = to("kubernetes.default.svc.cluster.local", "10.43.0.9", 443);
    var sibling = to("payment.shop.svc.cluster.local", "10.43.0.2", 80);
    var time = 3 * DAY + HOUR;

    assertThat(replay.decide(flow("c", time, "/app", "sha256:2", outside)).allowed()).isFalse();
    assertThat(replay.decide(flow("c", time, "/app", "sha256:2", api)).allowed()).isFalse();
    assertThat(replay.decide(flow("a", time, "/app", "sha256:1", sibling)).allowed()).isFalse();
  }

  @Test
  void decide_answer_comesAfterItsDelay_andForThisUserOnly() {
    replay.answer(new ReviewAnswer("app", "/app", null, "api.psp.example", null, 443, true, 600));
    learn();
    var psp = to("api.psp.example", "198.51.100.7", 443);

    assertThat(replay.decide(flow("a", 2 * DAY, "/app", "sha256:1", psp)).allowed()).isFalse();
    assertThat(replay.decide(flow("a", 2 * DAY + 599, "/app", "sha256:1", psp)).allowed())
        .isFalse();
    assertThat(replay.decide(flow("a", 2 * DAY + 601, "/app", "sha256:1", psp)).allowed()).isTrue();
    assertThat(replay.decide(record("a", 2 * DAY + 602, "/app", "sha256:1", 0, psp)).allowed())
        .isFalse();
  }

  @Test
  void decide_scan_isAFewQuestions() {
    learn();

    for (var i = 0; i < 500; i++) {
      replay.decide(
          flow("a", 2 * DAY, "/bin/nc", "sha256:1", to(null, "10.42.1." + i % 250, 1 + i)));
    }

    assertThat(replay.summary().workloads().getFirst().reviews()).isEqualTo(5);
  }

  @Test
  void decide_clockThatGoesBack_isHeld() {
    learn();

    assertThat(replay.decide(app("a", 2 * DAY, DB)).enforced()).isTrue();
    assertThat(replay.decide(app("a", -400 * DAY, DB)).enforced()).isTrue();
  }

  @Test
  void decide_whatCannotBeRead_isRefusedWithWhatWasExpected() {
    assertThatThrownBy(
            () ->
                replay.decide(
                    new FlowRecord(
                        START,
                        "prod",
                        "app",
                        "nobody",
                        null,
                        "a",
                        program("/app", 1),
                        to(DB, null, 80))))
        .hasMessageContaining("SPIFFE ID 'nobody'");
    assertThatThrownBy(() -> to(DB, "10.0.0.1", 70_000))
        .hasMessage("dst.port: 70000 (expected: 0 to 65535)");
    assertThatThrownBy(() -> app("a", Double.NaN, DB)).hasMessageContaining("expected: seconds");
  }

  @Test
  void summary_saysWhatCameOfAWorkload() {
    learn();
    replay.decide(app("a", 2 * DAY, "evil.shop.svc.cluster.local"));

    var summary = replay.summary();

    var workload = summary.workloads().getFirst();
    assertThat(summary.denied()).isEqualTo(1);
    assertThat(summary.byReason()).containsExactly(java.util.Map.entry("new_destination", 1L));
    assertThat(workload.app()).isEqualTo("app");
    assertThat(workload.readyAfter()).isBetween(DAY, 2 * DAY);
    assertThat(workload.edges()).containsEntry("approved", 1);
    assertThat(workload.reviews()).isEqualTo(1);
  }

  private void learn() {
    pods("sha256:1", START, "a", "b");
    for (var hour = 0; hour < 26; hour++) {
      replay.decide(app("a", hour * HOUR + 60, DB));
      replay.decide(app("b", hour * HOUR + 61, DB));
    }
  }

  private void pods(String digest, double start, String... replicas) {
    for (var replica : replicas) {
      replay.started(
          new InstanceRecord(start, null, "app", ID, digest, replica, null, "deployment"), "prod");
    }
  }

  private static FlowRecord app(String pod, double after, String host) {
    return flow(pod, after, "/app", "sha256:1", to(host, "10.43.0.1", 80));
  }

  private static FlowRecord flow(
      String pod, double after, @Nullable String path, String digest, FlowRecord.Target target) {
    return record(pod, after, path, digest, 1_000, target);
  }

  private static FlowRecord record(
      String pod,
      double after,
      @Nullable String path,
      String digest,
      int uid,
      FlowRecord.Target target) {
    return new FlowRecord(
        START + after, "prod", "app", ID, digest, pod, program(path, uid), target);
  }

  private static FlowRecord.Program program(@Nullable String path, int uid) {
    return new FlowRecord.Program(
        path, null, uid, "app", List.of(), null, "image", null, false, null, null);
  }

  private static FlowRecord.Target to(@Nullable String host, @Nullable String ip, int port) {
    return new FlowRecord.Target(host, ip, port, "tcp", null, null, null);
  }
}
