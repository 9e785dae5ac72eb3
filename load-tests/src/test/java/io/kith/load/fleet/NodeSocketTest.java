package io.kith.load.fleet;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The real Envoy with the cluster of docs/roles.md: Checks go over mutual TLS to the Unix socket of
 * the node's check server, to a central one while that is gone, and back.
 */
@Timeout(900)
class NodeSocketTest {
  private static final Pattern SNIPPET = Pattern.compile("```yaml envoy\n(.*?)```", Pattern.DOTALL);

  /** Answers every connection with a text that nobody else knows. */
  private static final class Upstream implements AutoCloseable {
    final String secret = UUID.randomUUID().toString();
    final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

    Upstream() throws IOException {
      Thread.ofPlatform().daemon().start(this::serve);
    }

    private void serve() {
      while (!server.isClosed()) {
        try (var one = server.accept()) {
          if (one.getInputStream().read() >= 0) {
            one.getOutputStream().write(secret.getBytes(UTF_8));
          }
        } catch (IOException _) {
          // that connection, or all of them
        }
      }
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }

  private static String cluster(Member member, Path socket, int central) throws IOException {
    var page = Files.readString(Path.of("..", "docs", "roles.md"));
    var snippet = SNIPPET.matcher(page);
    assertThat(snippet.find()).isTrue();
    var cluster = snippet.group(1);
    for (var change :
        List.of(
            List.of("/run/kith/checks/check.sock", socket.toString()),
            List.of("10.96.0.91", "127.0.0.1"),
            List.of("9191", Integer.toString(central)),
            List.of("spiffe://example.org/ns/shop/sa/checkout", member.spiffeId().toString()),
            List.of("spiffe://example.org/ns/kith/sa/check-server", Fleet.CHECK.toString()))) {
      assertThat(cluster).contains(change.getFirst());
      cluster = cluster.replace(change.getFirst(), change.getLast());
    }
    return cluster.indent(4).replaceFirst("^    ", "  - ");
  }

  private static String config(String cluster, Path sds, int listener, int upstream, int admin) {
    return """
    admin: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}
    node: {id: test, cluster: test}
    static_resources:
      listeners:
      - address: {socket_address: {address: 127.0.0.1, port_value: %d}}
        filter_chains:
        - filters:
          - name: envoy.filters.network.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz
              stat_prefix: kith
              transport_api_version: V3
              failure_mode_allow: false
              grpc_service:
                timeout: 20s
                envoy_grpc: {cluster_name: kith_server, authority: kith}
                retry_policy:
                  num_retries: 5
                  retry_on: unavailable,reset,connect-failure
                  retry_back_off: {base_interval: 0.05s, max_interval: 0.5s}
                initial_metadata:
                - {key: x-kith-direction, value: outbound}
                - {key: x-kith-node, value: node-1}
                - {key: x-kith-conn, value: "%%CONNECTION_ID%%"}
          - name: envoy.filters.network.tcp_proxy
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
              stat_prefix: upstream
              cluster: upstream
      clusters:
    %s
      - name: kith_sds
        type: STATIC
        load_assignment:
          cluster_name: kith_sds
          endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: "%s"}}}}]}]
        typed_extension_protocol_options:
          envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
            "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
            explicit_http_config: {http2_protocol_options: {}}
      - name: upstream
        type: STATIC
        load_assignment:
          cluster_name: upstream
          endpoints:
          - lb_endpoints:
            - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}
    """
        .formatted(admin, listener, cluster.stripTrailing(), sds, upstream);
  }

  /** What came back through Envoy; empty when it was refused. */
  private static String through(int listener) throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), listener)) {
      socket.setSoTimeout(60_000);
      socket.getOutputStream().write('x');
      return new String(socket.getInputStream().readAllBytes(), UTF_8);
    }
  }

  private static double answered(ServerProcess server) {
    try {
      return server
          .metrics()
          .lines()
          .filter(line -> line.startsWith("kith_checks_total"))
          .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
          .sum();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void nodesServer_isAskedOverItsSocket_andTheCentralOneWhileItIsGone() throws Exception {
    var folder = Files.createTempDirectory("kith-o");
    var socket = folder.resolve("checks/check.sock");
    var program = Envoy.find(System.out::println);
    var port = FreePorts.next();
    var listener = FreePorts.next();
    var admin = FreePorts.next();
    try (var fleet = Fleet.make(folder, 1);
        var upstream = new Upstream()) {
      var member = fleet.members().getFirst();
      var nodeSetup =
          new Setup(
              fleet,
              "node",
              Fleet.following(port, folder.resolve("node/copy")),
              Part.checkAt(socket));
      try (var control =
              new Setup(
                      fleet,
                      "control",
                      Fleet.sqlite(folder.resolve("control/kith.db")),
                      Part.control(port))
                  .startAndWait();
          var central =
              new Setup(
                      fleet,
                      "central",
                      Fleet.followingForAll(port, folder.resolve("central/copy")),
                      Part.check())
                  .startAndWait()) {
        var node = nodeSetup.startAndWait();
        assertThat(node.log()).contains("  checks       unix:" + socket);
        var config =
            config(
                cluster(member, socket, central.port("checks")),
                fleet.socketOf(member.spiffeId()),
                listener,
                upstream.server.getLocalPort(),
                admin);
        try (var envoy =
            EnvoyProxy.startWorker(folder, "envoy", program, config, admin, List.of())) {
          Mesh.await(
              "the node's server answers",
              Mesh.PATIENCE,
              () -> passes(listener, upstream) && answered(node) > 0);
          var before = answered(central);
          for (var i = 0; i < 20; i++) {
            assertThat(through(listener)).isEqualTo(upstream.secret);
          }
          assertThat(answered(central))
              .as("asked while the node's server is there")
              .isEqualTo(before);

          node.kill();
          for (var i = 0; i < 20; i++) {
            assertThat(through(listener)).as("not one is lost").isEqualTo(upstream.secret);
          }
          assertThat(answered(central) - before).isEqualTo(20);
          assertThat(socket).as("left behind").exists();

          try (var again = nodeSetup.startAndWait()) {
            Mesh.await(
                "the node's server answers again",
                Mesh.PATIENCE,
                () -> passes(listener, upstream) && answered(again) > 0);
          }
          central.kill();
          assertThat(through(listener)).as("nobody is there").isEmpty();
          assertThat(envoy.stat("tcp.upstream.downstream_cx_total")).isGreaterThan(41);
          assertThat(control.alive()).isTrue();
        } finally {
          node.kill();
        }
      }
    } finally {
      ToolCache.delete(folder);
    }
  }

  private static boolean passes(int listener, Upstream upstream) {
    try {
      return through(listener).equals(upstream.secret);
    } catch (IOException _) {
      return false;
    }
  }
}
