package io.kith.istio.doctor;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** A dump below src/test/resources/doctor, to be changed. */
final class MeshDump {
  private static final Path RESOURCES = Path.of("src", "test", "resources", "doctor");

  final List<Map<String, Object>> objects = new ArrayList<>();
  final Map<String, Map<String, Object>> sidecars = new TreeMap<>();
  final Map<String, Map<String, Long>> counters = new HashMap<>();
  final Map<String, Instant> clocks = new HashMap<>();
  final Map<String, Instant> asked = new HashMap<>();
  Map<String, Object> status;
  @Nullable String metrics;
  Instant now;
  private Consumer<Doctor> first = _ -> {};
  private Consumer<Doctor> more = _ -> {};

  private MeshDump(Path folder) throws IOException {
    for (var file : files(folder.resolve("objects"))) {
      objects.addAll(list(map(file), "items"));
    }
    var collected = map(folder.resolve("collected.json"));
    now = Instant.parse((String) requireNonNull(collected.get("at")));
    for (var file : files(folder.resolve("proxies"))) {
      var key = file.getFileName().toString().replaceFirst("\\.json$", "").replaceFirst("\\.", "/");
      if (file.toString().endsWith(".json")) {
        sidecars.put(key, map(file));
        var clock = at(collected, "proxies", key);
        clocks.put(key, Instant.parse((String) requireNonNull(clock.get("clock"))));
        asked.put(key, Instant.parse((String) requireNonNull(clock.get("asked"))));
      } else {
        var all = new HashMap<String, Long>();
        Files.readAllLines(file)
            .forEach(
                line -> {
                  var colon = line.indexOf(": ");
                  all.put(line.substring(0, colon), Long.valueOf(line.substring(colon + 2)));
                });
        counters.put(key.replaceFirst("\\.stats$", ""), all);
      }
    }
    status = map(folder.resolve("kith/status.json"));
    metrics = Files.readString(folder.resolve("kith/metrics.txt"));
  }

  static MeshDump of(String name) {
    try {
      return new MeshDump(RESOURCES.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (var all = Files.list(folder)) {
      return all.sorted().toList();
    }
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(Path file) throws IOException {
    return (Map<String, Object>) parsed(Files.readString(file));
  }

  private static Object parsed(String text) {
    return requireNonNull(new Load(LoadSettings.builder().build()).loadFromString(text));
  }

  // ---- changes

  @SuppressWarnings("unchecked")
  static Map<String, Object> at(Map<String, Object> map, String... keys) {
    var here = map;
    for (var key : keys) {
      here = (Map<String, Object>) here.computeIfAbsent(key, _ -> new TreeMap<String, Object>());
    }
    return here;
  }

  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> list(Map<String, Object> map, String key) {
    return (List<Map<String, Object>>) map.computeIfAbsent(key, _ -> new ArrayList<>());
  }

  /** Adds what is written as YAML. */
  @SuppressWarnings("unchecked")
  void add(String yaml) {
    objects.add((Map<String, Object>) parsed(yaml));
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> yaml(String text) {
    return (Map<String, Object>) parsed(text);
  }

  Map<String, Object> object(String kind, String name) {
    return objects.stream()
        .filter(one -> kind.equals(one.get("kind")) && name.equals(at(one, "metadata").get("name")))
        .findFirst()
        .orElseThrow();
  }

  Map<String, Object> sidecar(String key) {
    return requireNonNull(sidecars.get(key), key);
  }

  Instant asked(String key) {
    return requireNonNull(asked.get(key), key);
  }

  Map<String, Object> pod(String name) {
    return object("Pod", name);
  }

  Map<String, Object> annotations(String pod) {
    return at(pod(pod), "metadata", "annotations");
  }

  /** The application's container. */
  Map<String, Object> container(String pod) {
    return list(at(pod(pod), "spec"), "containers").getFirst();
  }

  Map<String, Object> workload(String owner) {
    return list(status, "workloads").stream()
        .filter(one -> owner.equals(one.get("owner")))
        .findFirst()
        .orElseThrow();
  }

  /** Every map in a tree that a condition holds for. */
  static void each(
      Object tree, Predicate<Map<String, Object>> which, Consumer<Map<String, Object>> change) {
    if (tree instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked")
      var one = (Map<String, Object>) map;
      if (which.test(one)) {
        change.accept(one);
      }
      List.copyOf(one.values()).forEach(value -> each(value, which, change));
    } else if (tree instanceof List<?> list) {
      List.copyOf(list).forEach(value -> each(value, which, change));
    }
  }

  static Predicate<Map<String, Object>> named(String name) {
    return map -> name.equals(map.get("name"));
  }

  void firstSay(Consumer<Doctor> said) {
    first = said;
  }

  void alsoSay(Consumer<Doctor> said) {
    more = said;
  }

  // ---- what comes out

  Examination examine() {
    return judged().examination();
  }

  /** A doctor that was told everything. */
  Doctor judged() {
    var doctor = new Doctor(new MeshState("istio-system", objects, status, metrics, now));
    first.accept(doctor);
    sidecars.forEach(
        (key, config) ->
            doctor.judge(
                new SidecarDump(
                    key.substring(0, key.indexOf('/')),
                    key.substring(key.indexOf('/') + 1),
                    config,
                    counters.getOrDefault(key, Map.of()),
                    clocks.get(key),
                    asked.get(key))));
    more.accept(doctor);
    return doctor;
  }
}
