package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.server.control.RuleVerbs.Target;
import io.kith.server.store.InMemoryStore;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the record of changes says was before and is since. */
class HistoryTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);

  private final Site site = new Site(new InMemoryStore());
  private ControlState state;

  @BeforeEach
  void start() throws Exception {
    state = site.server();
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private static List<String> words(ControlState state) throws Exception {
    return state.audit(null, 0, 100).reversed().stream()
        .map(
            entry ->
                entry.change().kind() + ": " + state.before(entry) + " → " + state.after(entry))
        .toList();
  }

  private String last() throws Exception {
    return words(state).getLast();
  }

  private String edgeOf(Candidate program) throws Exception {
    return state.edges(OWNER).stream()
        .map(KnownEdge::edge)
        .filter(edge -> edge.process().equals(program.processClass()))
        .findFirst()
        .orElseThrow()
        .id();
  }

  private String newest() throws Exception {
    return state.reports().revision(OWNER, null).entry().baseline().revision();
  }

  @Test
  void changes_sayWhatWasAndWhatIs_onEveryServerTheSame() throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");
    var first = newest();
    assertThat(last()).isEqualTo("propose: none → " + first);

    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    assertThat(last()).isEqualTo("mode: observe → enforce; " + OWNER + " by " + first);

    var denied = site.check(state, flow(database(), CURL));
    var until = site.clock.instant().plus(Duration.ofHours(4));
    var allowed =
        state.allow(OWNER, denied.decisionId(), Duration.ofHours(4), "CHG-1", "ada").edge();
    var words = "allow " + allowed.id() + " " + allowed.words() + " until " + until;
    assertThat(last()).isEqualTo("allow: none → " + words);

    state.rules().remove(OWNER, allowed.id(), "over", "ada");
    assertThat(last()).isEqualTo("remove: " + words + " → none");

    var rule = state.rules().deny(OWNER, new Target.OfEdge(edgeOf(PAYMENTS)), null, "no", "ada");
    assertThat(last()).startsWith("deny: none → deny " + rule.id() + " /app/payments");
    state.rules().remove(OWNER, rule.id(), "yes", "ada");

    var id = denied.decisionId();
    state.rules().acknowledge(OWNER, id, "seen", "ada");
    assertThat(last()).isEqualTo("ack: not acknowledged → acknowledged " + id);
    state.rules().acknowledge(OWNER, id, "seen", "ada");
    assertThat(last()).isEqualTo("ack: acknowledged → acknowledged " + id);

    site.check(state, flow(elsewhere(), CURL));
    state.baselines().approveEdges(OWNER, Set.of(edgeOf(CURL)), "it is ours", "ada");
    var second = newest();
    assertThat(words(state)).contains("propose: " + first + " → " + second);
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    state.baselines().rollback(OWNER, "no", "ada");
    assertThat(last()).isEqualTo("rollback: " + second + " → " + first);

    state.rules().relearn(OWNER, edgeOf(CURL), "anew", "ada");
    assertThat(last())
        .isEqualTo("relearn: learned → nothing learned of " + CURL.processClass().words());
    state.rules().relearn(OWNER, null, "anew", "ada");
    assertThat(last()).isEqualTo("relearn: learned → nothing learned");

    state.setMode(ONE, Mode.OBSERVE, "pause", "ada");
    assertThat(last()).isEqualTo("mode: enforce → observe");
    try (var other = site.server("there")) {
      assertThat(words(other)).isEqualTo(words(state));
    }
  }

  @Test
  void before_ofWhatIsLongAgo_isEmpty() throws Exception {
    var history = new History();
    var fold = new Fold(Modes.of(List.of()), site.keys.ring());
    var mode = new Amendment.SetMode(ONE, Mode.SHADOW, List.of());
    for (var i = 0; i < 2 * History.KEPT; i++) {
      history.note(mode, fold);
    }
    assertThat(history.before(1)).isEqualTo("observe");

    history.note(mode, fold);

    assertThat(history.before(History.KEPT)).isEmpty();
    assertThat(history.before(History.KEPT + 1)).isEqualTo("observe");
    assertThat(history.before(2 * History.KEPT + 1)).isEqualTo("observe");
    assertThat(history.before(2 * History.KEPT + 2)).isEmpty();
    assertThat(history.before(0)).isEmpty();
  }
}
