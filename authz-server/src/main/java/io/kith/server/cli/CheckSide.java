package io.kith.server.cli;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.admin.BridgeStatuses;
import io.kith.server.check.Policy;
import io.kith.spiffe.X509Source;
import java.util.List;

/**
 * What answers Checks and listens to bridges, for {@link ServerCommand}.
 *
 * @param addresses what listens where, for people
 */
record CheckSide(BridgeStatuses bridges, List<String> addresses, Service.Running running) {
  CheckSide {
    addresses = List.copyOf(addresses);
  }

  /** How a check side is started. */
  interface Starter {
    /** Listens, or fails with words for people and leaves nothing running. */
    CheckSide start(
        KithConfig settings, X509Source identity, WorkloadDirectory directory, Policy policy)
        throws Failure, java.io.IOException;
  }
}
