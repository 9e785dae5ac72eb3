package io.kith.server.fleet;

import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.kith.baselines.config.Endpoint;
import io.kith.server.check.PeerFilter;
import io.kith.server.net.UnixServer;
import io.kith.server.rpc.CheckListener;
import io.kith.server.rpc.TransportAdmission;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** Where check servers find a control server: one port, mutual TLS. */
public final class FleetServer implements AutoCloseable {
  /* 10,000 parts are what a flusher keeps at most; they are 1.5 KB each, seldom up to 8. */
  static final int MAX_MESSAGE = 96 << 20;

  /** Of one connection; a check server has a stream, and a few calls beside it. */
  private static final int MAX_CALLS = 100;

  /**
   * How connections are treated.
   *
   * @param ofStranger of a SPIFFE ID that is no check server's; one more is refused. All check
   *     servers may have the same one
   * @param handshakes whose peers have not proved who they are; one more ends the oldest
   * @param idle without a call, after which one is ended; a check server has one all the time
   */
  public record Limits(int ofStranger, int handshakes, Duration idle) {
    static final Limits DEFAULT =
        new Limits(
            TransportAdmission.OF_STRANGER, TransportAdmission.HANDSHAKES, Duration.ofMinutes(1));
  }

  private static final Duration GRACE = Duration.ofSeconds(2);
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(10);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(5);

  private final Server server;
  private final ExecutorService calls;
  private final TransportAdmission admission;

  private FleetServer(Server server, ExecutorService calls, TransportAdmission admission) {
    this.server = server;
    this.calls = calls;
    this.admission = admission;
  }

  /**
   * Listens.
   *
   * @param age a connection is made anew after this, so that the certificates are looked at again
   * @throws IOException when the port cannot be had; the message is for people
   */
  public static FleetServer start(
      Endpoint.Tcp endpoint, X509Source identity, Duration age, FleetService service)
      throws IOException {
    return start(endpoint, identity, age, Limits.DEFAULT, service);
  }

  /** The same, with other limits. */
  public static FleetServer start(
      Endpoint.Tcp endpoint, X509Source identity, Duration age, Limits limits, FleetService service)
      throws IOException {
    var calls = Executors.newVirtualThreadPerTaskExecutor();
    var admission =
        new TransportAdmission(
            peer -> service.mayCall(peer) ? Integer.MAX_VALUE : limits.ofStranger(),
            "see server.checkIds",
            limits.handshakes(),
            "as so many are at the port of server.control.listen");
    try {
      // A stranger gets through the handshake, so that it is told that it is one.
      var server =
          NettyServerBuilder.forAddress(
                  new InetSocketAddress(endpoint.host(), endpoint.port()),
                  admission.credentials(SpiffeTls.grpcServerContext(identity, _ -> true)))
              .executor(calls)
              .addTransportFilter(
                  new PeerFilter(session -> SpiffeTls.peerOf(session, Clock.systemUTC())))
              .addTransportFilter(admission)
              .maxInboundMessageSize(MAX_MESSAGE)
              .maxConcurrentCallsPerConnection(MAX_CALLS)
              .maxConnectionIdle(limits.idle().toMillis(), TimeUnit.MILLISECONDS)
              .maxConnectionAge(age.toMillis(), TimeUnit.MILLISECONDS)
              .maxConnectionAgeGrace(GRACE.toMillis(), TimeUnit.MILLISECONDS)
              .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
              .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
              .permitKeepAliveTime(KEEP_ALIVE.toMillis() / 2, TimeUnit.MILLISECONDS)
              .permitKeepAliveWithoutCalls(true)
              .addService(service.definition())
              .build()
              .start();
      return new FleetServer(server, calls, admission);
    } catch (IOException e) {
      calls.close();
      var cause = e.getCause() == null ? e : e.getCause();
      throw new IOException(
          "server.control.listen: cannot listen at " + endpoint + ": " + cause.getMessage(), e);
    }
  }

  /** The port that it listens on. */
  public int port() {
    return server.getPort();
  }

  /** How many connections there are, and how many were refused. */
  public CheckListener.Connections connections() {
    return admission.connections();
  }

  @Override
  public void close() {
    UnixServer.stop(server, Duration.ZERO);
    calls.shutdownNow();
  }
}
