package io.kith.load.compare;

import static java.util.Objects.requireNonNull;

import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.LoadNetwork;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.MissingToolException;
import io.kith.load.tools.ProcessCost;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Measures requests through a worker of the real Envoy, whomever it asks, in turns. */
final class EnvoyBench {
  /**
   * What to measure.
   *
   * @param time of one measurement
   * @param pacedTime of one at a rate, where what is slow is rare
   * @param warmUp of a processor's time that each server has had with each kind of Check before,
   *     and half of that again through Envoy
   * @param rounds measurements of each row
   * @param connections requests on their way at a time, each on a connection of its own
   */
  record Plan(
      Set<Authorizer> authorizers,
      Set<EnvoyShape> shapes,
      Duration time,
      Duration pacedTime,
      Duration warmUp,
      int rounds,
      int connections) {
    Plan {
      authorizers = Set.copyOf(authorizers);
      shapes = Set.copyOf(shapes);
    }
  }

  private static final double PART_OF_MOST = 0.25;

  private final Plan plan;
  private final Cores cores;
  private final Consumer<String> say;

  EnvoyBench(Plan plan, Cores cores, Consumer<String> say) {
    this.plan = plan;
    this.cores = cores;
    this.say = say;
  }

  EnvoyFigures run() throws IOException, InterruptedException {
    var rows = rows();
    var folder = Files.createTempDirectory("kith-bench-");
    try {
      var envoy = Envoy.find(say);
      try (var network = LoadNetwork.open(folder, say);
          var identities = new Identities(folder, rows.size())) {
        return network.namespace().call(() -> compare(folder, network, identities, envoy, rows));
      }
    } catch (MissingToolException e) {
      var why = String.valueOf(e.getMessage());
      return new EnvoyFigures(
          inOrder(rows).stream()
              .map(row -> new EnvoyFigures.Row(row.authorizer(), row.shape(), null, null, why))
              .toList());
    } finally {
      ToolCache.delete(folder);
    }
  }

  /** Each has a pod; those of Kith are the first, since it need not know the others. */
  private List<EnvoyConfig> rows() {
    var rows = new ArrayList<EnvoyConfig>();
    var kithFirst = new ArrayList<>(List.of(Authorizer.values()));
    kithFirst.sort(Comparator.comparing(authorizer -> !authorizer.isKith()));
    for (var authorizer : kithFirst) {
      for (var shape : EnvoyShape.values()) {
        if (plan.authorizers().contains(authorizer)
            && plan.shapes().contains(shape)
            && authorizer.isFor(shape)) {
          rows.add(new EnvoyConfig(authorizer, shape, rows.size(), 1));
        }
      }
    }
    return rows;
  }

  private static List<EnvoyConfig> inOrder(List<EnvoyConfig> rows) {
    var sorted = new ArrayList<>(rows);
    sorted.sort(Comparator.comparing(EnvoyConfig::shape).thenComparing(EnvoyConfig::authorizer));
    return sorted;
  }

  private EnvoyFigures compare(
      Path folder, LoadNetwork network, Identities identities, Envoy envoy, List<EnvoyConfig> rows)
      throws IOException, InterruptedException {
    var ofKith = (int) rows.stream().filter(row -> row.authorizer().isKith()).count();
    try (var field = new EnvoyField(folder, identities, envoy, cores, rows.size(), ofKith, say)) {
      field.prepare(network, rows);
      var reasons = new HashMap<EnvoyConfig, String>();
      var lanes = new LinkedHashMap<EnvoyConfig, EnvoyField.Lane>();
      for (var row : inOrder(rows)) {
        try {
          lanes.put(row, field.start(row, plan.warmUp()));
        } catch (Unmeasured e) {
          reasons.put(row, String.valueOf(e.getMessage()));
        }
      }
      for (var lane : lanes.values()) {
        say.accept("warming up through Envoy: " + words(lane.config()));
        try (var proxy = lane.startEnvoy()) {
          EnvoyField.requireDecisions(lane);
          var _ = load(lane, proxy, plan.warmUp().dividedBy(2), 0);
        }
      }
      var rounds = measured(lanes);
      var paced = paced(lanes, rounds);
      field.sayWhoWasAsked();
      return figures(rows, rounds, paced, reasons);
    }
  }

  private Map<EnvoyConfig, List<Measured.Round>> measured(Map<EnvoyConfig, EnvoyField.Lane> lanes)
      throws IOException, InterruptedException {
    var rounds = new HashMap<EnvoyConfig, List<Measured.Round>>();
    for (var shape : EnvoyShape.values()) {
      for (var number = 1; number <= plan.rounds() && plan.shapes().contains(shape); number++) {
        say.accept("through Envoy, " + shape + ": round " + number + " of " + plan.rounds());
        for (var lane : shuffled(lanes, number)) {
          if (lane.getKey().shape() == shape) {
            var round = load(lane.getValue(), 0);
            rounds.computeIfAbsent(lane.getKey(), _ -> new ArrayList<>()).add(round);
            say.accept(
                String.format(
                    Locale.ROOT,
                    "  %s: %,.0f requests/s",
                    lane.getKey().authorizer().words(),
                    round.perSecond()));
          }
        }
      }
    }
    return rounds;
  }

  /** In another order each round: what a row leaves behind is not always the same one's loss. */
  private static List<Map.Entry<EnvoyConfig, EnvoyField.Lane>> shuffled(
      Map<EnvoyConfig, EnvoyField.Lane> lanes, int round) {
    var order = new ArrayList<>(lanes.entrySet());
    Collections.shuffle(order, new Random(round));
    return order;
  }

  /**
   * Kith and the null server at the same rate, a quarter of the null server's most: as fast as
   * possible a latency only says how many a second there are, and at half of that Envoy still has
   * no time left, since what comes alone costs it twice what comes with others.
   */
  private Map<EnvoyConfig, List<Measured.Round>> paced(
      Map<EnvoyConfig, EnvoyField.Lane> lanes, Map<EnvoyConfig, List<Measured.Round>> fast)
      throws IOException, InterruptedException {
    var rounds = new HashMap<EnvoyConfig, List<Measured.Round>>();
    for (var shape : EnvoyShape.values()) {
      var nothing = row(fast, Authorizer.NULL_JAVA_DIRECT, shape);
      var kith = row(fast, Authorizer.KITH, shape);
      if (nothing == null || kith == null) {
        continue;
      }
      var most = Measured.of(requireNonNull(fast.get(nothing)), 0).perSecond();
      for (var number = 1; number <= plan.rounds(); number++) {
        say.accept("at a quarter of that, " + shape + ": round " + number + " of " + plan.rounds());
        for (var row : number % 2 == 1 ? List.of(nothing, kith) : List.of(kith, nothing)) {
          var round = load(requireNonNull(lanes.get(row)), most * PART_OF_MOST);
          rounds.computeIfAbsent(row, _ -> new ArrayList<>()).add(round);
          var measured = Measured.of(List.of(round), 0);
          say.accept(
              String.format(
                  Locale.ROOT,
                  "  %s: p50 %,d µs, p99 %,d µs",
                  row.authorizer().words(),
                  measured.p50Micros(),
                  measured.p99Micros()));
        }
      }
    }
    return rounds;
  }

  private static @Nullable EnvoyConfig row(
      Map<EnvoyConfig, List<Measured.Round>> measured, Authorizer authorizer, EnvoyShape shape) {
    return measured.keySet().stream()
        .filter(row -> row.authorizer() == authorizer && row.shape() == shape)
        .findFirst()
        .orElse(null);
  }

  /**
   * One measurement, with an Envoy of its own: two that are configured alike differ by a tenth for
   * as long as they run.
   *
   * @param perSecond 0 for as many as are answered
   */
  private Measured.Round load(EnvoyField.Lane lane, double perSecond)
      throws IOException, InterruptedException {
    try (var envoy = lane.startEnvoy()) {
      return load(lane, envoy, perSecond == 0 ? plan.time() : plan.pacedTime(), perSecond);
    }
  }

  private Measured.Round load(
      EnvoyField.Lane lane, EnvoyProxy envoy, Duration time, double perSecond)
      throws IOException, InterruptedException {
    try (var load = lane.load(EnvoyField.destinations(), plan.connections())) {
      var ramp = load.run(WarmUp.RAMP);
      var before = ProcessCost.processor(envoy.pid());
      var answers = perSecond == 0 ? load.run(time) : load.runAtRate(time, perSecond);
      var after = ProcessCost.processor(envoy.pid());
      WarmUp.requireAllowed(words(lane.config()), answers, lane::said);
      var passed = ramp.count() - ramp.denied() + answers.count();
      EnvoyField.requireChecked(lane.config(), envoy, passed);
      return new Measured.Round(answers, after.minus(before));
    }
  }

  private static String words(EnvoyConfig row) {
    return row.authorizer().words() + ", " + row.shape();
  }

  private static EnvoyFigures figures(
      List<EnvoyConfig> rows,
      Map<EnvoyConfig, List<Measured.Round>> rounds,
      Map<EnvoyConfig, List<Measured.Round>> paced,
      Map<EnvoyConfig, String> reasons) {
    return new EnvoyFigures(
        inOrder(rows).stream()
            .map(
                row -> {
                  var of = rounds.get(row);
                  var at = paced.get(row);
                  return new EnvoyFigures.Row(
                      row.authorizer(),
                      row.shape(),
                      of == null ? null : Measured.of(of, 0),
                      at == null ? null : EnvoyFigures.Paced.of(at),
                      reasons.getOrDefault(row, ""));
                })
            .toList());
  }
}
