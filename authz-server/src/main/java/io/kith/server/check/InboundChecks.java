package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.identity.Owner;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.provenance.Proof;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Decides about requests that come in: whether their caller's side let them out.
 *
 * <p>Which process asks cannot be found here, since the caller's proxy sends the requests of many
 * over one connection. It is what the token says, and the token counts only from the proxy that it
 * was given to.
 */
final class InboundChecks {
  private final MeshKeys keys;
  private final Set<String> probes;

  /**
   * @param probes paths that may be asked for without a certificate
   */
  InboundChecks(MeshKeys keys, Set<String> probes) {
    this.keys = requireNonNull(keys, "keys");
    this.probes = Set.copyOf(probes);
  }

  /**
   * Decides.
   *
   * @param callee whom the request is for
   * @param asked what that one asks of requests
   * @param mode its mode
   */
  Outcome decide(CheckFacts.Request request, Owner callee, Inbound asked, Mode mode, Instant now) {
    var problem = problem(request, callee, asked, now);
    return problem == null
        ? new Outcome(new Decision(new Allow(null), null, mode, null, null), null)
        : Outcome.undecided(mode, new Reason.BadProvenance(problem));
  }

  /** What is wrong with it, in words, or null. */
  private @Nullable String problem(
      CheckFacts.Request request, Owner callee, Inbound asked, Instant now) {
    var caller = request.caller();
    if (asked == Inbound.ACCEPT && keys.isNone()) {
      return null; // what others made says nothing here, as little as none would
    }
    if (request.token().isEmpty()) {
      return switch (asked) {
        case ACCEPT -> null;
        case REQUIRE ->
            caller == null && isProbe(request)
                ? null
                : sender(request) + " sent no token" + cause();
      };
    }
    if (caller == null) {
      return sender(request) + " sent a token";
    }
    return switch (keys.check(request.token(), caller, callee, now)) {
      case Proof.Good _ -> null;
      case Proof.Bad(var why) -> caller + " sent a token that " + why;
    };
  }

  private String cause() {
    return keys.isNone() ? ": servers without server.keys.provenance make none" : "";
  }

  /** Kubelets and metric scrapers have no certificate of the mesh. */
  private boolean isProbe(CheckFacts.Request request) {
    return (request.method().equals("GET") || request.method().equals("HEAD"))
        && probes.contains(request.path());
  }

  private static String sender(CheckFacts.Request request) {
    return request.caller() == null
        ? request.source().address() + ", which has no certificate,"
        : request.caller().toString();
  }
}
