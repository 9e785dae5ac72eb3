package io.kith.server.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A rule vouches for what it allows, and for nothing else. */
class DeclaredVouchersTest {
  private static final Exact DATABASE = Exact.of(Shop.database().destination());
  private static final List<String> INIT = List.of("/sbin/init");

  @Test
  void vouch_ofARule_isForItsClass() {
    assertThat(isVouched(rule(null, Strictness.CLASS, null, null))).isTrue();
    assertThat(isVouched(rule(null, Strictness.PATH, null, null))).isTrue();
  }

  @Test
  void vouch_ofARuleWithAnEnd_isForNothing() {
    assertThat(isVouched(rule(null, Strictness.CLASS, null, Shop.NOON.plusSeconds(60)))).isFalse();
  }

  /** What was vouched for is approved whatever its ancestors. */
  @Test
  void vouch_ofARuleThatNamesALineage_isForTheseAncestorsAlone() {
    var other = List.of("/bin/sh", "/sbin/init");

    assertThat(isVouched(rule(INIT, Strictness.LINEAGE, null, null))).isTrue();
    assertThat(isVouched(rule(other, Strictness.LINEAGE, null, null))).isFalse();
    assertThat(isVouched(rule(List.of(), Strictness.LINEAGE, null, null))).isFalse();
  }

  /** What was vouched for is approved with any binary. */
  @Test
  void vouch_ofARuleThatNamesABinary_isForNothing() {
    assertThat(isVouched(rule(null, Strictness.HASH, Shop.HASH, null))).isFalse();
  }

  private static HandRule rule(
      @Nullable List<String> ancestors,
      Strictness strictness,
      @Nullable String sha256,
      @Nullable Instant until) {
    return HandRule.of(
        new ProcessPattern(
            Shop.PAYMENTS.processClass().path(),
            null,
            new ProcessPattern.ScriptPattern.AnyOrNone(),
            ancestors),
        DATABASE,
        strictness,
        sha256,
        null,
        new Provenance.ByHand("ada", "reviewed", until));
  }

  private static boolean isVouched(HandRule rule) {
    return new DeclaredVouchers(List.of(), List.of(rule))
        .vouch(Shop.PAYMENTS.processClass(), DATABASE, false, Set.of());
  }
}
