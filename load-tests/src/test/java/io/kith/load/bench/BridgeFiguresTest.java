package io.kith.load.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

class BridgeFiguresTest {
  private static final BridgeFigures FIGURES =
      new BridgeFigures(
          "A",
          new ConnectBench.Figures(
              new ConnectBench.Side(2, 3, 0, 1, 2), new ConnectBench.Side(20, 30, 10, 3, 3)),
          6,
          7,
          8,
          9,
          11.25,
          12,
          new BridgeFigures.ShortLived(13, 14, 15),
          new BridgeFigures.StartUp(17, 18, 19, -1),
          16);

  @Test
  void json_isOneObjectInOneLine() throws Exception {
    assertThat(FIGURES.json()).doesNotContain("\n");
    assertThat(new ObjectMapper().readTree(FIGURES.json()))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"rung":"A","connects_per_s":2,"connects_per_s_without":3,
                     "connections_per_s":20,"connections_per_s_without":30,"recorded":4,"made":5,"wrong":6,"unknown":7,"added_ns_mean":10,"resolve_p50_us":11.3,
                     "resolve_p99_us":12.0,"short_lived":{"made":13,"attributed":14,"hashed":15},
                     "rss_mib":16,
                     "start_up":{"made":17,"known":18,"known_ms":19,"older_connection_ms":-1}}
                    """));
  }

  @Test
  void lines_nameTheRung() {
    assertThat(FIGURES.lines().getFirst()).isEqualTo("rung                            A");
  }
}
