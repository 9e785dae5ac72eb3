package io.kith.load.evasion;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.bridge.guard.GuardReason;
import io.kith.load.lab.PodProcess;
import io.kith.load.lab.Upstream;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Command;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Somebody inside the checkout pod, and what the outside and Kith saw of them. */
final class Intruder {
  static final Duration LIMIT = Duration.ofSeconds(Integer.getInteger("kith.evasion.limit", 120));
  private static final int APP = 1000;

  final EvasionMesh at;
  final Mesh mesh;
  private final List<Expected> expected = new ArrayList<>();

  /** What the server's log has to tell in the end. */
  record Expected(GuardReason reason, String process, Act act) {
    @Override
    public String toString() {
      return reason + " of " + process;
    }
  }

  Intruder(EvasionMesh at) {
    this.at = at;
    this.mesh = at.mesh;
  }

  /** Something that is done. */
  @FunctionalInterface
  interface Act {
    Said go() throws Exception;
  }

  /** What a program wrote, on both its outputs. */
  record Said(String text) {
    static Said of(PodProcess.Outcome outcome) {
      return new Said(outcome.stdout() + outcome.stderr());
    }

    static Said of(Command.Outcome outcome) {
      return new Said(outcome.output());
    }
  }

  // ---- acts

  /** A program, as the workload's own user. DB, CATALOG and the like stand for addresses. */
  Said app(String... argv) throws Exception {
    return as(APP, argv);
  }

  /** A program as another user; 0 has all that a container's root may be given. */
  Said as(int uid, String... argv) throws Exception {
    return Said.of(mesh.checkout().start(uid, "", argv(argv)).await(LIMIT));
  }

  /** A dropped script. */
  Said perl(String script, String... arguments) throws Exception {
    return app(script(script, arguments));
  }

  Said rootPerl(String script, String... arguments) throws Exception {
    return as(0, script(script, arguments));
  }

  static String[] script(String script, String... arguments) {
    var argv = new ArrayList<>(List.of("/usr/bin/perl", "/tmp/" + script));
    argv.addAll(List.of(arguments));
    return argv.toArray(String[]::new);
  }

  Said bash(String commands) throws Exception {
    return app("/bin/bash", "-c", commands);
  }

  Said rootBash(String commands) throws Exception {
    return as(0, "/bin/bash", "-c", commands);
  }

  List<String> argv(String... argv) {
    return List.of(argv).stream().map(this::placed).toList();
  }

  private String placed(String text) {
    var places =
        Map.of(
            "DB", EvasionMesh.host(mesh.database()),
            "CATALOG", EvasionMesh.host(mesh.catalog()),
            "PAYMENTS", EvasionMesh.host(mesh.payments()),
            "STRANGER", EvasionMesh.host(mesh.stranger()),
            "STRANGER6", mesh.stranger().host().v6().getHostAddress(),
            "RESOLVER", at.resolver.host().v4().getHostAddress(),
            "SELF", mesh.checkout().v4().getHostAddress());
    var all = text;
    for (var place : places.entrySet()) {
      all = all.replaceAll("\\b" + place.getKey() + "\\b", place.getValue());
    }
    return all;
  }

  // ---- what became of it

  /**
   * The sidecar asked about it, Kith denied it for a reason, and no byte arrived anywhere. Goes
   * again where a busy machine refused it undecided, as an intruder would.
   */
  void isDenied(String process, Set<String> reasons, Act act) throws Exception {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      var known = ids(decisions());
      at.forget();

      var said = act.go();

      var denied = isNew(known, process).and(decision -> !isUndecided(decision, reasons));
      awaitDenial(
          process + ", which said: " + said,
          known,
          denied.or(
              decision -> !known.contains(decision.getId()) && isUndecided(decision, reasons)));
      assertNothingArrived(said);
      var found = mesh.denials().stream().filter(denied).map(DecisionRecord::getReason).toList();
      if (!found.isEmpty() || System.nanoTime() > end) {
        assertThat(found).as("%s", said).isNotEmpty().allMatch(reasons::contains);
        return;
      }
    }
  }

  private void awaitDenial(String what, Set<String> known, Predicate<DecisionRecord> wanted)
      throws InterruptedException {
    try {
      Mesh.await("a denial of " + what, LIMIT, () -> mesh.denials().stream().anyMatch(wanted));
    } catch (IllegalStateException e) {
      throw new IllegalStateException(e.getMessage() + "; decided meanwhile: " + since(known), e);
    }
  }

  private static boolean isUndecided(DecisionRecord decision, Set<String> expected) {
    return Mesh.NOT_DECIDED.contains(decision.getReason())
        && !expected.contains(decision.getReason());
  }

  void isDenied(String process, String reason, Act act) throws Exception {
    isDenied(process, Set.of(reason), act);
  }

  private static Predicate<DecisionRecord> isNew(Set<String> known, String process) {
    return decision ->
        !known.contains(decision.getId())
            && (decision.getProcess().equals(process)
                || decision.getProcess().startsWith(process + " inline:"));
  }

  private static Set<String> ids(List<DecisionRecord> decisions) {
    return decisions.stream().map(DecisionRecord::getId).collect(Collectors.toSet());
  }

  /** It went past the sidecar, and the guard refused it for a reason. */
  void isRefusedByTheGuard(GuardReason reason, String process, Act act) throws Exception {
    var before = mesh.guard().count(reason.words());
    at.forget();

    var said = act.go();

    Mesh.await(
        "a refusal of the guard for " + reason + ", of what said: " + said,
        LIMIT,
        () -> mesh.guard().count(reason.words()).refused() > before.refused());
    assertNothingArrived(said);
    expected.add(new Expected(reason, process, act));
  }

  /** Tries what the guard refused once more. */
  void again(Expected refused) throws Exception {
    at.forget();
    assertNothingArrived(refused.act().go());
  }

  void assertNothingArrived(Said said) {
    at.upstreams()
        .forEach(
            (name, upstream) -> {
              assertThat(upstream.bytes()).as("bytes at %s: %s", name, said).isZero();
              assertThat(said.text()).as(name).doesNotContain(upstream.token());
            });
    assertThat(at.strangerDatagrams.bytes()).as("%s", said).isZero();
  }

  /** It arrived through the sidecar, and Kith's records have it as a connection of this process. */
  void isAllowedAs(String process, Upstream target, Act act) throws Exception {
    var known = ids(decisions());
    at.forget();

    var end = System.nanoTime() + LIMIT.toNanos();
    Said said;
    do { // again where a busy machine refused it undecided
      said = act.go();
    } while (!arrives(target) && System.nanoTime() < end);

    assertThat(target.bytes())
        .as("bytes of what said: %s; decided meanwhile: %s", said, since(known))
        .isPositive();
    Mesh.await(
        "the connection among those of " + process,
        LIMIT,
        () ->
            decisions().stream()
                .filter(isNew(known, process))
                .anyMatch(
                    decision ->
                        decision.getVerdict().equals("allow")
                            && decision.getPort() == target.port()));
  }

  private List<DecisionRecord> since(Set<String> known) {
    return decisions().stream().filter(decision -> !known.contains(decision.getId())).toList();
  }

  private static boolean arrives(Upstream target) throws InterruptedException {
    try {
      Mesh.await("bytes", Duration.ofSeconds(5), () -> target.bytes() > 0);
      return true;
    } catch (IllegalStateException _) {
      return false;
    }
  }

  private List<DecisionRecord> decisions() {
    return mesh.admin()
        .listDecisions(
            ListDecisionsRequest.newBuilder().setOwner(Mesh.CHECKOUT).setLimit(1_000).build())
        .getDecisionsList();
  }

  /** The fingerprints that decisions have of a process. */
  Set<String> fingerprints(String process) {
    return decisions().stream()
        .filter(decision -> decision.getProcess().equals(process))
        .map(DecisionRecord::getFingerprintId)
        .collect(Collectors.toSet());
  }

  /** What the server's log has to tell of those that the guard refused. */
  List<Expected> expected() {
    return List.copyOf(expected);
  }
}
