package io.kith.server.kubernetes;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import org.junit.jupiter.api.Test;

class SeenVersionsTest {
  private final SeenVersions<Pod> pods = new SeenVersions<>(Pod::new);

  private static Pod pod(String version) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace("shop")
        .withName("web-1-a")
        .withUid("u")
        .withResourceVersion(version)
        .endMetadata()
        .withNewSpec()
        .withNodeName("node-1")
        .endSpec()
        .build();
  }

  @Test
  void put_keepsNameAndVersion_andNothingElse() {
    var key = pods.getKey(pod("7"));

    assertThat(key).isEqualTo("shop/web-1-a");
    assertThat(pods.put(key, pod("7"))).isNull();
    var before = requireNonNull(pods.put(key, pod("8")));

    assertThat(before.getMetadata().getResourceVersion()).isEqualTo("7");
    assertThat(before.getSpec()).isNull();
    assertThat(pods.getKey(before)).isEqualTo(key);
    assertThat(requireNonNull(pods.get(key)).getMetadata().getResourceVersion()).isEqualTo("8");
    assertThat(pods.keySet()).containsExactly(key);
    assertThat(pods.values()).extracting(pods::getKey).containsExactly(key);
    assertThat(pods.size()).isEqualTo(1);
    assertThat(pods.isFullState()).isFalse();
    assertThat(pods.remove(key)).isNotNull();
    assertThat(pods.remove(key)).isNull();
    assertThat(pods.get(key)).isNull();
  }

  @Test
  void version_thatIsNoNumber_isNeverTheSame() {
    pods.put("shop/web-1-a", pod("opaque"));

    assertThat(requireNonNull(pods.get("shop/web-1-a")).getMetadata().getResourceVersion())
        .isNotEqualTo("opaque");
  }

  @Test
  void objectOfNoNamespace_isKnownByItsName() {
    var namespaces = new SeenVersions<>(Namespace::new);
    var shop =
        new NamespaceBuilder()
            .withNewMetadata()
            .withName("shop")
            .withResourceVersion("7")
            .endMetadata()
            .build();

    namespaces.put(namespaces.getKey(shop), shop);

    assertThat(namespaces.values())
        .extracting(one -> one.getMetadata().getName())
        .containsExactly("shop");
    assertThat(namespaces.values()).extracting(namespaces::getKey).containsExactly("shop");
  }
}
