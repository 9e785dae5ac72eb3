package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class BarFiguresTest {
  private static final Bar SOON =
      Bar.atMost("deny", "deny by hand", "ms", 250, 250, "median 80 ms");
  private static final Bar SLOW = Bar.atLeast("scale", "many workloads", "×", 0.9, 0.899, "");
  private static final Bar MISSING =
      new Bar("opa", "beside OPA", "×", 0.25, true, null, "not \"there\"");

  @Test
  void met_isAtTheBarItself() {
    assertThat(SOON.met()).isTrue();
    assertThat(Bar.atMost("deny", "", "ms", 250, 250.1, "").met()).isFalse();
    assertThat(SLOW.met()).isFalse();
    assertThat(Bar.atLeast("scale", "", "×", 0.9, 0.9, "").met()).isTrue();
    assertThat(MISSING.met()).isFalse();
  }

  @Test
  void lines_haveTheBarBesideTheFigure() {
    var lines = new BarFigures(List.of(SOON, SLOW, MISSING)).lines("two processors");

    assertThat(lines.get(0)).startsWith("deny by hand").contains("≤ 250 ms", "250 ms", " met");
    assertThat(lines.get(1)).contains("≥ 0.90 ×", "0.90 ×", "NOT MET");
    assertThat(lines.get(2)).endsWith("≤ 0.25 ×  not measured: not \"there\"");
    assertThat(lines).last().isEqualTo("on two processors");
  }

  /** From the RPC was told as if a person's command were in it. */
  @Test
  void deny_saysFromWhenItCounts_andIsTheWorst() {
    var call = DenyBars.bar("deny_rpc", DenyBars.RPC, new double[] {99, 20, 27});
    var command = DenyBars.bar("deny", DenyBars.COMMAND, new double[] {900, 200, 230});

    assertThat(call.words()).isEqualTo("deny by hand, from its RPC, on both servers");
    assertThat(call.figure()).isEqualTo(99);
    assertThat(call.note()).isEqualTo("the worst of 3; median 27 ms");
    assertThat(command.words())
        .isEqualTo("deny by hand, from the start of kith deny, on both servers");
    assertThat(command.figure()).isEqualTo(900);
  }

  @Test
  void json_isOneObject() {
    assertThat(new BarFigures(List.of(SOON, SLOW, MISSING)).json())
        .isEqualTo(
            "{\"bars\":[{\"bar\":\"deny\",\"unit\":\"ms\",\"at_most\":250,\"figure\":250,"
                + "\"met\":true,\"note\":\"median 80 ms\"},"
                + "{\"bar\":\"scale\",\"unit\":\"×\",\"at_least\":0.900,\"figure\":0.899,"
                + "\"met\":false,\"note\":\"\"},"
                + "{\"bar\":\"opa\",\"unit\":\"×\",\"at_most\":0.250,\"figure\":null,"
                + "\"met\":null,\"note\":\"not \\\"there\\\"\"}]}");
  }
}
