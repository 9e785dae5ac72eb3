package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.edge.Baseline;
import io.kith.server.files.AssumedPlacement;
import io.kith.server.files.BaselineFiles;
import io.kith.server.files.ExportTarget;
import io.kith.server.files.TrustOption;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutOption;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Baselines as text for another system. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Baselines as text: Kith's own YAML, or policies of other systems. Of a running server"
          + " (workloads) or of files (native YAML or bundles).",
      "What the other system cannot express is said at the head of the text: nobody but Kith tells"
          + " processes apart. Export all callers of a destination together for --as istio.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith export shop/deployment/checkout > checkout.yaml",
      "  kith export shop/deployment/checkout --revision proposed --as cilium",
      "  kith export checkout.yaml catalog.yaml --as istio --label app.kubernetes.io/name",
      "  kith export shop.bundle --trust qa.pem.pub --as flow-log --env qa > qa.jsonl",
    })
public final class ExportCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Parameters(
      arity = "1..*",
      paramLabel = "OWNER|FILE",
      description = "Workloads of the running server, or files. A file wins over a name.")
  List<String> what = List.of();

  @Option(
      names = "--as",
      paramLabel = "FORM",
      converter = ExportTarget.Reader.class,
      completionCandidates = ExportTarget.Names.class,
      description = "${COMPLETION-CANDIDATES}. Default: native.")
  ExportTarget as = ExportTarget.NATIVE;

  @Option(
      names = "--revision",
      paramLabel = "REVISION",
      description = "Of a server: bl:…, enforced, shadow, proposed or draft. Default: enforced.")
  String revision = "enforced";

  @Option(
      names = "--label",
      paramLabel = "KEY",
      description = "Label that has the owner's name on its pods. Default: ${DEFAULT-VALUE}.")
  String label = "app";

  @Option(
      names = "--namespace",
      paramLabel = "FROM=TO",
      description = "What a namespace is called there; may be given several times.")
  Map<String, String> namespaces = new LinkedHashMap<>();

  @Option(
      names = "--trust-domain",
      paramLabel = "NAME",
      description = "Of SPIFFE IDs that kith.yaml does not name. Default: ${DEFAULT-VALUE}.")
  String trustDomain = "cluster.local";

  @Option(
      names = "--env",
      paramLabel = "NAME",
      description = "For flow-log: environment of the flows. Default: ${DEFAULT-VALUE}.")
  String environment = "prod";

  @Mixin OutOption out = new OutOption();
  @Mixin TrustOption trust = new TrustOption();
  @Mixin OutputOption output = new OutputOption();
  @Mixin ServerOption server = new ServerOption();

  @Override
  public Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    var surroundings = Surroundings.of(spec);
    var baselines = baselines(surroundings);
    var placement =
        new AssumedPlacement(
            label,
            namespaces,
            trustDomain,
            ConfigFile.readOrDefaults(server.config.file, surroundings));
    var text = as.export(baselines, placement, environment);
    var document = new LinkedHashMap<String, Object>();
    document.put("as", as.word());
    document.put("revisions", baselines.stream().map(Baseline::revision).toList());
    out.print(spec, output, document, List.of(), text);
    return 0;
  }

  private List<Baseline> baselines(Surroundings surroundings)
      throws Failure, ConfigException, IOException, InterruptedException {
    var files = new ArrayList<Path>();
    var owners = new ArrayList<String>();
    for (var one : what) {
      var file = surroundings.resolve(Path.of(one));
      if (Files.exists(file) || one.split("/", -1).length != 3) {
        files.add(file);
      } else {
        owners.add(one);
      }
    }
    var trusted = trust.files.stream().map(surroundings::resolve).toList();
    var found = new ArrayList<>(BaselineFiles.readAll(files, trusted).values());
    if (!owners.isEmpty()) {
      found.addAll(server.ask(surroundings, admin -> ask(admin, owners)));
    }
    return found;
  }

  private List<Baseline> ask(AdminServiceBlockingStub admin, List<String> owners) throws Failure {
    var found = new ArrayList<Baseline>();
    for (var owner : owners) {
      found.add(ServerBaselines.get(admin, owner, revision));
    }
    return found;
  }
}
