package io.kith.server.kubernetes.resource;

import io.kith.baselines.config.ScopeName;
import io.kith.istio.FailureMode.Floor;
import io.kith.server.control.Approvals;
import io.kith.server.control.ClusterVerbs;
import io.kith.server.kubernetes.ClusterServices;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;

/** What the floors of scopes have in them. */
@FunctionalInterface
interface Floors {
  /**
   * The list of each of these scopes.
   *
   * @param asked with what somebody listed
   */
  Map<ScopeName, FloorList> of(Map<ScopeName, Floor> asked);

  /** Those of a cluster, by what a server decides by. */
  static Floors of(ClusterVerbs verbs, ClusterServices services, InstantSource clock) {
    return asked -> {
      if (asked.isEmpty()) {
        return Map.of(); // and looks at no workload and no service
      }
      var approvals = verbs.approvals(asked.keySet());
      var destinations = new ApprovedDestinations(services);
      var now = clock.instant();
      var lists = new HashMap<ScopeName, FloorList>();
      asked.forEach(
          (scope, floor) ->
              lists.put(
                  scope,
                  destinations.list(
                      approvals.getOrDefault(scope, Approvals.NONE),
                      floor.approved(),
                      switch (scope) {
                        case ScopeName.Mesh() -> null;
                        case ScopeName.Namespace(var namespace) -> namespace;
                        case ScopeName.One(var owner) -> owner.namespace();
                      },
                      now)));
      return lists;
    };
  }
}
