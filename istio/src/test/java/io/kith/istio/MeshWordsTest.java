package io.kith.istio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.ApprovedBlock;
import io.kith.istio.FailureMode.ApprovedHost;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Addresses, scopes and destinations as operators write them. */
class MeshWordsTest {
  @Test
  void address_isAName_anAddressOrASocket() {
    assertThat(ServerAddress.parse("kith.kith.svc:9191"))
        .isEqualTo(new ServerAddress.Named("kith.kith.svc", 9191));
    assertThat(ServerAddress.parse("10.0.0.1:1"))
        .isEqualTo(new ServerAddress.Numeric("10.0.0.1", 1));
    assertThat(ServerAddress.parse("[fd00::1]:65535"))
        .isEqualTo(new ServerAddress.Numeric("fd00::1", 65_535));
    assertThat(ServerAddress.parse("unix:/run/kith.sock"))
        .isEqualTo(new ServerAddress.Socket("/run/kith.sock"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "kith",
        "kith:",
        ":9191",
        "kith:0",
        "kith:65536",
        "kith:-1",
        "kith:http",
        "ki th:1",
        "kith\n:1",
        "fd00::1:9191",
        "[kith]:9191",
        "[]:9191",
        "unix:",
        "unix:run/kith.sock"
      })
  void address_somethingElse_isRefused(String text) {
    assertThatThrownBy(() -> ServerAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("server: ")
        .hasMessageContaining("(expected: ");
  }

  @Test
  void scope_isTheMesh_aNamespaceOrAnOwner() {
    var labels = Map.of("app", "checkout");

    assertThat(MeshScope.parse("*", Map.of())).isEqualTo(MeshScope.MESH);
    assertThat(MeshScope.parse("shop", Map.of())).isEqualTo(MeshScope.namespace("shop"));
    assertThat(MeshScope.parse("shop/deployment/checkout", labels))
        .isEqualTo(new MeshScope("shop", "deployment-checkout", labels));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "shop/checkout", "a/b/c/d", "/b/c", "a//c", "a/b/", "a b", "a/*/c"})
  void scope_somethingElse_isRefused(String text) {
    assertThatThrownBy(() -> MeshScope.parse(text, Map.of()))
        .hasMessage("scope: '" + text + "' (expected: *, NAMESPACE or NAMESPACE/KIND/NAME)");
  }

  /** Labels of the mesh would open pods of other namespaces that have them as well. */
  @Test
  void scope_labels_areOfAnOwner() {
    assertThatThrownBy(() -> MeshScope.parse("*", Map.of("app", "checkout")))
        .hasMessageStartingWith("selector: {app=checkout} (expected: none");
    assertThatThrownBy(() -> MeshScope.parse("shop/deployment/checkout", Map.of()))
        .hasMessageStartingWith("scope: deployment-checkout (expected: labels");
    assertThatThrownBy(() -> new MeshScope(null, "checkout", Map.of("app", "checkout")))
        .hasMessage("scope: checkout (expected: its namespace as well)");
  }

  @Test
  void approved_isAHostOrABlock() {
    assertThat(Approved.parse("catalog.shop:80")).isEqualTo(new ApprovedHost("catalog.shop", 80));
    assertThat(Approved.parse("10.7.0.0/16:3306"))
        .isEqualTo(new ApprovedBlock("10.7.0.0", 16, 3306));
    assertThat(Approved.parse("10.7.0.1:1")).isEqualTo(new ApprovedBlock("10.7.0.1", 32, 1));
    assertThat(Approved.parse("[fd00::/64]:65535"))
        .isEqualTo(new ApprovedBlock("fd00::", 64, 65_535));
    assertThat(Approved.parse("[fd00::1]:443")).isEqualTo(new ApprovedBlock("fd00::1", 128, 443));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "catalog",
        "catalog:",
        "catalog:0",
        "catalog:65536",
        "*.shop:80",
        "cata log:80",
        "10.7.0.0/33:80",
        "10.7.0:80",
        "10.7.0.256:80",
        "[fd00::/129]:80",
        "[fd00:::1]:80",
        "fd00::1:80",
        "0.0.0.0/0"
      })
  void approved_somethingElse_isRefused(String text) {
    assertThatThrownBy(() -> Approved.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("approved: ")
        .hasMessageContaining("(expected: ");
  }
}
