package io.kith.load.attribution;

import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.server.bridge.BridgeHub;
import io.kith.server.bridge.BridgeService;
import io.kith.server.check.PeerFilter;
import io.kith.server.net.FramesSocket;
import io.kith.server.rpc.EventLoops;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.InstantSource;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The part of a server that bridges attach to, around a hub of the test's own. */
final class HubServer {
  private static final PeerFilter PEERS =
      new PeerFilter(session -> SpiffeTls.peerOf(session, Clock.systemUTC()));
  private static final int MAX_MESSAGE = 64 * 1024;

  private HubServer() {}

  /**
   * One that is not started yet.
   *
   * @param own what it speaks with
   * @param bridge who may attach
   */
  static NettyServerBuilder builder(
      SocketAddress address, BridgeHub hub, WorkloadApiSource own, SpiffeId bridge) {
    return NettyServerBuilder.forAddress(address, SpiffeTls.serverCredentials(own, _ -> true))
        .directExecutor()
        .addTransportFilter(PEERS)
        .addService(service(hub, bridge).definition());
  }

  /** The same in frames beside a socket, listening. */
  static @Nullable FramesSocket frames(
      Path grpc, BridgeHub hub, WorkloadApiSource own, SpiffeId bridge) throws IOException {
    return FramesSocket.start(
        EventLoops.single("kith-test-frames"),
        "server.bridges.listen",
        grpc,
        SpiffeTls.framesServerContext(own, _ -> true),
        MAX_MESSAGE,
        PEERS,
        service(hub, bridge));
  }

  private static BridgeService service(BridgeHub hub, SpiffeId bridge) {
    return new BridgeService(
        hub, List.of(SpiffeIdPattern.parse(bridge.toString())), "test", InstantSource.system());
  }
}
