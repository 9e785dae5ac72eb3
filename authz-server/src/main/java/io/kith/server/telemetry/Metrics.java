package io.kith.server.telemetry;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.process.Attribution;
import io.kith.server.check.Answered;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Counters and durations of Checks, and what else is measured; in Prometheus' text format too.
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

  /**
   * What is measured under one name, now.
   *
   * @param kind counter, gauge or histogram
   * @param samples of a counter or gauge
   * @param durations of a histogram, by their part
   */
  record Family(
      String name,
      String kind,
      String help,
      List<Sample> samples,
      Map<String, LatencyHistogram> durations) {
    private Family(String name, String kind, String help, List<Sample> samples) {
      this(name, kind, help, samples, Map.of());
    }
  }

  /** A value, and what it is of. */
  record Sample(Map<String, String> labels, long value) {}

  /** All of it. */
  List<Family> families() {
    var all = new ArrayList<Family>();
    all.add(
        new Family(
            "kith_checks_total",
            "counter",
            "Answers by verdict, reason and mode; an allow with a reason could not be decided.",
            samples(
                checks,
                labels ->
                    ordered(
                        "verdict", labels.verdict(),
                        "reason", labels.reason(),
                        "mode", labels.mode().word()))));
    all.add(
        family(
            "kith_checks_shadow_denied_total",
            new Labelled(
                "counter",
                "Answers that the next revision would have denied, by reason.",
                "reason",
                () -> sums(shadowDenied))));
    all.add(
        family(
            "kith_workload_shadow_denied_total",
            new Labelled(
                "counter",
                "Answers that the next revision would have denied, by workload; those beyond a"
                    + " thousand are counted together as 'other'.",
                "workload",
                () -> sums(shadowDeniedOf))));
    all.add(
        new Family(
            "kith_attributions_total",
            "counter",
            "Checks by what is known of the process, and how.",
            samples(
                attributions,
                attributed -> ordered("result", attributed.result(), "rung", attributed.rung()))));
    var parts = new LinkedHashMap<String, LatencyHistogram>();
    parts.put("total", total);
    parts.put("bridge", bridge);
    all.add(
        new Family(
            "kith_check_duration_seconds",
            "histogram",
            "Time from a Check to its answer.",
            List.of(),
            parts));
    all.add(
        family(
            "kith_checks_repeated_total",
            new Single("counter", "Checks about a connection answered before.", repeated::sum)));
    all.add(
        family(
            "kith_checks_cancelled_total",
            new Single(
                "counter", "Checks whose caller went away before the answer.", cancelled::sum)));
    others.forEach((name, other) -> all.add(family(name, other)));
    labelled.forEach((name, values) -> all.add(family(name, values)));
    facts.forEach((name, told) -> all.add(family(name, told)));
    return all;
  }

  private static Map<String, String> ordered(String... namesAndValues) {
    var labels = new LinkedHashMap<String, String>();
    for (var i = 0; i < namesAndValues.length; i += 2) {
      labels.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    return labels;
  }

  private static <K> List<Sample> samples(
      Map<K, LongAdder> counters, Function<K, Map<String, String>> labels) {
    return counters.entrySet().stream()
        .map(counter -> new Sample(labels.apply(counter.getKey()), counter.getValue().sum()))
        .toList();
  }

  private static Family family(String name, Single single) {
    return new Family(
        name,
        single.kind(),
        single.help(),
        List.of(new Sample(Map.of(), single.value().getAsLong())));
  }

  private static Family family(String name, Labelled labelled) {
    return new Family(
        name,
        labelled.kind(),
        labelled.help(),
        new TreeMap<>(labelled.values().get())
            .entrySet().stream()
                .map(
                    value -> new Sample(Map.of(labelled.label(), value.getKey()), value.getValue()))
                .toList());
  }

  private static Family family(String name, Facts facts) {
    return new Family(
        name,
        "gauge",
        facts.help(),
        facts.now().get().stream()
            .distinct()
            .limit(FACTS)
            .map(labels -> new Sample(new TreeMap<>(labels), 1))
            .toList());
  }

  /** All of it, for Prometheus. */
  public String text() {
    var out = new StringBuilder(4096);
    for (var family : families()) {
      out.append("# HELP ").append(family.name()).append(' ').append(family.help()).append('\n');
      out.append("# TYPE ").append(family.name()).append(' ').append(family.kind()).append('\n');
      for (var sample : family.samples()) {
        out.append(family.name());
        if (!sample.labels().isEmpty()) {
          out.append(words(sample.labels()));
        }
        out.append(' ').append(sample.value()).append('\n');
      }
      family
          .durations()
          .forEach((part, times) -> times.write(out, family.name(), "part=\"" + part + '"'));
    }
    return out.toString();
  }

  private static String words(Map<String, String> labels) {
    return labels.entrySet().stream()
        .map(label -> label.getKey() + "=\"" + escaped(label.getValue()) + '"')
        .collect(Collectors.joining(",", "{", "}"));
  }

  private static String escaped(String value) {
    return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }
}
