package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Reason;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Who may ask, and for which workload. */
final class Reporters {
  private static final IpAddress NOWHERE = IpAddress.of(new byte[4]);

  private final List<SpiffeIdPattern> allowed;
  private final WorkloadDirectory directory;

  /**
   * @param allowed who may ask; empty: every SPIFFE ID that the directory knows
   */
  Reporters(List<SpiffeIdPattern> allowed, WorkloadDirectory directory) {
    this.allowed = List.copyOf(allowed);
    this.directory = requireNonNull(directory, "directory");
  }

  /** What is known about who asks. */
  sealed interface Admission {
    /** The reporter may ask, for this workload. */
    record Admitted(SpiffeId reporter, Workload workload) implements Admission {}

    /**
     * It may not, whatever the mode.
     *
     * @param reporter what it proved to be, or null
     */
    record Refused(@Nullable SpiffeId reporter, Reason reason) implements Admission {}
  }

  Admission admit(Peer peer, CheckFacts facts, Instant now) {
    var reporter = peer.idAt(now);
    if (reporter == null) {
      return new Admission.Refused(null, new Reason.UnknownReporter(peer.problemAt(now)));
    }
    if (!allowed.isEmpty() && allowed.stream().noneMatch(pattern -> pattern.matches(reporter))) {
      return new Admission.Refused(
          reporter, new Reason.UnknownReporter(reporter + " may not ask (see server.reporters)"));
    }
    var source =
        switch (facts) {
          case CheckFacts.Connection connection -> connection.source().address();
          case CheckFacts.Request request -> request.destination().address();
          case CheckFacts.Malformed _ -> peer.address();
        };
    if (source != null && !belong(peer.address(), source)) {
      return new Admission.Refused(
          reporter,
          new Reason.IdentityMismatch(
              "the Check is about a connection "
                  + (facts instanceof CheckFacts.Request ? "to " : "from ")
                  + source
                  + " and was sent from "
                  + peer.address()));
    }
    var workload = directory.speaking(reporter, source == null ? NOWHERE : source);
    return workload == null
        ? new Admission.Refused(
            reporter,
            new Reason.UnknownReporter(
                reporter
                    + (source == null ? "" : " at " + source)
                    + " is no workload that is known (see workloads)"))
        : new Admission.Admitted(reporter, workload);
  }

  /**
   * Whether both are addresses of one pod, as far as can be told: equal, or of different families
   * and the directory names one owner for both. A Unix socket and loopback tell nothing.
   */
  private boolean belong(@Nullable IpAddress peer, IpAddress source) {
    if (peer == null || peer.equals(source) || peer.isLoopback() || source.isLoopback()) {
      return true;
    }
    if (peer.isIpv4() == source.isIpv4()) {
      return false;
    }
    var owner = directory.at(peer);
    var other = directory.at(source);
    return owner != null && other != null && owner.owner().equals(other.owner());
  }
}
