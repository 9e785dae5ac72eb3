package io.kith.server.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.DecisionRecord;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExplainCommandTest {
  /** Who has to repair a server is told which, by what to see it, and what to set. */
  @ParameterizedTest
  @CsvSource({
    "overloaded,kith_checks_waiting,server.bridgeTimeout",
    "deadline,kith_check_duration_seconds,server.deadline",
    "internal,kith_checks_total,server.onFailure",
  })
  void print_whatAServerCouldNotAnswer_namesServerMetricAndSetting(
      String reason, String metric, String setting) {
    var decision =
        DecisionRecord.newBuilder().setId("d:1").setVerdict("deny").setReason(reason).build();

    assertThat(printed(decision)).contains("the server that was asked", metric, setting);
    assertThat(printed(decision.toBuilder().setServer("kith-server-1").build()))
        .contains("server kith-server-1 ", metric, setting);
  }

  /** A scope of the chart has no kith.yaml that its operator could write. */
  @Test
  void print_unknownProcess_namesTheScopeObject_thatSetsTheMode_elseTheCharts() {
    var decision =
        DecisionRecord.newBuilder()
            .setId("d:1")
            .setVerdict("deny")
            .setReason("unattributed")
            .setOwner("shop/deployment/cart")
            .setModeFrom("kith mode shop/deployment/cart")
            .build();
    var patch = " --type merge -p '{\"spec\":{\"unattributed\":\"allow\"}}'";

    assertThat(printed(decision))
        .contains("no-bridge", "kith.yaml", "\n  kubectl -n shop patch kscope kith" + patch);
    assertThat(printed(decision.toBuilder().setModeFrom("Scope istio-system/all (*)").build()))
        .contains("\n  kubectl -n istio-system patch kscope all" + patch);
  }

  private static String printed(DecisionRecord decision) {
    var text = new StringWriter();
    try (var out = new PrintWriter(text)) {
      new ExplainCommand().print(decision, out);
    }
    return text.toString();
  }
}
