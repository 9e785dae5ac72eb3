package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What is promised of the output to whoever reads it with a program. */
class BenchCommandTest {
  private static final Measured MEASURED = new Measured(1, 2, 3, 4, 5, 6, 0.7, 0.8, 9);

  /** All rows that were planned, each with figures but for OPA's. */
  private static final class Made implements BenchCommand.Benches {
    @Override
    public Cores cores() {
      return Cores.shared();
    }

    @Override
    public CheckFigures direct(CheckBench.Plan plan, Cores cores, Consumer<String> say) {
      say.accept("measuring");
      var rows = new ArrayList<CheckFigures.Row>();
      for (var server : plan.contenders()) {
        for (var shape : plan.shapes()) {
          for (var tls : plan.tls()) {
            rows.add(
                server == Contender.OPA
                    ? new CheckFigures.Row(server, shape, tls, null, "not found")
                    : new CheckFigures.Row(server, shape, tls, MEASURED, ""));
          }
        }
      }
      return new CheckFigures(rows);
    }

    @Override
    public EnvoyFigures envoy(EnvoyBench.Plan plan, Cores cores, Consumer<String> say) {
      var rows = new ArrayList<EnvoyFigures.Row>();
      for (var server : plan.authorizers()) {
        for (var shape : plan.shapes()) {
          rows.add(
              server == Authorizer.OPA
                  ? new EnvoyFigures.Row(server, shape, null, null, "not found")
                  : new EnvoyFigures.Row(server, shape, MEASURED, null, ""));
        }
      }
      return new EnvoyFigures(rows);
    }
  }

  private static List<String> output(String... arguments) {
    var out = new StringWriter();
    var exit =
        new CommandLine(new BenchCommand(new Made()))
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(new StringWriter()))
            .execute(arguments);
    assertThat(exit).isZero();
    return out.toString().lines().toList();
  }

  @Test
  void json_isTheLastLineAndHasBothComparisons() throws Exception {
    var tree = new ObjectMapper().readTree(output("-o", "json").getLast());

    assertThat(names(tree)).containsExactlyInAnyOrder("direct", "envoy");
    assertThat(tree.path("direct")).isNotEmpty();
    assertThat(tree.path("envoy")).isNotEmpty();
    for (var row : tree.path("direct")) {
      assertThat(names(row)).contains("server", "shape", "tls", "checks_per_s");
      assertThat(row.path("shape").asText()).isIn("l4", "l7");
      assertThat(row.path("tls").isBoolean()).isTrue();
      assertFigures(row, "checks_per_s", "p50_us", "p99_us", "p999_us", "rss_mib");
    }
    for (var row : tree.path("envoy")) {
      assertThat(names(row)).contains("server", "shape", "per_s");
      assertThat(row.path("shape").asText()).isIn("l4", "l7", "gate");
      assertFigures(row, "per_s", "p50_us", "p99_us");
    }
    assertThat(tree.path("direct").findValuesAsText("server"))
        .contains("kith", "kith-bridge", "null-java-direct", "null-java", "null-go", "opa");
    assertThat(tree.path("envoy").findValuesAsText("server"))
        .contains("none", "rbac", "null-java-direct", "opa", "kith", "kith-shortcut");
  }

  private static void assertFigures(JsonNode row, String... names) {
    if (row.path("server").asText().equals("opa")) {
      assertThat(row.path(names[0]).isNull()).isTrue();
      assertThat(row.path("not_measured").asText()).isEqualTo("not found");
    } else {
      for (var name : names) {
        assertThat(row.path(name).isIntegralNumber()).as("%s of %s", name, row).isTrue();
      }
    }
  }

  private static Set<String> names(JsonNode node) {
    var names = new java.util.TreeSet<String>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }

  @Test
  void withoutJson_noLineIsAnObject() {
    assertThat(output()).noneMatch(line -> line.startsWith("{"));
  }
}
