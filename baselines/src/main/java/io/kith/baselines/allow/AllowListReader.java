package io.kith.baselines.allow;

import io.kith.baselines.allow.AllowRule.Action;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.ProcessPattern.ScriptPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.yaml.Problem;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads the documents of one file, collecting problems. */
final class AllowListReader {
  static final String API_VERSION = "kith.io/v1";
  static final String KIND = "EgressAllowList";
  private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?");
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final int MAX_ANCESTORS = 3;

  private final YamlDocument.Documents documents;
  private final DestinationReader destinations;

  private AllowListReader(YamlDocument.Documents documents, PublicSuffixes suffixes) {
    this.documents = documents;
    this.destinations = new DestinationReader(suffixes);
  }

  static AllowListReader ofFile(String file, String text, PublicSuffixes suffixes) {
    return new AllowListReader(YamlDocument.readAll(file, text), suffixes);
  }

  static AllowListReader ofObject(String name, String text, PublicSuffixes suffixes) {
    return new AllowListReader(YamlDocument.readObject(name, text), suffixes);
  }

  /** In the order of the text; incomplete when there are problems. */
  List<AllowList> read() {
    var lists = new ArrayList<AllowList>();
    for (var document : documents.sections()) {
      var list = list(document);
      document.finish();
      document.refuseEmpty(Set.of("rules"));
      if (list != null) {
        lists.add(list);
      }
    }
    return lists;
  }

  List<Problem> problems() {
    return documents.problems();
  }

  private @Nullable AllowList list(Section document) {
    document.required("apiVersion", Values.exactly(API_VERSION), API_VERSION);
    document.required("kind", Values.exactly(KIND), KIND);
    var name = document.section("metadata").required("name", AllowListReader::name, "a name");
    var spec = document.section("spec");
    var workload =
        spec.required("workload", ScopeName::parse, "namespace/kind/name, namespace/* or *");
    if (!spec.has("rules")) {
      spec.problem("rules", "missing (expected: a list of rules, which may be empty)");
    }
    var rules =
        spec.sections("rules").stream()
            .map(this::rule)
            .filter(Objects::nonNull)
            .map(Objects::requireNonNull)
            .toList();
    return name == null || workload == null
        ? null
        : new AllowList(name, document.place(), workload, rules);
  }

  private static String name(String text) {
    if (!NAME.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: lower-case letters, digits, '-' and '.')");
    }
    return text;
  }

  private @Nullable AllowRule rule(Section rule) {
    var action = rule.required("action", Values.oneOf(Action.class), "allow or deny");
    var by = rule.required("by", Values::text, "who decided it");
    var why = rule.required("why", Values::text, "why it is so, for whoever reads it next year");
    var until = rule.optional("until", AllowListReader::until);
    var wanted = rule.optional("strictness", Values.oneOf(Strictness.class));
    var deny = action == Action.DENY;
    if (!deny && !rule.has("process")) {
      rule.problem("process", "missing (expected: {path: /path/of/the/executable, …})");
    }
    var process = rule.section("process");
    var sha256 = process.optional("sha256", AllowListReader::sha256);
    var scriptSha256 = process.optional("scriptSha256", AllowListReader::sha256);
    var strictness = wanted != null ? wanted : sha256 != null ? Strictness.HASH : Strictness.CLASS;
    var pattern = process(process, deny, rule.has("process"), strictness, sha256 != null);
    var destination = destinations.read(rule, deny);
    if (deny && wanted != null) {
      rule.problem(
          "strictness", "given (expected: none, a rule that denies asks for what it says)");
    }
    if (!deny && strictness == Strictness.HASH && sha256 == null) {
      process.problem("sha256", "missing (expected: the executable's, for strictness hash)");
    }
    if (!deny && strictness != Strictness.HASH && (sha256 != null || scriptSha256 != null)) {
      rule.problem(
          "strictness",
          strictness.name().toLowerCase(java.util.Locale.ROOT)
              + " with a sha256 (expected: hash, or no sha256)");
    }
    if (action == null
        || by == null
        || why == null
        || destination == null
        || (strictness == Strictness.HASH && sha256 == null)
        || (strictness == Strictness.LINEAGE && pattern.ancestors() == null)) {
      return null;
    }
    return new AllowRule(
        action,
        rule.place(),
        destination,
        HandRule.of(
            pattern,
            destination,
            strictness,
            sha256,
            scriptSha256,
            new Provenance.ByHand(by, why, until)));
  }

  /** A date ends with its day, in UTC. */
  private static Instant until(String text) {
    try {
      return text.length() == 10
          ? LocalDate.parse(text).plusDays(1).atStartOfDay(ZoneOffset.UTC).toInstant()
          : Instant.parse(text);
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: 2027-01-31 or 2027-01-31T18:00:00Z)", e);
    }
  }

  private static String sha256(String text) {
    if (!SHA256.matcher(text).matches()) {
      throw new IllegalArgumentException("'" + text + "' (expected: 64 lower-case hex digits)");
    }
    return text;
  }

  private static String path(String text) {
    if (!text.startsWith("/") || text.endsWith("/")) {
      throw new IllegalArgumentException(
          "'" + text + "' (expected: an absolute path, as the process sees it)");
    }
    if (text.contains("*")) {
      throw new IllegalArgumentException(
          "'" + text + "' has a '*' (expected: one path; its digits match any digits)");
    }
    return ProcessClass.mask(text);
  }

  private ProcessPattern process(
      Section process, boolean deny, boolean given, Strictness strictness, boolean hashed) {
    var path =
        deny || !given
            ? process.optional("path", AllowListReader::path)
            : process.required("path", AllowListReader::path, "the executable's absolute path");
    var program = process.optional("program", text -> ProcessClass.mask(Values.text(text)));
    var script = process.optional("script", text -> ProcessClass.mask(Values.text(text)));
    var lineage = process.has("lineage") ? process.list("lineage", AllowListReader::path) : null;
    if (deny && given && path == null && program == null && script == null && !hashed) {
      process.problem(
          "path", "nothing asked for (expected: a path, program, script or sha256; or no process)");
    }
    if (lineage != null && lineage.size() > MAX_ANCESTORS) {
      process.problem("lineage", "too long (expected: at most 3 executables, the parent first)");
    }
    if (!deny && lineage != null && strictness != Strictness.LINEAGE) {
      process.problem("lineage", "given (expected: strictness lineage, which compares it)");
    }
    if (!deny && lineage == null && strictness == Strictness.LINEAGE) {
      process.problem(
          "lineage", "missing (expected: the ancestors' executables, the parent first)");
    }
    ScriptPattern scripts =
        script != null
            ? new ScriptPattern.This(script)
            : deny || strictness == Strictness.PATH || strictness == Strictness.HASH
                ? new ScriptPattern.AnyOrNone()
                : new ScriptPattern.None();
    return new ProcessPattern(path, program, scripts, lineage);
  }
}
