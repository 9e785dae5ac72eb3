package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.load.tools.Command;
import io.kith.load.tools.Command.Outcome;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** Kith's chart, as Helm sees it. */
record HelmChart(Helm helm) {
  static final String NAMESPACE = "kith";
  static final Path FOLDER = Path.of("..", "istio", "chart");

  private static final Path CHART = FOLDER.resolve("kith");
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /**
   * A set of values: a file of the folder {@code values} of its name; {@code default} has none.
   *
   * @param name also of the file with what Helm makes of it
   */
  record Values(String name) {
    static final List<Values> ALL =
        Stream.of("default", "central-postgresql", "node", "node-new-keys", "spire-strict")
            .map(Values::new)
            .toList();

    private List<String> arguments() {
      return name.equals("default")
          ? List.of()
          : List.of("--values", FOLDER.resolve("values").resolve(name + ".yaml").toString());
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** An object in what Helm made. */
  record Rendered(String yaml, Map<?, ?> object) {
    String kind() {
      return (String) Objects.requireNonNull(object.get("kind"));
    }

    String name() {
      return (String) Objects.requireNonNull(at("metadata", "name"));
    }

    /** What is there, or null. */
    @Nullable Object at(String... path) {
      @Nullable Object node = object;
      for (var key : path) {
        node = node instanceof Map<?, ?> map ? map.get(key) : null;
      }
      return node;
    }
  }

  /** Asks Helm to render the chart with a file of values, and with single values besides. */
  Outcome template(Values values, String... more) throws IOException, InterruptedException {
    var arguments = release("template", "--kube-version", Istio.KUBERNETES_VERSION);
    arguments.addAll(values.arguments());
    return run(arguments, more);
  }

  /**
   * What Helm says after an installation that it does not make.
   *
   * @param kubeconfig of the cluster that it looks into
   */
  Outcome notes(Path kubeconfig, String... more) throws IOException, InterruptedException {
    return run(release("install", "--kubeconfig", kubeconfig.toString(), "--dry-run=server"), more);
  }

  /** Makes the release, as the documentation says. */
  Outcome install(Path kubeconfig, String... more) throws IOException, InterruptedException {
    return run(
        release("install", "--kubeconfig", kubeconfig.toString(), "--create-namespace"), more);
  }

  /** Changes the release to another chart and to more values, as the documentation says. */
  Outcome upgrade(Path kubeconfig, Path chart, String... more)
      throws IOException, InterruptedException {
    return run(
        of(
            List.of("upgrade", "kith", chart.toString()),
            "--kubeconfig",
            kubeconfig.toString(),
            "--reset-then-reuse-values"),
        more);
  }

  /** Goes back to the release before. */
  Outcome rollback(Path kubeconfig) throws IOException, InterruptedException {
    return run(of(List.of("rollback", "kith"), "--kubeconfig", kubeconfig.toString()));
  }

  /** What Helm says that the release consists of. */
  List<Rendered> manifest(Path kubeconfig) throws IOException, InterruptedException {
    var asked = of(List.of("get", "manifest", "kith"), "--kubeconfig", kubeconfig.toString());
    return objects(run(asked).orFail().output());
  }

  private static List<String> release(String verb, String... options) {
    return of(List.of(verb, "kith", CHART.toString()), options);
  }

  private static List<String> of(List<String> what, String... options) {
    var arguments = new ArrayList<>(what);
    arguments.addAll(List.of("--namespace", NAMESPACE));
    arguments.addAll(List.of(options));
    return arguments;
  }

  Outcome lint(Values values) throws IOException, InterruptedException {
    var arguments = new ArrayList<>(List.of("lint", "--strict", CHART.toString()));
    arguments.addAll(values.arguments());
    return run(arguments);
  }

  private Outcome run(List<String> arguments, String... values)
      throws IOException, InterruptedException {
    var argv = new ArrayList<>(List.of(helm.program().toString()));
    argv.addAll(arguments);
    Arrays.stream(values).forEach(value -> argv.addAll(List.of("--set", value)));
    return Command.run(LIMIT, argv);
  }

  List<Rendered> objects(Values values, String... more) throws IOException, InterruptedException {
    return objects(template(values, more).orFail().output());
  }

  static List<Rendered> objects(String text) {
    var load = new Load(LoadSettings.builder().build());
    return Arrays.stream(text.split("(?m)^---\n", -1))
        .filter(part -> load.loadFromString(part) != null)
        .map(part -> new Rendered(part, (Map<?, ?>) load.loadFromString(part)))
        .toList();
  }

  /** The chart's definitions of its resources. */
  static List<String> definitions() throws IOException {
    var folder = CHART.resolve("crds");
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (var files = Files.list(folder)) {
      var texts = new ArrayList<String>();
      for (var file : files.sorted().toList()) {
        texts.add(Files.readString(file, UTF_8));
      }
      return texts;
    }
  }
}
