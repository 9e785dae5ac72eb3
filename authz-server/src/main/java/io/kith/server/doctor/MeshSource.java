package io.kith.server.doctor;

import io.kith.istio.doctor.IstiodDump;
import io.kith.server.verb.Failure;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Where a mesh is read from. */
interface MeshSource extends AutoCloseable {
  /**
   * Something that could not be read, while the rest was.
   *
   * @param what a file, or a kind of objects
   */
  record Unread(String what, String why, String change) {}

  /**
   * All but the sidecars.
   *
   * @param status as {@code kith status -o json}, or null
   * @param metrics of Kith's servers, one after another, or null
   * @param now when it was read
   * @param unasked who could not be asked, and why, in words: less is known then
   */
  record Found(
      List<Map<String, Object>> objects,
      @Nullable Map<String, Object> status,
      @Nullable String metrics,
      Instant now,
      List<Unread> unread,
      List<String> unasked) {}

  /**
   * A sidecar's answers.
   *
   * @param counters empty where there are none
   * @param clock the time there, or null
   * @param asked the time here, or null
   */
  record Answers(
      Map<String, Object> config,
      Map<String, Long> counters,
      @Nullable Instant clock,
      @Nullable Instant asked) {}

  /**
   * Reads all but the sidecars.
   *
   * @throws Failure when there is nothing to judge
   */
  Found find() throws Failure, InterruptedException;

  /**
   * What istiods say.
   *
   * @param unasked takes words about those that cannot be asked: less is known then
   */
  List<IstiodDump> istiods(Consumer<String> unasked) throws Failure, InterruptedException;

  /** Sidecars that it knows of beside those in the objects, as {@code NAMESPACE/POD}. */
  Set<String> more();

  /**
   * Reads a sidecar; may be called by several threads at once.
   *
   * @param key {@code NAMESPACE/POD}
   * @return null when there is nothing of it
   * @throws Failure when it cannot be read; the message says why
   */
  @Nullable Answers sidecar(String key) throws Failure, InterruptedException;

  @Override
  void close();
}
