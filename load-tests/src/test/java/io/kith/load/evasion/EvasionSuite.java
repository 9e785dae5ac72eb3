package io.kith.load.evasion;

import static java.util.Objects.requireNonNull;

import io.kith.load.evasion.Evasion.Place;
import io.kith.load.mesh.GuardWatch;
import io.kith.load.mesh.Mesh;
import java.time.Duration;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every way around Kith that we know of, gone for real in a pod with the real Envoy, server, bridge
 * and guard: each has the outcome that docs/threat-model.md says.
 */
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
abstract class EvasionSuite {
  private final Place place;
  private @Nullable EvasionMesh mesh;
  private @Nullable Intruder intruder;

  EvasionSuite(Place place) {
    this.place = place;
  }

  @BeforeAll
  @Timeout(600)
  void start() throws Exception {
    mesh = new EvasionMesh(place);
    intruder = new Intruder(mesh);
  }

  @AfterAll
  void stop() {
    if (mesh != null) {
      mesh.close();
    }
  }

  /** {@code -Dkith.evasion.only=WORDS}: those whose names have these words. */
  Stream<Evasion> evasions() {
    return Evasions.ALL.stream()
        .filter(evasion -> evasion.places().contains(place))
        .filter(evasion -> evasion.name().contains(System.getProperty("kith.evasion.only", "")));
  }

  @Order(1)
  @ParameterizedTest
  @MethodSource("evasions")
  void evasion_hasTheOutcomeThatTheThreatModelSays(Evasion evasion) throws Exception {
    evasion.trial().run(requireNonNull(intruder));
  }

  /** At most every five seconds a bridge reports, so that all are looked for at once. */
  @Test
  @Order(2)
  void refusalsOfTheGuard_areInTheServersLogWithTheirProcess() throws Exception {
    var guard = requireNonNull(mesh).mesh.guard();
    for (var expected : requireNonNull(intruder).expected()) {
      // Who is gone at once may stay without a name on a busy node; who comes again gets one.
      for (var tries = 1; !isTold(guard, expected); tries++) {
        if (tries == 4) {
          throw new AssertionError(expected + " in the server's log, but " + guard.reported());
        }
        requireNonNull(intruder).again(expected);
      }
    }
  }

  private static boolean isTold(GuardWatch guard, Intruder.Expected expected)
      throws InterruptedException {
    try {
      Mesh.await(
          expected + " in the server's log",
          Duration.ofSeconds(20),
          () ->
              guard.reported().stream()
                  .anyMatch(
                      past ->
                          past.reason().equals(expected.reason().word())
                              && past.process().equals(expected.process())));
      return true;
    } catch (IllegalStateException _) {
      return false;
    }
  }
}
