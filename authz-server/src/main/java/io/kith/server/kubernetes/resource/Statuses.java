package io.kith.server.kubernetes.resource;

import java.util.Map;

/** Where the status of an object goes. */
interface Statuses {
  /**
   * Takes the status that an object should have; the latest one counts.
   *
   * @param status JSON
   */
  void put(ClusterObject object, Map<String, Object> status);
}
