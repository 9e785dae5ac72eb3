package io.kith.bridge.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Script;
import java.util.List;
import org.junit.jupiter.api.Test;

class FingerprintIdTest {
  private static ProcessFingerprint python(List<String> lineage, String program) {
    return new ProcessFingerprint(
        "/usr/bin/python3.11",
        "a".repeat(64),
        Origin.IMAGE,
        1000,
        EntryKind.SCRIPT,
        program,
        new Script("/app/app.py", null, Origin.UNKNOWN, true),
        lineage,
        null,
        null,
        List.of(),
        false);
  }

  @Test
  void canonical_fingerprint_isTheFormThatOthersComputeToo() {
    var fingerprint = python(List.of("/bin/sh"), "python3");

    assertThat(FingerprintId.canonical(fingerprint))
        .isEqualTo(
            "kith-fingerprint-119:/usr/bin/python3.1164:"
                + "a".repeat(64)
                + "5:IMAGE4:10006:SCRIPT7:python311:/app/app.py-7:UNKNOWN4:true"
                + "[1]7:/bin/sh--[0]5:false");
    assertThat(FingerprintId.of(fingerprint)).isEqualTo("fp:608f08241e3a20882558e59ff3c4bf7b");
  }

  @Test
  void of_sameTextInOtherFields_isAnotherId() {
    assertThat(FingerprintId.of(python(List.of("a", "b"), "c")))
        .isNotEqualTo(FingerprintId.of(python(List.of("a"), "bc")))
        .isNotEqualTo(FingerprintId.of(python(List.of("ab"), "c")));
  }
}
