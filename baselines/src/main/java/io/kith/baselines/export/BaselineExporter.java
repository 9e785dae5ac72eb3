package io.kith.baselines.export;

import io.kith.baselines.edge.Baseline;
import java.util.List;

/** Writes baselines as text for another system. */
@FunctionalInterface
public interface BaselineExporter {
  /**
   * One text for all of them.
   *
   * @param baselines of distinct workloads
   * @return YAML with a comment at its head that says what the target cannot express
   */
  String export(List<Baseline> baselines, Placement placement);
}
