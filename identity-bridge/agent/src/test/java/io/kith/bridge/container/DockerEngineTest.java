package io.kith.bridge.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.bridge.container.ContainerFacts.Image;
import io.kith.bridge.container.ContainerFacts.PodName;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(600)
class DockerEngineTest {
  private static final Duration LIMIT = Duration.ofMillis(300);
  private static final Duration LONG = Duration.ofMinutes(1);
  private static final String ID = "8".repeat(64);
  private static final String IMAGE = "sha256:" + "1".repeat(64);
  private static final String MANIFEST = "sha256:" + "2".repeat(64);
  private static final String CONTAINER =
      """
      {"Id":"%s","Name":"/shop-1","Image":"%s","State":{"Pid":4711,"Running":true},
       "Config":{"Image":"shop.example/checkout:7","Labels":{"a":"b"}},"Size":1.5,"Node":null}
      """
          .formatted(ID, IMAGE);

  @TempDir private Path folder;

  private static String ok(String body) {
    return "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body;
  }

  private FakeUnixServer answering(Map<String, String> answers) throws IOException {
    return new FakeUnixServer(
        folder.resolve("s"),
        client -> {
          var target = FakeUnixServer.request(client).split(" ", -1)[1];
          FakeUnixServer.say(
              client, answers.getOrDefault(target, "HTTP/1.0 404 Not Found\r\n\r\n{}"));
        });
  }

  private static @Nullable ContainerFacts inspect(FakeUnixServer server, Duration limit)
      throws IOException {
    try (var engine = new DockerEngine(server.socket(), limit)) {
      return engine.inspect(ID);
    }
  }

  @Test
  void inspect_container_isDescribedWithTheDigestOfItsManifest() throws Exception {
    var image =
        """
        {"RepoDigests":["mirror.example/x@sha256:%s","shop.example/checkout@%s"]}\
        """
            .formatted("0".repeat(64), MANIFEST);
    try (var server =
        answering(
            Map.of(
                "/containers/" + ID + "/json", ok(CONTAINER),
                "/images/" + IMAGE + "/json", ok(image)))) {

      assertThat(inspect(server, LONG))
          .isEqualTo(
              new ContainerFacts(
                  ID,
                  4711,
                  "shop-1",
                  new Image(MANIFEST, true),
                  null,
                  false,
                  null,
                  Map.of("a", "b")));
    }
  }

  @Test
  void inspect_imageThatCameFromNoRegistry_isNamedByItsId() throws Exception {
    try (var server =
        answering(
            Map.of(
                "/containers/" + ID + "/json", ok(CONTAINER),
                "/images/" + IMAGE + "/json", ok("{\"RepoDigests\":[]}")))) {
      assertThat(inspect(server, LONG))
          .extracting(ContainerFacts::image)
          .isEqualTo(new Image(IMAGE, false));
    }
  }

  @Test
  void inspect_containerOfTheKubelet_hasItsNameInThePod() throws Exception {
    var labels =
        """
        {"io.kubernetes.container.name":"istio-proxy","io.kubernetes.pod.name":"checkout-1",
         "io.kubernetes.pod.namespace":"shop","io.kubernetes.docker.type":"container"}\
        """;
    try (var server =
        answering(
            Map.of(
                "/containers/" + ID + "/json", ok(CONTAINER.replace("{\"a\":\"b\"}", labels))))) {

      var facts = inspect(server, LONG);

      assertThat(facts).extracting(ContainerFacts::name).isEqualTo("istio-proxy");
      assertThat(facts)
          .extracting(ContainerFacts::pod)
          .isEqualTo(new PodName("shop", "checkout-1"));
    }
  }

  @Test
  void inspect_containerThatItDoesNotKnow_isNull() throws Exception {
    try (var server = answering(Map.of())) {
      assertThat(inspect(server, LONG)).isNull();
    }
  }

  @Test
  void inspect_answerAboutAnother_isNull() throws Exception {
    var other = CONTAINER.replace(ID, "9".repeat(64));
    try (var server = answering(Map.of("/containers/" + ID + "/json", ok(other)))) {
      assertThat(inspect(server, LONG)).isNull();
    }
  }

  @Test
  void inspect_serverThatHangs_endsAtTheLimit() throws Exception {
    var never = new CountDownLatch(1);
    try (var server = new FakeUnixServer(folder.resolve("s"), _ -> never.await())) {
      assertThatThrownBy(() -> inspect(server, LIMIT))
          .isInstanceOf(IOException.class)
          .hasMessage("no answer in 300 ms");
    }
  }

  @Test
  void inspect_serverThatDripsForever_endsAtTheLimit() throws Exception {
    try (var server =
        new FakeUnixServer(
            folder.resolve("s"),
            client -> {
              FakeUnixServer.say(client, "HTTP/1.0 200 OK\r\n\r\n");
              while (true) {
                FakeUnixServer.say(client, " ");
                Thread.sleep(10); // slower than anybody reads
              }
            })) {
      assertThatThrownBy(() -> inspect(server, LIMIT)).hasMessage("no answer in 300 ms");
    }
  }

  @Test
  void inspect_whatIsNoAnswer_isRefusedInWords() throws Exception {
    var refused =
        Map.of(
            "",
            "hung up without an answer",
            "\0\1\2 garbage",
            "answer is not HTTP",
            "HTTP/1.0 500 Internal Server Error\r\n\r\n{}",
            "answers with status 500",
            "HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n{}",
            "answer cut: 2 of 99 bytes arrived",
            "HTTP/1.0 200 OK\r\nContent-Length: x\r\n\r\n{}",
            "answer with a length that is no number",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "answer in chunks, to HTTP/1.0",
            ok("{\"Id\":"),
            "answer is not JSON",
            ok("[]"),
            "answer is not one JSON object",
            ok("{} {}"),
            "answer is not JSON");
    for (var entry : refused.entrySet()) {
      try (var server =
          new FakeUnixServer(
              folder.resolve("r" + Integer.toHexString(entry.getKey().hashCode())),
              client -> {
                FakeUnixServer.request(client);
                FakeUnixServer.say(client, entry.getKey());
              })) {
        assertThatThrownBy(() -> inspect(server, LONG))
            .as(entry.getKey())
            .isInstanceOf(IOException.class)
            .hasMessage(entry.getValue());
      }
    }
  }

  @Test
  void inspect_answerWithoutWhatIsNeeded_saysWhatIsMissing() throws Exception {
    var odd =
        Map.of(
            "{}",
            "answer without Id",
            CONTAINER.replace("\"State\"", "\"S\""),
            "answer without State",
            CONTAINER.replace("4711", "-1"),
            "answer without a number for Pid",
            CONTAINER.replace("4711", "\"x\""),
            "answer without a number for Pid",
            CONTAINER.replace("\"Config\"", "\"C\""),
            "answer without Config");
    for (var entry : odd.entrySet()) {
      try (var server =
          new FakeUnixServer(
              folder.resolve("r" + Integer.toHexString(entry.getKey().hashCode())),
              client -> {
                FakeUnixServer.request(client);
                FakeUnixServer.say(client, ok(entry.getKey()));
              })) {
        assertThatThrownBy(() -> inspect(server, LONG))
            .as(entry.getKey())
            .isInstanceOf(IOException.class)
            .hasMessage(entry.getValue());
      }
    }
  }

  @Test
  void inspect_hugeAnswer_isNotRead() throws Exception {
    try (var server =
        new FakeUnixServer(
            folder.resolve("s"),
            client -> {
              FakeUnixServer.request(client);
              FakeUnixServer.say(client, ok("{\"Id\":\""));
              while (true) {
                FakeUnixServer.say(client, "x".repeat(65_536));
              }
            })) {
      assertThatThrownBy(() -> inspect(server, LONG))
          .hasMessage("answer longer than 4194304 bytes");
    }
  }

  @Test
  void inspect_noSocket_saysSo() {
    try (var engine = new DockerEngine(folder.resolve("none"), LONG)) {
      assertThatThrownBy(() -> engine.inspect(ID)).isInstanceOf(IOException.class);
    }
  }
}
