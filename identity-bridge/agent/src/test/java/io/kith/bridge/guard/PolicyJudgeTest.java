package io.kith.bridge.guard;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PolicyJudgeTest {
  private static final long PROXY = 7;
  private static final long APP = 8;
  private static final Set<IpAddress> OWN = Set.of(IpAddress.parse(GuardedPod.ADDRESS));
  private final GuardPolicy policy = KernelGuardTest.policy(Mode.ENFORCE);
  private final PolicyJudge judge = new PolicyJudge(policy, PROXY, OWN);

  private @Nullable GuardReason of(String host, int port, int uid, int gid, long cgroup) {
    return judge.against(IpAddress.parse(host), port, uid, gid, cgroup);
  }

  @Test
  void against_whatTheProgramsLetPass_isNothing() {
    assertThat(of("198.18.1.1", 443, 0, 0, APP)).isNull();
    assertThat(of("198.18.1.1", 443, 1_337, 0, PROXY)).isNull();
    assertThat(of("198.18.1.1", 443, 0, 1_337, PROXY)).isNull();
    assertThat(of("2001:db8::1", 443, 1_337, 1_337, PROXY)).isNull();
    assertThat(of("127.0.0.1", 8_080, 0, 0, APP)).isNull();
    assertThat(of(GuardedPod.ADDRESS, 8_080, 1_337, 0, APP)).isNull();
    assertThat(of("127.0.0.1", 15_000, 1_337, 0, PROXY)).isNull();
    assertThat(of("198.18.7.1", 3_306, 0, 0, APP)).isNull();
    assertThat(of("2001:db8:7::1", 443, 0, 0, APP)).isNull();
    assertThat(of(GuardedPod.RESOLVER, 53, 1_337, 0, APP)).isNull();
  }

  @Test
  void against_whatTheProgramsRefuse_isTheSameReason() {
    assertThat(of("198.18.1.1", 443, 1_337, 0, APP)).isEqualTo(GuardReason.PROXY_USER);
    assertThat(of("198.18.1.1", 443, 0, 1_337, APP)).isEqualTo(GuardReason.PROXY_USER);
    assertThat(of("2001:db8::1", 443, 0, 0, APP)).isEqualTo(GuardReason.FAMILY);
    assertThat(of("198.18.1.1", 3_306, 0, 0, APP)).isEqualTo(GuardReason.EXCLUDED);
    assertThat(of("198.18.1.1", 3_306, 0, 0, PROXY)).isEqualTo(GuardReason.EXCLUDED);
    assertThat(of("127.0.0.1", 15_000, 0, 0, APP)).isEqualTo(GuardReason.PROXY_PORT);
    assertThat(of(GuardedPod.ADDRESS, 15_001, 0, 0, PROXY)).isEqualTo(GuardReason.PROXY_PORT);
  }

  @Test
  void against_proxyNotFound_itsUserIsLeft() {
    var unknown = new PolicyJudge(policy, 0, OWN);
    assertThat(unknown.against(IpAddress.parse("198.18.1.1"), 443, 1_337, 0, APP)).isNull();
    assertThat(unknown.against(IpAddress.parse("2001:db8::1"), 443, 0, 0, APP))
        .isEqualTo(GuardReason.FAMILY);
  }
}
