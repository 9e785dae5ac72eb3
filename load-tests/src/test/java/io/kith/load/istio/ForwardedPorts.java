package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Command;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * The one thing of a kubelet that is wanted in a lab without any: it forwards ports of pods. The
 * API server passes the client's WebSocket on to it (subprotocol {@code v4.channel.k8s.io}): each
 * message begins with the number of its channel, 0 for data and 1 for errors, and the first of each
 * names the port.
 */
final class ForwardedPorts implements AutoCloseable {
  private static final Pattern PATH =
      Pattern.compile("/portForward/[^/]+/([^/?]+)\\?ports?=(\\d+)");
  private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  private static final char[] PASSWORD = "password".toCharArray();
  private static final int BINARY = 0x82;

  /** In place of a length, says that two bytes with it follow; forbidden where one would do. */
  private static final int LONGER = 126;

  private final ServerSocket listener;
  private final Map<String, NetworkNamespace> pods;

  private ForwardedPorts(ServerSocket listener, Map<String, NetworkNamespace> pods) {
    this.listener = listener;
    this.pods = Map.copyOf(pods);
  }

  /**
   * Begins, and tells the API server where.
   *
   * @param pods networks of the lab by the names of pods in the API server
   */
  static ForwardedPorts start(
      ControlPlane plane,
      String node,
      InetAddress address,
      Path folder,
      Map<String, NetworkNamespace> pods)
      throws IOException, InterruptedException, GeneralSecurityException {
    var listener = tls(folder).getServerSocketFactory().createServerSocket();
    listener.bind(new InetSocketAddress(address, 0));
    var ports = new ForwardedPorts(listener, pods);
    Thread.ofPlatform().daemon().name("kubelet").start(ports::accept);
    var wanted = new NodeBuilder().withNewMetadata().withName(node).endMetadata().build();
    plane.client().resource(wanted).create();
    plane
        .client()
        .resource(wanted)
        .editStatus(
            one ->
                new NodeBuilder(one)
                    .editOrNewStatus()
                    .addNewAddress(address.getHostAddress(), "InternalIP")
                    .withNewDaemonEndpoints()
                    .withNewKubeletEndpoint(listener.getLocalPort())
                    .endDaemonEndpoints()
                    .endStatus()
                    .build());
    return ports;
  }

  /** The API server does not look at the certificate, unless it is told to. */
  private static SSLContext tls(Path folder)
      throws IOException, InterruptedException, GeneralSecurityException {
    var store = folder.resolve("kubelet.p12");
    Command.run(
            Duration.ofMinutes(1),
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                "EC",
                "-dname",
                "CN=node",
                "-storetype",
                "PKCS12",
                "-storepass",
                new String(PASSWORD),
                "-keystore",
                store.toString()))
        .orFail();
    var keys = KeyStore.getInstance("PKCS12");
    try (var stream = Files.newInputStream(store)) {
      keys.load(stream, PASSWORD);
    }
    var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD);
    var context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    return context;
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var client = listener.accept();
        Thread.ofPlatform().daemon().name("forwarded port").start(() -> serve(client));
      } catch (IOException _) {
        return; // closed
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      var in = new DataInputStream(client.getInputStream());
      var out = new DataOutputStream(client.getOutputStream());
      var head = head(in);
      var path = PATH.matcher(head);
      var pod = path.find() ? pods.get(path.group(1)) : null;
      if (pod == null) {
        out.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".getBytes(US_ASCII));
        return;
      }
      var port = Integer.parseInt(path.group(2));
      out.write(upgraded(head).getBytes(US_ASCII));
      for (var channel = 0; channel < 2; channel++) {
        frame(out, channel, new byte[] {(byte) port, (byte) (port >> 8)}, 2);
      }
      try (var inside = pod.call(() -> new Socket(InetAddress.getLoopbackAddress(), port))) {
        Thread.ofPlatform().daemon().name("answers").start(() -> answers(inside, out));
        questions(in, inside.getOutputStream());
      }
    } catch (IOException | GeneralSecurityException e) {
      IstioMesh.SAY.accept("forwarded port: " + e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private static String head(DataInputStream in) throws IOException {
    var head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) in.readUnsignedByte());
    }
    return head.toString();
  }

  private static String upgraded(String head) throws GeneralSecurityException {
    var key = Pattern.compile("(?i)sec-websocket-key: (\\S+)").matcher(head);
    if (!key.find()) {
      throw new IllegalStateException("no WebSocket: " + head);
    }
    var digest =
        MessageDigest.getInstance("SHA-1").digest((key.group(1) + GUID).getBytes(US_ASCII));
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: "
        + Base64.getEncoder().encodeToString(digest)
        + "\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n";
  }

  private static void frame(DataOutputStream out, int channel, byte[] bytes, int length)
      throws IOException {
    synchronized (out) {
      out.writeByte(BINARY);
      if (length + 1 < LONGER) {
        out.writeByte(length + 1);
      } else {
        out.writeByte(LONGER);
        out.writeShort(length + 1);
      }
      out.writeByte(channel);
      out.write(bytes, 0, length);
      out.flush();
    }
  }

  /** What the pod says, until it says no more. */
  private static void answers(Socket inside, DataOutputStream out) {
    var bytes = new byte[16_384];
    try {
      for (int read; (read = inside.getInputStream().read(bytes)) > 0; ) {
        frame(out, 0, bytes, read);
      }
    } catch (IOException _) {
      // the client has what it wanted
    }
  }

  /** What the client says; its messages are masked. */
  private static void questions(DataInputStream in, OutputStream to) throws IOException {
    while (true) {
      var first = in.read();
      if (first < 0 || (first & 0x0f) == 8) {
        return; // closed
      }
      long length = in.readUnsignedByte() & 0x7f;
      if (length == LONGER) {
        length = in.readUnsignedShort();
      } else if (length == 127) {
        length = in.readLong();
      }
      var mask = in.readNBytes(4);
      var payload = in.readNBytes((int) length);
      for (var i = 0; i < payload.length; i++) {
        payload[i] ^= mask[i % 4];
      }
      if ((first & 0x0f) <= 2 && payload.length > 1 && payload[0] == 0) {
        to.write(payload, 1, payload.length - 1);
        to.flush();
      }
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
