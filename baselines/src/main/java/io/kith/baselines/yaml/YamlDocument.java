package io.kith.baselines.yaml;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/**
 * A YAML text read key by key, with the place of every value and every problem collected.
 *
 * <p>A key that nobody asked for is a problem too. Values of a variable of the environment replace
 * those of the text: {@code KITH_SERVER_CHECKS_LISTEN} is {@code server.checks.listen}.
 */
public final class YamlDocument {
  private static final int MAX_LENGTH = 4 * 1024 * 1024;
  private static final int MAX_ALIASES = 50;
  private static final int MAX_DOCUMENTS = 10_000;

  private final String file;
  private final boolean lines;
  private final Map<String, String> environment;
  private final List<Problem> problems = new ArrayList<>();

  private YamlDocument(String file, boolean lines, Map<String, String> environment) {
    this.file = file;
    this.lines = lines;
    this.environment = environment;
  }

  /** Reads the text; a text that is not YAML yields an empty section and a problem. */
  public static Section read(String file, String text, Map<String, String> environment) {
    var document = new YamlDocument(file, true, environment);
    var roots = document.compose(text, 1);
    return new Section(document, "", file, roots.isEmpty() ? null : roots.getFirst());
  }

  /**
   * Reads a text of several documents between {@code ---} lines; empty ones are left out.
   *
   * <p>A text that is not YAML yields no section at all and a problem.
   */
  public static Documents readAll(String file, String text) {
    return documents(new YamlDocument(file, true, Map.of()), text);
  }

  /**
   * Reads a text that nobody wrote in these lines, as one of an object of an API: a place in it is
   * the path of a key.
   *
   * @param name of the object, for messages
   */
  public static Documents readObject(String name, String text) {
    return documents(new YamlDocument(name, false, Map.of()), text);
  }

  private static Documents documents(YamlDocument document, String text) {
    var sections =
        document.compose(text, MAX_DOCUMENTS).stream()
            .map(root -> new Section(document, "", document.file, root))
            .toList();
    return new Documents(sections, document.problems);
  }

  /**
   * The documents of a text.
   *
   * @param problems grows while the sections are read
   */
  public record Documents(List<Section> sections, List<Problem> problems) {}

  private List<MappingNode> compose(String text, int maxDocuments) {
    if (text.length() > MAX_LENGTH) {
      problems.add(
          new Problem(file, "", "too long (expected: at most " + MAX_LENGTH + " characters)"));
      return List.of();
    }
    var excess = Bounds.first(text);
    if (excess != null) {
      problems.add(new Problem(file + ":" + excess.place(), "", excess.what()));
      return List.of();
    }
    var mappings = new ArrayList<MappingNode>();
    try {
      var settings =
          LoadSettings.builder()
              .setLabel(file)
              .setCodePointLimit(MAX_LENGTH)
              .setMaxAliasesForCollections(MAX_ALIASES)
              .build();
      for (var root : new Compose(settings).composeAllFromString(text)) {
        if (root instanceof MappingNode mapping) {
          mappings.add(mapping);
        } else if (!isNull(root)) {
          problems.add(
              new Problem(place(root), "", "not a mapping (expected: keys such as server:)"));
        }
        if (mappings.size() > maxDocuments) {
          problems.add(
              new Problem(
                  place(root),
                  "",
                  "one document too many (expected: at most " + maxDocuments + ")"));
          return List.of();
        }
      }
      return mappings;
    } catch (MarkedYamlEngineException e) {
      var where = e.getProblemMark().map(this::place).orElse(file);
      problems.add(new Problem(where, "", "not YAML: " + oneLine(e.getProblem())));
    } catch (YamlEngineException e) {
      problems.add(new Problem(file, "", "not YAML: " + oneLine(e.getMessage())));
    }
    return List.of();
  }

  private static boolean isNull(Node node) {
    return node instanceof ScalarNode scalar
        && (scalar.getValue().isEmpty()
            || (scalar.getScalarStyle() == ScalarStyle.PLAIN && scalar.getValue().equals("null")));
  }

  private static String oneLine(@Nullable String text) {
    return text == null ? "unreadable" : text.lines().findFirst().orElse("unreadable");
  }

  private String place(Node node) {
    return node.getStartMark().map(this::place).orElse(file);
  }

  private String place(Mark mark) {
    return lines ? file + ":" + (mark.getLine() + 1) + ":" + (mark.getColumn() + 1) : file;
  }

  /** A mapping of the document; may be absent, which reads as empty. */
  public static final class Section {
    private final YamlDocument document;
    private final String path;
    private final Map<String, Node> values = new LinkedHashMap<>();
    private final Map<String, Node> keys = new LinkedHashMap<>();
    private final Set<String> known = new LinkedHashSet<>();
    private final List<Section> children = new ArrayList<>();
    private final String start;

    private Section(
        YamlDocument document, String path, String outside, @Nullable MappingNode node) {
      this.document = document;
      this.path = path;
      this.start = node == null ? outside : document.place(node);
      if (node == null) {
        return;
      }
      for (var tuple : node.getValue()) {
        if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
          problem(tuple.getKeyNode(), "", "a key that is not a word");
          continue;
        }
        if (values.put(key.getValue(), tuple.getValueNode()) != null) {
          problem(key, key.getValue(), "given twice (expected: once)");
        }
        keys.put(key.getValue(), key);
      }
    }

    public List<Problem> problems() {
      return document.problems;
    }

    /** Where the section begins; an absent one, where the one around it does. */
    public String place() {
      return document.lines || path.isEmpty() ? start : start + ": " + path;
    }

    public String pathOf(String key) {
      return path.isEmpty() ? key : path + "." + key;
    }

    public void problem(String key, String what) {
      var node = values.get(key);
      document.problems.add(
          new Problem(node == null ? start : document.place(node), pathOf(key), what));
    }

    private void problem(Node node, String key, String what) {
      document.problems.add(new Problem(document.place(node), pathOf(key), what));
    }

    public boolean has(String key) {
      known.add(key);
      return values.containsKey(key) || fromEnvironment(key) != null;
    }

    /** A nested mapping. */
    public Section section(String key) {
      known.add(key);
      var node = values.get(key);
      MappingNode mapping = null;
      if (node instanceof MappingNode found) {
        mapping = found;
      } else if (node != null && !isNull(node)) {
        problem(node, key, "not a mapping (expected: keys and values)");
      }
      var child = new Section(document, pathOf(key), start, mapping);
      children.add(child);
      return child;
    }

    /** A list of mappings; absent reads as empty. */
    public List<Section> sections(String key) {
      known.add(key);
      var sections = new ArrayList<Section>();
      each(
          key,
          (node, index) -> {
            if (node instanceof MappingNode mapping) {
              var child = new Section(document, pathOf(key) + "[" + index + "]", start, mapping);
              children.add(child);
              sections.add(child);
            } else {
              problem(node, key, "not a mapping (expected: keys and values)");
            }
          });
      return sections;
    }

    private void each(String key, NodeVisitor visitor) {
      var node = values.get(key);
      if (node == null || isNull(node)) {
        return;
      }
      if (!(node instanceof SequenceNode sequence)) {
        problem(node, key, "not a list (expected: [a, b])");
        return;
      }
      var index = 0;
      for (var element : sequence.getValue()) {
        visitor.visit(element, index++);
      }
    }

    private interface NodeVisitor {
      void visit(Node node, int index);
    }

    /** A value, or the fallback when it is absent or wrong. */
    public <T> T value(String key, Function<String, T> reader, T fallback) {
      var read = optional(key, reader);
      return read == null ? fallback : read;
    }

    /** A value that must be there; null, with a problem, when it is absent or wrong. */
    public <T> @Nullable T required(String key, Function<String, T> reader, String expected) {
      var node = values.get(key);
      if (!has(key) || (node != null && isNull(node))) {
        problem(key, "missing (expected: " + expected + ")");
        return null;
      }
      return optional(key, reader);
    }

    /** A value, or null when it is absent or wrong. */
    public <T> @Nullable T optional(String key, Function<String, T> reader) {
      known.add(key);
      var variable = fromEnvironment(key);
      if (variable != null) {
        return read(reader, variable, variableName(key), pathOf(key));
      }
      var node = values.get(key);
      if (node == null || isNull(node)) {
        return null;
      }
      if (!(node instanceof ScalarNode scalar)) {
        problem(node, key, "a list or mapping (expected: one value)");
        return null;
      }
      return read(reader, scalar.getValue(), document.place(node), pathOf(key));
    }

    /** A list of values; wrong ones are left out and reported. */
    public <T> List<T> list(String key, Function<String, T> reader) {
      known.add(key);
      var variable = fromEnvironment(key);
      var read = new ArrayList<T>();
      if (variable != null) {
        for (var part : variable.split(",", -1)) {
          add(read, read(reader, part.strip(), variableName(key), pathOf(key)));
        }
        return read;
      }
      each(
          key,
          (node, index) -> {
            if (node instanceof ScalarNode scalar) {
              var name = pathOf(key) + "[" + index + "]";
              add(read, read(reader, scalar.getValue(), document.place(node), name));
            } else {
              problem(node, key, "a list or mapping (expected: one value)");
            }
          });
      return read;
    }

    private static <T> void add(List<T> list, @Nullable T value) {
      if (value != null) {
        list.add(value);
      }
    }

    private <T> @Nullable T read(
        Function<String, T> reader, String text, String where, String name) {
      try {
        return reader.apply(text);
      } catch (IllegalArgumentException e) {
        var message = e.getMessage() == null ? "'" + text + "' is not understood" : e.getMessage();
        document.problems.add(new Problem(where, name, message));
        return null;
      }
    }

    private String variableName(String key) {
      return "KITH_" + pathOf(key).replace('.', '_').toUpperCase(Locale.ROOT);
    }

    private @Nullable String fromEnvironment(String key) {
      return path.contains("[") ? null : document.environment.get(variableName(key));
    }

    /**
     * Reports keys without a value, here and below, of which nothing was reported yet: where an
     * absent key means more than any value does, one that a template left empty must not count as
     * absent.
     *
     * @param lists keys of lists that may be empty so
     */
    public void refuseEmpty(Set<String> lists) {
      for (var value : values.entrySet()) {
        var path = pathOf(value.getKey());
        if (isNull(value.getValue())
            && !lists.contains(value.getKey())
            && document.problems.stream().noneMatch(one -> one.key().equals(path))) {
          problem(value.getValue(), value.getKey(), "empty (expected: a value, or no such key)");
        }
      }
      children.forEach(child -> child.refuseEmpty(lists));
    }

    /** Reports keys that nobody asked for, here and below. Call once, when all is read. */
    public void finish() {
      for (var key : keys.keySet()) {
        if (!known.contains(key)) {
          var node = keys.get(key);
          if (node != null) {
            problem(node, key, "unknown key (expected: one of " + new TreeSet<>(known) + ")");
          }
        }
      }
      children.forEach(Section::finish);
    }
  }
}
