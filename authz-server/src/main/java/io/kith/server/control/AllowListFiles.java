package io.kith.server.control;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.allow.AllowLists;
import io.kith.baselines.allow.AllowLists.Replacement;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.Problem;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The allow-lists of the files and folders that {@code allowLists} names, read again when they
 * change.
 *
 * <p>A file with a problem never replaces itself as it was without one; nor does a file or folder
 * that is gone although it is named, as a volume that is not mounted is. Of a folder the files
 * {@code *.yaml} and {@code *.yml} count; a file that is gone from it is gone. Thread-safe.
 */
public final class AllowListFiles implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(AllowListFiles.class.getName());
  private static final int MAX_BYTES = 4 << 20;
  private static final int MAX_FILES = 1_000;

  private final List<Path> named;
  private final PublicSuffixes suffixes;
  private final Map<String, String> good = new TreeMap<>();
  private final LongAdder reloads = new LongAdder();
  private final FileWatch watch;
  private volatile AllowLists lists;
  private volatile List<Problem> problems = List.of();
  private Map<String, String> seen = Map.of();

  /**
   * What the files say now.
   *
   * @param unread files that are there and are no text that could be read
   * @param whole every path that is named could be looked into
   */
  private record Reading(
      Map<String, String> texts, Set<String> unread, List<Problem> problems, boolean whole) {}

  private AllowListFiles(List<Path> named, PublicSuffixes suffixes) {
    this.named = List.copyOf(named);
    this.suffixes = suffixes;
    this.lists = AllowLists.none(suffixes);
    this.watch = new FileWatch(this.named);
  }

  /** No files at all. */
  public static AllowListFiles none() {
    return new AllowListFiles(List.of(), PublicSuffixes.UNKNOWN);
  }

  /**
   * Reads them for the first time.
   *
   * @throws IOException with every problem of every file: a server does not start without the rules
   *     that somebody wrote for it
   */
  public static AllowListFiles read(List<Path> named, PublicSuffixes suffixes) throws IOException {
    var files = new AllowListFiles(named, suffixes);
    files.reload();
    if (!files.problems.isEmpty()) {
      files.close();
      throw new IOException(
          String.join("\n", files.problems.stream().map(Problem::toString).toList()));
    }
    return files;
  }

  /** Reads them again whenever they change, and says so. */
  void follow(Runnable changed) {
    if (!named.isEmpty()) {
      watch.start(
          () -> {
            if (reload()) {
              changed.run();
            }
          });
    }
  }

  AllowLists lists() {
    return lists;
  }

  /** What they say of a workload. */
  HandRules of(Owner owner) {
    return lists.of(owner);
  }

  /** What is wrong with the files as they are; empty when they are in use as they are. */
  public List<Problem> problems() {
    return problems;
  }

  /** Files in use. */
  public synchronized int files() {
    return good.size();
  }

  /** Times that something else came into use. */
  public long reloads() {
    return reloads.sum();
  }

  /** Reads everything; true when something else is in use now. */
  synchronized boolean reload() {
    var reading = readAll();
    if (reading.problems().isEmpty() && problems.isEmpty() && reading.texts().equals(seen)) {
      return false;
    }
    var found = new ArrayList<>(reading.problems());
    var next = AllowLists.none(suffixes);
    var used = new TreeMap<String, String>();
    for (var file : reading.texts().entrySet()) {
      switch (next.replace(file.getKey(), file.getValue())) {
        case Replacement.Accepted(var accepted) -> {
          next = accepted;
          used.put(file.getKey(), file.getValue());
        }
        case Replacement.Refused(var whatIsWrong) -> found.addAll(whatIsWrong);
      }
    }
    // what was good of a file that is not, or of one that is not there to be read
    for (var before : good.entrySet()) {
      var file = before.getKey();
      var left =
          !reading.texts().containsKey(file) && !reading.unread().contains(file) && reading.whole();
      if (!used.containsKey(file)
          && !left
          && next.replace(file, before.getValue()) instanceof Replacement.Accepted(var kept)) {
        next = kept;
        used.put(file, before.getValue());
      }
    }
    seen = reading.texts();
    report(found);
    var changed = !used.equals(good);
    if (changed) {
      good.clear();
      good.putAll(used);
      lists = next;
      reloads.increment();
    }
    return changed;
  }

  private void report(List<Problem> found) {
    if (!found.equals(problems)) {
      for (var problem : found) {
        LOG.log(
            Level.WARNING,
            () ->
                "an allow-list is not in use as it is, what was good before still is: " + problem);
      }
    }
    problems = List.copyOf(found);
  }

  private Reading readAll() {
    var texts = new TreeMap<String, String>();
    var unread = new HashSet<String>();
    var found = new ArrayList<Problem>();
    var whole = true;
    for (var path : named) {
      try {
        for (var file : filesOf(path)) {
          var problem = read(file, texts);
          if (problem != null) {
            unread.add(file.toString());
            found.add(problem);
          }
        }
      } catch (IOException e) {
        whole = false;
        found.add(
            new Problem(
                path.toString(),
                "",
                "cannot be read: "
                    + FileWatch.cause(e)
                    + " (put it back, or take it out of allowLists)"));
      }
    }
    return new Reading(texts, unread, found, whole);
  }

  private static List<Path> filesOf(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    try (var entries = Files.list(path)) {
      var files = entries.filter(AllowListFiles::isList).sorted().limit(MAX_FILES + 1).toList();
      if (files.size() > MAX_FILES) {
        throw new IOException("more than " + MAX_FILES + " files (expected: fewer)");
      }
      return files;
    }
  }

  private static boolean isList(Path file) {
    var name = file.getFileName().toString();
    return !name.startsWith(".")
        && (name.endsWith(".yaml") || name.endsWith(".yml"))
        && !Files.isDirectory(file);
  }

  private static @Nullable Problem read(Path file, Map<String, String> texts) throws IOException {
    byte[] bytes;
    try (var stream = Files.newInputStream(file)) {
      bytes = stream.readNBytes(MAX_BYTES + 1);
    }
    if (bytes.length > MAX_BYTES) {
      return new Problem(
          file.toString(), "", "too long (expected: at most " + MAX_BYTES + " bytes)");
    }
    try {
      texts.put(file.toString(), UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
      return null;
    } catch (CharacterCodingException _) {
      return new Problem(file.toString(), "", "not UTF-8 (expected: YAML in UTF-8)");
    }
  }

  @Override
  public void close() {
    watch.close();
  }
}
