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
 * @param type as {@code Accepted}
 * @param reason one word
 * @param message for people, with what to do; may be empty
 */
record Condition(String type, boolean holds, String reason, String message) {
  private static final int MAX_MESSAGE = 4_096;

  Condition {
    message = message.length() > MAX_MESSAGE ? message.substring(0, MAX_MESSAGE) + "…" : message;
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
      var status = one.holds ? "True" : "False";
      Object since = now.truncatedTo(ChronoUnit.SECONDS).toString();
      if (before.get("conditions") instanceof List<?> all) {
        for (var other : all) {
          if (other instanceof Map<?, ?> map
              && one.type.equals(map.get("type"))
              && status.equals(map.get("status"))
              && map.get("lastTransitionTime") != null) {
            since = Objects.requireNonNull(map.get("lastTransitionTime")).toString();
          }
        }
      }
      var map = new LinkedHashMap<String, Object>();
      map.put("type", one.type);
      map.put("status", status);
      map.put("observedGeneration", generation);
      map.put("lastTransitionTime", since);
      map.put("reason", one.reason);
      map.put("message", one.message);
      json.add(map);
    }
    return json;
  }
}
