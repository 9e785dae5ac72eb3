package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.lab.Lab;
import io.kith.load.tools.Envoy;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The bridge does all of its work with the capabilities that docs/containers.md lists and no other,
 * and says what it cannot do without one of them.
 */
@Timeout(300)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class CapabilitiesTest {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final List<String> NEEDED =
      List.of("bpf", "perfmon", "net_admin", "sys_ptrace", "dac_read_search", "sys_admin");

  private static Lab lab;
  private static Mesh mesh;

  @BeforeAll
  static void start() throws Exception {
    lab = Lab.open("kcap", EnforcedMesh.SAY);
    mesh = EnforcedMesh.start(lab, Envoy.find(EnforcedMesh.SAY), Mesh.Options.of("kcap"));
    restart(NEEDED);
    Mesh.await("the bridge at work: " + mesh.guard().status(), LIMIT, mesh::bridgeAttached);
    EnforcedMesh.learnAndEnforce(mesh);
    mesh.guard().await("enforce");
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

  /** Root with nothing but these, also after exec. */
  private static void restart(List<String> capabilities) throws Exception {
    mesh.bridge().kill();
    mesh.startBridge(
        List.of(
            "setpriv",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all,"
                + capabilities.stream().map(name -> "+" + name).collect(Collectors.joining(","))));
    Mesh.await("the status of the bridge", LIMIT, () -> !mesh.guard().status().isEmpty());
  }

  @Test
  @Order(1)
  void bridge_withTheListedOnes_isOnRungAAndFindsItself() {
    assertThat(mesh.guard().status())
        .startsWith("rung A")
        .contains("finds its own connections: yes")
        .doesNotContain("not better", "without CAP_", "guard: no pod", "    but ");
  }

  @Test
  @Order(1)
  void bridge_withTheListedOnes_attributesHashesAndGuards() throws Exception {
    EnforcedMesh.assertWorks(mesh);

    for (var attack : Attack.ALL) {
      mesh.forgetConnections();
      var refusal = mesh.refusal(attack);

      assertThat(refusal.getReason()).as(attack.name()).isEqualTo(attack.reason());
      assertThat(refusal.getRung()).isEqualTo("A");
      assertThat(mesh.target(attack).bytes()).isZero();
      if (attack.name().equals("renamed copy")) {
        // What is not of the image can be allowed by its hash only, so that has to be known.
        mesh.kith("allow", Mesh.CHECKOUT, refusal.getId(), "--ttl", "1s", "--note", "t").orFail();
      }
    }
    for (var bypass : Bypass.ALL) {
      mesh.forgetConnections();
      assertThat(mesh.guard().refusal(bypass).process()).isEqualTo(bypass.process());
      assertThat(mesh.guard().arrived(bypass)).isZero();
    }
  }

  /** What the status says, and that it is so. */
  @Order(2)
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          bpf             | rung A | nothing is lost, CAP_SYS_ADMIN includes it
          perfmon         | rung A | nothing is lost, CAP_SYS_ADMIN includes it
          net_admin       | rung   | redirected connections are not turned back
          sys_ptrace      | rung   | processes of other users are not looked into
          dac_read_search | rung A | files that only their owner may read are not hashed
          sys_admin       | rung D | the networks of pods are not entered
          """)
  void bridge_withoutOne_saysWhatIsLost(String lacking, String rung, String loss) throws Exception {
    restart(NEEDED.stream().filter(name -> !name.equals(lacking)).toList());

    var status = mesh.guard().status();

    assertThat(status)
        .startsWith(rung)
        .contains("  without CAP_" + lacking.toUpperCase(Locale.ROOT) + ": " + loss);
  }
}
