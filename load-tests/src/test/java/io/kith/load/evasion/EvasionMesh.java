package io.kith.load.evasion;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.evasion.Evasion.Place;
import io.kith.load.lab.ContainerEngine;
import io.kith.load.lab.DatagramSink;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.lab.PodProcess;
import io.kith.load.lab.Upstream;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.PodShop;
import io.kith.load.mesh.Rounds;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The mesh that all evasions share: the shop under enforce, with three more legitimate programs, a
 * resolver, a port that is taken out of the redirection, no redirection of IPv6, and a guard that
 * outlives the bridge.
 */
final class EvasionMesh implements AutoCloseable {
  /** A TCP port that is not redirected. */
  static final int EXCLUDED_PORT = 3306;

  /** accept(2) and accept4(2) on x86-64, accept(2) and accept4(2) on arm64. */
  private static final Set<String> ACCEPT = Set.of("43", "288", "202", "242");

  private static final Consumer<String> SAY = System.out::println;
  private static final List<String> LEGITIMATE = List.of("relay", "broker", "poll");
  private static final List<String> DROPPED =
      List.of(
          "from-port.pl",
          "fd-client.pl",
          "inject.pl",
          "leaderless.pl",
          "ring.pl",
          "double-fork.pl",
          "connect-exec.pl",
          "masquerade.pl",
          "mount-over.pl",
          "own-root.pl",
          "forge-tuple.pl",
          "packet.pl",
          "raw.pl",
          "vsock.pl",
          "storm.pl",
          "tunnel.pl",
          "own-cgroup.pl",
          "datagram.pl",
          "bpf.pl");

  final Lab lab;
  final Mesh mesh;
  final Envoy envoy;
  final Image image;
  final DatagramSink resolver;
  final DatagramSink strangerDatagrams;

  /** Of the stranger, on {@link #EXCLUDED_PORT}. */
  final Upstream strangerExcluded;

  /** Of the stranger, on the port of the payment provider. */
  final Upstream strangerTls;

  /** Of the stranger, on the port of the catalog. */
  final Upstream strangerHttp;

  /** A pod of the same workload that is not there yet will have this address. */
  final InetAddress comingPod;

  PodProcess relay;
  private final @Nullable ContainerEngine engine;
  private @Nullable Pod tools;
  private @Nullable Pod withoutSidecar;

  /**
   * Starts it and learns what is normal.
   *
   * @param place what the checkout pod is made of
   */
  EvasionMesh(Place place) throws Exception {
    envoy = Envoy.find(SAY);
    lab = Lab.open("kv", SAY);
    assertThat(lab.cgroupProblem()).isEmpty();
    var bpf = Files.createDirectory(lab.folder().resolve("bpf"));
    Command.run(Duration.ofMinutes(1), List.of("mount", "-t", "bpf", "bpf", bpf.toString()))
        .orFail();
    resolver = lab.addHost("resolver").datagrams(53);
    comingPod = lab.v4After(PodShop.ENDPOINTS);
    var guard =
        "resolvers: [\"%s:53\"], redirects: [ipv4], excluded: [\"0.0.0.0/0:%d\"]"
            .formatted(resolver.host().v4().getHostAddress(), EXCLUDED_PORT);
    var installed = new HashMap<String, String>();
    LEGITIMATE.forEach(name -> installed.put("/app/" + name, text(name)));
    installed.put("/app/spare", text("poll"));
    engine = place == Place.CONTAINER ? ContainerEngine.start(lab, SAY) : null;
    var shop =
        new PodShop(
            lab,
            new PodShop.Settings(
                installed,
                guard,
                "pin: \"%s\", runtime: \"%s\""
                    .formatted(
                        bpf.resolve("kith"), engine == null ? "none" : "docker:" + engine.socket()),
                List.of(comingPod.getHostAddress()),
                engine == null ? lab::addPod : engine::addPod),
            SAY);
    mesh = Mesh.start(shop, envoy, Mesh.Options.of("kv").onNode(), SAY);
    image = mesh.checkout().image();
    var stranger = mesh.stranger().host();
    strangerDatagrams = stranger.datagrams(4433);
    strangerExcluded = stranger.database(EXCLUDED_PORT);
    strangerTls = stranger.tls(443);
    strangerHttp = stranger.http(8080);
    for (var name : DROPPED) {
      mesh.checkout().write("/tmp/" + name, text(name));
    }
    lab.changeCapture(mesh.checkout(), false, "-I OUTPUT -p tcp --dport 3306 -j RETURN");
    lab.changeCapture(mesh.checkout(), true, "-F OUTPUT");
    learn();
  }

  static String text(String name) {
    try (InputStream stream = requireNonNull(EvasionMesh.class.getResourceAsStream(name), name)) {
      return new String(stream.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Starts the program that forwards, and waits until it waits for somebody. */
  PodProcess startRelay() throws Exception {
    var host = host(mesh.database());
    var port = Integer.toString(mesh.database().port());
    var relay = mesh.checkout().start(1000, "", List.of("/app/relay", host, port));
    var state = Path.of("/proc", Long.toString(relay.pidOnMachine()), "syscall");
    Mesh.await("the relay waits in accept(2)", Intruder.LIMIT, () -> isIn(state, ACCEPT));
    return relay;
  }

  private static boolean isIn(Path state, Set<String> calls) {
    try {
      return calls.contains(Files.readString(state).split(" ", 2)[0]);
    } catch (IOException _) {
      return false;
    }
  }

  private void learn() throws Exception {
    var host = host(mesh.database());
    var port = Integer.toString(mesh.database().port());
    relay = startRelay();
    mesh.checkout().start(1000, "", List.of("/app/broker", host, port));
    for (var i = 0; i < 3; i++) {
      assertWorks();
      var token = mesh.database().token();
      var asking =
          List.of(
              List.of("/app/poll", host, port, "22000"),
              List.of("/app/spare", host, port, "22001"),
              RELAYED,
              List.of("/usr/bin/perl", "/tmp/fd-client.pl"));
      for (var argv : asking) {
        assertThat(answer(argv)).as("%s", argv).contains(token);
      }
    }
    mesh.kith("learn", "finish", Mesh.CHECKOUT, "--note", "test run").orFail();
    mesh.kith("mode", Mesh.CHECKOUT, "enforce", "--note", "test").orFail();
    mesh.guard().await("enforce");
    assertWorks();
  }

  /** Asks the database, again where a busy machine refused it undecided. */
  private String answer(List<String> argv) throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var outcome = mesh.run(argv);
      if (outcome.stdout().contains(mesh.database().token()) || System.nanoTime() > end) {
        return outcome.toString();
      }
    }
  }

  /** Another container of the checkout pod, whose /app/checkout is not the workload's. */
  Pod tools() throws Exception {
    if (tools == null) {
      var other =
          Image.of(
              Map.of(
                  "/app/checkout",
                  "#!/usr/bin/perl\n" + Files.readString(mesh.checkout().path("/tmp/exfil.pl"))),
              SAY);
      tools =
          engine == null
              ? lab.addContainer(mesh.checkout(), "tools", other)
              : engine.addContainer(mesh.checkout(), "tools", other);
    }
    return tools;
  }

  /** A pod of the workload that has no sidecar, once the guard has its policy. */
  Pod podWithoutSidecar() throws Exception {
    if (withoutSidecar == null) {
      var pod = lab.addPod("coming", image);
      assertThat(pod.v4()).isEqualTo(comingPod);
      for (var name : List.of("exfil.pl", "datagram.pl", "storm.pl")) {
        pod.write("/tmp/" + name, Files.readString(mesh.checkout().path("/tmp/" + name)));
      }
      Mesh.await(
          "the guard of a pod without a sidecar",
          Intruder.LIMIT,
          () -> mesh.guard().status().contains(guardedUnderEnforce(pod)));
      withoutSidecar = pod;
    }
    return withoutSidecar;
  }

  private static String guardedUnderEnforce(Pod pod) {
    try {
      return "net:[" + Files.getAttribute(pod.namespace().handle(), "unix:ino") + "] enforce";
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Asks the database through the program of the pod that forwards. */
  static final List<String> RELAYED =
      List.of(
          "/bin/bash",
          "-c",
          "exec 3<>/dev/tcp/127.0.0.1/3128; echo DUMP >&3; read -r line <&3; echo \"$line\"");

  void assertWorks() throws Exception {
    new Rounds(mesh).succeed();
  }

  static String host(Upstream upstream) {
    return upstream.host().v4().getHostAddress();
  }

  Map<String, Upstream> upstreams() {
    return Map.of(
        "database", mesh.database(),
        "catalog", mesh.catalog(),
        "payments", mesh.payments(),
        "stranger", mesh.stranger(),
        "stranger, not redirected", strangerExcluded,
        "stranger, TLS", strangerTls,
        "stranger, HTTP", strangerHttp);
  }

  void forget() {
    upstreams().values().forEach(Upstream::forget);
    mesh.forgetConnections();
    strangerDatagrams.forget();
    resolver.forget();
  }

  @Override
  public void close() {
    mesh.close();
    if (engine != null) {
      engine.close();
    }
    lab.close();
  }
}
