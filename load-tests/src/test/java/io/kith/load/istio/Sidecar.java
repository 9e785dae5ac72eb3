package io.kith.load.istio;

import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Pod;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Istio;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Istio's sidecar beside a pod of a lab: the rules of its init container, and its pilot-agent,
 * which runs Envoy.
 */
final class Sidecar implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private final RunningProcess agent;
  private final EnvoyProxy envoy;

  private Sidecar(RunningProcess agent, EnvoyProxy envoy) {
    this.agent = agent;
    this.envoy = envoy;
  }

  /**
   * Does what the kubelet does with what was injected, and waits until the sidecar is ready.
   *
   * @param pod without redirection
   * @param moreHosts a line of its hosts file
   */
  static Sidecar start(
      ControlPlane plane, InjectedPod injected, Pod pod, String moreHosts, Istio istio, Envoy envoy)
      throws IOException, InterruptedException {
    capture(injected, pod, istio);
    var surroundings =
        PilotAgent.prepare(
            pod.folder().resolve("istio"),
            plane,
            injected.namespace(),
            injected.account(),
            moreHosts,
            istio,
            envoy);
    var downward = surroundings.folder().resolve("etc/istio/pod");
    Files.writeString(downward.resolve("labels"), injected.labels());
    Files.writeString(downward.resolve("annotations"), injected.annotations());
    var agent =
        pod.startBeside(
            "pilot-agent beside " + pod.name(),
            surroundings.folder().resolve("log"),
            surroundings.environment(injected.sidecarEnvironment(), PilotAgent.STATUS),
            surroundings.command(injected.sidecarArguments()));
    try {
      agent.awaitReady(LIMIT, () -> isReady(pod));
    } catch (IllegalStateException | InterruptedException e) {
      agent.close();
      throw e;
    }
    return new Sidecar(agent, EnvoyProxy.startedBy(agent, pod, PilotAgent.ENVOY_ADMIN));
  }

  private static void capture(InjectedPod injected, Pod pod, Istio istio)
      throws IOException, InterruptedException {
    var argv =
        new ArrayList<>(
            List.of("nsenter", "--net=" + pod.namespace().handle(), istio.agent().toString()));
    argv.addAll(injected.captureArguments());
    Command.run(LIMIT, argv).orFail();
  }

  private static boolean isReady(Pod pod) {
    try {
      var url = URI.create("http://127.0.0.1:" + PilotAgent.STATUS + "/healthz/ready").toURL();
      return pod.namespace()
          .call(
              () -> {
                var connection = (HttpURLConnection) url.openConnection(Proxy.NO_PROXY);
                connection.setRequestProperty("Connection", "close");
                connection.setConnectTimeout(10_000);
                connection.setReadTimeout(10_000);
                return connection.getResponseCode() == 200;
              });
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  EnvoyProxy envoy() {
    return envoy;
  }

  /** Kills it, and Envoy with it. */
  @Override
  public void close() {
    agent.kill();
  }
}
