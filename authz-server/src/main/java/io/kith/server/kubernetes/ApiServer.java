package io.kith.server.kubernetes;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.server.verb.Failure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Where a Kubernetes API server is and who calls: what a client is made of. */
public final class ApiServer {
  /** Where a pod finds the token of its service account and the API server's certificates. */
  private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

  /** They say at every attempt, with a stack trace, what is said here once. Held, or lost. */
  private static final List<Logger> NOISE =
      Stream.of("informers.impl.cache.Reflector", "dsl.internal.AbstractWatchManager", "jdkhttp")
          .map(name -> Logger.getLogger("io.fabric8.kubernetes.client." + name))
          .toList();

  /** Doubled up to 32 times: after an outage nobody waits longer than eight seconds. */
  private static final int RECONNECT_MILLIS = 250;

  private ApiServer() {}

  /**
   * A client whose requests are tried once: who asks knows when to ask again, and says why until
   * then. Its watches are made anew by themselves.
   */
  public static KubernetesClient client(Config config) {
    return builder(config).build();
  }

  /**
   * The same.
   *
   * @param throttling told of every answer
   */
  public static KubernetesClient client(Config config, Throttling throttling) {
    return builder(config)
        .withHttpClientBuilderConsumer(
            http -> http.addOrReplaceInterceptor("kith-throttling", throttling))
        .build();
  }

  private static KubernetesClientBuilder builder(Config config) {
    NOISE.forEach(logger -> logger.setLevel(Level.SEVERE));
    return new KubernetesClientBuilder()
        .withConfig(
            new ConfigBuilder(config)
                .withRequestRetryBackoffLimit(0)
                .withWatchReconnectInterval(RECONNECT_MILLIS)
                .build());
  }

  /**
   * As a server's settings say.
   *
   * @param base where a relative path of a kubeconfig begins
   * @param environment of the process
   * @throws Failure when they do not say where the API server is
   */
  public static Config of(KubernetesSettings settings, Path base, Map<String, String> environment)
      throws Failure {
    var kubeconfig = settings.kubeconfig();
    return kubeconfig == null ? ofPod(environment) : of(base.resolve(kubeconfig), null);
  }

  /**
   * With the service account of the pod that this process runs in.
   *
   * @param environment of the process: the API server's address is among it
   * @throws Failure when the process is not in a pod, or its pod has no account's token
   */
  public static Config ofPod(Map<String, String> environment) throws Failure {
    return ofPod(environment, ACCOUNT);
  }

  static Config ofPod(Map<String, String> environment, Path account) throws Failure {
    var host = environment.get("KUBERNETES_SERVICE_HOST");
    var port = environment.getOrDefault("KUBERNETES_SERVICE_PORT", "443");
    var token = account.resolve("token");
    if (host == null || !Files.isReadable(token)) {
      throw Failure.refused(
          "no Kubernetes API server: this is not a pod with a service account ("
              + (host == null ? "KUBERNETES_SERVICE_HOST is not set" : token + " cannot be read")
              + "); name a kubeconfig file");
    }
    return new ConfigBuilder(Config.empty())
        .withMasterUrl("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port)
        .withCaCertFile(account.resolve("ca.crt").toString())
        .withOauthTokenProvider(() -> read(token))
        .build();
  }

  /**
   * As a kubeconfig file says.
   *
   * @param context name of a context in the file, or null for its current one
   * @throws Failure when the file cannot be read, or does not say where an API server is
   */
  public static Config of(Path kubeconfig, @Nullable String context) throws Failure {
    try {
      // The text alone would lose where relative paths in it begin.
      var config = Config.fromKubeconfig(context, kubeconfig.toAbsolutePath().toFile());
      if (config.getCurrentContext() == null) {
        throw Failure.refused(
            kubeconfig
                + ": "
                + (context == null ? "no current context" : "no context '" + context + "'"));
      }
      return config;
    } catch (KubernetesClientException | IllegalArgumentException e) {
      throw Failure.refused(kubeconfig + ": not a kubeconfig file: " + e.getMessage());
    }
  }

  /** A kubelet writes another token before the last one expires. */
  private static String read(Path token) {
    try {
      return Files.readString(token).strip();
    } catch (IOException e) {
      throw new UncheckedIOException(token + " cannot be read: " + e.getMessage(), e);
    }
  }
}
