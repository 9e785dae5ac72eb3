package io.kith.load.attribution;

import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.server.bridge.BridgeHub;
import io.kith.server.bridge.BridgeService;
import io.kith.server.check.PeerFilter;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import java.net.SocketAddress;
import java.time.Clock;
import java.time.InstantSource;
import java.util.List;

/** The part of a server that bridges attach to, around a hub of the test's own. */
final class HubServer {
  private HubServer() {}

  /**
   * One that is not started yet.
   *
   * @param own what it speaks with
   * @param bridge who may attach
   */
  static NettyServerBuilder builder(
      SocketAddress address, BridgeHub hub, WorkloadApiSource own, SpiffeId bridge) {
    var service =
        new BridgeService(
            hub, List.of(SpiffeIdPattern.parse(bridge.toString())), "test", InstantSource.system());
    return NettyServerBuilder.forAddress(address, SpiffeTls.serverCredentials(own, _ -> true))
        .directExecutor()
        .addTransportFilter(new PeerFilter(session -> SpiffeTls.peerOf(session, Clock.systemUTC())))
        .addService(service.definition());
  }
}
