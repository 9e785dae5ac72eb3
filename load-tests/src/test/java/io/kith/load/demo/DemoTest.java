package io.kith.load.demo;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DemoTest {
  private static final DemoReport.AttackReport REFUSED =
      new DemoReport.AttackReport("another program", true, "new_process", "0af7");

  @Test
  void json_hasTheFieldsThatScriptsRead() {
    var report =
        new DemoReport(
            "1.40.0",
            "A",
            3,
            new DemoReport.Benign(40, 0),
            java.util.List.of(REFUSED),
            true,
            1,
            27);

    assertThat(report.json())
        .isEqualTo(
            "{\"envoy\":\"1.40.0\",\"rung\":\"A\",\"learned_edges\":3,"
                + "\"benign\":{\"checked\":40,\"denied\":0},"
                + "\"attacks\":[{\"name\":\"another program\",\"denied\":true,"
                + "\"reason\":\"new_process\",\"trace_id\":\"0af7\"}],"
                + "\"allowed_then_expired\":true,\"traces_found\":1,\"seconds\":27}");
  }

  @Test
  void holds_onlyWhenEachPartDid() {
    assertThat(report(3, 40, 0, true, true, 1).holds(true)).isTrue();
    assertThat(report(0, 40, 0, true, true, 1).holds(true)).isFalse();
    assertThat(report(3, 0, 0, true, true, 1).holds(true)).isFalse();
    assertThat(report(3, 40, 1, true, true, 1).holds(true)).isFalse();
    assertThat(report(3, 40, 0, false, true, 1).holds(true)).isFalse();
    assertThat(report(3, 40, 0, true, false, 1).holds(true)).isFalse();
    assertThat(report(3, 40, 0, true, true, 0).holds(true)).isFalse();
    assertThat(report(3, 40, 0, true, true, 0).holds(false)).isTrue();
  }

  private static DemoReport report(
      int edges, long checked, long refused, boolean denied, boolean expired, int traces) {
    return new DemoReport(
        "1.40.0",
        "A",
        edges,
        new DemoReport.Benign(checked, refused),
        java.util.List.of(new DemoReport.AttackReport("a", denied, "new_process", "0af7")),
        expired,
        traces,
        27);
  }
}
