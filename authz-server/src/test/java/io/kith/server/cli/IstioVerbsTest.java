package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(600)
class IstioVerbsTest {
  private static final Path GOLDENS = Path.of("..", "istio", "mesh");
  private static final List<String> SERVER =
      List.of(
          "--server",
          "kith-checks.kith.svc.cluster.local:9191",
          "--server-id",
          "spiffe://cluster.local/ns/kith/sa/kith-server");

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int kith(Stream<String> arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return Kith.run(
        new Surroundings(
            Map.of(), folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        Stream.concat(Stream.of("istio"), arguments).toArray(String[]::new));
  }

  private static Stream<String> words(String text) {
    return Stream.of(text.split(" "));
  }

  private String done(Stream<String> arguments) {
    assertThat(kith(arguments)).as(err.toString()).isZero();
    return out.toString();
  }

  private static List<String> withoutRemarks(String text) {
    return text.lines().filter(line -> !line.startsWith("#")).toList();
  }

  @ParameterizedTest
  @CsvSource({"baseline,baseline", "strict,strict", "baseline --short-cut,short-cut"})
  void recipe_isTheFileInTheRepository_andSaysWhatIsDrained(String arguments, String file)
      throws Exception {
    var text = done(Stream.concat(words("recipe " + arguments), SERVER.stream()));

    assertThat(withoutRemarks(text))
        .isEqualTo(withoutRemarks(Files.readString(GOLDENS.resolve(file + ".yaml"))));
    assertThat(text).startsWith("# All listeners of all sidecars change: open connections are");
  }

  @ParameterizedTest
  @CsvSource({
    "--failure open,open",
    "--failure open --recipe strict,open-strict",
    "--failure closed,closed",
    "--failure floor --approved catalog.shop.svc.cluster.local:80 --approved 10.7.0.0/16:3306,floor"
  })
  void overlay_isTheFileInTheRepository(String arguments, String file) throws Exception {
    var text = done(words("overlay shop/deployment/checkout --label app=checkout " + arguments));

    assertThat(withoutRemarks(text))
        .isEqualTo(withoutRemarks(Files.readString(GOLDENS.resolve(file + ".yaml"))));
    assertThat(text).startsWith("# All listeners of these sidecars change");
  }

  @Test
  void recipe_ownValues_areInIt() {
    var text =
        done(
            words(
                "recipe strict --server unix:/run/kith/checks.sock --server-id spiffe://td/kith"
                    + " --root-namespace mesh --revision canary --node-variable NODE --timeout 2s"
                    + " --no-inbound"));

    assertThat(text)
        .contains(
            "path: /run/kith/checks.sock",
            "exact: spiffe://td/kith",
            "namespace: mesh",
            "istio.io/rev: canary",
            "'%ENVIRONMENT(NODE)%'",
            "timeout: 2s")
        .doesNotContain("inbound", "sni:");
  }

  @Test
  void overlay_ofTheMesh_isInTheRootNamespace_andOfANamespaceInThat() {
    assertThat(done(words("overlay * --failure open --root-namespace mesh")))
        .contains("name: kith-failure-mesh\n", "namespace: mesh\n", "priority: 110\n");
    assertThat(done(words("overlay shop --failure open")))
        .contains("name: kith-failure\n", "namespace: shop\n", "priority: 120\n")
        .doesNotContain("workloadSelector");
  }

  @Test
  void output_fileAndJson() throws Exception {
    assertThat(done(words("overlay shop --failure open --out open.yaml")))
        .contains("Written: open.yaml", "drained");
    assertThat(Files.readString(folder.resolve("open.yaml"))).contains("kind: EnvoyFilter");

    var document =
        JsonParser.parseString(done(words("overlay shop --failure open -o json")))
            .getAsJsonObject();

    assertThat(document.get("text").getAsString()).contains("kind: EnvoyFilter");
    assertThat(document.get("remarks").getAsJsonArray()).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          recipe baseline --server kith --server-id spiffe://td/kith | server: 'kith' (expected: HOST:PORT, [IPV6]:PORT or unix:/PATH)
          recipe baseline --server kith:9191 --server-id kith | serverId: 'kith' (expected: a SPIFFE ID, spiffe://DOMAIN/PATH)
          recipe baseline --server kith:9191 --server-id spiffe://td/kith --timeout soon | --timeout: 'soon' (expected: 200ms, 90s
          recipe lax --server kith:9191 --server-id spiffe://td/kith | lax
          overlay shop/deployment/checkout --failure open | scope: deployment-checkout (expected: labels that its pods have, and no others of the namespace)
          overlay shop --failure open --label app=checkout | selector: {app=checkout} (expected: none, unless the scope is a workload
          overlay shop --failure floor | approved: empty (expected: destinations; without any, the failure mode is closed)
          overlay shop --failure floor --approved catalog | approved: 'catalog' (expected: HOST:PORT, 10.7.0.0/16:PORT or [fd00::/64]:PORT)
          overlay shop --failure open --approved catalog:80 | --approved: only with --failure floor
          overlay shop/checkout --failure open | scope: 'shop/checkout' (expected: *, NAMESPACE or NAMESPACE/KIND/NAME)
          """)
  void verbs_wrongValues_sayWhatIsWrong(String arguments, String message) {
    assertThat(kith(words(arguments))).isEqualTo(2);
    assertThat(err.toString()).contains(message);
  }
}
