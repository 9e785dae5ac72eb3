package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The programs of an Istio control plane without a cluster, and where they came from.
 *
 * @param apiServer kube-apiserver
 * @param istiod pilot-discovery
 * @param agent pilot-agent, which runs beside Envoy
 */
public record Istio(
    Path etcd, Path apiServer, Path istiod, Path agent, Path istioctl, String from) {
  /** What Istio calls itself. */
  public static final String VERSION = "1.31";

  /** Of Kubernetes; the newest that shares the versions of its packages with Istio. */
  public static final String KUBERNETES_VERSION = "1.36.3";

  /** Istio is no module with versions: this is what {@link #VERSION} was on that day. */
  private static final String ISTIO_MODULE = "v0.0.0-20260827124520-eed52ebb66ad";

  /** With its version, as Go downloads it; it has what is beside the programs. */
  public static final String MODULE = "istio.io/istio@" + ISTIO_MODULE;

  private static final String KUBERNETES_MODULE = "v" + KUBERNETES_VERSION;

  /** In the cache; another way of building is another version. */
  private static final String CACHED = VERSION + "-20260827-kubernetes-" + KUBERNETES_VERSION;

  private static final String API_SERVER = "k8s.io/kubernetes/cmd/kube-apiserver";

  private static final List<String> PROGRAMS =
      List.of(
          API_SERVER,
          "istio.io/istio/pilot/cmd/pilot-discovery",
          "istio.io/istio/pilot/cmd/pilot-agent",
          "istio.io/istio/istioctl/cmd/istioctl");

  /** The parts of Kubernetes are modules of their own, and replaced by folders in its own tree. */
  private static final Pattern STAGED =
      Pattern.compile("(?m)^\\s*(k8s\\.io/\\S+) => \\./staging/src/\\1$");

  private static final GoBuild BUILD =
      new GoBuild(
          "Istio " + VERSION + " with Kubernetes " + KUBERNETES_VERSION,
          PROGRAMS,
          ISTIO_MODULE,
          List.of(),
          Map.of("CGO_ENABLED", "0"),
          8,
          "install Go, or set KITH_ISTIOD, KITH_PILOT_AGENT, KITH_ISTIOCTL and KITH_KUBE_APISERVER"
              + " to the programs");

  /**
   * Each program from the variable that names it ({@code KITH_ISTIOD}, {@code KITH_PILOT_AGENT},
   * {@code KITH_ISTIOCTL}, {@code KITH_KUBE_APISERVER}, {@code KITH_ETCD}). Of the others etcd is
   * looked for on {@code PATH}, and the rest comes from the cache, else built with Go (some eight
   * minutes on two processors, 4 GB of build cache).
   *
   * @param say takes lines of progress
   */
  public static Istio find(Consumer<String> say) throws InterruptedException {
    var etcd = findEtcd();
    var chosen = new LinkedHashMap<String, Path>();
    for (var variable :
        List.of("KITH_KUBE_APISERVER", "KITH_ISTIOD", "KITH_PILOT_AGENT", "KITH_ISTIOCTL")) {
      var program = chosen(variable);
      if (program != null) {
        chosen.put(variable, program);
      }
    }
    var folder =
        chosen.size() == PROGRAMS.size()
            ? Path.of("") // nothing is taken from it
            : ToolCache.ofUser().fetch("istio", CACHED, fresh -> build(fresh, say), say);
    return new Istio(
        etcd,
        chosen.getOrDefault("KITH_KUBE_APISERVER", folder.resolve("kube-apiserver")),
        chosen.getOrDefault("KITH_ISTIOD", folder.resolve("pilot-discovery")),
        chosen.getOrDefault("KITH_PILOT_AGENT", folder.resolve("pilot-agent")),
        chosen.getOrDefault("KITH_ISTIOCTL", folder.resolve("istioctl")),
        chosen.isEmpty() ? "cache" : String.join(", ", chosen.keySet()));
  }

  private static Path findEtcd() {
    var chosen = chosen("KITH_ETCD");
    var program = chosen == null ? Command.find("etcd") : chosen;
    if (program == null) {
      throw new MissingToolException(
          "etcd is missing (install it, on Debian and Ubuntu the package etcd-server, or set"
              + " KITH_ETCD to its program)");
    }
    return program;
  }

  private static @Nullable Path chosen(String variable) {
    var value = System.getenv(variable);
    return value == null || value.isBlank() ? null : Envoy.requireExecutable(variable, value);
  }

  private static void build(Path folder, Consumer<String> say)
      throws IOException, InterruptedException {
    BUILD.inModule(say, (go, module) -> buildIn(BUILD, go, module, folder, PROGRAMS));
  }

  /**
   * Programs of Kubernetes and Istio in one module, so that what they share is compiled once.
   * Without optimization, which takes a third off the time to build and adds two seconds to a
   * mesh's start.
   */
  static void buildIn(GoBuild go, Path program, Path module, Path folder, List<String> programs)
      throws IOException, InterruptedException {
    var replace = new ArrayList<>(List.of("mod", "edit"));
    for (var part : partsOfKubernetes(go, program, module)) {
      replace.add("-replace=" + part + "=" + part + "@v0" + KUBERNETES_VERSION.substring(1));
    }
    go.run(program, module, replace);
    // Those of Istio always, since they choose versions of what all of them are made of.
    var get = new ArrayList<>(List.of("get", "-tool"));
    Stream.concat(PROGRAMS.stream(), programs.stream())
        .distinct()
        .map(one -> one + "@" + (one.startsWith("k8s.io/") ? KUBERNETES_MODULE : ISTIO_MODULE))
        .forEach(get::add);
    go.run(program, module, get);
    var build =
        new ArrayList<>(
            List.of(
                "build",
                "-trimpath",
                "-gcflags=all=-N -l",
                "-ldflags",
                versions(),
                "-o",
                folder + "/"));
    build.addAll(programs);
    go.run(program, module, build);
  }

  /** What the programs say of themselves; kubectl cannot read what an API server says else. */
  private static String versions() {
    var kubernetes = KUBERNETES_VERSION.split("\\.", -1);
    return "-s -w"
        + " -X k8s.io/component-base/version.gitVersion="
        + KUBERNETES_MODULE
        + " -X k8s.io/component-base/version.gitMajor="
        + kubernetes[0]
        + " -X k8s.io/component-base/version.gitMinor="
        + kubernetes[1]
        + " -X istio.io/istio/pkg/version.buildVersion="
        + VERSION;
  }

  private static List<String> partsOfKubernetes(GoBuild go, Path program, Path module)
      throws IOException, InterruptedException {
    go.run(program, module, List.of("mod", "download", "k8s.io/kubernetes@" + KUBERNETES_MODULE));
    var folder =
        go.output(
            program,
            module,
            List.of("list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes@" + KUBERNETES_MODULE));
    var text = Files.readString(Path.of(folder.strip(), "go.mod"));
    return STAGED.matcher(text).results().map(found -> found.group(1)).toList();
  }
}
