package io.kith.bridge.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.stream.NodeView.IdentitySource;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class DevAndNoIdentitiesTest {
  @Nested
  class Dev extends ProcessIdentitiesContract {
    @Override
    ProcessIdentities open() throws Exception {
      var config =
          KithConfig.parse(
              "kith.yaml",
              """
              workloads:
              - {owner: shop/deployment/checkout, spiffeId: "spiffe://dev.mesh.test/checkout", addresses: [10.88.1.2]}
              - {owner: shop/deployment/other, addresses: [10.88.1.3]}
              """,
              Map.of());
      return new DevIdentities(config.workloads());
    }

    @Override
    Set<SpiffeId> expected() {
      return Set.of(CHECKOUT);
    }

    @Test
    void ofPod_isThatOfItsAddresses_andAttestedByNobody() throws Exception {
      try (var identities = open()) {
        assertThat(identities.ofPod(Set.of(POD, OTHER_POD))).containsExactly(CHECKOUT);
        assertThat(identities.ofPod(Set.of(OTHER_POD))).isEmpty();
        assertThat(identities.source()).isEqualTo(IdentitySource.DEV_UNATTESTED);
      }
    }
  }

  @Nested
  class None extends ProcessIdentitiesContract {
    @Override
    ProcessIdentities open() {
      return ProcessIdentities.NONE;
    }

    @Override
    Set<SpiffeId> expected() {
      return Set.of();
    }

    @Test
    void source_isNone() {
      assertThat(open().source()).isEqualTo(IdentitySource.NONE);
      assertThat(open().problem()).isNull();
    }
  }
}
