package io.kith.server.kubernetes;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.server.verb.Failure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Clients of a Kubernetes API server. Nothing is sent before a client is used. */
public final class ApiServer {
  /** Where a pod finds the token of its service account and the API server's certificates. */
  private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

  private ApiServer() {}

  /**
   * A client with the service account of the pod that this process runs in.
   *
   * @param environment of the process: the API server's address is among it
   * @throws Failure when the process is not in a pod, or its pod has no account's token
   */
  public static KubernetesClient ofPod(Map<String, String> environment) throws Failure {
    return ofPod(environment, ACCOUNT);
  }

  static KubernetesClient ofPod(Map<String, String> environment, Path account) throws Failure {
    var host = environment.get("KUBERNETES_SERVICE_HOST");
    var port = environment.getOrDefault("KUBERNETES_SERVICE_PORT", "443");
    var token = account.resolve("token");
    if (host == null || !Files.isReadable(token)) {
      throw Failure.refused(
          "no Kubernetes API server: this is not a pod with a service account ("
              + (host == null ? "KUBERNETES_SERVICE_HOST is not set" : token + " cannot be read")
              + "); name a kubeconfig file");
    }
    return client(
        new ConfigBuilder(Config.empty())
            .withMasterUrl("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port)
            .withCaCertFile(account.resolve("ca.crt").toString())
            .withOauthTokenProvider(() -> read(token))
            .build());
  }

  /**
   * A client as a kubeconfig file says.
   *
   * @param context name of a context in the file, or null for its current one
   * @throws Failure when the file cannot be read, or does not say where an API server is
   */
  public static KubernetesClient of(Path kubeconfig, @Nullable String context) throws Failure {
    try {
      // The text alone would lose where relative paths in it begin.
      var config = Config.fromKubeconfig(context, kubeconfig.toAbsolutePath().toFile());
      if (config.getCurrentContext() == null) {
        throw Failure.refused(
            kubeconfig
                + ": "
                + (context == null ? "no current context" : "no context '" + context + "'"));
      }
      return client(config);
    } catch (KubernetesClientException | IllegalArgumentException e) {
      throw Failure.refused(kubeconfig + ": not a kubeconfig file: " + e.getMessage());
    }
  }

  private static KubernetesClient client(Config config) {
    return new KubernetesClientBuilder().withConfig(config).build();
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
