package io.kith.server.replay;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.kith.baselines.replay.ReplaySummary.WorkloadSummary;
import java.io.IOException;
import java.io.StringWriter;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The summary of a replay, for people and for machines. */
final class SummaryWriter {
  private SummaryWriter() {}

  static String json(ReplayRun.Outcome outcome, double seconds) throws IOException {
    var text = new StringWriter();
    try (var json = new JsonFactory().createGenerator(text)) {
      var summary = outcome.summary();
      json.writeStartObject();
      json.writeNumberField("flows", summary.flows());
      json.writeNumberField("skipped", outcome.skipped());
      json.writeNumberField("seconds", Math.round(seconds * 1_000) / 1_000.0);
      json.writeNumberField("denied", summary.denied());
      counts(json, "by_reason", summary.byReason());
      json.writeArrayFieldStart("workloads");
      for (var workload : summary.workloads()) {
        workload(json, workload);
      }
      json.writeEndArray();
      json.writeEndObject();
    }
    return text.toString();
  }

  private static void workload(JsonGenerator json, WorkloadSummary workload) throws IOException {
    json.writeStartObject();
    json.writeStringField("app", workload.app());
    var ready = workload.readyAfter();
    if (ready == null) {
      json.writeNullField("ready_after_s");
    } else {
      json.writeNumberField("ready_after_s", ready);
    }
    json.writeArrayFieldStart("waited_for");
    for (var what : workload.waitedFor()) {
      json.writeString(what);
    }
    json.writeEndArray();
    counts(json, "edges", workload.edges());
    counts(json, "by_reason", workload.byReason());
    json.writeNumberField("reviews", workload.reviews());
    json.writeNumberField("reviews_open", workload.openReviews());
    json.writeNumberField("dropped", workload.dropped());
    json.writeEndObject();
  }

  private static void counts(JsonGenerator json, String name, Map<String, ? extends Number> counts)
      throws IOException {
    json.writeObjectFieldStart(name);
    for (var entry : counts.entrySet()) {
      json.writeNumberField(entry.getKey(), entry.getValue().longValue());
    }
    json.writeEndObject();
  }

  static String text(ReplayRun.Outcome outcome, double seconds) {
    var summary = outcome.summary();
    var text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%,d flows in %.1f s, %,d denied, %,d lines skipped%n",
            summary.flows(),
            seconds,
            summary.denied(),
            outcome.skipped()));
    if (!summary.byReason().isEmpty()) {
      text.append("denied: ").append(words(summary.byReason())).append(System.lineSeparator());
    }
    text.append(
        String.format(
            Locale.ROOT,
            "%n%-28s %10s  %-44s %8s %7s%n",
            "WORKLOAD",
            "READY",
            "EDGES",
            "REVIEWS",
            "DROPPED"));
    for (var workload : summary.workloads()) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-28s %10s  %-44s %8s %7d%n",
              workload.app(),
              ready(workload.readyAfter()),
              words(workload.edges()),
              workload.reviews() + " (" + workload.openReviews() + " open)",
              workload.dropped()));
      if (workload.readyAfter() == null) {
        text.append("    waits for ")
            .append(String.join("; ", workload.waitedFor()))
            .append(System.lineSeparator());
      }
      if (!workload.byReason().isEmpty()) {
        text.append("    denied: ")
            .append(words(workload.byReason()))
            .append(System.lineSeparator());
      }
    }
    return text.toString();
  }

  private static String ready(@org.jspecify.annotations.Nullable Double seconds) {
    return seconds == null ? "learning" : String.format(Locale.ROOT, "%.1f h", seconds / 3_600);
  }

  private static String words(Map<String, ? extends Number> counts) {
    return counts.entrySet().stream()
        .map(entry -> entry.getValue() + " " + entry.getKey())
        .collect(Collectors.joining(", "));
  }
}
