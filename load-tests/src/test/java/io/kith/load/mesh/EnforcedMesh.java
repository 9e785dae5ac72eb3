package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.lab.Lab;
import io.kith.load.tools.Envoy;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** What the tests of a whole mesh have in common: setting it up, learning, enforcing, looking. */
final class EnforcedMesh {
  static final Consumer<String> SAY = System.out::println;

  private EnforcedMesh() {}

  static Mesh start(Lab lab, Envoy envoy, Mesh.Options options) throws Exception {
    return Mesh.start(lab, envoy, options, SAY);
  }

  /** Learns normal work as an operator would and puts it in force. */
  static void learnAndEnforce(Mesh mesh) throws Exception {
    new Rounds(mesh).untilLearned(3);
    mesh.kith("learn", "finish", Mesh.CHECKOUT, "--note", "test run").orFail();
    mesh.kith("mode", Mesh.CHECKOUT, "enforce", "--note", "test").orFail();
  }

  /** Normal work ends with the tokens that the upstreams gave, and no decision refuses it. */
  static void assertWorks(Mesh mesh) throws Exception {
    new Rounds(mesh).succeed();
  }

  /** Normal work gets nothing, and the upstreams see no byte of it. */
  static void assertNothingPasses(Mesh mesh) throws Exception {
    mesh.forgetConnections();

    var outcomes = mesh.work();

    var answers =
        outcomes.stream().map(outcome -> outcome.stdout()).collect(Collectors.joining("\n"));
    for (var upstream : List.of(mesh.database(), mesh.catalog(), mesh.payments())) {
      assertThat(answers).doesNotContain(upstream.token());
      assertThat(upstream.bytes()).isZero();
    }
  }
}
