package io.kith.server.doctor;

import io.kith.istio.doctor.IstiodDump;
import io.kith.istio.doctor.Trimmed;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A folder with what a mesh said; docs/doctor.md has its layout.
 *
 * @param namespaces whose pods are judged; empty: all
 */
record DumpFolder(Path folder, Set<String> namespaces) implements MeshSource {
  private static final String OBJECTS = "objects";
  private static final String PROXIES = "proxies";
  private static final String ISTIOD = "istiod";
  private static final String KITH = "kith";
  private static final String STATUS = "status.json";
  private static final String METRICS = "metrics.txt";
  private static final String UNASKED = "unasked";
  private static final String COLLECTED = "collected.json";
  private static final String JSON = ".json";
  private static final String STATS = ".stats";
  private static final String LAYOUT =
      " (expected: a folder as 'kith doctor --collect DIR' writes it, with " + OBJECTS + "/ in it)";

  @Override
  public Found find() throws Failure {
    if (!Files.isDirectory(folder.resolve(OBJECTS))) {
      throw Failure.refused(folder + ": no dump of a mesh" + LAYOUT);
    }
    var unread = new ArrayList<Unread>();
    var objects = new ArrayList<Map<String, Object>>();
    for (var file : files(OBJECTS)) {
      attempt(unread, file, () -> objects.addAll(objects(file)));
    }
    var status = new ArrayList<Map<String, Object>>();
    var statusFile = folder.resolve(KITH).resolve(STATUS);
    if (Files.exists(statusFile)) {
      attempt(unread, statusFile, () -> status.add(Parsed.json(TextFile.read(statusFile))));
    }
    var metrics = new ArrayList<String>();
    var metricsFile = folder.resolve(KITH).resolve(METRICS);
    if (Files.exists(metricsFile)) {
      attempt(unread, metricsFile, () -> metrics.add(TextFile.read(metricsFile)));
    }
    return new Found(
        objects,
        status.isEmpty() ? null : status.getFirst(),
        metrics.isEmpty() ? null : metrics.getFirst(),
        collectedAt(),
        unread,
        collected().get(UNASKED) instanceof List<?> words
            ? words.stream().map(String::valueOf).toList()
            : List.of());
  }

  /** What reads a file, or says why it cannot. */
  @FunctionalInterface
  private interface Reading {
    void read() throws Failure;
  }

  private void attempt(List<Unread> unread, Path file, Reading reading) {
    try {
      reading.read();
    } catch (Failure e) {
      unread.add(
          new Unread(
              folder.relativize(file).toString(),
              why(file, e),
              "write it again: kith doctor --collect DIR, or kubectl get KIND -A -o json"));
    }
  }

  /** Without the file's name, which is told beside it. */
  private static String why(Path file, Failure e) {
    var message = String.valueOf(e.getMessage());
    return message.startsWith(file + ": ")
        ? message.substring(file.toString().length() + 2)
        : message;
  }

  private static List<Map<String, Object>> objects(Path file) throws Failure {
    var text = TextFile.read(file);
    var documents = file.toString().endsWith(JSON) ? List.of(Parsed.json(text)) : Parsed.yaml(text);
    return documents.stream().flatMap(DumpFolder::items).toList();
  }

  /** What a list has, whose items may not say again of which kind they are; else the object. */
  @SuppressWarnings("unchecked")
  private static Stream<Map<String, Object>> items(Map<String, Object> document) {
    if (!(document.get("items") instanceof List<?> items)) {
      return Stream.of(document);
    }
    var kind = String.valueOf(document.get("kind")).replaceFirst("List$", "");
    return items.stream()
        .filter(Map.class::isInstance)
        .map(
            item -> {
              var object = new LinkedHashMap<>((Map<String, Object>) item);
              object.putIfAbsent("kind", kind);
              return object;
            });
  }

  private List<Path> files(String name) throws Failure {
    var inner = folder.resolve(name);
    if (!Files.isDirectory(inner)) {
      return List.of();
    }
    try (var all = Files.list(inner)) {
      return all.filter(Files::isRegularFile)
          .filter(file -> file.toString().matches(".*\\.(json|ya?ml)"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw Failure.refused(inner + ": cannot be read: " + e);
    }
  }

  // ---- istiods

  @Override
  public List<IstiodDump> istiods(Consumer<String> unasked) throws Failure {
    var dumps = new ArrayList<IstiodDump>();
    for (var file : files(ISTIOD)) {
      var name = file.getFileName().toString();
      try {
        var said = parsed(file);
        dumps.add(
            new IstiodDump(
                name.substring(0, name.lastIndexOf('.')),
                String.valueOf(said.getOrDefault("version", "")),
                Parsed.objects(said.get("sidecars"))));
      } catch (Failure e) {
        unasked.accept("sidecars of istiod: " + e.getMessage());
      }
    }
    return dumps;
  }

  // ---- sidecars

  @Override
  public Set<String> more() {
    var keys = new TreeSet<String>();
    try {
      for (var file : files(PROXIES)) {
        var key = key(file.getFileName().toString());
        if (namespaces.isEmpty() || namespaces.contains(key.substring(0, key.indexOf('/')))) {
          keys.add(key);
        }
      }
    } catch (Failure _) {
      return keys; // each is asked for by name then, and that says why it cannot be read
    }
    return keys;
  }

  /** {@code NAMESPACE.POD.json}: a namespace has no dot, a pod may. */
  private static String key(String file) {
    var name = file.replaceFirst("\\.[a-z]+$", "");
    var dot = name.indexOf('.');
    return dot < 0 ? "/" + name : name.substring(0, dot) + "/" + name.substring(dot + 1);
  }

  private Path proxy(String key, String suffix) {
    return folder.resolve(PROXIES).resolve(key.replaceFirst("/", ".") + suffix);
  }

  @Override
  public @Nullable Answers sidecar(String key) throws Failure {
    var file = proxy(key, JSON);
    if (!Files.exists(file)) {
      return null;
    }
    var config = parsed(file);
    var stats = proxy(key, STATS);
    var clocks = collected().get(PROXIES);
    var clock = clocks instanceof Map<?, ?> map ? map.get(key) : null;
    return new Answers(
        config,
        Files.exists(stats) ? Parsed.counters(TextFile.read(stats)) : Map.of(),
        instant(clock, "clock"),
        instant(clock, "asked"));
  }

  private Map<String, Object> parsed(Path file) throws Failure {
    var text = TextFile.read(file);
    try {
      return Parsed.json(text);
    } catch (Failure e) {
      throw Failure.refused(folder.relativize(file) + " " + e.getMessage());
    }
  }

  // ---- when

  private Map<String, Object> collected() throws Failure {
    var file = folder.resolve(COLLECTED);
    return Files.exists(file) ? parsed(file) : Map.of();
  }

  /** When it was collected; of a folder made by hand, when its newest file was written. */
  private Instant collectedAt() throws Failure {
    var at = instant(collected(), "at");
    if (at != null) {
      return at;
    }
    var newest = Instant.EPOCH;
    for (var name : List.of(OBJECTS, PROXIES)) {
      for (var file : files(name)) {
        try {
          var written = Files.getLastModifiedTime(file).toInstant();
          newest = written.isAfter(newest) ? written : newest;
        } catch (IOException e) {
          throw Failure.refused(file + ": cannot be read: " + e);
        }
      }
    }
    return newest;
  }

  private static @Nullable Instant instant(@Nullable Object document, String key) {
    try {
      return document instanceof Map<?, ?> map && map.get(key) instanceof String text
          ? Instant.parse(text)
          : null;
    } catch (DateTimeParseException _) {
      return null;
    }
  }

  @Override
  public void close() {}

  // ---- writing

  /** Writes a folder; it must be empty, or not there yet. */
  static final class Writer {
    private final Path folder;
    private final Map<String, Object> clocks = new TreeMap<>();

    Writer(Path folder) throws Failure {
      this.folder = folder;
      try {
        if (Files.isDirectory(folder)) {
          try (var inside = Files.list(folder)) {
            if (inside.findAny().isPresent()) {
              throw Failure.refused(folder + ": is not empty (expected: a name that is free)");
            }
          }
        }
        for (var name : List.of(OBJECTS, PROXIES, KITH)) {
          Files.createDirectories(folder.resolve(name));
        }
      } catch (IOException e) {
        throw Failure.refused(folder + ": cannot be written: " + e);
      }
    }

    void write(Found found) throws Failure {
      var byKind = new TreeMap<String, List<Map<String, Object>>>();
      for (var object : found.objects()) {
        var trimmed = Trimmed.object(object);
        if (trimmed != null) {
          byKind
              .computeIfAbsent(String.valueOf(object.get("kind")), _ -> new ArrayList<>())
              .add(trimmed);
        }
      }
      for (var kind : byKind.entrySet()) {
        var list = new LinkedHashMap<String, Object>();
        list.put("apiVersion", "v1");
        list.put("kind", "List");
        list.put("items", kind.getValue());
        TextFile.write(
            folder.resolve(OBJECTS).resolve(kind.getKey().toLowerCase(Locale.ROOT) + JSON),
            Parsed.text(list));
      }
      if (found.status() != null) {
        TextFile.write(folder.resolve(KITH).resolve(STATUS), Parsed.text(found.status()));
      }
      if (found.metrics() != null) {
        TextFile.write(folder.resolve(KITH).resolve(METRICS), Trimmed.counts(found.metrics()));
      }
    }

    void write(String key, Answers answers) throws Failure {
      var name = key.replaceFirst("/", ".");
      TextFile.write(
          folder.resolve(PROXIES).resolve(name + JSON),
          Parsed.text(Trimmed.sidecar(answers.config())));
      if (!answers.counters().isEmpty()) {
        var lines = new StringBuilder();
        new TreeMap<>(answers.counters())
            .forEach(
                (counter, value) -> {
                  if (counter.matches(Trimmed.COUNTERS)) {
                    lines.append(counter).append(": ").append(value).append('\n');
                  }
                });
        TextFile.write(folder.resolve(PROXIES).resolve(name + STATS), lines.toString());
      }
      if (answers.clock() != null && answers.asked() != null) {
        clocks.put(
            key,
            new TreeMap<>(
                Map.of("clock", answers.clock().toString(), "asked", answers.asked().toString())));
      }
    }

    void write(IstiodDump dump) throws Failure {
      try {
        Files.createDirectories(folder.resolve(ISTIOD));
      } catch (IOException e) {
        throw Failure.refused(folder + ": cannot be written: " + e);
      }
      var document = new LinkedHashMap<String, Object>();
      document.put("version", dump.version());
      document.put("sidecars", dump.sidecars().stream().map(Trimmed::synced).toList());
      TextFile.write(folder.resolve(ISTIOD).resolve(dump.pod() + JSON), Parsed.text(document));
    }

    void finish(Instant now, List<String> unasked) throws Failure {
      TextFile.write(
          folder.resolve(COLLECTED),
          Parsed.text(
              new TreeMap<>(Map.of("at", now.toString(), PROXIES, clocks, UNASKED, unasked))));
    }
  }
}
