package io.kith.server.doctor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is run in a pod, over a WebSocket as the API server has it. */
@Timeout(120)
class LiveKithTest {
  private static final String POD =
      """
      {"apiVersion": "v1", "kind": "Pod",
       "metadata": {"name": "kith-server-0", "namespace": "kith", "labels": {"app.kubernetes.io/component": "server"}},
       "spec": {"containers": [{"name": "kith"}]},
       "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
      """;

  private static final String SUCCESS = "{\"status\": \"Success\"}";

  private static final String FAILED =
      """
      {"status": "Failure", "reason": "NonZeroExitCode",
       "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}
      """;

  private final List<String> asked = new ArrayList<>(); // guarded by this
  private final List<String> unasked = new ArrayList<>();
  private ServerSocket listener;
  private KubernetesClient client;
  private List<byte[]> answers = List.of();

  @BeforeEach
  void start() throws IOException {
    listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofPlatform().daemon().start(this::accept);
    client =
        new KubernetesClientBuilder()
            .withConfig(
                new ConfigBuilder()
                    .withAutoConfigure(false)
                    .withMasterUrl("http://127.0.0.1:" + listener.getLocalPort())
                    .build())
            .build();
  }

  @AfterEach
  void stop() throws IOException {
    client.close();
    listener.close();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var socket = listener.accept();
        Thread.ofPlatform().daemon().start(() -> serve(socket));
      } catch (IOException _) {
        return; // closed
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      var in = new DataInputStream(socket.getInputStream());
      var out = new DataOutputStream(socket.getOutputStream());
      while (true) {
        var head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
          head.append((char) in.readUnsignedByte());
        }
        var path = head.substring(4, head.indexOf(" HTTP"));
        synchronized (this) {
          asked.add(path);
        }
        if (path.contains("/exec?")) {
          out.write(upgraded(head.toString()).getBytes(UTF_8));
          for (var answer : answers) {
            frame(out, answer);
          }
          in.readAllBytes();
          return;
        }
        var body =
            (path.endsWith("/pods/kith-server-0")
                    ? POD
                    : "{\"apiVersion\": \"v1\", \"kind\": \"PodList\", \"metadata\": {}, \"items\":"
                        + " ["
                        + POD
                        + "]}")
                .getBytes(UTF_8);
        out.write(
            ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                    + body.length
                    + "\r\n\r\n")
                .getBytes(UTF_8));
        out.write(body);
      }
    } catch (IOException | GeneralSecurityException _) {
      // the client has what it wanted
    }
  }

  private static String upgraded(String head) throws GeneralSecurityException {
    var key = Pattern.compile("(?i)sec-websocket-key: (\\S+)").matcher(head);
    assertThat(key.find()).isTrue();
    var digest =
        MessageDigest.getInstance("SHA-1")
            .digest((key.group(1) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(UTF_8));
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: "
        + Base64.getEncoder().encodeToString(digest)
        + "\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n";
  }

  /** A message; the length of a short one is in a byte, of a longer one in two more. */
  private static void frame(DataOutputStream out, byte[] message) throws IOException {
    out.writeByte(0x82);
    if (message.length < 126) {
      out.writeByte(message.length);
    } else {
      out.writeByte(126);
      out.writeShort(message.length);
    }
    out.write(message);
    out.flush();
  }

  /** What a stream says: 1 is the output, 2 the errors, 3 how it ended. */
  private static byte[] says(int stream, String text) {
    return ((char) stream + text).getBytes(UTF_8);
  }

  private LiveKith kith() {
    return new LiveKith(client, new PodPorts(client), "kith", unasked::add);
  }

  @Test
  void status_isWhatKithStatusPrints_inPieces() throws Exception {
    answers =
        List.of(
            says(1, "{\"server_version\": \"1\", \"workloads\": [\"" + "x".repeat(30_000)),
            says(2, "a warning\n"),
            says(1, "\"]}\n"),
            says(3, SUCCESS));

    var status = kith().status();

    assertThat(status).isNotNull().containsEntry("server_version", "1").containsKey("workloads");
    assertThat(unasked).isEmpty();
    synchronized (this) {
      assertThat(asked)
          .anySatisfy(
              path ->
                  assertThat(path)
                      .startsWith("/api/v1/namespaces/kith/pods/kith-server-0/exec?")
                      .contains("command=kith&command=status&command=-o&command=json")
                      .contains("container=kith"));
    }
  }

  @Test
  void status_ofACommandThatFails_isUnasked_andWhy() throws Exception {
    answers = List.of(says(2, "kith: no server at unix:/run/kith\nmore\n"), says(3, FAILED));

    assertThat(kith().status()).isNull();
    assertThat(unasked)
        .containsExactly(
            "status of Kith by kith-server-0: kith status -o json ends with 3: kith: no server at"
                + " unix:/run/kith");
  }

  @Test
  void status_thatIsNoJson_isUnasked() throws Exception {
    answers = List.of(says(1, "hello"), says(3, SUCCESS));

    assertThat(kith().status()).isNull();
    assertThat(unasked).singleElement().asString().contains("kith-server-0: is not ");
  }
}
