package io.kith.baselines.config;

import io.kith.baselines.yaml.Values;
import java.nio.file.Path;

/** Who tells a bridge which SPIFFE IDs the processes of its node have. */
public sealed interface Attest {
  /** Nobody. */
  record None() implements Attest {
    @Override
    public String toString() {
      return "none";
    }
  }

  /** The configuration itself, which proves nothing: for development only. */
  record Dev() implements Attest {
    @Override
    public String toString() {
      return "dev";
    }
  }

  /** A SPIRE agent by its Delegated Identity API; the socket is its {@code admin_socket_path}. */
  record SpireDelegated(Path socket) implements Attest {
    @Override
    public String toString() {
      return DELEGATED + socket;
    }
  }

  /** A SPIRE agent by the SPIFFE Broker API. */
  record SpireBroker(Path socket) implements Attest {
    @Override
    public String toString() {
      return BROKER + socket;
    }
  }

  /** Before the path of the socket. */
  String DELEGATED = "spire-delegated:";

  /** Before the path of the socket. */
  String BROKER = "spire-broker:";

  /**
   * Reads {@code none}, {@code dev}, {@code spire-delegated:/path} or {@code spire-broker:/path}.
   *
   * @throws IllegalArgumentException for anything else
   */
  static Attest parse(String text) {
    if (text.equals("none")) {
      return new None();
    }
    if (text.equals("dev")) {
      return new Dev();
    }
    if (text.startsWith(DELEGATED)) {
      return new SpireDelegated(socket(text, DELEGATED));
    }
    if (text.startsWith(BROKER)) {
      return new SpireBroker(socket(text, BROKER));
    }
    throw expected(text);
  }

  private static Path socket(String text, String prefix) {
    var path = text.substring(prefix.length());
    if (!path.startsWith("/")) {
      throw expected(text);
    }
    return new Endpoint.Unix(Values.path(path)).path();
  }

  private static IllegalArgumentException expected(String text) {
    return new IllegalArgumentException(
        "'"
            + text
            + "' (expected: none, dev, spire-delegated:/path/of/admin.sock or"
            + " spire-broker:/path/of/broker.sock)");
  }
}
