package io.kith.istio;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a standalone Envoy beside one workload needs to know; {@link #yaml} turns it into a
 * bootstrap.
 *
 * @param node name of the node whose identity bridge sees the workload's sockets; sent as {@code
 *     x-kith-node}
 * @param workload name of the workload, for Envoy's node id and its traces
 * @param server where the authorization server takes Checks
 * @param serverId the SPIFFE ID that the authorization server must prove
 * @param identity where Envoy gets its certificate; absent: Checks travel in plain text, for tests
 *     of the recipe only
 * @param capture how connections of the workload reach Envoy
 * @param tcp when a TCP connection of unknown protocol is checked
 * @param httpPorts destination ports whose requests are checked one by one
 * @param tlsPorts destination ports where the client speaks TLS first: checked with the server name
 *     it asks for, before Envoy connects
 * @param failureModeAllow whether connections pass when the server cannot be asked; right for
 *     observe and shadow scopes, wrong under enforce
 * @param timeout how long Envoy waits for one answer, retries included
 * @param otlp where Envoy sends its own spans (OTLP over gRPC); absent: it sends none
 * @param adminPort port of Envoy's admin page on loopback, reduced to health and counters
 * @param shortCut whether requests are spared a check of their own where the answer about their
 *     connection says so; they do not notice then that a permission is taken back, or that the
 *     process became another, until the connection is ended, after a minute at the latest
 * @param inbound how requests come in to the workload; absent: not through Envoy
 */
public record StandaloneRecipe(
    String node,
    String workload,
    Address server,
    String serverId,
    @Nullable Identity identity,
    Capture capture,
    TcpCheck tcp,
    List<Integer> httpPorts,
    List<Integer> tlsPorts,
    boolean failureModeAllow,
    Duration timeout,
    @Nullable Address otlp,
    int adminPort,
    boolean shortCut,
    @Nullable Inbound inbound) {

  /** The port that captured connections are redirected to, as in Istio. */
  public static final int CAPTURE_PORT = 15001;

  /** The longest that Envoy waits for an answer unless told otherwise. */
  public static final Duration TIMEOUT = Duration.ofMillis(500);

  /** When a TCP connection of unknown protocol is checked. */
  public enum TcpCheck {
    /**
     * At the client's first byte. Envoy is connected to the destination by then, and a client that
     * stays silent is never checked and reads what the destination says first.
     */
    FIRST_BYTE,
    /** At connect, for every protocol: nothing reaches the destination before the answer. */
    GATE
  }

  /** An address that Envoy connects to. */
  public record Address(String host, int port) {
    public Address {
      requireNonNull(host, "host");
      requirePort("port", port);
    }
  }

  /**
   * A Unix socket that serves Envoy's SDS, and the names to ask for there. Both are explicit
   * because "default" means another certificate when several match.
   *
   * @param certificate name of the workload's certificate: its SPIFFE ID
   * @param bundle name of the trust bundle, such as {@code ROOTCA}
   */
  public record Identity(String sdsSocket, String certificate, String bundle) {
    public Identity {
      requireNonNull(sdsSocket, "sdsSocket");
      requireNonNull(certificate, "certificate");
      requireNonNull(bundle, "bundle");
    }
  }

  /** How connections of the workload reach Envoy. */
  public sealed interface Capture {}

  /**
   * The kernel redirects every outbound connection to {@link #CAPTURE_PORT}; nobody in the workload
   * need know.
   */
  public record Redirected() implements Capture {}

  /**
   * The workload dials Envoy on loopback, one port per destination: what remains without
   * privileges.
   */
  public record Dialled(List<Forward> forwards) implements Capture {
    public Dialled {
      forwards = List.copyOf(forwards);
    }
  }

  /**
   * One destination of a workload that dials Envoy.
   *
   * @param name name of the destination, also Envoy's cluster and so {@code x-kith-cluster}
   * @param listenPort port on loopback
   * @param peer the SPIFFE ID that the proxy at the destination has to prove, and to which this one
   *     proves its own; absent: bytes travel as the workload sends them
   */
  public record Forward(String name, int listenPort, Address destination, @Nullable String peer) {
    /** Without TLS of Envoy's. */
    public Forward(String name, int listenPort, Address destination) {
      this(name, listenPort, destination, null);
    }

    public Forward {
      requireNonNull(name, "name");
      requireNonNull(destination, "destination");
      requirePort("listenPort", listenPort);
    }
  }

  /**
   * Requests from other workloads: their proxies have to show a certificate of the mesh, and each
   * request is checked with what its caller's side says of it.
   *
   * @param listen where other proxies connect to
   * @param application where the workload takes requests
   */
  public record Inbound(Address listen, Address application) {
    public Inbound {
      requireNonNull(listen, "listen");
      requireNonNull(application, "application");
    }
  }

  public StandaloneRecipe {
    requireNonNull(node, "node");
    requireNonNull(workload, "workload");
    requireNonNull(server, "server");
    requireNonNull(serverId, "serverId");
    requireNonNull(capture, "capture");
    requireNonNull(tcp, "tcp");
    requireNonNull(timeout, "timeout");
    httpPorts = List.copyOf(httpPorts);
    tlsPorts = List.copyOf(tlsPorts);
    httpPorts.forEach(port -> requirePort("httpPorts", port));
    tlsPorts.forEach(port -> requirePort("tlsPorts", port));
    requirePort("adminPort", adminPort);
    for (var port : httpPorts) {
      if (tlsPorts.contains(port)) {
        throw new IllegalArgumentException(
            "tlsPorts: " + port + " is among httpPorts too (a port has one protocol)");
      }
    }
    if (identity == null && (inbound != null || speaksTls(capture))) {
      throw new IllegalArgumentException(
          "identity: missing (expected: a certificate to show to other proxies)");
    }
    if (timeout.isZero() || timeout.isNegative()) {
      // Envoy reads 0 as "fail at once", not as "no limit".
      throw new IllegalArgumentException("timeout: " + timeout + " (expected: more than 0)");
    }
    if (capture instanceof Dialled && tcp == TcpCheck.GATE) {
      throw new IllegalArgumentException(
          "tcp: GATE (expected: FIRST_BYTE when the workload dials Envoy; the gate needs the redirected address)");
    }
  }

  /** Without the short cut: each request is checked. */
  public StandaloneRecipe(
      String node,
      String workload,
      Address server,
      String serverId,
      @Nullable Identity identity,
      Capture capture,
      TcpCheck tcp,
      List<Integer> httpPorts,
      List<Integer> tlsPorts,
      boolean failureModeAllow,
      Duration timeout,
      @Nullable Address otlp,
      int adminPort) {
    this(
        node,
        workload,
        server,
        serverId,
        identity,
        capture,
        tcp,
        httpPorts,
        tlsPorts,
        failureModeAllow,
        timeout,
        otlp,
        adminPort,
        false,
        null);
  }

  /** The same with the short cut. */
  public StandaloneRecipe withShortCut() {
    return with(true, inbound);
  }

  /** The same with requests that come in. */
  public StandaloneRecipe with(Inbound requests) {
    return with(shortCut, requests);
  }

  private StandaloneRecipe with(boolean sparing, @Nullable Inbound requests) {
    return new StandaloneRecipe(
        node,
        workload,
        server,
        serverId,
        identity,
        capture,
        tcp,
        httpPorts,
        tlsPorts,
        failureModeAllow,
        timeout,
        otlp,
        adminPort,
        sparing,
        requests);
  }

  /** Envoy's bootstrap. */
  public String yaml() {
    return Yaml.text(new StandaloneBootstrap(this).document());
  }

  private static boolean speaksTls(Capture capture) {
    return capture instanceof Dialled(var forwards)
        && forwards.stream().anyMatch(forward -> forward.peer() != null);
  }

  private static void requirePort(String name, int port) {
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException(name + ": " + port + " (expected: 1 to 65535)");
    }
  }
}
