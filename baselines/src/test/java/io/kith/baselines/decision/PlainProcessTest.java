package io.kith.baselines.decision;

import static io.kith.baselines.decision.Flows.CACHE;
import static io.kith.baselines.decision.Flows.DB;
import static io.kith.baselines.decision.Flows.HASH;
import static io.kith.baselines.decision.Flows.candidate;
import static io.kith.baselines.decision.Flows.enforcing;
import static io.kith.baselines.decision.Flows.learned;
import static io.kith.baselines.decision.Flows.program;
import static io.kith.baselines.decision.Flows.rules;
import static io.kith.baselines.decision.Flows.verdict;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The table of known flows knows the class and the destination; it speaks for plain programs. */
class PlainProcessTest {
  private static final Candidate APP = program("/app");

  /** Each has the class and the destination of an edge of the table. */
  @ParameterizedTest
  @CsvSource({
    "'', IMAGE, NATIVE, , unattributed",
    "/app, MEMFD, NATIVE, , origin_not_in_image",
    "/app, IMAGE, INLINE, , interpreter_inline",
    "/app, IMAGE, NATIVE, /tmp/x.so, injected_code"
  })
  void decide_aProgramThatIsNotPlain_isDeniedThoughTheTableHasItsFlow(
      String path, Origin origin, EntryKind entry, @Nullable String injected, String code) {
    var process = process(path, origin, entry, injected == null ? List.of() : List.of(injected));
    var snapshot = enforcing(learned(process, DB));

    assertThat(snapshot.find(process.processClass(), DB)).isNotNull();
    assertThat(verdict(snapshot, process, DB))
        .isInstanceOfSatisfying(Deny.class, d -> assertThat(d.reason().code()).isEqualTo(code));
  }

  @Test
  void known_ofEnforcedAndProposedRules_isByTheTableOfEach() {
    var toDb = learned(APP, DB);
    var toCache = learned(APP, CACHE);
    var enforced = rules(toDb);
    var proposed = rules(toCache);
    var snapshot = new Snapshot(Mode.ENFORCE, false, enforced, proposed);

    assertThat(snapshot.known(enforced, APP.processClass(), DB)).isEqualTo(toDb);
    assertThat(snapshot.known(enforced, APP.processClass(), CACHE)).isNull();
    assertThat(snapshot.known(proposed, APP.processClass(), CACHE)).isEqualTo(toCache);
    assertThat(snapshot.known(proposed, APP.processClass(), DB)).isNull();
  }

  private static Candidate process(
      String path, Origin origin, EntryKind entry, List<String> injected) {
    return candidate(
        new ProcessFingerprint(
            path,
            HASH,
            origin,
            1_000,
            entry,
            "app",
            null,
            List.of("/sbin/init"),
            "checkout",
            null,
            injected,
            false));
  }
}
