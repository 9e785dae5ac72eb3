package io.kith.baselines.decision;

import static io.kith.baselines.decision.Flows.DB;
import static io.kith.baselines.decision.Flows.NOON;
import static io.kith.baselines.decision.Flows.learned;
import static io.kith.baselines.decision.Flows.program;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.process.Origin;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ReasonTest {
  /** Every reason, its word, which dashboards and alerts hold on to, and its sentence. */
  static Stream<Arguments> reasons() {
    return Stream.of(
        Arguments.of(
            new Reason.NoBaseline(), "no_baseline", "there is no baseline to decide by yet"),
        Arguments.of(
            new Reason.NewProcess(),
            "new_process",
            "/app is not one of the programs that speak from here"),
        Arguments.of(
            new Reason.NewDestination(),
            "new_destination",
            "/app never went to db.shop.svc.cluster.local:5432"),
        Arguments.of(
            new Reason.OriginNotInImage(Origin.MEMFD),
            "origin_not_in_image",
            "/app runs code that is not in the image (from: memory)"),
        Arguments.of(
            new Reason.HashChanged("aa", "bb"),
            "hash_changed",
            "/app is another file than allowed: bb instead of aa"),
        Arguments.of(
            new Reason.HashChanged("aa", null),
            "hash_changed",
            "/app is another file than allowed: unknown instead of aa"),
        Arguments.of(
            new Reason.LineageMismatch(List.of("/bin/sh", "/sbin/crond")),
            "lineage_mismatch",
            "/app was not started by /bin/sh ← /sbin/crond"),
        Arguments.of(
            new Reason.InterpreterInline(),
            "interpreter_inline",
            "/app runs code from its command line or standard input"),
        Arguments.of(
            new Reason.InjectedCode(List.of("/tmp/a.so", "/tmp/b.so")),
            "injected_code",
            "/app has code loaded that is not in the image: /tmp/a.so, /tmp/b.so"),
        Arguments.of(new Reason.IdentityMismatch("two names"), "identity_mismatch", "two names"),
        Arguments.of(new Reason.NameMismatch("says a, is b"), "name_mismatch", "says a, is b"),
        Arguments.of(
            new Reason.Quarantined("a shell"),
            "quarantined",
            "quarantined by an operator: a shell"),
        Arguments.of(
            new Reason.Expired(NOON), "expired", "it was allowed until 2026-11-25T12:00:00Z"),
        Arguments.of(
            new Reason.Unattributed("no socket"),
            "unattributed",
            "the process behind the connection is not known: no socket"),
        Arguments.of(
            new Reason.BridgeUnavailable("none dialled"),
            "bridge_unavailable",
            "no identity bridge answers for this pod: none dialled"),
        Arguments.of(
            new Reason.Unmediated(), "unmediated", "the connection did not go through the proxy"),
        Arguments.of(
            new Reason.DeniedByHand("curl → *"),
            "denied_by_hand",
            "denied by an operator: curl → *"),
        Arguments.of(
            new Reason.BadProvenance("stale"),
            "bad_provenance",
            "the caller did not prove its origin: stale"),
        Arguments.of(
            new Reason.UnknownReporter("spiffe://td/x may not ask"),
            "unknown_reporter",
            "spiffe://td/x may not ask"),
        Arguments.of(new Reason.Malformed("port: 0"), "malformed", "port: 0"),
        Arguments.of(new Reason.Overloaded(), "overloaded", "the server has too much to do"),
        Arguments.of(new Reason.Deadline(), "deadline", "the answer was not ready in time"),
        Arguments.of(
            new Reason.Internal(), "internal", "the server failed; its log has the cause"));
  }

  @ParameterizedTest
  @MethodSource("reasons")
  void reason_hasItsWordAndItsSentence(Reason reason, String code, String sentence) {
    assertThat(reason.code()).isEqualTo(code);
    assertThat(Explanation.of(new Deny(null, reason), program("/app"), DB)).isEqualTo(sentence);
  }

  @Test
  void reasons_areAllInTheTable() {
    assertThat(reasons().map(arguments -> arguments.get()[0].getClass().getName()).distinct())
        .containsExactlyInAnyOrderElementsOf(
            Stream.of(Reason.class.getPermittedSubclasses()).map(Class::getName).toList());
  }

  @Test
  void explanation_ofAProcessThatIsNotKnown_namesNone_andShowsWhatWasNear() {
    var deny = new Deny(learned(program("/app"), DB), new Reason.NewProcess());

    assertThat(Explanation.of(deny, null, DB))
        .isEqualTo(
            "a process is not one of the programs that speak from here; nearest: /app ← /sbin/init"
                + " → db.shop.svc.cluster.local:5432");
  }
}
