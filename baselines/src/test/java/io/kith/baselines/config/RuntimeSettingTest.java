package io.kith.baselines.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RuntimeSettingTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "auto",
        "none",
        "docker:/run/docker.sock",
        "cri:/run/containerd/containerd.sock",
        "cri:/run/with:colon"
      })
  void parse_whatItWrites_isTheSame(String text) {
    assertThat(RuntimeSetting.parse(text)).hasToString(text);
  }

  @Test
  void parse_kinds_areToldApart() {
    assertThat(RuntimeSetting.parse("docker:/a"))
        .isEqualTo(new RuntimeSetting.Docker(Path.of("/a")));
    assertThat(RuntimeSetting.parse("cri:/a")).isEqualTo(new RuntimeSetting.Cri(Path.of("/a")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "docker",
        "docker:",
        "docker:run/docker.sock",
        "Auto",
        "podman:/a",
        "/a",
        ":/a"
      })
  void parse_anythingElse_isRefused(String text) {
    assertThatThrownBy(() -> RuntimeSetting.parse(text))
        .hasMessage(
            "'"
                + text
                + "' (expected: auto, none, docker:PATH or cri:PATH with the absolute path of a"
                + " Unix socket)");
  }

  @Test
  void parse_pathThatIsTooLong_isRefused() {
    assertThatThrownBy(() -> RuntimeSetting.parse("cri:/" + "a".repeat(107)))
        .hasMessageContaining("too long for a Unix socket");
  }
}
