package io.kith.baselines.bundle;

import static io.kith.baselines.bundle.Keys.APPROVER;
import static io.kith.baselines.bundle.Keys.LEARNER;
import static io.kith.baselines.bundle.Keys.QA;
import static io.kith.baselines.bundle.Keys.RING;
import static io.kith.baselines.bundle.Keys.STRANGER;
import static io.kith.baselines.change.Edges.APP_TO_API;
import static io.kith.baselines.change.Edges.APP_TO_CART;
import static io.kith.baselines.change.Edges.APP_TO_DB;
import static io.kith.baselines.change.Edges.CHECKOUT;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.bundle.SignedBaseline.Seal;
import io.kith.baselines.bundle.SignedBaseline.Verified.Accepted;
import io.kith.baselines.bundle.SignedBaseline.Verified.Refused;
import io.kith.baselines.change.Edges;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Somebody can write to the database (research: hazards, 1.9). */
class SignedBaselineTest {
  private static final Baseline INSIDE = Edges.baseline(null, APP_TO_DB, APP_TO_CART);
  private static final Baseline OUTSIDE = Edges.baseline(null, APP_TO_DB, APP_TO_API);

  @Test
  void verify_edgesOfTheMesh_byTheLearner_areAccepted() {
    assertThat(SignedBaseline.sign(INSIDE, LEARNER, List.of()).verify(RING))
        .isEqualTo(new Accepted(INSIDE));
  }

  @Test
  void verify_byKeysOfVerified_believesTheLearner_andNoApprover() {
    var nothing = "A".repeat(86) + "==";
    var learned = SignedBaseline.sign(INSIDE, LEARNER, List.of());
    var unsigned = new SignedBaseline(learned.text(), new Seal(LEARNER.id(), nothing), List.of());
    var grants = SignedBaseline.approve(CHECKOUT, List.of(APP_TO_API), APPROVER).grants();
    var forged = new Approval(CHECKOUT, grants, new Seal(APPROVER.id(), nothing));

    assertThat(unsigned.verify(RING)).isInstanceOf(Refused.class);
    assertThat(unsigned.verify(RING.ofVerified())).isEqualTo(new Accepted(INSIDE));
    assertThat(SignedBaseline.sign(OUTSIDE, LEARNER, List.of(forged)).verify(RING.ofVerified()))
        .isInstanceOf(Refused.class);
    assertThat(
            new SignedBaseline(learned.text(), new Seal(APPROVER.id(), nothing), List.of())
                .verify(RING.ofVerified()))
        .isInstanceOf(Refused.class);
    assertThat(
            new SignedBaseline(learned.text(), new Seal(STRANGER.id(), nothing), List.of())
                .verify(RING.ofVerified()))
        .isInstanceOf(Refused.class);
  }

  @Test
  void verify_anExternalEdge_needsAnApprover() {
    var approval = SignedBaseline.approve(CHECKOUT, List.of(APP_TO_API), APPROVER);

    assertThat(SignedBaseline.sign(OUTSIDE, LEARNER, List.of()).verify(RING))
        .isEqualTo(
            new Refused(
                "1 without an approver's signature, though by hand or out of the mesh:"
                    + " /app/checkout ← /init → api.example.com:443 (approve them)"));
    assertThat(SignedBaseline.sign(OUTSIDE, LEARNER, List.of(approval)).verify(RING))
        .isEqualTo(new Accepted(OUTSIDE));
    assertThat(SignedBaseline.sign(OUTSIDE, APPROVER, List.of()).verify(RING))
        .isEqualTo(new Accepted(OUTSIDE));
  }

  @Test
  void verify_anApproval_holdsForALaterRevisionOfTheLearner() {
    var approval = SignedBaseline.approve(CHECKOUT, List.of(APP_TO_API), APPROVER);
    var later = Edges.baseline(OUTSIDE, APP_TO_DB, APP_TO_API, APP_TO_CART);

    assertThat(SignedBaseline.sign(later, LEARNER, List.of(approval)).verify(RING))
        .isEqualTo(new Accepted(later));
  }

  @Test
  void verify_anApprovalOfAnotherEdgeWorkloadOrKey_isNone() {
    var otherEdge = SignedBaseline.approve(CHECKOUT, List.of(APP_TO_CART), APPROVER);
    var otherOwner = SignedBaseline.approve(Owner.parse("a/b/c"), List.of(APP_TO_API), APPROVER);
    var byLearner = SignedBaseline.approve(CHECKOUT, List.of(APP_TO_API), LEARNER);
    var byStranger = SignedBaseline.approve(CHECKOUT, List.of(APP_TO_API), STRANGER);
    var renamed = new Approval(CHECKOUT, otherOwner.grants(), otherOwner.signature());
    var widened =
        new Approval(
            CHECKOUT, List.of(SignedBaseline.grantOf(CHECKOUT, APP_TO_API)), otherEdge.signature());

    for (var approval : List.of(otherEdge, otherOwner, byLearner, byStranger, renamed, widened)) {
      assertThat(SignedBaseline.sign(OUTSIDE, LEARNER, List.of(approval)).verify(RING))
          .isInstanceOf(Refused.class);
    }
  }

  @Test
  void verify_anApprovedEdgeMadeWider_isRefused() {
    var approval = SignedBaseline.approve(CHECKOUT, List.of(APP_TO_API), APPROVER);
    var anotherPort = Edge.learned(Edges.APP, Edges.named("api.example.com", 22));
    var anotherProcess = Edge.learned(Edges.TOOL, APP_TO_API.destination());

    for (var edge : List.of(anotherPort, anotherProcess)) {
      var baseline = Edges.baseline(null, edge);
      assertThat(SignedBaseline.sign(baseline, LEARNER, List.of(approval)).verify(RING))
          .isInstanceOf(Refused.class);
    }
  }

  @Test
  void verify_aRowChangedByHand_isRefused() {
    var signed = SignedBaseline.sign(INSIDE, LEARNER, List.of());
    var text = signed.text().replace("shop/statefulset/db", "shop/statefulset/pg");

    assertThat(new SignedBaseline(text, signed.signature(), List.of()).verify(RING))
        .isEqualTo(
            new Refused(
                "changed after it was signed by "
                    + LEARNER.id()
                    + " (restore it, or draft again)"));
  }

  @Test
  void verify_anyCharacterChanged_isRefused() {
    var signed = SignedBaseline.sign(INSIDE, LEARNER, List.of());
    for (var i = 0; i < signed.text().length(); i++) {
      var changed = new StringBuilder(signed.text());
      changed.setCharAt(i, (char) (changed.charAt(i) ^ 1));
      assertThat(new SignedBaseline(changed.toString(), signed.signature(), List.of()).verify(RING))
          .isInstanceOf(Refused.class);
    }
  }

  @Test
  void verify_signedByAnyoneElse_isRefused() {
    for (var key : List.of(STRANGER, QA)) {
      assertThat(SignedBaseline.sign(INSIDE, key, List.of()).verify(RING))
          .isEqualTo(
              new Refused(
                  "signed by '" + key.id() + "' (expected: the learner's key or an approver's)"));
    }
  }

  @Test
  void verify_aBundlesOrApprovalsSignature_isNoRevisionsSignature() {
    var text = BaselineJson.write(INSIDE);
    var seal = SignedBaseline.approve(CHECKOUT, INSIDE.edges(), APPROVER).signature();

    assertThat(new SignedBaseline(text, seal, List.of()).verify(RING)).isInstanceOf(Refused.class);
    assertThat(
            new SignedBaseline(text, new Seal(LEARNER.id(), "not base64!"), List.of()).verify(RING))
        .isInstanceOf(Refused.class);
  }

  @Test
  void verify_theLearnerSpeakingForAPerson_isRefused() {
    // strictness hash by hand would let a dropped file pass
    var edge =
        Edge.byHand(
            Edges.TOOL,
            APP_TO_DB.destination(),
            "a".repeat(64),
            null,
            new Provenance.ByHand("ada", "x", null));

    assertThat(SignedBaseline.sign(Edges.baseline(null, edge), LEARNER, List.of()).verify(RING))
        .isInstanceOf(Refused.class);
  }

  @ParameterizedTest
  @CsvSource({
    "shop/deployment/x, OWNER, true",
    "catalog, MESH_SERVICE, true",
    "catalog.shop.svc.cluster.local, MESH_SERVICE, true",
    "api.example.com, MESH_SERVICE, false",
    "catalog.shop.svc.cluster.local, CLIENT_NAME, false",
    "catalog, DNS, false",
    "10.1.2.3, ADDRESS, true",
    "192.168.0.1, ADDRESS, true",
    "172.32.0.1, ADDRESS, false",
    "169.254.169.254, ADDRESS, false",
    "127.0.0.1, ADDRESS, false",
    "8.8.8.8, ADDRESS, false",
    "fd00::1, ADDRESS, true",
    "fe80::1, ADDRESS, false",
    "api.example.com, ADDRESS, false"
  })
  void reach_ofAName_isInsideOnlyWhereTheMeshVouchesForIt(
      String name, Evidence weakest, boolean inside) {
    assertThat(InMesh.holds(new DestinationPattern.Exact(name, weakest, 443, Protocol.TCP)))
        .isEqualTo(inside);
  }

  @ParameterizedTest
  @CsvSource({
    "10.1.0.0/16, true",
    "10.0.0.0/8, true",
    "10.0.0.0/7, false",
    "0.0.0.0/0, false",
    "169.254.0.0/16, false",
    "192.168.1.0/24, true"
  })
  void reach_ofABlock_isInsideOnlyAsAWhole(String block, boolean inside) {
    var pattern =
        new DestinationPattern.Written(
            new Place.Within(Cidr.parse(block), false), new Ports(1, 1), Protocol.TCP);

    assertThat(InMesh.holds(pattern)).isEqualTo(inside);
  }

  /** The Kubernetes API counted as in-mesh by its mesh name. */
  @ParameterizedTest
  @CsvSource({
    "kubernetes.default.svc.cluster.local, MESH_SERVICE, 443",
    "kubernetes, MESH_SERVICE, 443",
    "10.0.0.7, ADDRESS, 10250",
    "fd00:ec2:0:0:0:0:0:254, ADDRESS, 80"
  })
  void verify_sensitiveDestinationsNearby_needAnApprover(String name, Evidence evidence, int port) {
    var edge =
        Edge.learned(
            APP_TO_DB.process(), new DestinationPattern.Exact(name, evidence, port, Protocol.TCP));

    assertThat(SignedBaseline.needsApprover(edge)).isTrue();
    assertThat(
            SignedBaseline.sign(Edges.baseline(null, APP_TO_DB, edge), LEARNER, List.of())
                .verify(RING))
        .isInstanceOf(Refused.class);
  }

  /** Logs of changes have baselines with them that a learner alone signed: they stay good. */
  @ParameterizedTest
  @ValueSource(
      strings = {"fd00:ec2:0:0:0:0:0:23", "fd20:ce:0:0:0:0:0:254", "fd00:c1:0:0:0:0:a9fe:a9fe"})
  void verify_sensitiveDestinationsThatCameLater_needNoApprover(String address) {
    var edge =
        Edge.learned(
            APP_TO_DB.process(),
            new DestinationPattern.Exact(address, Evidence.ADDRESS, 80, Protocol.TCP));

    assertThat(SignedBaseline.needsApprover(edge)).isFalse();
  }

  @Test
  void verify_patternsThatCoverSensitiveOnes_needAnApprover() {
    var wide =
        new DestinationPattern.HostWildcard(
            null, "default.svc", Evidence.MESH_SERVICE, 443, Protocol.TCP);
    var block =
        new DestinationPattern.Written(
            new Place.Within(Cidr.parse("fd00::/8"), false), new Ports(80, 80), Protocol.TCP);
    var harmless =
        new DestinationPattern.Written(
            new Place.Within(Cidr.parse("10.0.0.0/8"), false), new Ports(80, 80), Protocol.TCP);

    assertThat(InMesh.holds(wide)).isFalse();
    assertThat(InMesh.holds(block)).isFalse();
    assertThat(InMesh.holds(harmless)).isTrue();
  }
}
