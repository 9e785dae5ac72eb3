package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command that doctor prints makes the EnvoyFilter that is there, with nothing taken away. */
@Timeout(600)
class DoctorChangeTest {
  private static final Path MESH = Path.of("..", "istio", "mesh");

  /** Words of a shell's line: plain, or within quotation marks. */
  private static final Pattern WORD = Pattern.compile("'([^']*)'|[^ ]+");

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private String kith(String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    Kith.run(
        new Surroundings(
            Map.of(), folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        arguments);
    return out.toString();
  }

  private static String[] words(String line) {
    return WORD.matcher(line)
        .results()
        .map(word -> word.group(1) == null ? word.group() : word.group(1))
        .toArray(String[]::new);
  }

  private static List<String> withoutRemarks(String text) {
    return text.lines().filter(line -> !line.startsWith("#")).toList();
  }

  @BeforeEach
  void writePodWhoseSidecarLacksFields() throws IOException {
    for (var name : List.of("objects", "proxies")) {
      Files.createDirectories(folder.resolve("dump").resolve(name));
    }
    Files.writeString(
        folder.resolve("dump/objects/pod.yaml"),
        """
        kind: Pod
        metadata: {name: checkout-0, namespace: shop, labels: {app: checkout}}
        spec: {containers: [{name: istio-proxy}]}
        status: {phase: Running}
        """);
    Files.writeString(
        folder.resolve("dump/proxies/shop.checkout-0.json"),
        """
        {"configs": [{"dynamic_listeners": [{"name": "virtualOutbound", "active_state": {"listener": {
          "name": "virtualOutbound", "traffic_direction": "OUTBOUND",
          "filter_chains": [{"filters": [{"name": "kith.connection", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz"}}]}]}}}]}]}
        """);
  }

  /** What doctor says about an EnvoyFilter of which fields are missing. */
  private String change(String filter) throws IOException {
    Files.writeString(folder.resolve("dump/objects/envoyfilter.yaml"), filter);
    var report = JsonParser.parseString(kith("doctor", "--dump", "dump", "-o", "json"));
    for (var finding : report.getAsJsonObject().getAsJsonArray("findings")) {
      var one = finding.getAsJsonObject();
      if (one.get("rule").getAsString().equals("dropped-field")) {
        return one.get("change").getAsString();
      }
    }
    throw new AssertionError("not found: " + report + err);
  }

  private void assertMadeAgain(String filter) throws IOException {
    var change = change(filter);

    assertThat(change).startsWith("kith istio ").contains(" | kubectl apply -f -");
    var command = words(change.substring("kith ".length(), change.indexOf(" | ")));
    assertThat(withoutRemarks(kith(command))).as(change + err).isEqualTo(withoutRemarks(filter));
  }

  private static Stream<Path> files() throws IOException {
    try (var all = Files.list(MESH)) {
      return all.sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void change_ofAFileInTheRepository_makesThatFile(Path file) throws IOException {
    assertMadeAgain(Files.readString(file));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "recipe strict --server unix:/run/kith/checks.sock --fallback 10.0.0.2:9191 --server-id"
            + " spiffe://td/kith --revision canary --node-variable NODE --timeout 2s --no-inbound"
            + " --short-cut",
        "recipe baseline --server [fd00::1]:9191 --fallback central.kith.svc:9191 --server-id"
            + " spiffe://td/kith --timeout 1500ms",
        "overlay * --failure open --recipe strict --short-cut",
        "overlay shop --failure closed --revision canary --timeout 900ms --no-inbound",
        "overlay shop/deployment/checkout-v2 --label app=checkout --recipe strict --failure floor"
            + " --approved [fd00::/64]:5432 --approved 10.7.0.1:3306 --approved"
            + " pay.example.org:443",
      })
  void change_ofOwnValues_makesTheSame(String arguments) throws IOException {
    assertMadeAgain(
        kith(
            Stream.concat(Stream.of("istio"), Stream.of(words(arguments))).toArray(String[]::new)));
  }

  /** What Helm wrote, Helm writes again: its values would undo what somebody applies. */
  @Test
  void change_ofHelms_isHelms() throws IOException {
    var filter = Files.readString(MESH.resolve("strict.yaml"));

    var change =
        change(
            filter.replace(
                "\nmetadata:\n",
                "\n"
                    + "metadata:\n"
                    + "  annotations: {meta.helm.sh/release-name: guard,"
                    + " meta.helm.sh/release-namespace: kith}\n"));

    assertThat(change).startsWith("helm upgrade guard CHART -n kith --reuse-values   #");
  }

  /** Objects are somebody else's, and a person pastes the line. */
  @Test
  void change_valueWithSpecialCharacters_isOneWordOfAShell() throws IOException {
    var filter = Files.readString(MESH.resolve("baseline.yaml"));

    var change = change(filter.replace("istio.io/rev: default", "istio.io/rev: a$(reboot)'b"));

    assertThat(change).contains(" --revision 'a$(reboot)'\\''b' |");
  }
}
