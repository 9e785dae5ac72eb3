package io.kith.server.istio;

import io.kith.baselines.yaml.Values;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.server.verb.Failure;
import java.time.Duration;
import picocli.CommandLine.Option;

/** The options that a recipe and its overlays have to agree on. */
final class SettingsOption {
  @Option(
      names = "--root-namespace",
      paramLabel = "NAME",
      description = "Namespace whose EnvoyFilters hold for the mesh. Default: ${DEFAULT-VALUE}.")
  String rootNamespace = MeshSettings.ROOT_NAMESPACE;

  @Option(
      names = "--revision",
      paramLabel = "NAME",
      description = "Revision of istiod, so that its webhook looks. Default: ${DEFAULT-VALUE}.")
  String revision = "default";

  @Option(
      names = "--node-variable",
      paramLabel = "NAME",
      description =
          "Environment variable of the sidecar with the name of its node. Default:"
              + " ${DEFAULT-VALUE}, which Istio's injector sets.")
  String nodeVariable = MeshSettings.NODE_VARIABLE;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      description =
          "How long Envoy waits for an answer, retries included; longer than server.deadline."
              + " Default: ${DEFAULT-VALUE}.")
  String timeout = "500ms";

  @Option(
      names = "--no-inbound",
      description =
          "Check what leaves workloads only. Default: also what comes in, for proof of the process"
              + " that it is from (docs/provenance.md).")
  boolean noInbound;

  @Option(
      names = "--short-cut",
      description =
          "Spare requests their own check where the answer about their connection says so. Default:"
              + " each is checked.")
  boolean shortCut;

  private Duration timeout() throws Failure {
    try {
      return Values.duration(timeout);
    } catch (IllegalArgumentException e) {
      throw Failure.usage("--timeout: " + e.getMessage());
    }
  }

  MeshSettings settings(Tcp tcp) throws Failure {
    try {
      return new MeshSettings(
          tcp, rootNamespace, revision, nodeVariable, timeout(), !noInbound, shortCut);
    } catch (IllegalArgumentException e) {
      throw Failure.usage(String.valueOf(e.getMessage()));
    }
  }
}
