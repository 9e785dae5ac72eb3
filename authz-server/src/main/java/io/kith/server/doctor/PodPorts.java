package io.kith.server.doctor;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.server.verb.Failure;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Ports of pods, forwarded by the API server, and what they answer over HTTP. Thread-safe. */
final class PodPorts implements AutoCloseable {
  /** How long somebody may take to answer. */
  static final Duration LIMIT = Duration.ofSeconds(30);

  private final KubernetesClient client;
  private final HttpClient http = HttpClient.newBuilder().connectTimeout(LIMIT).build();

  PodPorts(KubernetesClient client) {
    this.client = client;
  }

  /** What is asked at an address. */
  @FunctionalInterface
  interface Question<T> {
    T ask(URI address) throws Failure, IOException, InterruptedException;
  }

  /**
   * Asks at a port of a pod.
   *
   * @throws Failure when it cannot be forwarded, or does not answer; the message says which
   */
  <T> T ask(String namespace, String pod, int port, Question<T> question)
      throws Failure, InterruptedException {
    try (var forwarded = client.pods().inNamespace(namespace).withName(pod).portForward(port)) {
      try {
        return question.ask(URI.create("http://127.0.0.1:" + forwarded.getLocalPort()));
      } catch (Failure | IOException e) {
        for (var reasons :
            List.of(forwarded.getServerThrowables(), forwarded.getClientThrowables())) {
          for (var reason : reasons) {
            throw cannotBeForwarded(words(reason));
          }
        }
        throw e instanceof Failure failure
            ? failure
            : Failure.refused("its port " + port + " does not answer: " + words(e));
      }
    } catch (KubernetesClientException e) {
      throw cannotBeForwarded(reason(e));
    } catch (IOException e) {
      throw cannotBeForwarded(String.valueOf(e.getMessage()));
    }
  }

  private static Failure cannotBeForwarded(String why) {
    return Failure.refused("its port cannot be forwarded: " + why);
  }

  /** What a page says; anything but 200 is an exception. */
  HttpResponse<String> get(URI uri) throws IOException, InterruptedException {
    var request = HttpRequest.newBuilder(uri).timeout(LIMIT).build();
    var answer = http.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(uri.getPath() + " answers " + answer.statusCode());
    }
    return answer;
  }

  static URI page(URI address, String path) {
    return URI.create(address.toString().replaceFirst("/+$", "") + path);
  }

  /** What the API server said, in a line. */
  static String reason(KubernetesClientException e) {
    var cause = e.getCause();
    return firstLine(
        e.getStatus() != null && e.getStatus().getMessage() != null
            ? e.getStatus().getMessage()
            : cause != null && cause.getMessage() != null ? cause.getMessage() : e.getMessage());
  }

  static String words(Throwable e) {
    return e instanceof KubernetesClientException client
        ? reason(client)
        : firstLine(e.getMessage() == null ? e.toString() : e.getMessage());
  }

  private static String firstLine(@Nullable String text) {
    return String.valueOf(text).lines().findFirst().orElse("");
  }

  @Override
  public void close() {
    http.close();
  }
}
