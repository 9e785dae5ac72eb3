package io.kith.baselines.learning;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.ContentId;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.yaml.Json;
import io.kith.baselines.yaml.JsonObject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a learner saw, as parts that a store keeps: one for each edge, one for the workload.
 *
 * <p>Counts add up, so each server writes only what it saw itself, from a learner that nothing else
 * was merged into, and under a name that is the same after a restart and that no other server has.
 * What was proposed and approved is no part of it: those are decisions.
 *
 * <p>Shape: canonical JSON with the version in {@code v}.
 */
public final class LearnedState {
  /** Of the bodies; raised when an older Kith could not read them. */
  static final int VERSION = 1;

  private static final int MAX_BODY = 4 << 20;
  private static final String WORKLOAD = "workload";

  private LearnedState() {}

  /**
   * Parts that have changed since they were last asked for: always those with another pod, hour,
   * day or image, and only on request those that merely counted on.
   *
   * <p>Each is handed out once: who gets them keeps them until a store has them.
   *
   * @param replica name of this server
   * @param countsToo whether parts are wanted of which only counts and times have changed
   * @param limit at most so many; the others come next time
   * @throws IllegalStateException when the learner holds what other servers saw
   */
  public static List<LearnedPart> changed(
      Learner learner, String replica, boolean countsToo, int limit) {
    synchronized (learner) {
      if (learner.written.hasOthers()) {
        throw new IllegalStateException(
            "the learner of "
                + learner.owner()
                + " holds what other servers saw (expected: one that holds this server's own; its"
                + " counts would be added twice)");
      }
      var parts = new ArrayList<LearnedPart>();
      learner.book.forEach(
          (process, exact, sightings) -> {
            if (parts.size() < limit && isWanted(sightings, countsToo)) {
              parts.add(edge(learner, replica, process, exact, sightings, null));
            }
          });
      learner.risky.forEach(
          (key, entry) -> {
            if (parts.size() < limit && isWanted(entry.sightings(), countsToo)) {
              parts.add(
                  edge(
                      learner,
                      replica,
                      key.process(),
                      key.destination(),
                      entry.sightings(),
                      entry.why()));
            }
          });
      if (parts.size() < limit
          && (countsToo
              ? learner.written.isUnwritten(learner)
              : learner.written.isFresh(learner))) {
        learner.written.mark(learner);
        parts.add(new LearnedPart(replica, learner.owner(), WORKLOAD, workload(learner)));
      }
      return parts;
    }
  }

  private static boolean isWanted(Sightings sightings, boolean countsToo) {
    return countsToo ? sightings.isUnwritten() : sightings.isFresh();
  }

  private static LearnedPart edge(
      Learner learner,
      String replica,
      ProcessClass process,
      Exact exact,
      Sightings sightings,
      @Nullable String why) {
    sightings.markWritten();
    var body = new HashMap<String, Object>();
    body.put("v", VERSION);
    body.put("process", BaselineJson.map(process));
    body.put("destination", BaselineJson.map(exact));
    body.put("seen", sightings.members());
    if (why != null) {
      body.put("why", why);
    }
    return new LearnedPart(
        replica, learner.owner(), key(name(process, exact), why != null), Json.write(body));
  }

  private static String name(ProcessClass process, Exact exact) {
    return Json.write(List.of(BaselineJson.map(process), BaselineJson.map(exact)));
  }

  private static String key(String name, boolean risky) {
    return ContentId.of(risky ? "risk:" : "edge:", 64, name);
  }

  private static String workload(Learner learner) {
    var body = new HashMap<String, Object>();
    body.put("v", VERSION);
    body.put("instances", learner.instances.members());
    body.put("units", learner.units.smallest());
    body.put("dropped", learner.book.dropped());
    body.put("droppedRisk", learner.risky.dropped());
    var latest = learner.latest();
    if (latest != null) {
      body.put("latest", latest.toString());
    }
    return Json.write(body);
  }

  /** Says that the store forgot what it had of a learner: all of it is {@link #changed} again. */
  public static void forgotten(Learner own) {
    synchronized (own) {
      own.book.forEach((_, _, sightings) -> sightings.markUnwritten());
      own.risky.forEach((_, entry) -> entry.sightings().markUnwritten());
      own.written.unmark();
    }
  }

  /**
   * Adds to a fresh learner what this server itself had written, after a restart. It goes on from
   * there, and only what it sees anew is {@link #changed}.
   *
   * @param parts of any servers; only those of this one are taken
   * @throws IllegalArgumentException as {@link #load} does; then nothing was added
   */
  public static void resume(Learner own, String replica, Collection<LearnedPart> parts) {
    var ours = parts.stream().filter(part -> part.replica().equals(replica)).toList();
    synchronized (own) {
      if (own.startedAt() != null) {
        throw new IllegalStateException(
            "the learner of "
                + own.owner()
                + " has seen something already (expected: a fresh one)");
      }
      add(own, ours);
      own.book.forEach((_, _, sightings) -> sightings.markWritten());
      own.risky.forEach((_, entry) -> entry.sightings().markWritten());
      own.written.mark(own);
    }
  }

  /**
   * The same for a learner that has seen something since, as the store did not answer when it
   * began. All of it is {@link #changed} then. To be called once.
   *
   * @param parts of any servers; only those of this one are taken
   * @throws IllegalArgumentException as {@link #load} does; then nothing was added
   */
  public static void resumeLate(Learner own, String replica, Collection<LearnedPart> parts) {
    synchronized (own) {
      add(own, parts.stream().filter(part -> part.replica().equals(replica)).toList());
      forgotten(own);
    }
  }

  /**
   * Adds parts of any servers, in any order.
   *
   * @param into cannot be written afterwards: {@link #changed} refuses it
   * @throws IllegalArgumentException for a part of a newer version, of another workload, or that
   *     Kith did not write; then nothing was added
   */
  public static void load(Learner into, Collection<LearnedPart> parts) {
    synchronized (into) {
      add(into, parts);
      into.written.othersAdded();
    }
  }

  /**
   * Whether a part can be read.
   *
   * @throws IllegalArgumentException as {@link #load} does
   */
  public static void check(LearnedPart part) {
    var _ = read(part.owner(), part);
  }

  private static void add(Learner into, Collection<LearnedPart> parts) {
    var additions = parts.stream().map(part -> read(into.owner(), part)).toList(); // all, or none
    additions.forEach(addition -> addition.accept(into));
    into.book.trim();
    into.risky.trim();
  }

  private static Consumer<Learner> read(Owner owner, LearnedPart part) {
    try {
      if (!part.owner().equals(owner)) {
        throw new IllegalArgumentException("another workload (expected: " + owner + ")");
      }
      if (part.body().length() > MAX_BODY) {
        throw new IllegalArgumentException(
            "too long (expected: up to " + MAX_BODY + " characters)");
      }
      var json = Json.read(part.body());
      var version = json.integer("v");
      if (version > VERSION) {
        throw new IllegalArgumentException(
            "written by a newer Kith: its version is "
                + version
                + ", this one knows "
                + VERSION
                + " (start the newer one, or relearn the workload)");
      }
      if (version < 1) {
        throw new IllegalArgumentException("v: " + version + " (expected: from 1)");
      }
      return part.key().equals(WORKLOAD) ? readWorkload(json) : readEdge(part, json);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "learned part '"
              + part.key()
              + "' of "
              + part.owner()
              + " by server '"
              + part.replica()
              + "': "
              + e.getMessage(),
          e);
    }
  }

  private static Consumer<Learner> readEdge(LearnedPart part, JsonObject json) {
    json.only("v", "process", "destination", "seen", "why");
    var process = BaselineJson.process(json.object("process"));
    if (!(BaselineJson.destination(json.object("destination")) instanceof Exact exact)) {
      throw new IllegalArgumentException("destination: a pattern (expected: an exact one)");
    }
    var sightings = Sightings.of(json.object("seen"));
    var why = json.textOrNull("why");
    var risky = why != null;
    var name = name(process, exact);
    var key = key(name, risky);
    if (!part.key().equals(key) && !part.key().equals(key(Json.asBefore(name), risky))) {
      throw new IllegalArgumentException("its content is that of '" + key + "'");
    }
    return why == null
        ? into -> into.book.absorb(process, exact, sightings)
        : into ->
            into.risky.absorb(new RiskBook.Key(process, exact), new RiskBook.Entry(why, sightings));
  }

  private static Consumer<Learner> readWorkload(JsonObject json) {
    json.only("v", "instances", "units", "dropped", "droppedRisk", "latest");
    var instances = Instances.of(json.object("instances"));
    var units = Sightings.bounded("units", json.numbers("units"), Units.EXACT);
    var dropped = notNegative("dropped", json);
    var droppedRisk = notNegative("droppedRisk", json);
    var latest = json.has("latest") ? json.value("latest", Instant::parse) : null;
    return into -> {
      into.instances.merge(instances);
      units.forEach(into.units::add);
      into.book.addDropped(dropped);
      into.risky.addDropped(droppedRisk);
      into.absorbed(latest);
    };
  }

  private static long notNegative(String name, JsonObject json) {
    var number = json.number(name);
    if (number < 0) {
      throw new IllegalArgumentException(name + ": " + number + " (expected: from 0)");
    }
    return number;
  }
}
