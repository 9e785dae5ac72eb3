package io.kith.server.kubernetes.resource;

import io.kith.baselines.config.ScopeName;
import io.kith.istio.FailureMode;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What sidecars do while the server cannot be asked, as the modes of their scopes want it. */
interface FailureModes {
  /** Nobody tells sidecars. */
  FailureModes NONE =
      new FailureModes() {
        @Override
        public void follow(Map<ScopeName, FailureMode> asked, Set<ScopeName> unclear) {}

        @Override
        public @Nullable Condition condition(ScopeName scope) {
          return null;
        }

        @Override
        public @Nullable Condition notEnforced(ScopeName scope) {
          return null;
        }
      };

  /**
   * Has the sidecars of each scope follow its mode as the server decides by it now.
   *
   * @param asked what objects ask for instead
   * @param unclear scopes whose object cannot be understood: they stay as they are
   */
  void follow(Map<ScopeName, FailureMode> asked, Set<ScopeName> unclear);

  /** What a scope's sidecars are told, or why not; null where nobody tells them. */
  @Nullable Condition condition(ScopeName scope);

  /** Why a scope whose servers enforce is not enforced as a whole; null when it is. */
  @Nullable Condition notEnforced(ScopeName scope);
}
