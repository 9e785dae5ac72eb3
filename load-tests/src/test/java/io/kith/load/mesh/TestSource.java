package io.kith.load.mesh;

import io.kith.baselines.decision.Mode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a test of any module says, read from its source without comments: the method, what is run
 * before it, and what these name of their class; all of a class whose tests follow each other.
 */
final class TestSource {
  private static final List<String> MODULES =
      List.of("authz-server", "identity-bridge/spiffe", "identity-bridge/agent", "load-tests");

  private static final Pattern COMMENT =
      Pattern.compile("(?m)^ */\\*[\\s\\S]*?\\*/\\n|^ *//.*\\n|(?<=[;{(,]) //.*$");

  /** Members of the class are as far from the margin as this, and what is in them is further. */
  private static final Pattern BETWEEN_MEMBERS = Pattern.compile("\n\n(?=  \\S)");

  private static final Pattern NAME =
      Pattern.compile("(?m)^  [^ @}].*?\\b(\\w+)(?:\\(| =|;| \\{| implements | extends )");

  private static final Map<String, Path> FILES = files();

  private final String test;
  private final String method;
  private final String file;

  /**
   * Of one that is there.
   *
   * @param test {@code Class#method}
   */
  TestSource(String test) {
    this.test = test;
    this.method = test.substring(test.indexOf('#') + 1);
    this.file = COMMENT.matcher(read(test.substring(0, test.indexOf('#')))).replaceAll("");
  }

  private static Map<String, Path> files() {
    var files = new HashMap<String, Path>();
    for (var module : MODULES) {
      try (Stream<Path> found = Files.walk(Path.of("..", module, "src", "test", "java"))) {
        found
            .filter(file -> file.toString().endsWith(".java"))
            .forEach(file -> files.put(file.getFileName().toString(), file));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return files;
  }

  private static String read(String className) {
    var file = FILES.get(className + ".java");
    if (file == null) {
      throw new AssertionError("there is no " + className);
    }
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Why it is no test that runs, or null. */
  @Nullable String problem() {
    var own = members().filter(member -> namesOf(member).contains(method)).findFirst().orElse("");
    if (!own.matches("(?s).*@(Test|ParameterizedTest)\\b.*")) {
      return test + " is no test";
    }
    var head = file.substring(0, file.indexOf('{'));
    return Pattern.compile("@(Disabled|Enabled)").matcher(head + own).find()
        ? test + " does not always run"
        : null;
  }

  private Stream<String> members() {
    return BETWEEN_MEMBERS.splitAsStream(file.substring(file.indexOf("{\n") + 1));
  }

  private static Set<String> namesOf(String member) {
    return NAME.matcher(member).results().map(name -> name.group(1)).collect(Collectors.toSet());
  }

  /** Whether a mode is in it, by its word or with all others. */
  boolean names(Mode mode) {
    return Pattern.compile("(?i)" + mode + "|\\bModes?\\.(class|values)\\b|\\bMODES\\b")
        .matcher(text())
        .find();
  }

  /** Whether the code of a reason is in it. */
  boolean names(String reason) {
    return text().contains('"' + reason + '"');
  }

  private String text() {
    if (file.contains("@TestMethodOrder")) {
      return file;
    }
    var text = new LinkedHashSet<String>();
    var open = new ArrayDeque<String>();
    members()
        .filter(one -> namesOf(one).contains(method) || one.matches("(?s).*@Before(All|Each)\\b.*"))
        .forEach(open::add);
    for (var member = open.poll(); member != null; member = open.poll()) {
      if (text.add(member)) {
        var words = Pattern.compile("\\W+").splitAsStream(member).collect(Collectors.toSet());
        members().filter(one -> namesOf(one).stream().anyMatch(words::contains)).forEach(open::add);
      }
    }
    return String.join("\n", text).replace(method, "");
  }
}
