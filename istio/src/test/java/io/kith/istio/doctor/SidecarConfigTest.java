package io.kith.istio.doctor;

import static io.kith.istio.doctor.MeshDump.at;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.MeshNames;
import io.kith.istio.MeshRecipe;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.istio.ServerAddress;
import io.kith.istio.doctor.SidecarConfig.Filter;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SidecarConfigTest {
  /** The check of requests as the recipe has it, to be changed. */
  private static Map<String, Object> check(MeshSettings settings) {
    var recipe =
        new MeshRecipe(ServerAddress.parse("kith:9191"), "spiffe://t/ns/kith/sa/server", settings);
    return MeshDump.list(at(MeshDump.yaml(recipe.yaml()), "spec"), "configPatches").stream()
        .map(patch -> at(patch, "patch", "value"))
        .filter(value -> MeshNames.REQUEST.equals(value.get("name")))
        .findFirst()
        .orElseThrow();
  }

  private static Map<String, Object> spared() {
    return check(MeshSettings.of(Tcp.BASELINE).withShortCut());
  }

  /** What becomes of a request that is not spared. */
  private static Map<String, Object> otherwise(Map<String, Object> filter) {
    return at(filter, "typed_config", "xds_matcher", "on_no_match", "action", "typed_config");
  }

  private static Filter read(Map<String, Object> filter) {
    return Filter.of(new Tree(filter));
  }

  @Test
  void of_checkThatRequestsAreSpared_isTheCheckOfTheOthers() {
    var always = read(check(MeshSettings.of(Tcp.BASELINE)));
    var spared = read(spared());

    assertThat(spared.checksRequests()).isTrue();
    assertThat(spared.asks()).isEqualTo(MeshNames.SERVER);
    assertThat(spared.config()).isEqualTo(always.config());
    assertThat(spared.matcher().present()).isTrue();
    assertThat(always.matcher().present()).isFalse();
  }

  /** Recipes of before, where the check itself is what is skipped. */
  @Test
  void of_checkBehindAMatcher_isThatCheck() {
    var filter = spared();
    var check = at(otherwise(filter), "typed_config");
    at(filter, "typed_config").put("extension_config", check);
    at(filter, "typed_config", "xds_matcher").remove("on_no_match");

    var read = read(filter);

    assertThat(read.config()).isEqualTo(read(check(MeshSettings.of(Tcp.BASELINE))).config());
    assertThat(read.matcher().present()).isTrue();
  }

  @Test
  void of_otherRequestsPassUnchecked_asksNobody() {
    var filter = spared();
    at(filter, "typed_config", "xds_matcher").remove("on_no_match");

    assertThat(read(filter).checksRequests()).isFalse();
    assertThat(read(filter).asks()).isEmpty();
  }
}
