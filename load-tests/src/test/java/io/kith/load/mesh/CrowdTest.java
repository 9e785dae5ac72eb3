package io.kith.load.mesh;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.lab.Lab;
import io.kith.load.lab.PodProcess;
import io.kith.load.tools.Envoy;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Open connections of a program that is allowed, while thousands of another one's are refused
 * beside them in the same sidecar, under enforce. The server is one of the node: of most that are
 * allowed it reads in the kernel's table whose they are.
 */
@Timeout(900)
class CrowdTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final int HELD = 300;
  private static final int PROCESSES = 10;
  private static final int EACH = 400;

  private static Lab lab;
  private static Mesh mesh;

  @BeforeAll
  static void start() throws Exception {
    var envoy = Envoy.find(EnforcedMesh.SAY);
    lab = Lab.open("kc", EnforcedMesh.SAY);
    mesh = EnforcedMesh.start(lab, envoy, Mesh.Options.of("kc").onNode());
    EnforcedMesh.learnAndEnforce(mesh);
  }

  @AfterAll
  static void stop() {
    if (mesh != null) {
      mesh.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  @Test
  void refusedConnections_takeNoOpenOneWithThem() throws Exception {
    write("held.pl");
    write("many.pl");
    allowHeld();

    var held = perl("held.pl", HELD);
    Mesh.await("connections are open and answered", LIMIT, () -> said(held, "first"));
    assertThat(held.stdout()).isEqualTo("first " + HELD + "\n");
    assertThat(byTable()).as("connections that were not asked about").isGreaterThan(HELD / 2.0);
    for (var storm = 0; storm < 2; storm++) {
      var outcome = perl("many.pl", PROCESSES, EACH).await(LIMIT);
      assertThat(outcome.stdout())
          .as(outcome.stderr())
          .isEqualTo("opened " + PROCESSES * EACH + ", answered 0\n");
    }
    mesh.checkout().write("/tmp/again", "");

    assertThat(held.await(LIMIT).stdout()).isEqualTo("first %1$d\nagain %1$d\n".formatted(HELD));
  }

  private static double byTable() throws Exception {
    return mesh.shop()
        .ask("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith("kith_bridge_answers_table_total"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  /** It is refused, and an operator allows what was refused. */
  private static void allowHeld() throws Exception {
    var began = Instant.now();
    var refused = perl("held.pl", 1);
    Mesh.await("it is refused", LIMIT, () -> said(refused, "first"));
    refused.kill();
    Mesh.await("the refusal is recorded", LIMIT, () -> !mesh.denialsSince(began).isEmpty());
    var decision =
        mesh.denialsSince(began).stream()
            .filter(denial -> denial.getProcess().endsWith("/tmp/held.pl"))
            .findFirst()
            .orElseThrow();
    mesh.kith("allow", Mesh.CHECKOUT, decision.getId(), "--note", "a crowd").orFail();
  }

  private static boolean said(PodProcess process, String word) {
    try {
      return process.stdout().contains(word);
    } catch (IOException _) {
      return false;
    }
  }

  private static PodProcess perl(String script, int... numbers) throws IOException {
    var database = mesh.shop().place(mesh.database());
    var argv =
        new ArrayList<>(
            List.of(
                "/usr/bin/perl",
                "/tmp/" + script,
                database.host(),
                Integer.toString(database.port())));
    for (var number : numbers) {
      argv.add(Integer.toString(number));
    }
    return mesh.checkout().start(1000, "", argv);
  }

  private static void write(String script) throws IOException {
    try (var stream = requireNonNull(CrowdTest.class.getResourceAsStream(script), script)) {
      mesh.checkout().write("/tmp/" + script, new String(stream.readAllBytes(), UTF_8));
    }
  }
}
