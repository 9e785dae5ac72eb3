package io.kith.bridge.container;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Docker Engine, or Podman with the same API.
 *
 * <p>Source: Docker Engine API, {@code GET /containers/ID/json} and {@code GET /images/ID/json}.
 */
final class DockerEngine implements ContainerRuntime {
  private static final int MAX_BYTES = 4 << 20;
  private static final int OK = 200;
  private static final int NOT_FOUND = 404;

  private final Path socket;
  private final UnixHttp http;

  DockerEngine(Path socket, Duration limit) {
    this.socket = socket;
    this.http = new UnixHttp(socket, limit, MAX_BYTES);
  }

  @Override
  public String name() {
    return "Docker Engine at " + socket;
  }

  @Override
  public Path socket() {
    return socket;
  }

  @Override
  public @Nullable ContainerFacts inspect(String id) throws IOException {
    var answer = get("/containers/" + id + "/json");
    if (answer == null) {
      return null;
    }
    var json = RuntimeJson.object(answer);
    if (!id.equals(RuntimeJson.text(json, "Id"))) {
      return null; // it took the id for a name
    }
    var config = RuntimeJson.child(json, "Config");
    var labels = RuntimeJson.texts(config, "Labels");
    return new ContainerFacts(
        id,
        RuntimeJson.integer(RuntimeJson.child(json, "State"), "Pid"),
        name(json, labels),
        image(json, RuntimeJson.text(config, "Image")),
        KubernetesLabels.pod(labels),
        KubernetesLabels.isSandbox(labels),
        null,
        labels);
  }

  private static String name(JsonObject json, Map<String, String> labels) throws IOException {
    var inPod = labels.get(KubernetesLabels.CONTAINER);
    if (inPod != null) {
      return inPod;
    }
    var name = RuntimeJson.text(json, "Name");
    return name.startsWith("/") ? name.substring(1) : name;
  }

  private ContainerFacts.@Nullable Image image(JsonObject json, String asConfigured)
      throws IOException {
    var id = RuntimeJson.text(json, "Image");
    if (!Digests.isDigest(id)) {
      return null;
    }
    var answer = get("/images/" + id + "/json");
    return Digests.image(id, asConfigured, answer == null ? List.of() : digests(answer));
  }

  private static List<String> digests(String answer) throws IOException {
    var digests = new ArrayList<String>();
    var list = RuntimeJson.object(answer).get("RepoDigests");
    if (list != null && list.isJsonArray()) {
      for (var one : list.getAsJsonArray()) {
        if (one.isJsonPrimitive()) {
          digests.add(one.getAsString());
        }
      }
    }
    return digests;
  }

  /** The body, or null when there is no such thing. */
  private @Nullable String get(String target) throws IOException {
    var response = http.get(target);
    return switch (response.status()) {
      case OK -> response.body();
      case NOT_FOUND -> null;
      default -> throw new IOException("answers with status " + response.status());
    };
  }

  @Override
  public void close() {
    http.close();
  }
}
