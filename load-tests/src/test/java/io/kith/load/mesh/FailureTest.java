package io.kith.load.mesh;

import io.kith.baselines.decision.Mode;
import io.kith.load.lab.Lab;
import io.kith.load.mesh.Fault.Proof;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * With parts of Kith dead, stuck or cut off and the real Envoy: in each mode passes what
 * docs/failure.md says, and nothing for want of an answer under enforce.
 *
 * <p>One mesh goes through all of them, and works again after each. {@code
 * -Dkith.failure.only=WORDS,WORDS}: those whose names have one of these.
 */
@Timeout(900)
class FailureTest {
  private static Lab lab;
  private static Path disk;
  private static Mesh mesh;
  private static FailingMesh failing;

  @BeforeAll
  static void start() throws Exception {
    var envoy = Envoy.find(EnforcedMesh.SAY);
    lab = Lab.open("kf", EnforcedMesh.SAY);
    disk = Files.createDirectory(lab.folder().resolve("disk"));
    command("mount", "-t", "tmpfs", "-o", "size=4m", "kith-test", disk.toString());
    // While a scope is observed its proxies fail open; the filter is closed before it is enforced.
    // Nobody listens where spans go.
    var time = FakeTime.in(lab.folder());
    var options =
        Mesh.Options.of("kf")
            .failingOpen()
            .storedIn(disk.resolve("kith.db"))
            .tracing(4317, 4318)
            .withServerBehind(time.command());
    var settings = PodShop.Settings.usual(lab).alsoAt(lab.v4After(PodShop.ENDPOINTS));
    mesh =
        Mesh.start(new PodShop(lab, settings, EnforcedMesh.SAY), envoy, options, EnforcedMesh.SAY);
    failing = new FailingMesh(mesh, envoy, disk, time);
  }

  @AfterAll
  static void stop() throws Exception {
    if (mesh != null) {
      mesh.close();
    }
    if (disk != null) {
      command("umount", "--lazy", disk.toString());
    }
    if (lab != null) {
      lab.close();
    }
  }

  private static void command(String... argv) throws Exception {
    Command.run(Duration.ofMinutes(1), List.of(argv)).orFail();
  }

  /** The flood comes last. */
  static Stream<Arguments> faultsInEachMode() {
    var others =
        Stream.of(Mode.OBSERVE, Mode.SHADOW, Mode.ENFORCE)
            .flatMap(
                mode ->
                    Faults.ALL.stream()
                        .filter(fault -> fault.proof() instanceof Proof.WithEnvoy)
                        .filter(fault -> !fault.equals(Faults.FLOOD))
                        .map(fault -> Arguments.of(mode, fault)));
    var flood =
        Stream.of(Mode.ENFORCE, Mode.SHADOW, Mode.OBSERVE)
            .map(mode -> Arguments.of(mode, Faults.FLOOD));
    var words = List.of(System.getProperty("kith.failure.only", "").split(",", -1));
    return Stream.concat(others, flood)
        .filter(
            arguments -> words.stream().anyMatch(((Fault) arguments.get()[1]).name()::contains));
  }

  @ParameterizedTest
  @MethodSource("faultsInEachMode")
  void fault_passesWhatThePageSays(Mode mode, Fault fault) throws Exception {
    failing.enter(mode);
    if (fault.proof() instanceof Proof.WithEnvoy proof) {
      failing.suffer(fault, proof);
    }
  }
}
