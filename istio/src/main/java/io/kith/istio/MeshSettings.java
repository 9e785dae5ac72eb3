package io.kith.istio;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.regex.Pattern;

/**
 * What the recipe of a mesh and its overlays have to agree on.
 *
 * @param tcp when a TCP connection to an address that no service has is checked
 * @param rootNamespace the namespace whose objects hold for the whole mesh
 * @param revision of the control plane, as in {@code istio.io/rev}
 * @param nodeVariable environment variable of the sidecar that has the name of its node
 * @param timeout how long Envoy waits for one answer, retries included
 * @param inbound whether what comes in to a workload is checked as well
 * @param shortCut whether requests are spared a check of their own where the answer about their
 *     connection says so; they do not notice then that a permission is taken back, or that the
 *     process became another, until the connection is ended, after a minute at the latest
 */
public record MeshSettings(
    Tcp tcp,
    String rootNamespace,
    String revision,
    String nodeVariable,
    Duration timeout,
    boolean inbound,
    boolean shortCut) {
  /** The namespace of Istio itself, unless told otherwise. */
  public static final String ROOT_NAMESPACE = "istio-system";

  /** Set by Istio's injector. */
  public static final String NODE_VARIABLE = "ISTIO_META_NODE_NAME";

  private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  /** When a TCP connection to an address that no service has is checked. */
  public enum Tcp {
    /**
     * At the client's first byte, as all others. Envoy is connected to the destination by then, and
     * a client that stays silent is never checked and reads what the destination says first.
     */
    BASELINE,
    /** At connect: nothing reaches the destination before the answer. */
    STRICT
  }

  public MeshSettings {
    requireNonNull(tcp, "tcp");
    requireNonNull(timeout, "timeout");
    if (rootNamespace.isBlank()) {
      throw new IllegalArgumentException("rootNamespace: empty (expected: " + ROOT_NAMESPACE + ")");
    }
    if (revision.isBlank()) {
      throw new IllegalArgumentException("revision: empty (expected: default)");
    }
    if (!VARIABLE.matcher(nodeVariable).matches()) {
      throw new IllegalArgumentException(
          "nodeVariable: '" + nodeVariable + "' (expected: a name such as " + NODE_VARIABLE + ")");
    }
    if (timeout.toMillis() < 1) {
      // Envoy reads 0 as "fail at once", not as "no limit".
      throw new IllegalArgumentException("timeout: " + timeout + " (expected: at least 1 ms)");
    }
  }

  /** With Istio's names, inbound checks, and without the short cut. */
  public static MeshSettings of(Tcp tcp) {
    return new MeshSettings(
        tcp, ROOT_NAMESPACE, "default", NODE_VARIABLE, StandaloneRecipe.TIMEOUT, true, false);
  }

  /** The same with the short cut. */
  public MeshSettings withShortCut() {
    return new MeshSettings(tcp, rootNamespace, revision, nodeVariable, timeout, inbound, true);
  }
}
