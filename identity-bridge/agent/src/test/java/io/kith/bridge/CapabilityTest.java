package io.kith.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CapabilityTest {
  private static final long ALL = 1L << 2 | 1L << 12 | 1L << 19 | 1L << 21 | 1L << 38 | 1L << 39;

  @Test
  void lacking_nothing_isNoLine() {
    assertThat(Capability.lacking(ALL)).isEmpty();
  }

  @Test
  void lacking_oneThatNothingIncludes_saysWhatIsLost() {
    assertThat(Capability.lacking(ALL & ~(1L << 19)))
        .containsExactly(
            "without CAP_SYS_PTRACE: processes of other users are not looked into: neither their"
                + " pods are found nor what they run");
  }

  @Test
  void lacking_bpf_isNoLossOnlyWithSysAdmin() {
    assertThat(Capability.lacking(ALL & ~(1L << 39)))
        .containsExactly("without CAP_BPF: nothing is lost, CAP_SYS_ADMIN includes it");
    assertThat(Capability.lacking(ALL & ~(1L << 39 | 1L << 21)))
        .contains(
            "without CAP_BPF: connections are not noted in the kernel, and no pod is guarded");
  }
}
