package io.kith.server.kubernetes.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.server.control.ControlState;
import io.kith.server.control.DeclaredScope;
import io.kith.server.verb.Failure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Without an API server; with one it is tested beside Istio. */
class ClusterResourcesTest {
  private static final ScopeName SHOP = new ScopeName.Namespace("shop");

  @TempDir Path folder;
  private ControlState state;

  @BeforeEach
  void start() throws Exception {
    state =
        ControlState.of(
            KithConfig.parse("kith.yaml", "", Map.of()),
            new StaticWorkloadDirectory(List.of()),
            InstantSource.system());
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private static KubernetesSettings settings(@Nullable Path kubeconfig) {
    return new KubernetesSettings(
        kubeconfig, false, true, "cluster.local", "cluster.local", "istio-system");
  }

  @Test
  void open_whereNoApiServerAnswers_leavesWhatIsInForce_andSaysSo() throws Exception {
    state.cluster().declare(SHOP, new DeclaredScope("shop/all", Mode.SHADOW, null, null), "ada");
    Files.writeString(
        folder.resolve("kubeconfig"),
        """
        apiVersion: v1
        kind: Config
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
        users: [{name: u, user: {token: "t"}}]
        contexts: [{name: x, context: {cluster: c, user: u}}]
        current-context: x
        """);

    try (var resources =
        ClusterResources.open(
            settings(Path.of("kubeconfig")), folder, Map.of(), state, false, null, null, null)) {
      assertThat(resources.awaitFirst(Duration.ofMillis(200))).isFalse();

      assertThat(resources.problem()).startsWith("the objects were not read yet");
      assertThat(resources.isFollowed()).isTrue();
      assertThat(resources.problems()).isEmpty();
      assertThat(state.cluster().health()).isSameAs(resources);
      assertThat(state.cluster().scopes()).containsOnlyKeys(SHOP);
    }
    assertThat(state.cluster().health().isFollowed()).isFalse();
  }

  @Test
  void open_whereNothingSaysWhereTheApiServerIs_isRefused() {
    assertThatThrownBy(
            () ->
                ClusterResources.open(
                    settings(null), folder, Map.of(), state, false, null, null, null))
        .isInstanceOf(Failure.class)
        .hasMessageContaining("name a kubeconfig file");
  }
}
