package io.kith.server.doctor;

import static java.util.Objects.requireNonNull;

import io.kith.admin.v1.GetStatusRequest;
import io.kith.baselines.config.ConfigException;
import io.kith.istio.MeshSettings;
import io.kith.istio.doctor.Doctor;
import io.kith.istio.doctor.MeshState;
import io.kith.istio.doctor.Severity;
import io.kith.istio.doctor.SidecarDump;
import io.kith.server.doctor.MeshSource.Answers;
import io.kith.server.kubernetes.ApiServer;
import io.kith.server.operator.ServerOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Progress;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.TextFile;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What is wrong with a mesh in which Kith should check everything. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "What is wrong with an Istio mesh in which Kith should check everything: chains without the"
          + " filter, modes that the filter contradicts, ways past the sidecar, clocks, versions,"
          + " certificates. Each finding says what it means and the exact change.",
      "Reads the API server, istiod and the configuration of each sidecar (its port 15000,"
          + " forwarded), or a dump of them. Changes nothing. What cannot be read is a finding, and"
          + " the rest is judged. docs/doctor.md has every rule.",
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:nothing found that is as bad as --fail-on",
      "1:refused or failed",
      "2:wrong arguments",
      "3:no API server, or no server of Kith that was named, answers",
      "4:something found that is as bad as --fail-on"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith doctor                                       the cluster of the current context",
      "  kith doctor -n shop --fail-on warning -o json     in CI: exit code 4 for findings",
      "  kith doctor --collect ticket/                     a dump for a support ticket",
      "  kith doctor --dump ticket/                        what it says, elsewhere",
    })
public final class DoctorCommand implements Callable<Integer> {
  private static final int AT_ONCE = 8;

  /** From which severity on it is a failure. */
  enum FailOn {
    error(Severity.ERROR),
    warning(Severity.WARNING),
    note(Severity.NOTE),
    never(null);

    final @Nullable Severity severity;

    FailOn(@Nullable Severity severity) {
      this.severity = severity;
    }
  }

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Option(
      names = {"-n", "--namespace"},
      paramLabel = "NAME",
      description = "Only pods of this namespace; may be given several times. Default: all.")
  Set<String> namespaces = new TreeSet<>();

  @Option(
      names = "--fail-on",
      paramLabel = "SEVERITY",
      description =
          "From where on the exit code is 4: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  FailOn failOn = FailOn.error;

  @Option(
      names = "--dump",
      paramLabel = "DIR",
      description = "Judge what is in this folder, and ask nobody.")
  @Nullable Path dump;

  @Option(
      names = "--collect",
      paramLabel = "DIR",
      description =
          "Write what was judged into this new folder as well: only what rules look at, no Secrets,"
              + " no environment of applications.")
  @Nullable Path collect;

  @Option(
      names = "--kubeconfig",
      paramLabel = "FILE",
      description =
          "Default: the first of $KUBECONFIG, else ~/.kube/config, else the pod's own account.")
  @Nullable Path kubeconfig;

  @Option(
      names = "--context",
      paramLabel = "NAME",
      description = "Of the kubeconfig. Default: its current one.")
  @Nullable String context;

  @Option(
      names = "--root-namespace",
      paramLabel = "NAME",
      description = "Namespace whose EnvoyFilters hold for the mesh. Default: ${DEFAULT-VALUE}.")
  String rootNamespace = MeshSettings.ROOT_NAMESPACE;

  @Option(
      names = "--istiod",
      paramLabel = "NAME",
      description =
          "Namespace of istiod, which is asked what its sidecars acknowledged, by its port 15014,"
              + " forwarded. Default: ${DEFAULT-VALUE}.")
  String istiod = MeshSettings.ROOT_NAMESPACE;

  @Option(
      names = "--proxy",
      paramLabel = "NAMESPACE/POD=URL",
      description = "Where a sidecar's administration is, in place of a forwarded port.")
  Map<String, URI> proxies = new LinkedHashMap<>();

  @Option(
      names = "--kith",
      paramLabel = "NAME",
      description =
          "Namespace of Kith, whose servers are asked what their guards counted, by their port"
              + " 9194, forwarded, and run 'kith status' where no other server answers. Default:"
              + " ${DEFAULT-VALUE}.")
  String kith = "kith";

  @Option(
      names = "--status",
      paramLabel = "FILE",
      description =
          "What 'kith status -o json' printed. Default: the server is asked, else one in the"
              + " namespace of Kith.")
  @Nullable Path status;

  @Option(
      names = "--metrics",
      paramLabel = "URL",
      description =
          "Metrics of Kith's server, http://HOST:9194/metrics: what its guards counted. Default:"
              + " of all servers in the namespace of Kith.")
  @Nullable URI metrics;

  @Option(names = "--progress", description = "Show how far it is also where nobody watches.")
  boolean progress;

  @Mixin OutputOption output = new OutputOption();
  @Mixin ServerOption server = new ServerOption();

  @Override
  public Integer call() throws Failure, ConfigException, InterruptedException {
    try (var source = source()) {
      var report = new Report(examined(source).examination());
      var out = spec.commandLine().getOut();
      output.print(out, report.document(), () -> report.print(out));
      return failOn.severity != null && report.examination().atLeast(failOn.severity) > 0
          ? Failure.FOUND
          : 0;
    }
  }

  // ---- where from

  private MeshSource source() throws Failure, ConfigException, InterruptedException {
    var here = Surroundings.of(spec);
    if (dump != null) {
      if (!proxies.isEmpty() || kubeconfig != null || status != null || metrics != null) {
        throw Failure.usage(
            "--dump: asks nobody (expected: without --proxy, --kubeconfig, --status, --metrics)");
      }
      return new DumpFolder(here.resolve(dump), namespaces);
    }
    var file = kubeconfig(here);
    try {
      return new LiveMesh(
          file == null ? ApiServer.ofPod(here.environment()) : ApiServer.of(file, context),
          rootNamespace,
          istiod,
          namespaces,
          proxies,
          kith,
          status(here),
          metrics);
    } catch (IllegalArgumentException e) {
      throw Failure.usage(String.valueOf(e.getMessage()));
    }
  }

  /** The file, or null where a pod's own account is meant. */
  private @Nullable Path kubeconfig(Surroundings here) throws Failure {
    if (kubeconfig != null) {
      return here.resolve(kubeconfig);
    }
    var named = here.environment().getOrDefault("KUBECONFIG", "");
    for (var one : named.split(File.pathSeparator, -1)) {
      if (!one.isBlank() && Files.exists(here.resolve(Path.of(one)))) {
        return here.resolve(Path.of(one));
      }
    }
    if (!named.isBlank()) {
      throw Failure.refused("KUBECONFIG: " + named + ": no such file");
    }
    var home = here.environment().get("HOME");
    if (home != null && Files.exists(Path.of(home, ".kube", "config"))) {
      return Path.of(home, ".kube", "config");
    }
    if (here.environment().containsKey("KUBERNETES_SERVICE_HOST")) {
      return null;
    }
    throw Failure.usage(
        "no kubeconfig (expected: --kubeconfig FILE, $KUBECONFIG or ~/.kube/config; or --dump"
            + " DIR)");
  }

  private @Nullable Map<String, Object> status(Surroundings here)
      throws Failure, ConfigException, InterruptedException {
    if (status != null) {
      var file = here.resolve(status);
      try {
        return Parsed.json(TextFile.read(file));
      } catch (Failure e) {
        var message = String.valueOf(e.getMessage());
        throw Failure.refused(message.startsWith("is ") ? file + " " + message : message);
      }
    }
    try {
      return server.ask(
          here,
          admin -> OutputOption.document(admin.getStatus(GetStatusRequest.getDefaultInstance())));
    } catch (Failure e) {
      if (server.isNamed(here)) {
        throw e;
      }
      return null; // one in the cluster may be asked
    } catch (IOException e) {
      throw Failure.unreachable("no server of Kith: " + e.getMessage());
    }
  }

  // ---- judging

  private Doctor examined(MeshSource source) throws Failure, InterruptedException {
    var found = source.find();
    var writer =
        collect == null ? null : new DumpFolder.Writer(Surroundings.of(spec).resolve(collect));
    if (writer != null) {
      writer.write(found);
    }
    var doctor =
        new Doctor(
            new MeshState(
                rootNamespace,
                inNamespaces(found.objects()),
                found.status(),
                found.metrics(),
                found.now()));
    found.unread().forEach(one -> doctor.unread(one.what(), one.why(), one.change()));
    var unasked = new ArrayList<>(found.unasked());
    var dumps = source.istiods(unasked::add);
    unasked.forEach(doctor::notJudged);
    for (var dump : dumps) {
      if (writer != null) {
        writer.write(dump);
      }
      doctor.judge(dump);
    }
    sidecars(source, doctor, writer);
    if (writer != null) {
      writer.finish(found.now(), unasked);
      spec.commandLine()
          .getErr()
          .println(
              "kith: written to "
                  + collect
                  + ": pods, services, namespaces and Istio's objects with what rules look at,"
                  + " sidecars' filters and certificates (public), Kith's status. Names of"
                  + " workloads and addresses are in it; look before you pass it on.");
    }
    return doctor;
  }

  /** Of a dump of all namespaces, what was asked for. */
  private List<Map<String, Object>> inNamespaces(List<Map<String, Object>> objects) {
    if (namespaces.isEmpty()) {
      return objects;
    }
    return objects.stream().filter(this::isIn).toList();
  }

  /** Of these namespaces, of Istio's own, or of none; of no other namespace itself. */
  private boolean isIn(Map<String, Object> object) {
    if (!(object.get("metadata") instanceof Map<?, ?> metadata)) {
      return false;
    }
    if ("Namespace".equals(object.get("kind"))) {
      return metadata.get("name") instanceof String name && namespaces.contains(name);
    }
    var namespace = metadata.get("namespace");
    return namespace == null
        || namespace.equals(rootNamespace)
        || (namespace instanceof String name && namespaces.contains(name));
  }

  /** Some are asked at once, and judged in order. */
  private void sidecars(MeshSource source, Doctor doctor, DumpFolder.@Nullable Writer writer)
      throws Failure, InterruptedException {
    var keys = new TreeSet<>(doctor.sidecars());
    keys.addAll(source.more());
    var total = keys.size();
    var done = new int[1];
    var asked = new ArrayDeque<Asked>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor();
        var shown =
            new Progress(
                spec.commandLine().getErr(),
                progress,
                "sidecars",
                () -> total == 0 ? Double.NaN : (double) done[0] / total)) {
      try {
        while (!keys.isEmpty() || !asked.isEmpty()) {
          while (asked.size() < AT_ONCE && !keys.isEmpty()) {
            asked.add(ask(threads, source, requireNonNull(keys.pollFirst())));
          }
          judge(asked.remove(), doctor, writer);
          done[0]++;
          shown.slowStep();
        }
      } catch (Failure | InterruptedException | RuntimeException e) {
        threads.shutdownNow();
        throw e;
      }
    }
  }

  /** A sidecar whose answers are on their way. */
  private record Asked(String key, Future<@Nullable Answers> answers) {}

  private static Asked ask(ExecutorService threads, MeshSource source, String key) {
    return new Asked(key, threads.submit(() -> source.sidecar(key)));
  }

  private static void judge(Asked asked, Doctor doctor, DumpFolder.@Nullable Writer writer)
      throws Failure, InterruptedException {
    var key = asked.key();
    try {
      var answers = asked.answers().get();
      if (answers == null) {
        return; // the doctor says that it heard nothing of it
      }
      if (writer != null) {
        writer.write(key, answers);
      }
      var slash = key.indexOf('/');
      doctor.judge(
          new SidecarDump(
              key.substring(0, slash),
              key.substring(slash + 1),
              answers.config(),
              answers.counters(),
              answers.clock(),
              answers.asked()));
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case Failure failure -> doctor.unread(key, String.valueOf(failure.getMessage()));
        case RuntimeException unexpected -> throw unexpected;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }
}
