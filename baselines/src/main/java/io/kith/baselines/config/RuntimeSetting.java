package io.kith.baselines.config;

import io.kith.baselines.yaml.Values;
import java.nio.file.Path;

/** Which container runtime of the node is asked about containers. */
public sealed interface RuntimeSetting {
  /** Those that have a socket where such sockets are. */
  record Auto() implements RuntimeSetting {
    @Override
    public String toString() {
      return "auto";
    }
  }

  /** None: containers are told apart, but have neither name nor image. */
  record Off() implements RuntimeSetting {
    @Override
    public String toString() {
      return "none";
    }
  }

  /** Docker Engine, or Podman with the same API, behind a Unix socket. */
  record Docker(Path socket) implements RuntimeSetting {
    @Override
    public String toString() {
      return "docker:" + socket;
    }
  }

  /** A runtime of Kubernetes behind a Unix socket. */
  record Cri(Path socket) implements RuntimeSetting {
    @Override
    public String toString() {
      return "cri:" + socket;
    }
  }

  /**
   * Reads {@code auto}, {@code none}, {@code docker:PATH} or {@code cri:PATH}.
   *
   * @throws IllegalArgumentException for anything else
   */
  static RuntimeSetting parse(String text) {
    if (text.equals("auto")) {
      return new Auto();
    }
    if (text.equals("none")) {
      return new Off();
    }
    var colon = text.indexOf(':');
    var kind = colon < 0 ? "" : text.substring(0, colon);
    var path = text.substring(colon + 1);
    if (!path.startsWith("/") || !(kind.equals("docker") || kind.equals("cri"))) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' (expected: auto, none, docker:PATH or cri:PATH with the absolute path of a Unix"
              + " socket)");
    }
    var socket = new Endpoint.Unix(Values.path(path)).path();
    return kind.equals("docker") ? new Docker(socket) : new Cri(socket);
  }
}
