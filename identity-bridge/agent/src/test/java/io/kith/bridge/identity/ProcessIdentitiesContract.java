package io.kith.bridge.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.process.ProcessKey;
import io.kith.bridge.process.Sighting;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What every provider keeps to. */
@Timeout(600)
abstract class ProcessIdentitiesContract {
  static final SpiffeId CHECKOUT = SpiffeId.parse("spiffe://dev.mesh.test/checkout");
  static final IpAddress POD = IpAddress.parse("10.88.1.2");
  static final IpAddress OTHER_POD = IpAddress.parse("10.88.1.3");
  static final Sighting OURSELVES = Sighting.holder((int) ProcessHandle.current().pid());

  /** One that says of our own process, in {@link #POD}, what {@link #expected} has. */
  abstract ProcessIdentities open() throws Exception;

  abstract Set<SpiffeId> expected();

  static long soon() {
    return System.nanoTime() + 60_000_000_000L;
  }

  @Test
  void of_aLivingProcess_saysWhatTheProviderSays() throws Exception {
    try (var identities = open()) {
      assertThat(identities.of(OURSELVES, POD, soon()).ids()).isEqualTo(expected());
    }
  }

  @Test
  void of_aPidThatNobodyHas_neverThrows() throws Exception {
    try (var identities = open()) {
      var nobody = new Sighting(new ProcessKey(Integer.MAX_VALUE, 1, 1), 0, -1, 0, null, null);

      assertThat(identities.of(nobody, OTHER_POD, soon()).ids()).isEmpty();
    }
  }

  @Test
  void of_afterTheTime_isAnsweredAllTheSame() throws Exception {
    try (var identities = open()) {
      var attested = identities.of(OURSELVES, POD, System.nanoTime() - 1);

      assertThat(attested.ids()).isSubsetOf(expected());
    }
  }

  @Test
  void words_areThere() throws Exception {
    try (var identities = open()) {
      assertThat(identities.words()).isNotBlank();
    }
  }
}
