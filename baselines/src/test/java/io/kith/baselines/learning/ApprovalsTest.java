package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.address;
import static io.kith.baselines.learning.Sights.external;
import static io.kith.baselines.learning.Sights.program;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessClass;
import org.junit.jupiter.api.Test;

/** Which of what is seen is approved already. */
class ApprovalsTest {
  private static final ProcessClass APP = program("/app", null).processClass();
  private static final ProcessClass OTHER = program("/other", null).processClass();

  private final Approvals approvals = new Approvals();

  @Test
  void cover_aName_asStronglyKnownAsItWasApproved() {
    approvals.add(APP, name(Evidence.CLIENT_NAME));

    assertThat(approvals.cover(APP, name(Evidence.CLIENT_NAME))).isTrue();
    assertThat(approvals.cover(APP, name(Evidence.MESH_SERVICE))).isTrue();
    assertThat(approvals.cover(APP, name(Evidence.DNS))).isFalse();
    assertThat(approvals.cover(OTHER, name(Evidence.CLIENT_NAME))).isFalse();
  }

  private static Exact name(Evidence evidence) {
    return new Exact("api.psp.example", evidence, 443, Protocol.TCP);
  }

  @Test
  void cover_whatAPatternHolds_alsoWhatIsNew() {
    approvals.add(
        APP, new HostWildcard("s#", "cdn.example", Evidence.CLIENT_NAME, 443, Protocol.TCP));
    approvals.add(APP, new AddressBlock(IpAddress.parse("10.0.0.16"), 28, 9_100, Protocol.TCP));

    assertThat(approvals.cover(APP, Exact.of(external("s7.cdn.example")))).isTrue();
    assertThat(approvals.cover(APP, Exact.of(external("www.cdn.example")))).isFalse();
    assertThat(approvals.cover(APP, Exact.of(address("10.0.0.17", 9_100)))).isTrue();
    assertThat(approvals.cover(APP, Exact.of(address("10.0.0.32", 9_100)))).isFalse();
    assertThat(approvals.cover(OTHER, Exact.of(external("s7.cdn.example")))).isFalse();
  }

  /** Who keeps an answer asks this for whether it still holds. */
  @Test
  void changes_growWithWhatIsAddedOrRemoved() {
    var name = name(Evidence.DNS);
    assertGrows(true, () -> assertThat(approvals.add(APP, name)).isTrue());
    assertGrows(false, () -> assertThat(approvals.add(APP, name)).isFalse());
    assertGrows(true, () -> approvals.remove(APP, name));
    assertGrows(false, () -> approvals.remove(OTHER, name));
    assertThat(approvals.contain(APP, name)).isFalse();
    assertGrows(true, approvals::clear);
  }

  private void assertGrows(boolean expected, Runnable step) {
    var before = approvals.changes();
    step.run();
    assertThat(approvals.changes() > before).isEqualTo(expected);
  }

  @Test
  void remove_aPattern_coversNothingAnyMore() {
    DestinationPattern pattern =
        new HostWildcard(null, "cdn.example", Evidence.CLIENT_NAME, 443, Protocol.TCP);
    approvals.add(APP, pattern);
    approvals.remove(APP, pattern);

    assertThat(approvals.cover(APP, Exact.of(external("s7.cdn.example")))).isFalse();
    assertThat(approvals.edges()).isEmpty();
  }
}
