package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Mode;
import org.jspecify.annotations.Nullable;

/**
 * What an object of a cluster says of a scope.
 *
 * @param object as {@code shop/checkout}: its namespace and name
 * @param unattributedAllowed whether flows of unknown processes may pass; null: as kith.yaml says
 *     of the scope, else as the scope around it
 * @param inbound what is asked of requests that come in; null likewise
 */
public record DeclaredScope(
    String object, Mode mode, @Nullable Boolean unattributedAllowed, @Nullable Inbound inbound) {
  public DeclaredScope {
    requireNonNull(object, "object");
    requireNonNull(mode, "mode");
  }

  /** For people: {@code Scope shop/checkout}. */
  public String words() {
    return "Scope " + object;
  }
}
