package io.kith.istio;

import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.Closed;
import io.kith.istio.FailureMode.Floor;
import io.kith.istio.FailureMode.Open;
import io.kith.istio.MeshSettings.Tcp;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MeshOverlayTest {
  private static final Goldens GOLDENS = new Goldens("mesh", "MeshOverlay");
  private static final MeshScope CHECKOUT =
      MeshScope.parse("shop/deployment/checkout", Map.of("app", "checkout"));
  private static final Floor FLOOR =
      new Floor(
          List.of(
              Approved.parse("catalog.shop.svc.cluster.local:80"),
              Approved.parse("10.7.0.0/16:3306")));

  private static MeshOverlay overlay(Tcp tcp, FailureMode mode) {
    return new MeshOverlay(MeshSettings.of(tcp), CHECKOUT, mode);
  }

  @Test
  void yaml_open_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("open.yaml", overlay(Tcp.BASELINE, new Open()).yaml());
  }

  @Test
  void yaml_openUnderStrict_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("open-strict.yaml", overlay(Tcp.STRICT, new Open()).yaml());
  }

  @Test
  void yaml_closed_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("closed.yaml", overlay(Tcp.BASELINE, new Closed()).yaml());
  }

  @Test
  void yaml_floor_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("floor.yaml", overlay(Tcp.BASELINE, FLOOR).yaml());
  }
}
