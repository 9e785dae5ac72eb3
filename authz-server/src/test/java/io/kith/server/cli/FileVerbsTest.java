package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Verbs on files: no server is there, and none is asked. */
@Timeout(600)
class FileVerbsTest {
  private static final String BASELINE =
      """
      apiVersion: kith.io/v1
      kind: Baseline
      spec:
        workload: shop/deployment/checkout
        edges:
          - process: {path: /app, program: app}
            destination: {host: shop/statefulset/db, port: 5432, protocol: tcp, evidence: owner}
          - process: {path: /app, program: app}
            destination: {host: api.example.com, port: 443, protocol: tcp, evidence: dns}
      """;
  private static final String MAP =
      """
      apiVersion: kith.io/v1
      kind: DestinationMap
      spec: {from: qa, to: prod}
      """;

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void write() throws Exception {
    Files.writeString(folder.resolve("qa.yaml"), BASELINE);
    Files.writeString(folder.resolve("map.yaml"), MAP);
  }

  private int kith(String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return Kith.run(
        new Surroundings(
            Map.of(), folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        arguments);
  }

  private String done(String... arguments) {
    assertThat(kith(arguments)).as(err.toString()).isZero();
    return out.toString();
  }

  private void bundle() {
    done("keys", "new", "qa.pem");
    done("bundle", "create", "qa.yaml", "--env", "qa", "--key", "qa.pem", "--out", "b.bundle");
  }

  @Test
  void keysNew_isForItsOwnerOnly_andReplacesNone() throws Exception {
    assertThat(done("keys", "new", "qa.pem")).startsWith("Key ed25519:");

    assertThat(
            PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("qa.pem"))))
        .isEqualTo("rw-------");
    assertThat(done("keys", "id", "qa.pem.pub")).isEqualTo(done("keys", "id", "qa.pem"));
    assertThat(kith("keys", "new", "qa.pem")).isEqualTo(1);
    assertThat(err.toString()).endsWith("qa.pem: exists already (expected: a name that is free)\n");
  }

  @Test
  void bundleCreate_aKeyThatOthersCanRead_isRefused() throws Exception {
    done("keys", "new", "qa.pem");
    Files.setPosixFilePermissions(
        folder.resolve("qa.pem"), PosixFilePermissions.fromString("rw-r--r--"));

    assertThat(kith("bundle", "create", "qa.yaml", "--env", "qa", "--key", "qa.pem", "--out", "b"))
        .isEqualTo(1);

    assertThat(err.toString()).contains("can be read by others", "chmod 600");
    assertThat(folder.resolve("b")).doesNotExist();
  }

  @Test
  void bundleVerify_whole_altered_orOfAStranger() throws Exception {
    bundle();
    done("keys", "new", "other.pem");

    assertThat(done("bundle", "verify", "b.bundle", "--trust", "qa.pem.pub"))
        .contains("shop/deployment/checkout", "  2\n");

    assertThat(kith("bundle", "verify", "b.bundle", "--trust", "other.pem.pub")).isEqualTo(1);
    assertThat(err.toString()).contains("signed by an unknown key");
    var bytes = Files.readAllBytes(folder.resolve("b.bundle"));
    bytes[bytes.length / 2] ^= 1;
    Files.write(folder.resolve("b.bundle"), bytes);
    assertThat(kith("bundle", "verify", "b.bundle", "--trust", "qa.pem.pub")).isEqualTo(1);
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void diff_ofFiles_keepsNewBehaviourApart_andExits4() throws Exception {
    Files.writeString(folder.resolve("new.yaml"), BASELINE.replace("port: 5432", "port: 5433"));

    assertThat(kith("diff", "qa.yaml", "new.yaml")).isEqualTo(4);
    assertThat(out.toString())
        .contains("New destinations\n  + /app → shop/statefulset/db:5433\n")
        .contains("Gone destinations\n  - /app → shop/statefulset/db:5432\n")
        .endsWith("Unchanged: 1 edge\n");

    assertThat(kith("diff", "qa.yaml", "new.yaml", "-o", "json")).isEqualTo(4);
    var workload =
        JsonParser.parseString(out.toString())
            .getAsJsonObject()
            .getAsJsonArray("workloads")
            .get(0)
            .getAsJsonObject();
    assertThat(workload.getAsJsonArray("new_destinations")).hasSize(1);
    assertThat(workload.get("same").getAsInt()).isEqualTo(1);
    assertThat(done("diff", "qa.yaml", "qa.yaml")).contains("No difference: 2 edges");
  }

  @ParameterizedTest
  @CsvSource({
    "native, kind: Baseline",
    "network-policy, kind: NetworkPolicy",
    "cilium, matchName: api.example.com",
    "istio, kind: Sidecar",
  })
  void export_saysAtItsHeadWhatWasLost(String form, String expected) {
    assertThat(done("export", "qa.yaml", "--as", form))
        .startsWith("# ")
        .contains("# Lost on the way:", expected);
  }

  @Test
  void export_flowLog_isReadByReplay() throws Exception {
    Files.writeString(folder.resolve("flows.jsonl"), done("export", "qa.yaml", "--as", "flow-log"));
    assertThat(out.toString().lines().findFirst().orElse("")).contains("\"lost\":[");

    done("replay", "--flows", "flows.jsonl", "--strict", "--finish", "--save-baselines", "saved");

    assertThat(out.toString()).contains("2 flows in", "1 baseline in saved");
    assertThat(Files.readString(folder.resolve("saved/shop.workload.checkout.yaml")))
        .contains("host: db.shop.svc.cluster.local")
        .doesNotContain("api.example.com"); // an external name needs a voucher or a reviewer
  }

  @Test
  void promote_offline_mapsSignsAndListsWhatStaysBehind() {
    bundle();
    done("keys", "new", "prod.pem");

    var text =
        done(
            "promote",
            "b.bundle",
            "--from",
            "qa",
            "--to",
            "prod",
            "--map",
            "map.yaml",
            "--trust",
            "qa.pem.pub",
            "--key",
            "prod.pem",
            "--out",
            "prod.bundle");

    assertThat(text)
        .contains("+ /app → shop/statefulset/db:5432")
        .contains("Not mapped\n  ! shop/deployment/checkout: /app → api.example.com:443")
        .endsWith("Written: prod.bundle (1 baseline)\n");
    assertThat(done("bundle", "verify", "prod.bundle", "--trust", "prod.pem.pub"))
        .startsWith("Bundle of prod");
    assertThat(
            kith(
                "promote",
                "b.bundle",
                "--to",
                "dev",
                "--map",
                "map.yaml",
                "--trust",
                "qa.pem.pub",
                "--key",
                "prod.pem",
                "--out",
                "dev.bundle"))
        .isEqualTo(1);
    assertThat(err.toString()).contains("leads to 'prod' (expected: to 'dev')");
    assertThat(folder.resolve("dev.bundle")).doesNotExist();
  }

  private static final Pattern EDGE_ID = Pattern.compile("e:[0-9a-f]+");

  @Test
  void sign_coversOnlyWhatNeedsAnApprover() throws Exception {
    done("keys", "new", "ada.pem");

    var approval =
        JsonParser.parseString(done("sign", "qa.yaml", "--key", "ada.pem")).getAsJsonObject();

    assertThat(approval.get("owner").getAsString()).isEqualTo("shop/deployment/checkout");
    assertThat(approval.getAsJsonArray("grants")).hasSize(1);
    assertThat(approval.get("key_id").getAsString() + "\n")
        .isEqualTo(done("keys", "id", "ada.pem"));
    assertThat(kith("sign", "qa.yaml", "--key", "ada.pem", "--edge", "e:0")).isEqualTo(1);
    assertThat(err).hasToString("kith: --edge: 'e:0' is not in qa.yaml\n");
    var edge = EDGE_ID.matcher(done("export", "qa.yaml"));
    assertThat(edge.find()).isTrue();
    done("sign", "qa.yaml", "--key", "ada.pem", "--edge", edge.group(), "--edge", edge.group());
  }

  @Test
  void lint_ofFiles_findsWhatShouldNotStay_orEveryMistake() throws Exception {
    var list = Files.readString(Path.of("..", "docs", "egress-allow-list.yaml"));
    Files.createDirectory(folder.resolve("allow"));
    Files.writeString(folder.resolve("allow/good.yaml"), list);
    assertThat(done("lint", "allow")).isEqualTo("Nothing to remark.\n");

    Files.writeString(
        folder.resolve("allow/good.yaml"), list.replace("2027-03-31\"", "2020-03-31\""));
    assertThat(kith("lint", "allow")).isEqualTo(4);
    assertThat(out.toString()).contains("good.yaml:", ": expiring\n", "1 finding.");

    Files.writeString(
        folder.resolve("allow/good.yaml"),
        list.replace("by: ada@example.com", "from: ada@example.com"));
    assertThat(kith("lint", "allow", "-o", "json")).isEqualTo(1);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().lines())
        .hasSizeGreaterThan(2)
        .allMatch(line -> line.startsWith("kith: "));
  }

  @Test
  void learn_fromALog_runsTheCommandAndWritesABundle() throws Exception {
    done("keys", "new", "qa.pem");
    Files.writeString(
        folder.resolve("recorded.jsonl"), done("export", "qa.yaml", "--as", "flow-log"));

    assertThat(
            done(
                "learn",
                "--flows",
                "run.jsonl",
                "--key",
                "qa.pem",
                "--out",
                "b.bundle",
                "--",
                "cp",
                "recorded.jsonl",
                "run.jsonl"))
        .contains("shop/workload/checkout  1      1 ", "needs a person", "Written: b.bundle");

    assertThat(done("bundle", "verify", "b.bundle", "--trust", "qa.pem.pub", "-o", "yaml"))
        .contains("environment: qa\n", "  edges: 1\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "bundle verify qa.yaml|2|(expected: --trust FILE with the public key of who signed it)",
        "diff qa.yaml none.yaml|1|none.yaml: no such file",
        "diff qa.yaml .|1|is a folder (expected: a file)",
        "export none.yaml|1|none.yaml: no such file",
        "export qa.yaml --as pdf|2|'pdf' (expected: native, network-policy, cilium, istio, flow-log)",
        "learn|2|kith: COMMAND: missing (expected: kith learn -- COMMAND, or kith learn finish)",
        "learn --out b -- true|2|kith: --out: needs --key, and --key needs --out",
        "learn --flows f -- true|2|kith: --flows: needs --out and --key",
        "lint --baselines qa.yaml|2|kith: --baselines: without files",
        "sign map.yaml --key none.pem|1|kith: map.yaml:2:7: kind: 'DestinationMap' (expected: Baseline)",
        "replay --flows none.jsonl|1|none.jsonl: no such file",
        "coverage|3|kith: no server at unix:/run/kith/admin.sock",
        "promote b|2|kith: --note: missing",
        "promote b --map m --out o --key k --dry-run|2|kith: --dry-run: writes nothing",
        "promote b --map m --against a --policy|2|kith: --policy: proposes on a server",
      })
  void mistakes_areToldInOneWay(String line, int code, String message) {
    assertThat(kith(line.split(" "))).as(err.toString()).isEqualTo(code);

    assertThat(err.toString()).startsWith("kith: ").contains(message);
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void readFile_thatIsNoText_isRefused() throws Exception {
    Files.write(folder.resolve("b.bin"), "\u00ff".getBytes(StandardCharsets.ISO_8859_1));

    assertThat(kith("diff", "b.bin", "qa.yaml")).isEqualTo(1);

    assertThat(err.toString()).endsWith("b.bin: is no text (expected: UTF-8)\n");
  }
}
