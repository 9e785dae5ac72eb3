package io.kith.load.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

class DecideFiguresTest {
  private static final DecideFigures ALL =
      new DecideFigures(
          10_000,
          30,
          new DecideTimes(299, 800, 1_800, 5),
          new DecideTimes(301, 900, 1_900, 5),
          new DecideTimes(302, 901, 1_901, 5),
          new DecideTimes(400, 1_000, 1_902, 5),
          new DecideTimes(200, 250, 1_903, 5),
          new DecideTimes(150, 800, 1_904, 5),
          25,
          270L,
          new LearningRates(250_000.4, 59_999, 9));

  @Test
  void json_isTheObjectOfTheIssue_andTheHotFigures_inOneLine() throws Exception {
    assertThat(ALL.json()).doesNotContain("\n");
    assertThat(read(ALL.json()))
        .isEqualTo(
            read(
                """
                {"workloads":10000,"edges":30,"decide_p50_ns":299,"decide_p99_ns":800,
                 "decide_p50_ns_at_1000":150,"bytes_per_edge":270,"learn_flows_per_s":250000,
                 "replay_flows_per_s":59999,"decide_hot_p50_ns":299,"decide_hot_p99_ns":800,
                 "decide_random_p50_ns":301,"decide_random_p99_ns":900}
                """));
  }

  @Test
  void json_overMoreWorkloads_hasTheRandomOrderUnderTheBar() throws Exception {
    var hot = new DecideTimes(700, 800, 1, 1);
    var random = new DecideTimes(599, 900, 1, 1);
    var many =
        read(
            new DecideFigures(100_000, 30, hot, random, null, null, null, null, 25, null, null)
                .json());

    assertThat(many.path("decide_p50_ns").asLong()).isEqualTo(599);
    assertThat(many.path("decide_p99_ns").asLong()).isEqualTo(900);
    assertThat(many.path("decide_hot_p50_ns").asLong()).isEqualTo(700);
  }

  @Test
  void json_ofWhatWasNotMeasured_isNull() throws Exception {
    var none =
        read(new DecideFigures(1, 2, null, null, null, null, null, null, 25, null, null).json());

    assertThat(none.path("decide_p50_ns").isNull()).isTrue();
    assertThat(none.path("decide_hot_p50_ns").isNull()).isTrue();
    assertThat(none.path("bytes_per_edge").isNull()).isTrue();
    assertThat(none.path("replay_flows_per_s").isNull()).isTrue();
  }

  @Test
  void lines_sayWhichBarsAreMet() {
    assertThat(ALL.lines("a machine"))
        .anyMatch(line -> line.contains("(hot), p50") && line.endsWith("1.00 met"))
        .anyMatch(line -> line.contains("in a random order, p50") && line.endsWith("301 ns"))
        .anyMatch(line -> line.contains("half of the questions are for 84 of 10,000 workloads"))
        .anyMatch(line -> line.startsWith("heap per edge") && line.endsWith("0.90 met"))
        .anyMatch(line -> line.startsWith("learner") && line.endsWith("1.25 met"))
        .anyMatch(line -> line.startsWith("replay") && line.endsWith("NOT MET"))
        .contains("on a machine");
  }

  @Test
  void lines_overMoreWorkloads_haveTwiceTheTime() {
    var many =
        new DecideFigures(
            100_000,
            30,
            new DecideTimes(301, 1, 1, 1),
            new DecideTimes(601, 1, 1, 1),
            null,
            null,
            null,
            null,
            25,
            null,
            null);

    assertThat(many.lines("a machine"))
        .anyMatch(line -> line.contains("≤ 600") && line.endsWith("NOT MET"))
        .anyMatch(line -> line.contains("(hot), p50") && line.endsWith("301 ns"));
  }

  private static JsonNode read(String json) throws Exception {
    return new ObjectMapper().readTree(json);
  }
}
