package io.kith.load.demo;

import io.kith.admin.v1.DecisionRecord;
import io.kith.load.lab.Lab;
import io.kith.load.lab.LoopbackLab;
import io.kith.load.mesh.Attack;
import io.kith.load.mesh.Bypass;
import io.kith.load.mesh.LoopbackShop;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.PastSidecar;
import io.kith.load.mesh.PodShop;
import io.kith.load.mesh.Rounds;
import io.kith.load.mesh.Shop;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Jaeger;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The story that {@code kith demo} tells, each part of it done and checked for real. */
final class Demo {
  private static final int ROUNDS_OBSERVED = 5;
  private static final int ROUNDS_ENFORCED = 10;

  /** Seconds that something is allowed for; the second where a busy machine misses the first. */
  private static final List<Integer> TTLS = List.of(6, 60);

  private final Screen screen;
  private final boolean withJaeger;
  private final boolean stay;

  Demo(Screen screen, boolean withJaeger, boolean stay) {
    this.screen = screen;
    this.withJaeger = withJaeger;
    this.stay = stay;
  }

  /** Refused attack with the decision that refused it. */
  private record Refused(Attack attack, DecisionRecord decision) {}

  /** Refused bypass with what the guard told of it. */
  private record Bypassed(Bypass bypass, PastSidecar past, boolean nothingArrived) {}

  /** What a refusal is looked up by. */
  private record Trace(String id, String reason, String process) {
    static Trace of(Refused refused) {
      var decision = refused.decision;
      return new Trace(decision.getTraceId(), decision.getReason(), decision.getProcess());
    }

    static Trace of(Bypassed bypassed) {
      var past = bypassed.past;
      return new Trace(past.traceId(), past.reason(), past.process());
    }

    Map<String, String> tags() {
      var tags = new TreeMap<String, String>();
      tags.put("kith.workload", Mesh.CHECKOUT);
      tags.put("kith.reason", reason);
      if (!process.isEmpty()) {
        tags.put("kith.process", process);
      }
      return tags;
    }
  }

  DemoReport run() throws IOException, InterruptedException {
    screen.title(
        "Kith: know every process that speaks for a workload, learn what it talks to, refuse the rest.");
    screen.blank();
    screen.say(
        "A mesh gives each pod a certificate, but attackers run processes: a dropped binary or a"
            + " curl speaks with the pod's certificate and is welcome everywhere. Kith looks at"
            + " the process.");
    screen.blank();
    var missing = Lab.missing();
    if (!missing.isEmpty()) {
      tellLosses(missing);
    }
    var envoy = Envoy.find(screen::progress);
    var jaeger = withJaeger ? Jaeger.find(screen::progress) : null;
    var started = System.nanoTime(); // what is fetched or built once does not count
    try (var shop = missing.isEmpty() ? PodShop.open("kd", screen::progress) : LoopbackShop.open();
        var traces = jaeger == null ? null : startJaeger(jaeger, shop);
        var mesh = Mesh.start(shop, envoy, options(shop, traces), screen::progress)) {
      var version = envoy.version();
      var rung = mesh.status().getBridges(0).getRung();
      screen.good("Envoy " + version + " stands beside " + shop.beside());
      screen.good(
          "Kith's server answers Envoy; its bridge knows which process owns a connection (rung "
              + rung
              + ")");
      var learned = observe(mesh);
      var benign = enforce(mesh, envoy);
      var refused = attack(mesh);
      var reports = new ArrayList<>(refused.stream().map(Demo::report).toList());
      var bypassed = bypass(mesh);
      bypassed.forEach(one -> reports.add(report(one)));
      var expired = allowForAWhile(mesh, refused);
      var found = traces == null ? showSpans(refused) : lookUp(traces, refused, bypassed);
      var report =
          new DemoReport(
              version,
              rung,
              learned,
              benign,
              reports,
              expired,
              found,
              TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - started));
      end(report);
      if (stay) {
        stay(shop, traces);
      }
      return report;
    }
  }

  private static DemoReport.AttackReport report(Refused refused) {
    var decision = refused.decision;
    return new DemoReport.AttackReport(
        refused.attack.name(),
        refused.attack.isRefusedFor(decision.getReason()),
        decision.getReason(),
        decision.getTraceId());
  }

  private static DemoReport.AttackReport report(Bypassed bypassed) {
    return new DemoReport.AttackReport(
        bypassed.bypass.name(),
        bypassed.nothingArrived,
        bypassed.past.reason(),
        bypassed.past.traceId());
  }

  private void tellLosses(List<String> missing) {
    screen.say("Here only a part of it can be shown. Missing:");
    missing.forEach(screen::bad);
    screen.say("So this is lost:");
    LoopbackLab.losses().forEach(screen::bad);
    screen.say(
        "What remains is rung C: whoever holds a connection when Envoy asks about it, as the kernel"
            + " and /proc tell it to the processes of the same user. Of the rungs A to D, D knows"
            + " nothing about processes.");
    screen.blank();
  }

  private Jaeger.Running startJaeger(Jaeger jaeger, Shop shop)
      throws IOException, InterruptedException {
    screen.progress("starting Jaeger");
    return jaeger.start(shop.folder(), shop.address(), Jaeger.Ports.USUAL);
  }

  private static Mesh.Options options(Shop shop, Jaeger.@Nullable Running traces) {
    // As the recipes have it: proxies of a scope that is only observed fail open.
    var options = Mesh.Options.of("kd").with(shop.strictest()).failingOpen();
    return traces == null ? options : options.tracing(traces.otlpGrpcPort(), traces.otlpHttpPort());
  }

  // ---- 1

  private int observe(Mesh mesh) throws IOException, InterruptedException {
    screen.step(
        "Observe: what is normal here?",
        "Two programs of the checkout "
            + mesh.shop().home()
            + " do their work: they ask a database, a catalog and a"
            + " payment provider. Kith watches and refuses nothing.");
    var rounds = new Rounds(mesh);
    rounds.untilLearned(ROUNDS_OBSERVED);
    tellRepeated(rounds);
    screen.blank();

    screen.command("kith learn finish " + Mesh.CHECKOUT + " --note 'the test run is over'");
    succeed(
        mesh.kith("learn", "finish", Mesh.CHECKOUT, "--note", "the test run is over"),
        "ending the test run");
    screen.blank();
    var edges = mesh.edges();
    screen.table(
        List.of("PROCESS", "", "DESTINATION", "CONNECTIONS", "STATE"),
        edges.stream()
            .map(
                edge ->
                    List.of(
                        edge.getProcess(),
                        "→",
                        edge.getDestination() + ":" + edge.getPort(),
                        Long.toString(edge.getConnections()),
                        edge.getState()))
            .toList());
    return (int) edges.stream().filter(edge -> edge.getState().equals("approved")).count();
  }

  // ---- 2

  private DemoReport.Benign enforce(Mesh mesh, Envoy envoy)
      throws IOException, InterruptedException {
    screen.step(
        "Enforce: whatever was not learned is refused.",
        "Envoy now also refuses what it cannot ask about: a dead Kith opens no door.");
    mesh.startEnvoy(envoy, false);
    screen.command("kith mode " + Mesh.CHECKOUT + " enforce --note 'seen and agreed'");
    succeed(
        mesh.kith("mode", Mesh.CHECKOUT, "enforce", "--note", "seen and agreed"),
        "setting the mode");
    var before = counts(mesh);
    var rounds = new Rounds(mesh);
    for (var i = 0; i < ROUNDS_ENFORCED; i++) {
      rounds.succeed();
    }
    var after = counts(mesh);
    var benign =
        new DemoReport.Benign(after.checked() - before.checked(), after.denied() - before.denied());
    var told =
        "The same two programs went on: "
            + benign.checked()
            + " checks, "
            + benign.denied()
            + " refused.";
    if (benign.denied() == 0) {
      screen.good(told);
    } else {
      screen.bad(told);
    }
    tellRepeated(rounds);
    return benign;
  }

  private static DemoReport.Benign counts(Mesh mesh) {
    var checked = 0L;
    var denied = 0L;
    for (var count : mesh.status().getCountsList()) {
      checked += count.getCount();
      var refused =
          count.getVerdict().equals("deny") && !Mesh.NOT_DECIDED.contains(count.getReason());
      denied += refused ? count.getCount() : 0;
    }
    return new DemoReport.Benign(checked, denied);
  }

  private void tellRepeated(Rounds rounds) {
    if (rounds.repeated() > 0) {
      screen.say(
          "This machine was too busy for "
              + rounds.repeated()
              + " more rounds; the programs tried again, as programs do.");
    }
  }

  // ---- 3

  private List<Refused> attack(Mesh mesh) throws IOException, InterruptedException {
    var home = mesh.shop().home();
    screen.step(
        "Attack: an intruder is inside the " + home + ".",
        "Everything below runs in the same %s and goes out with the %s's own valid certificate."
            .formatted(home, home));
    var refused = new ArrayList<Refused>();
    for (var attack : mesh.shop().attacks()) {
      mesh.forgetConnections();
      var decision = mesh.refusal(attack);
      refused.add(new Refused(attack, decision));
      show(attack, decision, mesh.target(attack).bytes());
    }
    return refused;
  }

  private void show(Attack attack, DecisionRecord decision, long bytes) {
    screen.blank();
    var right = attack.isRefusedFor(decision.getReason()) && bytes == 0;
    var headline = "refused: " + attack.story();
    if (right) {
      screen.good(headline);
    } else {
      screen.bad(headline + " (expected: " + attack.reason() + ", " + bytes + " bytes arrived)");
    }
    screen.detail("who", decision.getProcess().isEmpty() ? "not known" : decision.getProcess());
    screen.detail("to", decision.getDestination() + ":" + decision.getPort());
    var why = decision.getExplanation().split("; nearest: ", 2);
    screen.detail("why", decision.getReason() + ": " + why[0]);
    if (why.length > 1) {
      screen.detail("normal", why[1]);
    }
    screen.detail("trace", decision.getTraceId());
    if (!attack.note().isEmpty()) {
      screen.detail("note", attack.note());
    }
  }

  /** The part of the attack that the sidecar does not see. */
  private List<Bypassed> bypass(Mesh mesh) throws IOException, InterruptedException {
    var all = new ArrayList<Bypassed>();
    if (mesh.shop().bypasses().isEmpty()) {
      return all;
    }
    screen.blank();
    screen.say(
        "The sidecar never sees the rest; Kith's bridge refuses it in the kernel, where it leaves the"
            + " pod.");
    mesh.guard().await("enforce");
    for (var bypass : mesh.shop().bypasses()) {
      mesh.forgetConnections();
      var past = mesh.guard().refusal(bypass);
      var bypassed = new Bypassed(bypass, past, mesh.guard().arrived(bypass) == 0);
      show(bypassed);
      all.add(bypassed);
    }
    new Rounds(mesh).succeed();
    return all;
  }

  private void show(Bypassed bypassed) {
    var story = bypassed.bypass.story();
    var past = bypassed.past;
    screen.blank();
    tell(
        bypassed.nothingArrived,
        "refused: " + story,
        "refused: " + story + " (but something arrived)");
    screen.detail("who", past.process());
    screen.detail("to", past.destination());
    screen.detail("why", past.reason() + ": went past the sidecar");
    screen.detail("trace", past.traceId());
  }

  // ---- 4

  private boolean allowForAWhile(Mesh mesh, List<Refused> refused)
      throws IOException, InterruptedException {
    screen.step(
        "Allow: the operator needs the admin tool for a moment.",
        "Each refusal has an id; what it stands for can be allowed, with a reason and an end.");
    var id = refused.getFirst().decision.getId();
    var passed = false;
    for (var ttl : TTLS) {
      screen.command(
          "kith allow " + Mesh.CHECKOUT + " " + id + " --ttl " + ttl + "s --note 'ticket 42'");
      succeed(
          mesh.kith("allow", Mesh.CHECKOUT, id, "--ttl", ttl + "s", "--note", "ticket 42"),
          "allowing " + id);
      var until = System.nanoTime() + TimeUnit.SECONDS.toNanos(ttl + 1);
      passed = mesh.passes(Attack.ANOTHER_PROGRAM);
      tell(passed, "the admin tool reads the database", "the admin tool is still refused");
      screen.progress("until the " + ttl + " s are over");
      TimeUnit.NANOSECONDS.sleep(Math.max(0, until - System.nanoTime()));
      if (passed) {
        break;
      }
      id = mesh.refusal(Attack.ANOTHER_PROGRAM).getId();
    }
    var decision = mesh.refusal(Attack.ANOTHER_PROGRAM);
    var expired = decision.getReason().equals("expired");
    tell(expired, "refused again: " + decision.getExplanation(), decision.getReason());
    return passed && expired;
  }

  private void tell(boolean right, String good, String bad) {
    if (right) {
      screen.good(good);
    } else {
      screen.bad(bad);
    }
  }

  // ---- 5

  private int lookUp(Jaeger.Running traces, List<Refused> refused, List<Bypassed> bypassed)
      throws IOException, InterruptedException {
    screen.step(
        "See: every refusal is a trace.",
        "Looked up in Jaeger by workload, process and reason; in Istio the spans of the"
            + " application's own requests stand beside them.");
    var api = new JaegerApi(traces.api());
    var wanted =
        Stream.concat(refused.stream().map(Trace::of), bypassed.stream().map(Trace::of)).toList();
    var found = 0;
    for (var trace : wanted) {
      var seen = awaitTrace(api, trace.tags(), trace.id);
      found += seen ? 1 : 0;
      tell(
          seen,
          trace.id + "  " + trace.reason + "  " + trace.process,
          trace.id + " was not found by " + trace.tags());
    }
    return found;
  }

  private static boolean awaitTrace(JaegerApi api, Map<String, String> tags, String id)
      throws IOException, InterruptedException {
    for (var end = System.nanoTime() + Mesh.PATIENCE.toNanos(); System.nanoTime() < end; ) {
      if (api.traces(tags).contains(id)) {
        return true;
      }
      Thread.sleep(Duration.ofMillis(200));
    }
    return false;
  }

  private int showSpans(List<Refused> refused) {
    screen.step(
        "See: every refusal is a span.",
        "Without Jaeger (--no-jaeger) nothing was sent; this is what each span would carry.");
    for (var each : refused) {
      var decision = each.decision;
      screen.lines(
          "kith.check trace=%s kith.workload=%s kith.process=\"%s\" kith.destination=%s:%d kith.reason=%s"
              .formatted(
                  decision.getTraceId(),
                  decision.getOwner(),
                  decision.getProcess(),
                  decision.getDestination(),
                  decision.getPort(),
                  decision.getReason()));
    }
    return 0;
  }

  private void end(DemoReport report) {
    screen.blank();
    tell(
        report.holds(withJaeger),
        "All of it held, in %d s: %d edges learned, %d normal checks without a refusal, %d of %d attacks refused."
            .formatted(
                report.seconds(),
                report.learnedEdges(),
                report.benign().checked(),
                report.attacks().stream().filter(DemoReport.AttackReport::denied).count(),
                report.attacks().size()),
        "Not all of it held; see above.");
  }

  private void stay(Shop shop, Jaeger.@Nullable Running traces) throws InterruptedException {
    screen.blank();
    if (traces != null) {
      screen.say("Jaeger: " + traces.api() + "/search?service=" + JaegerApi.SERVICE);
    }
    screen.say(
        "An operator's commands: kith status --server unix:" + shop.folder() + "/admin.sock");
    screen.say("Ctrl-C ends it and removes everything.");
    Thread.sleep(Duration.ofDays(1));
  }

  private static void succeed(Command.Outcome outcome, String what) {
    if (!outcome.succeeded()) {
      throw new IllegalStateException(what + ": " + Command.tail(outcome.output(), 5));
    }
  }
}
