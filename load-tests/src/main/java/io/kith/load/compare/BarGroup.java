package io.kith.load.compare;

import java.io.IOException;
import java.util.List;

/** Bars that are measured with the same servers. */
enum BarGroup {
  START("start", StartBars::measure),
  DENY("deny", DenyBars::measure),
  SCALE("scale", ScaleBars::measure),
  TELEMETRY("telemetry", TelemetryBars::measure),
  OPA("opa", OpaBars::measure);

  private final String id;
  private final Measurement measurement;

  @FunctionalInterface
  private interface Measurement {
    List<Bar> of(BarsBench.Bench bench) throws IOException, InterruptedException;
  }

  BarGroup(String id, Measurement measurement) {
    this.id = id;
    this.measurement = measurement;
  }

  /** As on the command line. */
  String id() {
    return id;
  }

  List<Bar> measure(BarsBench.Bench bench) throws IOException, InterruptedException {
    return measurement.of(bench);
  }
}
