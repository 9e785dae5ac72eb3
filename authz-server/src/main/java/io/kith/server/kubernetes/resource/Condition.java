package io.kith.server.kubernetes.resource;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * One thing that is so of an object, or is not.
 *
 * @param message for people, with what to do; may be empty
 */
record Condition(Type type, Reason reason, String message) {
  private static final int MAX_MESSAGE = 4_096;

  /** What is so or not. */
  enum Type {
    ACCEPTED("Accepted"),
    APPLIED("Applied"),
    ENFORCED("Enforced"),
    FAILURE_MODE("FailureMode"),
    READY("Ready");

    private final String word;

    Type(String word) {
      this.word = word;
    }
  }

  /** Why it is so, or why not; the words are for operators and their scripts. */
  enum Reason {
    ACCEPTED("Accepted", true),
    IN_FORCE("InForce", true),
    ENFORCED("Enforced", true),
    CLOSED("Closed", true),
    FLOOR("Floor", true),
    OPEN("Open", true),
    OPEN_UNDER_ENFORCE("OpenUnderEnforce", true),
    NOTHING_TO_DO("NothingToDo", true),
    INVALID("Invalid", false),
    CONFLICT("Conflict", false),
    LAST_GOOD_IN_FORCE("LastGoodInForce", false),
    STORE_REFUSED("StoreRefused", false),
    NOT_ASKED("NotAsked", false),
    NO_WORKLOADS("NoWorkloads", false),
    WAITS_FOR_BASELINE("WaitsForBaseline", false),
    WAITS_FOR_APPROVAL("WaitsForApproval", false),
    WAITS_FOR_SIDECARS("WaitsForSidecars", false),
    NO_SIDECARS("NoSidecars", false),
    FAILS_OPEN("FailsOpen", false),
    NO_SELECTOR("NoSelector", false),
    NOT_UNIQUE("NotUnique", false),
    ANNOUNCED("Announced", false),
    QUEUED("Queued", false),
    NOT_WRITTEN("NotWritten", false),
    WAITS("Waits", false);

    private final String word;
    private final boolean holds;

    Reason(String word, boolean holds) {
      this.word = word;
      this.holds = holds;
    }

    String word() {
      return word;
    }

    boolean holds() {
      return holds;
    }
  }

  Condition {
    message = message.length() > MAX_MESSAGE ? message.substring(0, MAX_MESSAGE) + "…" : message;
  }

  boolean holds() {
    return reason.holds;
  }

  /**
   * As JSON: the time of a condition is that of its last change from true to false or back.
   *
   * @param before the status that the object has
   */
  static List<Map<String, Object>> json(
      List<Condition> conditions, Map<String, Object> before, long generation, Instant now) {
    var json = new ArrayList<Map<String, Object>>();
    for (var one : conditions) {
      var status = one.holds() ? "True" : "False";
      Object since = now.truncatedTo(ChronoUnit.SECONDS).toString();
      if (before.get("conditions") instanceof List<?> all) {
        for (var other : all) {
          if (other instanceof Map<?, ?> map
              && one.type.word.equals(map.get("type"))
              && status.equals(map.get("status"))
              && map.get("lastTransitionTime") != null) {
            since = Objects.requireNonNull(map.get("lastTransitionTime")).toString();
          }
        }
      }
      var map = new LinkedHashMap<String, Object>();
      map.put("type", one.type.word);
      map.put("status", status);
      map.put("observedGeneration", generation);
      map.put("lastTransitionTime", since);
      map.put("reason", one.reason.word);
      map.put("message", one.message);
      json.add(map);
    }
    return json;
  }
}
