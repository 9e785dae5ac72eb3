package io.kith.server.replay;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.Proposal;
import io.kith.baselines.replay.FlowRecord;
import io.kith.baselines.replay.InstanceRecord;
import io.kith.baselines.replay.Replay;
import io.kith.baselines.replay.ReplaySummary;
import io.kith.baselines.replay.ReplayVerdict;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One replay of files: reads, merges by time, hands every verdict on. */
public final class ReplayRun {
  private final Files files;
  private final LearningSettings settings;
  private final Complaints complaints;
  private @Nullable Source<FlowRecord> reading;

  /**
   * What is replayed.
   *
   * @param vouchFlows log of another environment
   */
  public record Files(
      List<Path> flows,
      List<Path> inventory,
      List<Path> vouchFlows,
      List<Path> vouchInventory,
      List<Path> reviews) {
    public Files {
      flows = List.copyOf(flows);
      inventory = List.copyOf(inventory);
      vouchFlows = List.copyOf(vouchFlows);
      vouchInventory = List.copyOf(vouchInventory);
      reviews = List.copyOf(reviews);
    }
  }

  /** What gets each verdict, in input order. */
  @FunctionalInterface
  public interface Listener {
    /** One flow with its number and verdict. */
    void decided(long n, FlowRecord flow, ReplayVerdict verdict) throws IOException;
  }

  /**
   * What came of it.
   *
   * @param skipped lines that could not be read
   * @param baselines of the workloads whose learning ended
   * @param testRun what the end of the test run proposed, when there was one
   */
  public record Outcome(
      ReplaySummary summary, long skipped, List<Baseline> baselines, List<Proposal> testRun) {
    public Outcome {
      baselines = List.copyOf(baselines);
      testRun = List.copyOf(testRun);
    }
  }

  /**
   * A run that has not started.
   *
   * @param strict a malformed line ends the run
   * @param complaint gets what is wrong with a line that was skipped
   */
  public ReplayRun(
      Files files, LearningSettings settings, boolean strict, Consumer<String> complaint) {
    this.files = files;
    this.settings = settings;
    this.complaints = new Complaints(strict, complaint);
  }

  /** How much of the flow logs was read, 0 to 1; NaN when it is not known. */
  public double done() {
    return reading == null ? Double.NaN : reading.done();
  }

  /**
   * Runs to the end.
   *
   * @param testRun learning ends with the log, as at the end of a test run
   * @throws MalformedLineException only when strict
   */
  public Outcome run(Listener listener, boolean testRun)
      throws IOException, MalformedLineException {
    var replay = new Replay(settings, new ListedSuffixes());
    try (var answers = new Source<>(files.reviews, Records::review, _ -> 0, complaints);
        var flows = new Source<>(files.flows, Records::flow, FlowRecord::time, complaints);
        var pods =
            new Source<>(files.inventory, Records::instance, InstanceRecord::start, complaints);
        var theirs = new Source<>(files.vouchFlows, Records::flow, FlowRecord::time, complaints);
        var theirPods =
            new Source<>(
                files.vouchInventory, Records::instance, InstanceRecord::start, complaints)) {
      for (var answer = answers.next(); answer != null; answer = answers.next()) {
        replay.answer(answer);
      }
      reading = flows;
      var here = environment(flows.peek());
      var there = environment(theirs.peek());
      var n = 0L;
      for (var flow = flows.next(); flow != null; flow = flows.next()) {
        while (pods.peekTime() <= flow.time()) {
          var pod = pods.next();
          guarded(pods, () -> replay.started(required(pod), here));
        }
        while (theirPods.peekTime() <= flow.time()) {
          var pod = theirPods.next();
          guarded(theirPods, () -> replay.startedElsewhere(required(pod), there));
        }
        while (theirs.peekTime() <= flow.time()) {
          var their = theirs.next();
          guarded(theirs, () -> replay.seenElsewhere(required(their)));
        }
        var verdict = decide(replay, flow, flows);
        if (verdict != null) {
          listener.decided(n, flow, verdict);
        }
        n++;
      }
      var proposals = testRun ? replay.finishTestRun() : List.<Proposal>of();
      return new Outcome(replay.summary(), complaints.count(), replay.baselines(), proposals);
    }
  }

  private @Nullable ReplayVerdict decide(Replay replay, FlowRecord flow, Source<?> source)
      throws MalformedLineException {
    try {
      return replay.decide(flow);
    } catch (IllegalArgumentException e) {
      complain(source, e);
      return null;
    }
  }

  private void guarded(Source<?> source, Runnable step) throws MalformedLineException {
    try {
      step.run();
    } catch (IllegalArgumentException e) {
      complain(source, e);
    }
  }

  private void complain(Source<?> source, IllegalArgumentException e)
      throws MalformedLineException {
    complaints.add(
        new MalformedLineException(
            source.place(), JsonLines.printable(String.valueOf(e.getMessage()))));
  }

  private static <T> T required(@Nullable T value) {
    return java.util.Objects.requireNonNull(value, "what was peeked is there");
  }

  private static String environment(@Nullable FlowRecord first) {
    return first == null ? "" : first.environment();
  }
}
