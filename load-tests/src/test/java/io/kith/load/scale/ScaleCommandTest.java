package io.kith.load.scale;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The whole, with real parts; how much anything costs is not looked at. */
class ScaleCommandTest {
  @TempDir private Path folder;

  @Test
  void quick_measuresSimulatesAndPlots() throws Exception {
    var out = new StringWriter();
    var plot = folder.resolve("scale.svg");

    var exit =
        new CommandLine(new ScaleCommand())
            .setOut(new PrintWriter(out))
            .execute(
                "--quick",
                "--nodes",
                "4000",
                "--workloads",
                "40000",
                "--plot",
                "" + plot,
                "-o",
                "json");

    assertThat(exit).isZero();
    var json = new ObjectMapper().readTree(out.toString().strip().lines().toList().getLast());
    var costs = json.get("costs");
    for (var cost :
        new String[] {
          "handshake_ms",
          "check_busy_us",
          "check_bytes",
          "server_mib",
          "workload_kib",
          "compile_us",
          "revision_kib",
          "live_ms",
          "parts_per_s"
        }) {
      assertThat(costs.get(cost).doubleValue()).as(cost).isPositive();
    }
    // so few connections may be lost in what else the server's memory does meanwhile
    assertThat(costs.get("connection_kib").doubleValue()).isNotNegative();
    assertThat(json.get("placements"))
        .extracting(one -> one.get("placement").textValue())
        .containsExactly("central-10", "central-200", "node-local");
    assertThat(json.get("placements"))
        .allSatisfy(one -> assertThat(one.get("workloads").intValue()).isEqualTo(400));
    var svg = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(plot.toFile());
    assertThat(svg.getElementsByTagName("polyline").getLength()).isEqualTo(6);
    assertThat(Files.readString(plot))
        .contains("cores, all servers", "GiB of memory, all servers", "nodes", "200 central");
  }

  @Test
  void wrongSize_isRefused() {
    var err = new StringWriter();

    var exit =
        new CommandLine(new ScaleCommand())
            .setErr(new PrintWriter(err))
            .execute("--nodes", "10", "--pods-per-node", "10", "--workloads", "101");

    assertThat(exit).isEqualTo(2);
    assertThat(err.toString()).contains("workloads: 101 (expected: 1 to 100, one for each pod)");
  }
}
