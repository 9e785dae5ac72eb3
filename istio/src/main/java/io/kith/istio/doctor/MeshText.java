package io.kith.istio.doctor;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Istio's own settings, which are texts in ConfigMaps.
 *
 * @param config of the mesh
 * @param injection values of the injector
 */
record MeshText(Tree config, Tree injection) {
  /**
   * Reads them.
   *
   * @param notJudged takes words about what cannot be read
   */
  static MeshText of(MeshObjects objects, Consumer<String> notJudged) {
    return new MeshText(
        read(objects, "istio", "mesh", notJudged),
        read(objects, "istio-sidecar-injector", "values", notJudged));
  }

  private static Tree read(
      MeshObjects objects, String map, String key, Consumer<String> notJudged) {
    var text = objects.istio(map, key);
    if (text.isEmpty()) {
      notJudged.accept("settings of Istio: no ConfigMap " + map + " in " + objects.rootNamespace());
      return Tree.NOTHING;
    }
    try {
      return new Tree(new Load(LoadSettings.builder().build()).loadFromString(text));
    } catch (YamlEngineException e) {
      notJudged.accept("settings of Istio: ConfigMap " + map + " is not YAML: " + firstLine(e));
      return Tree.NOTHING;
    }
  }

  private static String firstLine(YamlEngineException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  boolean isRegistryOnly() {
    return config.at("outboundTrafficPolicy", "mode").is("REGISTRY_ONLY");
  }

  private Tree proxy() {
    return injection.at("global", "proxy");
  }

  String excludedBlocks() {
    return proxy().at("excludeIPRanges").text();
  }

  String excludedPorts() {
    return proxy().at("excludeOutboundPorts").text();
  }

  String includedBlocks() {
    var blocks = proxy().at("includeIPRanges").text();
    return blocks.isEmpty() ? "*" : blocks;
  }

  /** The image of sidecars without its tag; empty where the injector's values do not tell it. */
  String proxyImage() {
    var image = proxy().at("image").text();
    var hub = injection.at("global", "hub").text();
    if (image.contains("/")) {
      return OtherSidecar.repository(image);
    }
    return hub.isEmpty() ? "" : hub + "/" + (image.isEmpty() ? "proxyv2" : image);
  }

  /** What they take out of the redirection, by the names of the values. */
  Map<String, String> excluded() {
    var excluded = new TreeMap<String, String>();
    excluded.put("excludeIPRanges", excludedBlocks());
    excluded.put("excludeOutboundPorts", excludedPorts());
    excluded.put("includeIPRanges", includedBlocks().equals("*") ? "" : includedBlocks());
    excluded.values().removeIf(String::isEmpty);
    return excluded;
  }
}
