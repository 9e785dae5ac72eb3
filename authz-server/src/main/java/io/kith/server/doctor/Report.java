package io.kith.server.doctor;

import io.kith.istio.doctor.Examination;
import io.kith.istio.doctor.Finding;
import io.kith.istio.doctor.Severity;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What came out, for people and for machines. */
record Report(Examination examination) {
  private static final int WIDTH = 96;

  Map<String, Object> document() {
    var findings = new ArrayList<Map<String, Object>>();
    for (var finding : examination.findings()) {
      var one = new LinkedHashMap<String, Object>();
      one.put("rule", finding.rule().id());
      one.put("severity", finding.rule().severity().word());
      one.put("subject", finding.subject());
      one.put("pods", finding.pods());
      one.put("seen", finding.seen());
      one.put("means", finding.rule().means());
      one.put("change", finding.change());
      one.put("docs", finding.rule().docs());
      findings.add(one);
    }
    var document = new LinkedHashMap<String, Object>();
    document.put("findings", findings);
    for (var severity : Severity.values()) {
      document.put(severity.word() + "s", of(severity).size());
    }
    document.put("sidecars", examination.sidecars());
    document.put("not_judged", examination.notJudged());
    return document;
  }

  void print(PrintWriter out) {
    for (var severity : Severity.values()) {
      for (var finding : of(severity)) {
        print(finding, out);
      }
    }
    out.println(
        Words.count(of(Severity.ERROR).size(), "error")
            + ", "
            + Words.count(of(Severity.WARNING).size(), "warning")
            + ", "
            + Words.count(of(Severity.NOTE).size(), "note")
            + "; "
            + Words.count(examination.sidecars(), "sidecar")
            + " judged.");
    for (var what : examination.notJudged()) {
      print("Not judged: ", what, out);
    }
  }

  private static void print(Finding finding, PrintWriter out) {
    out.println(
        finding.rule().severity().word()
            + " "
            + finding.rule().id()
            + ": "
            + Words.safe(finding.subject())
            + pods(finding.pods()));
    print("    seen: ", finding.seen(), out);
    print("    ", finding.rule().means(), out);
    out.println("    change:");
    finding.change().lines().forEach(line -> out.println("      " + Words.safe(line)));
    out.println("    more: " + finding.rule().docs());
    out.println();
  }

  private static String pods(List<String> pods) {
    var limit = 3;
    return pods.isEmpty()
        ? ""
        : " ("
            + Words.safe(String.join(", ", pods.subList(0, Math.min(limit, pods.size()))))
            + (pods.size() > limit ? " and " + (pods.size() - limit) + " more" : "")
            + ")";
  }

  private static void print(String head, String text, PrintWriter out) {
    var indented = " ".repeat(head.length() - head.stripLeading().length() + 2);
    var lines = Words.wrap(head.stripLeading() + Words.safe(text), WIDTH);
    for (var i = 0; i < lines.size(); i++) {
      out.println((i == 0 ? indented.substring(2) : indented) + lines.get(i));
    }
  }

  private List<Finding> of(Severity severity) {
    return examination.findings().stream()
        .filter(finding -> finding.rule().severity() == severity)
        .toList();
  }
}
