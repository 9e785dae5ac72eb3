package io.kith.baselines.yaml;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** An object of a JSON text, read key by key; every refusal names the key. */
public final class JsonObject {
  private final String path;
  private final Map<?, ?> members;

  JsonObject(String path, Map<?, ?> members) {
    this.path = path;
    this.members = members;
  }

  /**
   * Refuses members that have other names than these: what is not understood is not obeyed.
   *
   * @throws IllegalArgumentException naming the first of them
   */
  public JsonObject only(String... names) {
    var unknown = new TreeSet<String>();
    members.keySet().forEach(key -> unknown.add(key.toString()));
    List.of(names).forEach(unknown::remove);
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          pathOf(unknown.first()) + ": unknown (expected: one of " + List.of(names) + ")");
    }
    return this;
  }

  /** Names of the members, in order. */
  public List<String> names() {
    return members.keySet().stream().map(Object::toString).sorted().toList();
  }

  /** Whether the member is there. */
  public boolean has(String key) {
    return members.containsKey(key);
  }

  /**
   * A text.
   *
   * @throws IllegalArgumentException when it is absent or something else; so do the others
   */
  public String text(String key) {
    return member(key, String.class, "text");
  }

  /** A text, or null when it is absent. */
  public @Nullable String textOrNull(String key) {
    return has(key) ? text(key) : null;
  }

  /** A text that a reader understands. */
  public <T> T value(String key, Function<String, T> reader) {
    try {
      return reader.apply(text(key));
    } catch (IllegalArgumentException | java.time.DateTimeException e) {
      throw new IllegalArgumentException(pathOf(key) + ": " + e.getMessage(), e);
    }
  }

  /** A whole number. */
  public int integer(String key) {
    var number = member(key, Long.class, "a whole number");
    if (number != number.intValue()) {
      throw new IllegalArgumentException(pathOf(key) + ": " + number + " (expected: an int)");
    }
    return number.intValue();
  }

  /** A whole number of up to 64 bits. */
  public long number(String key) {
    return member(key, Long.class, "a whole number");
  }

  /** A list of whole numbers. */
  public List<Long> numbers(String key) {
    var numbers = new ArrayList<Long>();
    for (var element : (List<?>) member(key, List.class, "a list")) {
      numbers.add(as(element, Long.class, pathOf(key), "whole numbers"));
    }
    return numbers;
  }

  /** True or false. */
  public boolean bool(String key) {
    return member(key, Boolean.class, "true or false");
  }

  /** An object. */
  public JsonObject object(String key) {
    return new JsonObject(pathOf(key), member(key, Map.class, "an object"));
  }

  /** A list of texts. */
  public List<String> texts(String key) {
    var texts = new ArrayList<String>();
    for (var element : (List<?>) member(key, List.class, "a list")) {
      texts.add(as(element, String.class, pathOf(key), "texts"));
    }
    return texts;
  }

  /** A list of objects. */
  public List<JsonObject> objects(String key) {
    var objects = new ArrayList<JsonObject>();
    for (var element : (List<?>) member(key, List.class, "a list")) {
      var name = pathOf(key) + "[" + objects.size() + "]";
      objects.add(new JsonObject(name, as(element, Map.class, name, "an object")));
    }
    return objects;
  }

  private String pathOf(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private <T> T member(String key, Class<T> type, String expected) {
    if (!members.containsKey(key)) {
      throw new IllegalArgumentException(pathOf(key) + ": missing (expected: " + expected + ")");
    }
    return as(requireNonNull(members.get(key)), type, pathOf(key), expected);
  }

  private static <T> T as(@Nullable Object value, Class<T> type, String name, String expected) {
    if (!type.isInstance(value)) {
      throw new IllegalArgumentException(name + ": not " + expected);
    }
    return type.cast(value);
  }
}
