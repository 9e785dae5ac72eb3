package io.kith.bridge.process;

import io.kith.bridge.container.Described;
import io.kith.bridge.container.Described.Known;
import org.jspecify.annotations.Nullable;

/** What a process's fingerprint takes from the container that it is in. */
final class ContainerPart {
  private ContainerPart() {}

  static @Nullable String name(Described described) {
    return described instanceof Known(var facts, _) ? facts.name() : null;
  }

  static @Nullable String imageDigest(Described described) {
    return described instanceof Known(var facts, _) && facts.image() != null
        ? facts.image().digest()
        : null;
  }

  /**
   * Whether it came in when the container was running: by the runtime's first process where that is
   * known, else by the oldest process that was found there.
   */
  static boolean isExecSession(Described described, ProcessTree.Ancestry ancestry) {
    var entered = ancestry.entered();
    if (entered != null && described instanceof Known(_, var first) && first != null) {
      return entered.pid() != first.pid() || entered.startNanos() != first.startNanos();
    }
    return ancestry.execSession();
  }
}
