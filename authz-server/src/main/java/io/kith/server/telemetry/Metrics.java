package io.kith.server.telemetry;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.process.Attribution;
import io.kith.server.check.Answered;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Counters and durations of Checks, in Prometheus' text format.
 *
 * <p>Labels have few values, all from Kith itself; nothing that a client chooses becomes one.
 */
public final class Metrics {
  private record Labels(String verdict, String reason, Mode mode) {}

  private record Attributed(String result, String rung) {}

  private record Single(String kind, String help, LongSupplier value) {}

  private record Labelled(
      String kind, String help, String label, Supplier<Map<String, Long>> values) {}

  private record Facts(String help, Supplier<List<Map<String, String>>> now) {}

  /** Facts of one name that are told, at most. */
  private static final int FACTS = 1_000;

  /** Workloads that are counted each by itself; the others are counted together. */
  private static final int WORKLOADS = 1_000;

  /** Stands for the others. */
  private static final String OTHER = "other";

  private final Map<Labels, LongAdder> checks = new ConcurrentHashMap<>();
  private final Map<String, LongAdder> shadowDenied = new ConcurrentHashMap<>();
  private final Map<String, LongAdder> shadowDeniedOf = new ConcurrentHashMap<>();
  private final Map<Attributed, LongAdder> attributions = new ConcurrentHashMap<>();
  private final LongAdder repeated = new LongAdder();
  private final LongAdder cancelled = new LongAdder();
  private final LatencyHistogram total = new LatencyHistogram();
  private final LatencyHistogram bridge = new LatencyHistogram();
  private final Map<String, Single> others = new ConcurrentSkipListMap<>();
  private final Map<String, Labelled> labelled = new ConcurrentSkipListMap<>();
  private final Map<String, Facts> facts = new ConcurrentSkipListMap<>();

  /** Adds a value that only grows; its name ends in {@code _total}. */
  public void counter(String name, String help, LongSupplier value) {
    others.put(name, new Single("counter", help, requireNonNull(value, "value")));
  }

  /** Adds a value that goes up and down. */
  public void gauge(String name, String help, LongSupplier value) {
    others.put(name, new Single("gauge", help, requireNonNull(value, "value")));
  }

  /** Adds values that only grow, one for each value of a label. */
  public void counters(String name, String help, String label, Supplier<Map<String, Long>> values) {
    labelled.put(name, new Labelled("counter", help, label, requireNonNull(values, "values")));
  }

  /** Adds values that go up and down, one for each value of a label. */
  public void gauges(String name, String help, String label, Supplier<Map<String, Long>> values) {
    labelled.put(name, new Labelled("gauge", help, label, requireNonNull(values, "values")));
  }

  /**
   * Adds what is so at the moment, each fact with its labels; a thousand of them are told at most.
   */
  public void facts(String name, String help, Supplier<List<Map<String, String>>> now) {
    facts.put(name, new Facts(help, requireNonNull(now, "now")));
  }

  void answered(Answered answered) {
    var record = answered.record();
    var decision = record.decision();
    var reason = answered.reason();
    count(
        checks,
        new Labels(
            decision.applied().word(), reason == null ? "" : reason.code(), decision.mode()));
    if (decision.shadow() instanceof Deny(_, var shadowReason)) {
      count(shadowDenied, shadowReason.code());
      var workload = record.workload();
      if (workload != null) {
        var owner = workload.owner().toString();
        var counted = shadowDeniedOf.size() < WORKLOADS || shadowDeniedOf.containsKey(owner);
        count(shadowDeniedOf, counted ? owner : OTHER);
      }
    }
    var flow = record.flow();
    if (flow != null) {
      var attribution = flow.attribution();
      count(
          attributions,
          new Attributed(
              switch (attribution) {
                case Attribution.Attributed _ -> "attributed";
                case Attribution.Unattributed _ -> "unattributed";
                case Attribution.BridgeUnavailable _ -> "bridge_unavailable";
              },
              attribution.foundBy().letter()));
      bridge.add(answered.bridgeNanos());
    }
    if (record.repeated()) {
      repeated.increment();
    }
    total.add(answered.totalNanos());
  }

  void cancelled() {
    cancelled.increment();
  }

  private static <K> void count(Map<K, LongAdder> counters, K key) {
    var counter = counters.get(key);
    (counter == null ? counters.computeIfAbsent(key, _ -> new LongAdder()) : counter).increment();
  }

  private static Map<String, Long> sums(Map<String, LongAdder> counters) {
    var sums = new TreeMap<String, Long>();
    counters.forEach((key, count) -> sums.put(key, count.sum()));
    return sums;
  }

  /** All of it. */
  public String text() {
    var out = new StringBuilder(4096);
    head(
        out,
        "kith_checks_total",
        "counter",
        "Answers by verdict, reason and mode; an allow with a reason could not be decided.");
    checks.forEach(
        (labels, count) ->
            out.append("kith_checks_total{verdict=\"")
                .append(labels.verdict())
                .append("\",reason=\"")
                .append(labels.reason())
                .append("\",mode=\"")
                .append(labels.mode().word())
                .append("\"} ")
                .append(count.sum())
                .append('\n'));
    labelled(
        out,
        "kith_checks_shadow_denied_total",
        new Labelled(
            "counter",
            "Answers that the next revision would have denied, by reason.",
            "reason",
            () -> sums(shadowDenied)));
    labelled(
        out,
        "kith_workload_shadow_denied_total",
        new Labelled(
            "counter",
            "Answers that the next revision would have denied, by workload; those beyond a"
                + " thousand are counted together as 'other'.",
            "workload",
            () -> sums(shadowDeniedOf)));
    head(
        out,
        "kith_attributions_total",
        "counter",
        "Checks by what is known of the process, and how.");
    attributions.forEach(
        (labels, count) ->
            out.append("kith_attributions_total{result=\"")
                .append(labels.result())
                .append("\",rung=\"")
                .append(labels.rung())
                .append("\"} ")
                .append(count.sum())
                .append('\n'));
    head(out, "kith_check_duration_seconds", "histogram", "Time from a Check to its answer.");
    total.write(out, "kith_check_duration_seconds", "part=\"total\"");
    bridge.write(out, "kith_check_duration_seconds", "part=\"bridge\"");
    single(
        out,
        "kith_checks_repeated_total",
        new Single("counter", "Checks about a connection answered before.", repeated::sum));
    single(
        out,
        "kith_checks_cancelled_total",
        new Single("counter", "Checks whose caller went away before the answer.", cancelled::sum));
    others.forEach((name, other) -> single(out, name, other));
    labelled.forEach((name, values) -> labelled(out, name, values));
    facts.forEach((name, told) -> facts(out, name, told));
    return out.toString();
  }

  private static void labelled(StringBuilder out, String name, Labelled labelled) {
    head(out, name, labelled.kind(), labelled.help());
    new TreeMap<>(labelled.values().get())
        .forEach(
            (value, count) ->
                out.append(name)
                    .append('{')
                    .append(labelled.label())
                    .append("=\"")
                    .append(value)
                    .append("\"} ")
                    .append(count)
                    .append('\n'));
  }

  private static void facts(StringBuilder out, String name, Facts facts) {
    head(out, name, "gauge", facts.help());
    facts.now().get().stream()
        .distinct()
        .limit(FACTS)
        .forEach(
            labels ->
                out.append(name)
                    .append(
                        new TreeMap<>(labels)
                            .entrySet().stream()
                                .map(
                                    label ->
                                        label.getKey() + "=\"" + escaped(label.getValue()) + '"')
                                .collect(Collectors.joining(",", "{", "}")))
                    .append(" 1\n"));
  }

  private static String escaped(String value) {
    return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }

  private static void single(StringBuilder out, String name, Single single) {
    head(out, name, single.kind(), single.help());
    out.append(name).append(' ').append(single.value().getAsLong()).append('\n');
  }

  private static void head(StringBuilder out, String name, String kind, String help) {
    out.append("# HELP ").append(name).append(' ').append(help).append('\n');
    out.append("# TYPE ").append(name).append(' ').append(kind).append('\n');
  }
}
