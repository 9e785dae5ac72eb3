package io.kith.baselines.mutation;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;

import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/**
 * What PIT did to the code, and whether a test noticed.
 *
 * @param all every changed version of the code that PIT ran
 */
record Mutants(List<Mutant> all) {
  /** Of a hundred changes in a package, so many have to be noticed. */
  static final int NEEDED_PERCENT = 90;

  private static final Set<String> NOTICED = Set.of("KILLED", "TIMED_OUT", "MEMORY_ERROR");
  private static final Set<String> ALIVE = Set.of("SURVIVED", "NO_COVERAGE");
  private static final Pattern LAMBDA = Pattern.compile("lambda\\$(.+)\\$\\d+");

  /**
   * A change, named so that it keeps its name when lines move.
   *
   * @param inPackage package of the class
   * @param method class and method, as {@code Lint.look}; a lambda has the name of its method
   * @param what the change in PIT's words, without the name of the method
   */
  record Change(String inPackage, String method, String what) implements Comparable<Change> {
    @Override
    public int compareTo(Change other) {
      return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
      return inPackage + ": " + method + ": " + what;
    }
  }

  /**
   * One changed version of the code.
   *
   * @param line where, for people
   * @param status PIT's word for what became of it
   */
  record Mutant(Change change, int line, String status) {
    Mutant {
      if (!NOTICED.contains(status) && !ALIVE.contains(status)) {
        throw new IllegalArgumentException(change + ": " + status + " (run PIT again)");
      }
    }

    /** A test failed, did not end, or ran out of memory. */
    boolean noticed() {
      return NOTICED.contains(status);
    }
  }

  Mutants {
    all = List.copyOf(all);
  }

  /**
   * Reads PIT's {@code mutations.xml}.
   *
   * @throws IllegalArgumentException for a mutant that PIT did not get to the end with, which is
   *     neither noticed nor alive
   */
  static Mutants read(String xml) throws IOException {
    var mutants = new ArrayList<Mutant>();
    var elements = parse(xml).getElementsByTagName("mutation");
    for (var i = 0; i < elements.getLength(); i++) {
      mutants.add(mutant((Element) elements.item(i)));
    }
    return new Mutants(mutants);
  }

  private static Element parse(String xml) throws IOException {
    try {
      var factory = DocumentBuilderFactory.newInstance();
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      return factory
          .newDocumentBuilder()
          .parse(new InputSource(new StringReader(xml)))
          .getDocumentElement();
    } catch (ParserConfigurationException | SAXException e) {
      throw new IOException("mutations.xml: not readable (run PIT again)", e);
    }
  }

  private static Mutant mutant(Element element) {
    var type = text(element, "mutatedClass");
    var dot = type.lastIndexOf('.');
    var method = LAMBDA.matcher(text(element, "mutatedMethod")).replaceFirst("$1");
    var change =
        new Change(
            type.substring(0, dot),
            type.substring(dot + 1).replace('$', '.') + "." + method,
            words(text(element, "description")));
    return new Mutant(
        change, Integer.parseInt(text(element, "lineNumber")), element.getAttribute("status"));
  }

  private static String words(String description) {
    return description
        .replaceFirst(" for [\\w/$]+::[\\w$<>]+$", "")
        .replaceAll("(?:\\w+/)+([\\w$]+::)", "$1");
  }

  private static String text(Element element, String name) {
    return element.getElementsByTagName(name).item(0).getTextContent();
  }

  /** How many changes in each package a test noticed, and how many of them by not ending. */
  String table() {
    var table = new StringBuilder(row("package", "changes", "noticed", "by time", "percent"));
    packages()
        .forEach(
            (name, mutants) ->
                table.append(
                    row(
                        name,
                        mutants.size(),
                        noticed(mutants),
                        mutants.stream().filter(m -> m.status().equals("TIMED_OUT")).count(),
                        String.format(
                            Locale.ROOT, "%.1f", 100.0 * noticed(mutants) / mutants.size()))));
    return table.toString();
  }

  private static String row(Object... cells) {
    return "%-32s %8s %8s %8s %8s%n".formatted(cells);
  }

  /**
   * What has to be done before this may pass.
   *
   * @param packages each must be there, with enough noticed
   * @param listed how many of a change are known not to be noticed
   */
  List<String> problems(Set<String> packages, Map<Change, Long> listed) {
    var problems = new ArrayList<String>();
    var found = packages();
    for (var name : new TreeSet<>(packages)) {
      var mutants = found.getOrDefault(name, List.of());
      if (noticed(mutants) * 100 < mutants.size() * (long) NEEDED_PERCENT || mutants.isEmpty()) {
        problems.add(
            "%s: %d of %d changes noticed (expected: %d %% or more; add tests)"
                .formatted(name, noticed(mutants), mutants.size(), NEEDED_PERCENT));
      }
    }
    var alive = alive();
    var changes = new TreeSet<>(alive.keySet());
    changes.addAll(listed.keySet());
    for (var change : changes) {
      var lives = alive.getOrDefault(change, 0L);
      var known = listed.getOrDefault(change, 0L);
      if (lives > known) {
        problems.add(
            "%s: not noticed %d times, listed %d, lines %s (add a test, or say why in the list)"
                .formatted(change, lives, known, lines(change)));
      } else if (lives + timedOut(change) < known) {
        problems.add(
            "%s: not noticed %d times, listed %d (take it off the list)"
                .formatted(change, lives, known));
      }
    }
    return problems;
  }

  /** The changes that no test noticed, with how many of each. */
  Map<Change, Long> alive() {
    return all.stream()
        .filter(mutant -> !mutant.noticed())
        .collect(groupingBy(Mutant::change, TreeMap::new, counting()));
  }

  /**
   * On a slow machine a listed change may run out of its time; that does not take it off the list.
   */
  private long timedOut(Change change) {
    return all.stream()
        .filter(mutant -> mutant.status().equals("TIMED_OUT") && mutant.change().equals(change))
        .count();
  }

  private List<Integer> lines(Change change) {
    return all.stream()
        .filter(mutant -> !mutant.noticed() && mutant.change().equals(change))
        .map(Mutant::line)
        .toList();
  }

  private Map<String, List<Mutant>> packages() {
    return all.stream()
        .collect(groupingBy(mutant -> mutant.change().inPackage(), TreeMap::new, toList()));
  }

  private static long noticed(List<Mutant> mutants) {
    return mutants.stream().filter(Mutant::noticed).count();
  }
}
