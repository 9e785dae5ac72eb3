package io.kith.istio;

import io.kith.istio.MeshSettings.Tcp;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class MeshRecipeTest {
  private static final Goldens GOLDENS = new Goldens("mesh", "MeshRecipe");

  private static MeshRecipe recipe(MeshSettings settings) {
    return new MeshRecipe(
        ServerAddress.parse("authz-server.kith.svc.cluster.local:9191"),
        "spiffe://cluster.local/ns/kith/sa/authz-server",
        settings);
  }

  @Test
  void yaml_baseline_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("baseline.yaml", recipe(MeshSettings.of(Tcp.BASELINE)).yaml());
  }

  @Test
  void yaml_strict_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("strict.yaml", recipe(MeshSettings.of(Tcp.STRICT)).yaml());
  }

  @Test
  void yaml_shortCut_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("short-cut.yaml", recipe(MeshSettings.of(Tcp.BASELINE).withShortCut()).yaml());
  }
}
