package io.kith.load.compare;

import io.kith.load.tools.ProcessCost;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** Measures what no comparison of servers shows, group by group. */
final class BarsBench {
  /**
   * What to measure.
   *
   * @param time of one measurement
   * @param warmUp of a processor's time that a server has had before it is measured warm
   * @param rounds measurements of each server
   * @param trials changes, and starts
   * @param workloads of the largest mesh, more than {@link #few}
   */
  record Plan(
      Set<BarGroup> groups, Duration time, Duration warmUp, int rounds, int trials, int workloads) {
    Plan {
      groups = Set.copyOf(groups);
    }

    /** Workloads of the smallest mesh. */
    int few() {
      return Math.max(1, workloads / 100);
    }

    /** Workloads of the mesh whose memory is measured. */
    int some() {
      return Math.max(1, workloads / 10);
    }
  }

  /** What a group measures with. */
  record Bench(Path folder, Cores cores, Plan plan, Consumer<String> say) {
    static final int CONNECTIONS = 4;
    static final int IN_FLIGHT = 16;

    /** Asks a server until it is warm. */
    void warmUp(
        String name, Started server, List<Traffic> traffic, @Nullable List<SSLContext> contexts)
        throws IOException {
      say.accept("warming up " + name);
      WarmUp.of(true, plan.warmUp(), IN_FLIGHT).of(name, server, traffic, contexts);
    }

    /** One round at full load; all is allowed. */
    Measured.Round round(
        String name, Started server, List<Traffic> traffic, @Nullable List<SSLContext> contexts)
        throws IOException {
      var pid = server.process().pid();
      try (var driver = Driver.connect(server.port(), traffic, contexts)) {
        var _ = driver.run(WarmUp.RAMP, Math.max(1, IN_FLIGHT * CONNECTIONS / traffic.size()));
        var before = ProcessCost.processor(pid);
        var answers =
            driver.run(plan.time(), Math.max(1, IN_FLIGHT * CONNECTIONS / traffic.size()));
        var after = ProcessCost.processor(pid);
        WarmUp.requireAllowed(name, answers);
        var round = new Measured.Round(answers, after.minus(before));
        say.accept(
            String.format(
                Locale.ROOT, "  %s: %,.0f Checks/cpu·s", name, round.perProcessorSecond()));
        return round;
      }
    }

    /** The middle of what servers did, of what they did of each other in each round. */
    static double ratio(List<Measured.Round> these, List<Measured.Round> those) {
      return Measured.middleRatio(these, those, Measured.Round::perProcessorSecond);
    }

    static long perProcessorSecond(List<Measured.Round> rounds) {
      return Math.round(
          Measured.middle(
              rounds.stream().mapToDouble(Measured.Round::perProcessorSecond).toArray()));
    }
  }

  private final Plan plan;
  private final Cores cores;
  private final Consumer<String> say;

  BarsBench(Plan plan, Cores cores, Consumer<String> say) {
    this.plan = plan;
    this.cores = cores;
    this.say = say;
  }

  BarFigures run() throws IOException, InterruptedException {
    var bars = new ArrayList<Bar>();
    for (var group : BarGroup.values()) {
      if (plan.groups().contains(group)) {
        var folder = Files.createTempDirectory("kith-bars-");
        try {
          bars.addAll(group.measure(new Bench(folder, cores, plan, say)));
        } finally {
          ToolCache.delete(folder);
        }
      }
    }
    return new BarFigures(bars);
  }
}
