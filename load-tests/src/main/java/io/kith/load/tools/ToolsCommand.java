package io.kith.load.tools;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code kith tools}: fetches the programs that the demo and the tests start. */
@Command(
    name = "tools",
    mixinStandardHelpOptions = true,
    description = {
      "Finds the programs that the demo and the tests start, and fetches those that are missing"
          + " into ~/.cache/kith. Nothing is installed into the system. The demo and the tests do"
          + " the same by themselves when they come to need one."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:all are there", "2:wrong call", "3:one could not be had"})
public final class ToolsCommand implements Callable<Integer> {
  /** A program that can be fetched, by its name on the command line. */
  enum Tool {
    envoy,
    iptables,
    jaeger,
    spire,
    istio,
    cluster,
    helm
  }

  /** All that the demo and the tests without profiles start. */
  private static final List<Tool> UNASKED =
      List.of(Tool.envoy, Tool.iptables, Tool.jaeger, Tool.spire);

  @Parameters(
      paramLabel = "TOOL",
      description = "${COMPLETION-CANDIDATES} (default: all but istio, cluster and helm)",
      arity = "0..*")
  private List<Tool> tools = List.of();

  @Override
  public Integer call() throws InterruptedException {
    for (var tool : tools.isEmpty() ? UNASKED : tools) {
      try {
        System.err.println(tool + ": " + find(tool));
      } catch (MissingToolException e) {
        System.err.println("kith: " + e.getMessage());
        return 3;
      }
    }
    return 0;
  }

  private static String find(Tool tool) throws InterruptedException {
    return switch (tool) {
      case envoy -> Envoy.find(System.err::println).program().toString();
      case iptables -> Iptables.find(System.err::println).v4().toString();
      case jaeger -> Jaeger.find(System.err::println).program().toString();
      case spire -> Spire.find(System.err::println).agent().toString();
      case istio -> Istio.find(System.err::println).istiod().toString();
      case cluster -> Cluster.find(System.err::println).folder().toString();
      case helm -> Helm.find(System.err::println).program().toString();
    };
  }
}
