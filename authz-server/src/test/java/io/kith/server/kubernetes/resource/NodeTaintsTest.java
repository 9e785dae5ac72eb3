package io.kith.server.kubernetes.resource;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.TaintBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.server.check.NodeBridges;
import io.kith.server.kubernetes.resource.StartingNode.Step;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The decision about a node, and when it is carried out. */
class NodeTaintsTest {
  private static final String KEY = "kith.io/starting";
  private static final Taint OURS = taint(KEY, null, "NoSchedule");
  private static final Taint OTHER = taint("example.org/gpu", "yes", "NoSchedule");
  private static final Taint NOT_READY = taint("node.kubernetes.io/not-ready", null, "NoExecute");

  /** Ours from the second place. */
  private static final String LIFTED =
      "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u1\"},"
          + "{\"op\":\"test\",\"path\":\"/spec/taints/1\","
          + "\"value\":{\"effect\":\"NoSchedule\",\"key\":\"kith.io/starting\"}},"
          + "{\"op\":\"remove\",\"path\":\"/spec/taints/1\"}]";

  private final NodeBridges bridges = new NodeBridges();
  private final FakeApi api = new FakeApi();
  private Instant now = Instant.parse("2027-01-01T12:00:00Z");
  private final NodeTaints taints = new NodeTaints(api, KEY, bridges, () -> now);

  private static final class FakeApi implements NodeTaints.Api {
    final List<String> patches = new ArrayList<>();
    @Nullable RuntimeException failure;
    @Nullable String problem;

    @Override
    public @Nullable String problem() {
      return problem;
    }

    @Override
    public void patch(String node, String patch) {
      if (failure != null) {
        throw failure;
      }
      patches.add(node + " " + patch);
    }

    @Override
    public void close() {}
  }

  private static Taint taint(String key, @Nullable String value, String effect) {
    return new TaintBuilder().withKey(key).withValue(value).withEffect(effect).build();
  }

  private static Node node(String uid, Taint... taints) {
    return new NodeBuilder()
        .withNewMetadata()
        .withName("n1")
        .withUid(uid)
        .endMetadata()
        .withNewSpec()
        .withTaints(taints)
        .endSpec()
        .build();
  }

  private void says(String problem) {
    bridges.said(new NodeBridges.State("n1", problem, now));
  }

  private void pass(Duration time) {
    now = now.plus(time);
  }

  private void look(boolean holder) {
    pass(Duration.ofSeconds(1));
    taints.look(holder);
  }

  private static String words(Step step) {
    return switch (step) {
      case Step.Wait(var why) -> "wait: " + why;
      case Step.Lift(var patch) -> patch;
    };
  }

  private Step step(NodeBridges.@Nullable State bridge, Taint... all) {
    var node = StartingNode.of(node("u1", all), KEY, null, now);
    if (node == null) {
      throw new AssertionError("the taint is not seen");
    }
    return node.step(KEY, bridge, now.plusSeconds(2));
  }

  private NodeBridges.State heard(String problem, int secondsLater) {
    return new NodeBridges.State("n1", problem, now.plusSeconds(secondsLater));
  }

  @Test
  void of_aNodeWithoutTheTaint_isNull() {
    assertThat(StartingNode.of(node("u1"), KEY, null, now)).isNull();
    assertThat(StartingNode.of(node("u1", OTHER, NOT_READY), KEY, null, now)).isNull();
    assertThat(StartingNode.of(node("u1", taint(KEY + "2", null, "NoSchedule")), KEY, null, now))
        .isNull();
  }

  @Test
  void step_untilTheBridgeIsWell_waits() {
    assertThat(words(step(null, OURS)))
        .isEqualTo(
            "wait: no server heard its bridge (does the DaemonSet run there, and does it reach a"
                + " server?)");
    assertThat(words(step(heard("no guard", 1), OURS))).isEqualTo("wait: no guard");
  }

  @Test
  void step_whatTheBridgeSaidBeforeTheTaintWasSeen_doesNotCount() {
    assertThat(words(step(heard("", -1), OURS)))
        .isEqualTo("wait: its bridge has said nothing since the node has the taint");
    assertThat(words(step(heard("", 0), OURS))).startsWith("wait: ");
  }

  @Test
  void look_bridgeThatIsGoneSince_isWaitedFor() {
    taints.put(node("u1", OTHER, OURS));
    pass(Duration.ofSeconds(1));
    says("");
    pass(Duration.ofSeconds(90));
    look(true);
    assertThat(api.patches).isEmpty();
    pass(Duration.ofMinutes(1));
    assertThat(taints.problems())
        .containsExactly(
            "node n1 keeps the taint kith.io/starting: its bridge has said nothing since"
                + " 2027-01-01T12:00:01Z");

    says("");
    look(true);

    assertThat(api.patches).hasSize(1);
  }

  @Test
  void step_bridgeIsWell_takesThatTaintAndNoOther() {
    assertThat(words(step(heard("", 1), OTHER, OURS, NOT_READY))).isEqualTo(LIFTED);
  }

  @Test
  void step_taintOfSeveralEffects_takesTheLastFirst() {
    var patch =
        words(
            step(
                heard("", 1),
                taint(KEY, "a", "NoExecute"),
                OTHER,
                taint(KEY, null, "PreferNoSchedule")));

    assertThat(patch)
        .containsSubsequence(
            "{\"op\":\"remove\",\"path\":\"/spec/taints/2\"}",
            "\"path\":\"/spec/taints/0\",\"value\":{\"effect\":\"NoExecute\","
                + "\"key\":\"kith.io/starting\",\"value\":\"a\"}",
            "{\"op\":\"remove\",\"path\":\"/spec/taints/0\"}")
        .doesNotContain("/spec/taints/1");
  }

  @Test
  void look_bridgeIsWell_patchesOnce() {
    taints.put(node("u1", OTHER, OURS));
    look(true);
    assertThat(api.patches).isEmpty();
    says("");

    look(true);
    look(true);

    assertThat(api.patches).containsExactly("n1 " + LIFTED);
    assertThat(taints.lifted()).isEqualTo(1);
    assertThat(taints.starting()).isZero();
  }

  @Test
  void look_nodeThatIsTaintedAnew_waitsForItsBridgeAnew() {
    taints.put(node("u1", OTHER, OURS));
    pass(Duration.ofSeconds(1));
    says("");
    look(true);

    taints.put(node("u1", OTHER));
    taints.put(node("u1", OTHER, OURS));
    look(true);
    assertThat(api.patches).hasSize(1);
    says("");
    look(true);
    assertThat(api.patches).hasSize(2);
  }

  @Test
  void look_nodeThatIsRegisteredAnewWithoutAnEventBetween_waitsForItsBridgeAnew() {
    taints.put(node("u1", OTHER, OURS));
    pass(Duration.ofSeconds(1));
    says("");
    pass(Duration.ofSeconds(1));

    taints.put(node("u2", OTHER, OURS));
    look(true);

    assertThat(api.patches).isEmpty();
  }

  @Test
  void look_withoutTheLease_leavesItToTheHolder_asLongAsThatMayKnowToo() {
    taints.put(node("u1", OTHER, OURS));
    pass(Duration.ofSeconds(1));
    says("");
    look(false);
    pass(NodeTaints.HOLDERS_TURN.minusSeconds(2));
    look(false);
    assertThat(api.patches).isEmpty();

    look(false);

    assertThat(api.patches).hasSize(1);
  }

  @Test
  void look_refusedByTheApiServer_saysWhichRightIsMissing_andTriesAgain() {
    taints.put(node("u1", OTHER, OURS));
    pass(Duration.ofSeconds(1));
    says("");
    api.failure = new KubernetesClientException("nodes \"n1\" is forbidden", 403, null);

    look(true);
    look(true);

    assertThat(taints.failures()).isEqualTo(1);
    assertThat(taints.problems())
        .containsExactly(
            "node n1 keeps the taint kith.io/starting: 403 nodes \"n1\" is forbidden (the server's"
                + " account needs get, list, watch and patch of nodes); it is tried again");
    api.failure = null;
    pass(Duration.ofSeconds(15));
    look(true);
    assertThat(api.patches).hasSize(1);
    assertThat(taints.problems()).isEmpty();
  }

  @Test
  void look_taintsThatChangedMeanwhile_areTriedAsTheyAreAtOnce() {
    taints.put(node("u1", OTHER, OURS));
    pass(Duration.ofSeconds(1));
    says("");
    api.failure = new KubernetesClientException("testing path failed", 422, null);
    look(true);
    api.failure = null;

    taints.put(node("u1", NOT_READY, OURS));
    look(true);

    assertThat(api.patches).containsExactly("n1 " + LIFTED);
  }

  @Test
  void look_nodeThatIsGone_isForgotten() {
    taints.put(node("u1", OTHER, OURS));
    pass(Duration.ofSeconds(1));
    says("");
    api.failure = new KubernetesClientException("gone", 404, null);

    look(true);

    assertThat(taints.starting()).isZero();
    assertThat(taints.failures()).isZero();
  }

  @Test
  void problems_namesNodesThatStartForLong_andWhy() {
    taints.put(node("u1", OURS));
    assertThat(taints.problems()).isEmpty();
    pass(Duration.ofMinutes(2));
    says("its bridge says: no BPF file system");

    assertThat(taints.problems())
        .containsExactly(
            "node n1 keeps the taint kith.io/starting: its bridge says: no BPF file" + " system");
    api.problem = "nodes are not watched: 403";
    assertThat(taints.problems()).first().isEqualTo("taint kith.io/starting: " + api.problem);
  }
}
