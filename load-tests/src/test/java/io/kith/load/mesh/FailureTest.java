package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.DecisionRecord;
import io.kith.load.lab.Lab;
import io.kith.load.tools.Envoy;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * With parts of Kith dead or stuck and the real Envoy: under enforce nothing passes, under observe
 * nothing is refused.
 */
class FailureTest {
  private Lab lab;
  private Envoy envoy;
  private Mesh mesh;

  @BeforeEach
  void start() throws Exception {
    envoy = Envoy.find(EnforcedMesh.SAY);
    lab = Lab.open("kf", EnforcedMesh.SAY);
    // While a scope is observed its proxies fail open; the filter is closed before it is enforced.
    mesh = EnforcedMesh.start(lab, envoy, Mesh.Options.of("kf").failingOpen());
  }

  @AfterEach
  void stop() {
    if (mesh != null) {
      mesh.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  private void enforce() throws Exception {
    EnforcedMesh.learnAndEnforce(mesh);
    mesh.startEnvoy(envoy, false);
    EnforcedMesh.assertWorks(mesh);
  }

  @Test
  void underEnforce_bridgeKilled_nothingPasses_untilItIsBack() throws Exception {
    enforce();

    mesh.bridge().kill();
    EnforcedMesh.assertNothingPasses(mesh);
    assertThat(mesh.denials())
        .extracting(DecisionRecord::getReason)
        .contains("bridge_unavailable")
        .isSubsetOf(Mesh.NOT_DECIDED);

    mesh.startBridge();
    EnforcedMesh.assertWorks(mesh);
  }

  @Test
  void underEnforce_serverStuck_nothingPasses_untilItGoesOn() throws Exception {
    enforce();

    mesh.freezeServer();
    try {
      EnforcedMesh.assertNothingPasses(mesh);
    } finally {
      mesh.thawServer();
    }

    EnforcedMesh.assertWorks(mesh);
  }

  @Test
  void underEnforce_serverKilled_nothingPasses() throws Exception {
    enforce();

    mesh.server().kill();

    EnforcedMesh.assertNothingPasses(mesh);
  }

  @Test
  void underObserve_bridgeKilled_nothingIsRefused() throws Exception {
    mesh.bridge().kill();

    EnforcedMesh.assertWorks(mesh);
    assertThat(mesh.denials()).isEmpty();
  }

  @Test
  void underObserve_serverStuckThenKilled_nothingIsRefused() throws Exception {
    mesh.freezeServer();
    EnforcedMesh.assertWorks(mesh);

    mesh.server().kill();
    EnforcedMesh.assertWorks(mesh);
  }
}
