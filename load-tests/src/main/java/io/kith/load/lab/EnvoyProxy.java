package io.kith.load.lab;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.istio.StandaloneRecipe;
import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.net.Proxy;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * An Envoy beside a pod's container: in the pod's network, under Istio's user, with its own mounts.
 */
public final class EnvoyProxy implements AutoCloseable {
  /** User and group of the sidecar in Istio; its connections are not captured. */
  public static final int UID = 1337;

  /** Makes the program readable for Envoy's user, wherever the cache lies, and becomes it. */
  private static final String RUN =
      """
      set -eu
      ulimit -n 65536 || true # two for each connection, where this user may have as many
      : > "$2"
      mount --bind "$1" "$2"
      exec setpriv --reuid %1$d --regid %1$d --clear-groups --no-new-privs --bounding-set=-all \\
        "$2" -c "$3" --concurrency 2 --log-level warning --disable-hot-restart --file-flush-interval-msec 100
      """
          .formatted(UID);

  /** ECONNABORTED, as the JDK words it. */
  private static final String ABORTED = "Software caused connection abort";

  private final NetworkNamespace network;
  private final int adminPort;
  private final RunningProcess process;

  private EnvoyProxy(NetworkNamespace network, int adminPort, RunningProcess process) {
    this.network = network;
    this.adminPort = adminPort;
    this.process = process;
  }

  /**
   * Starts Envoy and waits until it serves. Its SDS socket, if any, must let user {@link #UID} in.
   */
  public static EnvoyProxy start(Pod pod, Envoy envoy, StandaloneRecipe recipe)
      throws IOException, InterruptedException {
    return start(pod, envoy, recipe, UnaryOperator.identity());
  }

  /**
   * The same with a change of the recipe's text.
   *
   * @param change made to the text
   */
  public static EnvoyProxy start(
      Pod pod, Envoy envoy, StandaloneRecipe recipe, UnaryOperator<String> change)
      throws IOException, InterruptedException {
    var config = pod.folder().resolve("envoy.yaml");
    Files.writeString(config, change.apply(recipe.yaml()));
    var log = pod.folder().resolve("envoy.log");
    Files.deleteIfExists(log);
    var process =
        pod.startBeside(
            "Envoy beside " + pod.name(),
            log,
            List.of(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                RUN,
                "sh",
                envoy.program().toRealPath().toString(),
                pod.folder().resolve("envoy").toString(),
                config.toString()));
    return awaitReady(new EnvoyProxy(pod.namespace(), recipe.adminPort(), process));
  }

  /** Starts Envoy as an ordinary process of this machine and user, for a workload that dials it. */
  static EnvoyProxy startHere(Path folder, Envoy envoy, StandaloneRecipe recipe)
      throws IOException, InterruptedException {
    var config = folder.resolve("envoy.yaml");
    Files.writeString(config, recipe.yaml());
    var argv =
        List.of(
            envoy.program().toString(),
            "-c",
            config.toString(),
            "--concurrency",
            "2",
            "--log-level",
            "warning",
            "--disable-hot-restart",
            "--file-flush-interval-msec",
            "100");
    var process = RunningProcess.start("Envoy", folder.resolve("envoy.log"), Map.of(), argv);
    return awaitReady(new EnvoyProxy(NetworkNamespace.OWN, recipe.adminPort(), process));
  }

  /**
   * Starts Envoy with one worker and a configuration of any kind, in the network of the calling
   * thread. Its access log is written and thrown away.
   *
   * @param name of its files
   * @param prefix what its command line begins with, such as a processor to stay on
   */
  public static EnvoyProxy startWorker(
      Path folder, String name, Envoy envoy, String config, int adminPort, List<String> prefix)
      throws IOException, InterruptedException {
    var file = Files.writeString(folder.resolve(name + ".yaml"), config);
    var argv = new ArrayList<>(prefix);
    argv.addAll(
        List.of(
            "sh",
            "-c",
            "exec \"$0\" \"$@\" > /dev/null",
            envoy.program().toString(),
            "-c",
            file.toString(),
            "--concurrency",
            "1",
            "--log-level",
            "warning",
            "--disable-hot-restart"));
    var process = RunningProcess.start("Envoy", folder.resolve(name + ".log"), Map.of(), argv);
    return awaitReady(new EnvoyProxy(NetworkNamespace.OWN, adminPort, process));
  }

  /** An Envoy that another program started beside a pod's container, and ends. */
  public static EnvoyProxy startedBy(RunningProcess agent, Pod pod, int adminPort) {
    return new EnvoyProxy(pod.namespace(), adminPort, agent);
  }

  private static EnvoyProxy awaitReady(EnvoyProxy proxy) throws InterruptedException {
    var process = proxy.process;
    try {
      process.awaitReady(Duration.ofMinutes(2), proxy::ready);
    } catch (IllegalStateException | InterruptedException e) {
      process.kill();
      throw e;
    }
    return proxy;
  }

  /** Its process as this machine numbers it. */
  public long pid() {
    return process.pid();
  }

  /**
   * Everything that Envoy wrote so far: its access log, a line of JSON per connection or request,
   * and its warnings.
   */
  public String log() {
    return process.log();
  }

  /** Value of a counter or gauge; an exception if Envoy has none of this name. */
  public long stat(String name) throws IOException, InterruptedException {
    return admin("/stats?filter=" + URLEncoder.encode("^" + Pattern.quote(name) + "$", UTF_8))
        .lines()
        .filter(line -> line.startsWith(name + ": "))
        .mapToLong(line -> Long.parseLong(line.substring(name.length() + 2).strip()))
        .findFirst()
        .orElseThrow(() -> new IOException("Envoy has no counter " + name));
  }

  /**
   * Body of a page of Envoy's administration, which only the pod can reach: the connection is made
   * in there, and not kept, since another pod's Envoy has the same address. Asked again when the
   * pod's guard began to enforce meanwhile, which destroys what was opened before.
   */
  public String admin(String path) throws IOException, InterruptedException {
    try {
      return adminOnce(path);
    } catch (IOException e) {
      if (!ABORTED.equals(e.getCause() == null ? null : e.getCause().getMessage())) {
        throw e;
      }
      return adminOnce(path);
    }
  }

  private String adminOnce(String path) throws IOException, InterruptedException {
    var url = URI.create("http://127.0.0.1:" + adminPort + path).toURL();
    return network.call(
        () -> {
          var connection = url.openConnection(Proxy.NO_PROXY);
          connection.setRequestProperty("Connection", "close");
          connection.setConnectTimeout(10_000);
          connection.setReadTimeout(10_000);
          try (var body = connection.getInputStream()) {
            return new String(body.readAllBytes(), UTF_8);
          }
        });
  }

  private boolean ready() {
    try {
      return admin("/ready").startsWith("LIVE");
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Kills Envoy as a crash would. */
  public void kill() {
    process.kill();
  }

  @Override
  public void close() {
    process.close();
  }
}
