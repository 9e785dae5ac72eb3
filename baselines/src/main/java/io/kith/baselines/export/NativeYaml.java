package io.kith.baselines.export;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.yaml.YamlText;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Kith's own form, for reading and reviewing: one document for each baseline. */
public final class NativeYaml implements BaselineExporter {
  @Override
  public String export(List<Baseline> baselines, Placement placement) {
    var documents = new ArrayList<Object>();
    for (var baseline : baselines) {
      var metadata = new LinkedHashMap<String, Object>();
      metadata.put("revision", baseline.revision());
      if (baseline.parent() != null) {
        metadata.put("parent", baseline.parent());
      }
      var spec = new LinkedHashMap<String, Object>();
      spec.put("workload", baseline.owner().toString());
      spec.put("edges", baseline.edges().stream().map(NativeYaml::edge).toList());
      documents.add(Manifests.of("kith.io/v1", "Baseline", metadata, spec));
    }
    return YamlText.write(
        new Losses()
            .comment(
                "Baselines",
                baselines,
                List.of("the evidence by which each name counts, and signatures (use a bundle)")),
        documents);
  }

  private static Map<String, Object> edge(Edge edge) {
    var process = new LinkedHashMap<String, Object>();
    process.put("path", edge.process().path());
    process.put("program", edge.process().program());
    if (edge.process().script() != null) {
      process.put("script", edge.process().script());
    }
    if (!edge.process().ancestors().isEmpty()) {
      process.put("lineage", edge.process().ancestors());
    }
    if (edge.process().root()) {
      process.put("root", true);
    }
    if (edge.sha256() != null) {
      process.put("sha256", edge.sha256());
    }
    if (edge.scriptSha256() != null) {
      process.put("scriptSha256", edge.scriptSha256());
    }
    var map = new LinkedHashMap<String, Object>();
    map.put("id", edge.id());
    map.put("process", process);
    map.put("destination", edge.destination().words());
    map.put("strictness", edge.strictness().name().toLowerCase(Locale.ROOT));
    map.put("provenance", edge.provenance().words());
    return map;
  }
}
