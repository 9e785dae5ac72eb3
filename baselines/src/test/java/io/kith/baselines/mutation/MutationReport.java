package io.kith.baselines.mutation;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Judges what PIT found; runs only after PIT, in the profile {@code mutation}. */
class MutationReport {
  private static final Set<String> PACKAGES =
      Set.of(
          "io.kith.baselines.allow",
          "io.kith.baselines.decision",
          "io.kith.baselines.identity",
          "io.kith.baselines.learning");

  @Test
  void mutants_ofEachPackage_areNoticedOrListed() throws Exception {
    var mutants = Mutants.read(Files.readString(Path.of("target", "pit-reports", "mutations.xml")));
    var listed = Survivors.read(Files.readString(Path.of("src/test/mutation/survivors.md")));

    System.out.println(mutants.table());

    assertThat(mutants.problems(PACKAGES, listed)).isEmpty();
  }
}
