package io.kith.load.compare;

import io.kith.load.tools.Command;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * OPA with its plugin for Envoy, and a policy that allows the same: each pod its destinations, by
 * one look-up. It knows no processes.
 */
final class OpaEnvoy {
  private static final Duration START = Duration.ofMinutes(1);
  private static final String VARIABLE = "KITH_OPA_ENVOY";

  private OpaEnvoy() {}

  /** The program, from {@code KITH_OPA_ENVOY}, else from {@code PATH}. */
  private static Path program() throws Unmeasured {
    var chosen = System.getenv(VARIABLE);
    if (chosen != null && !chosen.isBlank()) {
      var path = Path.of(chosen);
      if (!Files.isRegularFile(path) || !Files.isExecutable(path)) {
        throw new Unmeasured(VARIABLE + ": '" + chosen + "' is no program (expected: OPA-Envoy)");
      }
      return path;
    }
    @Nullable Path onPath = Command.find("opa-envoy");
    if (onPath == null) {
      throw new Unmeasured("not found (set " + VARIABLE + " to the program of OPA-Envoy)");
    }
    return onPath;
  }

  /** Decides by the addresses of a Check. */
  static Started start(Path folder, Cores cores, int pods)
      throws Unmeasured, IOException, InterruptedException {
    var started = start(folder, cores, pods, "allow");
    try {
      requireDecisions(started);
      return started;
    } catch (IOException | RuntimeException e) {
      started.close();
      throw e;
    }
  }

  /** Decides by the headers that the gate writes. */
  static Started startForGate(Path folder, Cores cores, int pods)
      throws Unmeasured, IOException, InterruptedException {
    return start(folder, cores, pods, "gate");
  }

  private static Started start(Path folder, Cores cores, int pods, String rule)
      throws Unmeasured, IOException, InterruptedException {
    var program = program();
    Files.createDirectories(folder);
    var policy = Files.writeString(folder.resolve("policy.rego"), NullGo.resource("policy.rego"));
    var data = Files.writeString(folder.resolve("data.json"), edges(pods));
    var port = FreePorts.next();
    var argv = new ArrayList<>(cores.serverPrefix());
    argv.addAll(
        List.of(
            program.toString(),
            "run",
            "--server",
            "--addr=127.0.0.1:0",
            "--disable-telemetry",
            "--log-level=error",
            "--set=plugins.envoy_ext_authz_grpc.addr=127.0.0.1:" + port,
            "--set=plugins.envoy_ext_authz_grpc.path=kith/authz/" + rule,
            policy.toString(),
            data.toString()));
    var process = RunningProcess.start("OPA-Envoy", folder.resolve("log"), Map.of(), argv);
    try {
      process.awaitReady(START, () -> listens(port));
      return new Started(process, port, List.of());
    } catch (RuntimeException e) {
      process.close();
      throw e;
    }
  }

  private static String edges(int pods) {
    var reached =
        IntStream.range(0, Traffic.DESTINATIONS)
            .mapToObj(to -> "\"" + Traffic.destination(to) + "\":" + Traffic.PORT)
            .collect(Collectors.joining(",", "{", "}"));
    return IntStream.range(0, pods)
        .mapToObj(pod -> "\"" + Traffic.pod(pod) + "\":" + reached)
        .collect(Collectors.joining(",", "{\"kith\":{\"edges\":{", "}}}"));
  }

  /** Of a pod that it knows everything passes, of another nothing. */
  private static void requireDecisions(Started server) throws IOException {
    var sockets = Traffic.DESTINATIONS;
    var known = new Traffic(Shape.l4, false, 0, sockets);
    var unknown = new Traffic(Shape.l4, false, 200, sockets);
    try (var driver = Driver.connect(server.port(), List.of(known), null);
        var stranger = Driver.connect(server.port(), List.of(unknown), null)) {
      if (driver.allowed(sockets) != sockets || stranger.allowed(sockets) != 0) {
        throw new IllegalStateException("OPA-Envoy does not decide by the policy");
      }
    }
  }

  private static boolean listens(int port) {
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1_000);
      return true;
    } catch (IOException _) {
      return false;
    }
  }
}
