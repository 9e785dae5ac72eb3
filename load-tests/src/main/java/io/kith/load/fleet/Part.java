package io.kith.load.fleet;

import io.kith.baselines.identity.SpiffeId;
import java.nio.file.Path;

/**
 * What a server of a fleet does.
 *
 * @param role as in {@code kith.yaml}
 * @param id its identity
 * @param settings further keys of {@code server}, indented by two spaces after the first, or empty
 * @param checks where it answers Checks, if it does
 */
public record Part(String role, SpiffeId id, String settings, String checks) {
  private Part(String role, SpiffeId id, String settings) {
    this(role, id, settings, "127.0.0.1:0");
  }

  /** Everything. */
  public static Part all() {
    return new Part("all", Fleet.SERVER, "");
  }

  /**
   * Everything, and it follows the objects of a cluster as that account, and tells its sidecars.
   */
  public static Part ofCluster(Path kubeconfig) {
    return new Part(
        "all", Fleet.SERVER, "kubernetes: {kubeconfig: \"" + kubeconfig + "\", overlays: true}");
  }

  /** It keeps the store, and check servers follow it at that port. */
  public static Part control(int port) {
    return new Part("control", Fleet.SERVER, followed(port));
  }

  /** Everything, and check servers follow it at that port. */
  public static Part allAndControl(int port) {
    return new Part("all", Fleet.SERVER, followed(port));
  }

  private static String followed(int port) {
    return "control: {listen: \"127.0.0.1:%d\"}\n  checkIds: [\"%s\"]".formatted(port, Fleet.CHECK);
  }

  /** It answers Checks. */
  public static Part check() {
    return new Part("check", Fleet.CHECK, "");
  }

  /** It answers Checks at a Unix socket. */
  public static Part checkAt(Path socket) {
    return new Part("check", Fleet.CHECK, "", "unix:" + socket);
  }

  /** It would answer Checks, but is none that a control server knows. */
  public static Part stranger() {
    return new Part("check", Fleet.BRIDGE, "");
  }

  boolean isCheck() {
    return role.equals("check");
  }
}
