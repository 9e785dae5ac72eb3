package io.kith.baselines.decision;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.ContentId;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.baselines.process.Script;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What the table finds is what a search of all edges finds. */
class KnownFlowsTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final SpiffeId ID = SpiffeId.parse("spiffe://prod.example/ns/shop/sa/checkout");
  private static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  private static final String HASH = "a".repeat(64);
  private static final String OTHER_HASH = "b".repeat(64);

  /** Few, so that edges meet: of every length around the limits, and of texts that are alike. */
  private static final List<String> NAMES =
      List.of(
          "a",
          "db",
          "s1.cdn.example",
          "s2.cdn.example",
          "x.cdn.example",
          "cdn.example",
          "a.s1.cdn.example",
          "seven77",
          "eight888",
          "nine99999",
          "10.0.0.7",
          "10.0.0.200",
          "10.0.1.7",
          "fd00:0:0:0:0:0:0:1",
          "caf\u00e9.example.org",
          "\u65e5\u672c.example.org",
          "?.example.org",
          "??.example.org",
          "\ud800.example.org",
          "x".repeat(31),
          "x".repeat(32),
          "x".repeat(33),
          "x".repeat(32) + "y",
          "w." + "z".repeat(60) + ".example.org",
          "z".repeat(60) + ".example.org");

  private static final List<Integer> PORTS = List.of(1, 443, 444, 32_768, 40_000, 65_535);

  @Tag("slow")
  @Test
  void decide_onRandomSnapshots_isWhatASearchOfAllEdgesSays() {
    var random = RandomGenerator.of("L64X128MixRandom");
    var seed = random.nextLong();
    var allowed = 0;
    var byTable = 0;
    for (var round = 0; round < 1_000; round++) {
      var numbers = new java.util.SplittableRandom(seed + round);
      var programs =
          IntStream.range(0, 1 + numbers.nextInt(4)).mapToObj(n -> program(n, numbers)).toList();
      var baseline = Baseline.of(CHECKOUT, null, edges(numbers, programs, numbers.nextInt(40)));
      var byHand = edges(numbers, programs, numbers.nextInt(4) == 0 ? 2 : 0);
      var rules = numbers.nextInt(4) == 0 ? List.of(rule(numbers, programs)) : List.<HandRule>of();
      var circumstances = circumstances(numbers, baseline.edges());
      var snapshot =
          new Snapshot(
              Mode.ENFORCE,
              false,
              Origin.IMAGE,
              Rules.of(baseline, byHand, new HandRules(rules, List.of())),
              null,
              circumstances);
      for (var question = 0; question < 40; question++) {
        var program = numbers.nextInt(8) == 0 ? program(9, numbers) : pick(numbers, programs);
        var candidate = candidate(varied(program, numbers));
        var to = destination(numbers);

        var expected = search(baseline, byHand, rules, circumstances, candidate, to);
        var actual = Decider.decide(snapshot, flow(candidate, to), NOON).applied();

        var told = "seed " + seed + " round " + round + ": " + candidate.fingerprint() + " → " + to;
        switch (actual) {
          case Allow(var edge) -> {
            assertThat(edge).as(told).isEqualTo(expected);
            allowed++;
          }
          case Deny _ -> assertThat(expected).as(told).isNull();
        }
        var known = snapshot.find(candidate.processClass(), to);
        if (known != null && actual instanceof Allow(var edge) && known.equals(edge)) {
          byTable++;
        }
      }
    }

    assertThat(allowed).isGreaterThan(1_000);
    assertThat(byTable).isBetween(allowed / 8, allowed - 100); // both ways are taken
  }

  @Test
  void decide_withThousandsOfEdges_andManyClasses_isTheSame() {
    var numbers = new java.util.SplittableRandom(7);
    var programs = IntStream.range(0, 140).mapToObj(n -> program(n, numbers)).toList();
    var edges = new ArrayList<Edge>();
    for (var program = 0; program < programs.size(); program++) {
      for (var n = 0; n < 20; n++) {
        edges.add(
            Edge.learned(
                ProcessClass.of(programs.get(program)),
                new Exact("svc-" + n + "-" + program, Evidence.OWNER, 80, Protocol.TCP)));
      }
    }
    var baseline = Baseline.of(CHECKOUT, null, edges);
    var snapshot = new Snapshot(Mode.ENFORCE, false, Rules.of(baseline, List.of()), null);

    for (var n = 0; n < edges.size(); n++) {
      var edge = edges.get(n);
      var name = ((Exact) edge.destination()).name();
      var to = new Destination(name, Evidence.OWNER, null, 80, Protocol.TCP);
      var flow = flow(candidate(programs.get(n / 20)), to);
      assertThat(Decider.decide(snapshot, flow, NOON).applied()).isEqualTo(new Allow(edge));
    }
  }

  @Test
  void find_nameThatLatin1DoesNotHave_isNotTakenForAQuestionMark() {
    var program = program(0, new java.util.SplittableRandom(1));
    var baseline =
        Baseline.of(
            CHECKOUT,
            null,
            List.of(
                Edge.learned(
                    ProcessClass.of(program),
                    new Exact("?.example.org", Evidence.DNS, 443, Protocol.TCP))));
    var snapshot = new Snapshot(Mode.ENFORCE, false, Rules.of(baseline, List.of()), null);
    var to = new Destination("\u65e5.example.org", Evidence.DNS, null, 443, Protocol.TCP);

    assertThat(Decider.decide(snapshot, flow(candidate(program), to), NOON).applied())
        .isInstanceOf(Deny.class);
  }

  // ---- what the decider promises, without an index

  private static @Nullable Edge search(
      Baseline baseline,
      List<Edge> byHand,
      List<HandRule> rules,
      Circumstances circumstances,
      Candidate candidate,
      Destination to) {
    var process = candidate.processClass();
    var all =
        Stream.of(
                rules.stream()
                    .filter(rule -> rule.process().covers(process))
                    .map(rule -> rule.edgeOf(process)),
                byHand.stream().filter(edge -> edge.process().equals(process)),
                baseline.edges().stream().filter(edge -> edge.process().equals(process)))
            .flatMap(edges -> edges)
            .sorted(Comparator.comparing(Edge::strictness).reversed())
            .filter(edge -> edge.destination().covers(to))
            .filter(edge -> Decider.refused(edge, Origin.IMAGE, candidate, NOON) == null)
            .toList();
    var binary =
        all.stream()
            .filter(edge -> edge.strictness() == Strictness.HASH)
            .filter(edge -> edge.provenance() instanceof Provenance.ByHand)
            .findFirst();
    var fingerprint = candidate.fingerprint();
    if (binary.isPresent()
        || fingerprint.path().isEmpty()
        || fingerprint.origin() != Origin.IMAGE
        || fingerprint.entryKind() == EntryKind.INLINE
        || !fingerprint.injectedMappings().isEmpty()) {
      return binary.orElse(null);
    }
    return all.stream()
        .filter(
            edge ->
                !(edge.destination() instanceof PortRange)
                    || !circumstances.ports().containsKey(edge.id())
                    || circumstances.ports().get(edge.id()).admits(to.port()))
        .findFirst()
        .orElse(null);
  }

  // ---- what is drawn

  private static List<Edge> edges(
      RandomGenerator random, List<ProcessFingerprint> programs, int count) {
    return IntStream.range(0, count)
        .mapToObj(_ -> edge(random, ProcessClass.of(pick(random, programs))))
        .toList();
  }

  private static Edge edge(RandomGenerator random, ProcessClass process) {
    var destination = pattern(random);
    if (random.nextInt(5) > 0) {
      return Edge.learned(process, destination);
    }
    var strictness = pick(random, List.of(Strictness.values()));
    var provenance =
        random.nextBoolean()
            ? new Provenance.Learned()
            : new Provenance.ByHand(
                "ann",
                "why",
                random.nextBoolean() ? NOON.plusSeconds(random.nextInt(-5, 5)) : null);
    return new Edge(
        ContentId.of("e:", 12, process + " " + destination + strictness + provenance),
        process,
        destination,
        strictness,
        strictness == Strictness.HASH ? HASH : null,
        null,
        provenance);
  }

  private static DestinationPattern pattern(RandomGenerator random) {
    var name = pick(random, NAMES);
    var weakest = pick(random, List.of(Evidence.values()));
    var port = pick(random, PORTS);
    var protocol = random.nextInt(5) == 0 ? Protocol.UDP : Protocol.TCP;
    return switch (random.nextInt(8)) {
      case 0 -> new HostWildcard(null, "cdn.example", weakest, port, protocol);
      case 1 -> new HostWildcard("s#", "cdn.example", weakest, port, protocol);
      case 2 -> new AddressBlock(address(random), random.nextInt(24, 33), port, protocol);
      case 3 -> new PortRange(name, weakest, 32_768 + random.nextInt(2), 65_534, protocol);
      case 4 ->
          new Written(
              pick(
                  random,
                  List.of(
                      new Place.Anywhere(),
                      new Place.Named(name, weakest),
                      new Place.Below("cdn.example", weakest),
                      new Place.Within(Cidr.parse("10.0.0.0/16"), false))),
              new Ports(port, Math.min(65_535, port + random.nextInt(2))),
              random.nextBoolean() ? protocol : null);
      default -> new Exact(name, weakest, port, protocol);
    };
  }

  private static Destination destination(RandomGenerator random) {
    return new Destination(
        pick(random, NAMES),
        pick(random, List.of(Evidence.values())),
        random.nextInt(4) == 0 ? null : address(random),
        pick(random, PORTS),
        random.nextInt(5) == 0 ? Protocol.UDP : Protocol.TCP);
  }

  private static IpAddress address(RandomGenerator random) {
    return IpAddress.parse(
        pick(random, List.of("10.0.0.7", "10.0.0.200", "10.0.1.7", "203.0.113.9")));
  }

  private static HandRule rule(RandomGenerator random, List<ProcessFingerprint> programs) {
    var pattern =
        random.nextBoolean()
            ? ProcessPattern.ANY
            : new ProcessPattern(
                pick(random, programs).path(),
                null,
                new ProcessPattern.ScriptPattern.AnyOrNone(),
                null);
    var hash = random.nextBoolean();
    return HandRule.of(
        pattern,
        pattern(random),
        hash ? Strictness.HASH : Strictness.CLASS,
        hash ? HASH : null,
        null,
        new Provenance.ByHand("ann", "why", null));
  }

  private static Circumstances circumstances(RandomGenerator random, List<Edge> edges) {
    return edges.isEmpty() || random.nextBoolean()
        ? Circumstances.NONE
        : new Circumstances(
            Map.of(),
            Map.of(
                pick(random, edges).id(),
                new Circumstances.Ports(Set.of(40_000), random.nextInt(2))));
  }

  private static ProcessFingerprint program(int number, RandomGenerator random) {
    return fingerprint(
        "/app/" + (char) ('a' + number % 26) + (char) ('a' + number / 26),
        Origin.IMAGE,
        EntryKind.NATIVE,
        random.nextInt(3) == 0 ? new Script("/srv/main.py", null, Origin.IMAGE, false) : null,
        List.of());
  }

  /** Mostly the same. */
  private static ProcessFingerprint varied(ProcessFingerprint program, RandomGenerator random) {
    var script = program.script();
    return switch (random.nextInt(16)) {
      case 0 -> fingerprint(program.path(), Origin.MEMFD, EntryKind.NATIVE, script, List.of());
      case 1 -> fingerprint(program.path(), Origin.IMAGE, EntryKind.INLINE, script, List.of());
      case 2 ->
          fingerprint(program.path(), Origin.IMAGE, EntryKind.NATIVE, script, List.of("/tmp/x.so"));
      case 3 -> fingerprint("", Origin.IMAGE, EntryKind.NATIVE, script, List.of());
      case 4 ->
          fingerprint(
              program.path(),
              Origin.IMAGE,
              random.nextBoolean() ? EntryKind.MODULE : EntryKind.SCRIPT,
              script == null ? null : new Script(script.path(), null, Origin.MOUNT, false),
              List.of());
      default -> program;
    };
  }

  private static ProcessFingerprint fingerprint(
      String path, Origin origin, EntryKind entry, @Nullable Script script, List<String> injected) {
    return new ProcessFingerprint(
        path,
        path.hashCode() % 2 == 0 ? HASH : OTHER_HASH,
        origin,
        1_000,
        entry,
        "app",
        script,
        List.of("/bin/sh"),
        null,
        null,
        injected,
        false);
  }

  private static Candidate candidate(ProcessFingerprint fingerprint) {
    return new Candidate(
        "fp:1", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
  }

  private static Flow flow(Candidate candidate, Destination to) {
    return new Flow(
        ID,
        new Attributed(List.of(candidate), Rung.KERNEL_EXACT, List.of()),
        new Resolved(to, null));
  }

  private static <T> T pick(RandomGenerator random, List<T> from) {
    return from.get(random.nextInt(from.size()));
  }
}
