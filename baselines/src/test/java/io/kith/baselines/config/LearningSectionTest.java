package io.kith.baselines.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.LearningSettings.External;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LearningSectionTest {
  @Test
  void parseLearning_nothing_isTheDefaults() throws ConfigException {
    assertThat(parse("server: {nonsense: true}")).isEqualTo(LearningSettings.defaults());
  }

  @Test
  void parseLearning_everything_isRead() throws ConfigException {
    var settings =
        parse(
            """
            learning:
              support: {replicas: 3, fraction: 0.5, hours: 4, span: 7h}
              minimum: 12h
              maximum: 10d
              deficit: 0.01
              quiet: 6h
              quietFraction: 0.5
              jobRuns: 5
              external: auto
              upgradeGrace: 2h
              stale: 9d
              maxEdges: 100
            """);

    assertThat(settings)
        .isEqualTo(
            new LearningSettings(
                3,
                0.5,
                4,
                Duration.ofHours(7),
                null,
                Duration.ofHours(12),
                Duration.ofDays(10),
                0.01,
                Duration.ofHours(6),
                0.5,
                5,
                External.AUTO,
                Duration.ofHours(2),
                Duration.ofDays(9),
                100));
  }

  @Test
  void parseLearning_window_meansThatNobodyAnswers_unlessSaidOtherwise() throws ConfigException {
    assertThat(parse("learning: {window: 7d}").external()).isEqualTo(External.AUTO);
    assertThat(parse("learning: {window: 7d, external: vouch}").external())
        .isEqualTo(External.VOUCH);
  }

  @Test
  void parseLearning_unknownKey_isAProblem() {
    assertThatThrownBy(() -> parse("learning: {windw: 7d}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("learning.windw: unknown key");
  }

  private static LearningSettings parse(String text) throws ConfigException {
    return KithConfig.parseLearning("kith.yaml", text, Map.of());
  }
}
