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

  /** Whether it is so. */
  enum Status {
    TRUE("True"),
    FALSE("False"),
    UNKNOWN("Unknown");

    private final String word;

    Status(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

  /** What is so or not. */
  enum Type {
    ACCEPTED("Accepted"),
    APPLIED("Applied"),
    ENFORCED("Enforced"),
    FAILURE_MODE("FailureMode"),
    READY("Ready"),
    ADMISSION_BOUND("AdmissionBound");

    private final String word;

    Type(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

  /** Why it is so, or why not; the words are for operators and their scripts. */
  enum Reason {
    ACCEPTED("Accepted", Status.TRUE),
    IN_FORCE("InForce", Status.TRUE),
    ENFORCED("Enforced", Status.TRUE),
    CLOSED("Closed", Status.TRUE),
    FLOOR("Floor", Status.TRUE),
    OPEN("Open", Status.TRUE),
    OPEN_UNDER_ENFORCE("OpenUnderEnforce", Status.TRUE),
    NOTHING_TO_DO("NothingToDo", Status.TRUE),
    INVALID("Invalid", Status.FALSE),
    CONFLICT("Conflict", Status.FALSE),
    LAST_GOOD_IN_FORCE("LastGoodInForce", Status.FALSE),
    STORE_REFUSED("StoreRefused", Status.FALSE),
    NOT_ASKED("NotAsked", Status.FALSE),
    NO_WORKLOADS("NoWorkloads", Status.FALSE),
    WAITS_FOR_BASELINE("WaitsForBaseline", Status.FALSE),
    WAITS_FOR_APPROVAL("WaitsForApproval", Status.FALSE),
    WAITS_FOR_SIDECARS("WaitsForSidecars", Status.FALSE),
    NO_SIDECARS("NoSidecars", Status.FALSE),
    FAILS_OPEN("FailsOpen", Status.FALSE),
    NO_SELECTOR("NoSelector", Status.FALSE),
    NOT_UNIQUE("NotUnique", Status.FALSE),
    ANNOUNCED("Announced", Status.FALSE),
    QUEUED("Queued", Status.FALSE),
    NOT_WRITTEN("NotWritten", Status.FALSE),
    WAITS("Waits", Status.FALSE),
    BOUND("Bound", Status.TRUE),
    NOT_BOUND("NotBound", Status.FALSE),
    NOT_READ("NotRead", Status.UNKNOWN),
    NO_NAMESPACES("NoNamespaces", Status.UNKNOWN);

    private final String word;
    private final Status status;

    Reason(String word, Status status) {
      this.word = word;
      this.status = status;
    }

    String word() {
      return word;
    }

    boolean holds() {
      return status == Status.TRUE;
    }
  }

  Condition {
    message = message.length() > MAX_MESSAGE ? message.substring(0, MAX_MESSAGE) + "…" : message;
  }

  Status status() {
    return reason.status;
  }

  /**
   * As JSON: the time of a condition is that of the last change of its status.
   *
   * @param before the status that the object has
   */
  static List<Map<String, Object>> json(
      List<Condition> conditions, Map<String, Object> before, long generation, Instant now) {
    var json = new ArrayList<Map<String, Object>>();
    for (var one : conditions) {
      var status = one.status().word;
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
