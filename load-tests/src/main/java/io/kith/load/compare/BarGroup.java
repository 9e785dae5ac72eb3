package io.kith.load.compare;

import java.io.IOException;
import java.util.List;

/** Bars that are measured with the same servers. */
enum BarGroup {
  START("start"),
  DENY("deny"),
  SCALE("scale"),
  TELEMETRY("telemetry"),
  OPA("opa");

  private final String id;

  BarGroup(String id) {
    this.id = id;
  }

  /** As on the command line. */
  String id() {
    return id;
  }

  List<Bar> measure(BarsBench.Bench bench) throws IOException, InterruptedException {
    return switch (this) {
      case START -> StartBars.measure(bench);
      case DENY -> DenyBars.measure(bench);
      case SCALE -> ScaleBars.measure(bench);
      case TELEMETRY -> TelemetryBars.measure(bench);
      case OPA -> OpaBars.measure(bench);
    };
  }
}
