package io.kith.server.files;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.export.BaselineExporter;
import io.kith.baselines.export.CiliumPolicy;
import io.kith.baselines.export.IstioPolicy;
import io.kith.baselines.export.KubernetesNetworkPolicy;
import io.kith.baselines.export.NativeYaml;
import java.time.Instant;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** What baselines can be written as. */
public enum ExportTarget {
  /** Kith's own YAML, which is read back. */
  NATIVE,
  /** {@code networking.k8s.io/v1 NetworkPolicy}. */
  NETWORK_POLICY,
  /** {@code CiliumNetworkPolicy} with toFQDNs. */
  CILIUM,
  /** Istio {@code Sidecar} and {@code AuthorizationPolicy}. */
  ISTIO,
  /** JSON Lines for {@code kith replay}. */
  FLOW_LOG;

  /** As people write it. */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The text.
   *
   * @param environment of the flows of a flow log
   */
  public String export(List<Baseline> baselines, AssumedPlacement placement, String environment) {
    return switch (this) {
      case NATIVE -> NativeYaml.write(baselines);
      case NETWORK_POLICY -> placed(new KubernetesNetworkPolicy(), baselines, placement);
      case CILIUM -> placed(new CiliumPolicy(), baselines, placement);
      case ISTIO -> placed(new IstioPolicy(), baselines, placement);
      case FLOW_LOG -> new FlowLogExport(placement, environment, Instant.now()).export(baselines);
    };
  }

  private static String placed(
      BaselineExporter exporter, List<Baseline> baselines, AssumedPlacement placement) {
    return placement.words().stream()
            .map(line -> "# " + line + "\n")
            .collect(Collectors.joining("", "", "#\n"))
        + exporter.export(baselines, placement);
  }

  /** Reads the words of people. */
  public static final class Reader implements ITypeConverter<ExportTarget> {
    @Override
    public ExportTarget convert(String text) {
      for (var target : values()) {
        if (target.word().equals(text)) {
          return target;
        }
      }
      throw new TypeConversionException(
          "'"
              + text
              + "' (expected: "
              + Arrays.stream(values()).map(ExportTarget::word).collect(Collectors.joining(", "))
              + ")");
    }
  }

  /** The words, for the help. */
  public static final class Names implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Arrays.stream(values()).map(ExportTarget::word).iterator();
    }
  }
}
