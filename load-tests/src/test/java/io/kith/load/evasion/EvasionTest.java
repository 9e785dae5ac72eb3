package io.kith.load.evasion;

import io.kith.load.mesh.Mesh;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every way around Kith that we know of, gone for real in a pod with the real Envoy, server, bridge
 * and guard: each has the outcome that docs/threat-model.md says.
 */
@Timeout(600)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class EvasionTest {
  private static EvasionMesh mesh;
  private static Intruder intruder;

  @BeforeAll
  static void start() throws Exception {
    mesh = new EvasionMesh();
    intruder = new Intruder(mesh);
  }

  @AfterAll
  static void stop() {
    if (mesh != null) {
      mesh.close();
    }
  }

  static Stream<Evasion> evasions() {
    return Evasions.ALL.stream();
  }

  @Order(1)
  @ParameterizedTest
  @MethodSource("evasions")
  void evasion_hasTheOutcomeThatTheThreatModelSays(Evasion evasion) throws Exception {
    evasion.trial().run(intruder);
  }

  /** At most every five seconds a bridge reports, so that all are looked for at once. */
  @Test
  @Order(2)
  void refusalsOfTheGuard_areInTheServersLogWithTheirProcess() throws Exception {
    for (var expected : intruder.expected()) {
      Mesh.await(
          expected + " in the server's log",
          Intruder.LIMIT,
          () ->
              mesh.mesh.guard().reported().stream()
                  .anyMatch(
                      past ->
                          past.reason().equals(expected.reason().word())
                              && past.process().equals(expected.process())));
    }
  }
}
