package io.kith.server.net;

import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.stub.StreamObserver;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.bridge.BridgeService;
import io.kith.server.bridge.OpenerTables;
import io.kith.server.check.PeerFilter;
import io.kith.server.rpc.EventLoops;
import io.kith.spiffe.frames.FrameServer;
import io.kith.spiffe.frames.FrameStream;
import java.io.IOException;
import java.net.SocketAddress;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** The bridge of this node, whose messages come in frames. */
final class FramedBridge implements FrameStream.Speaker<BridgeMessage> {
  private final FrameStream<BridgeMessage, ServerMessage> stream;
  private final PeerFilter peers;
  private final BridgeService service;
  private final @Nullable OpenerTables tables;
  private @Nullable StreamObserver<BridgeMessage> attached;

  FramedBridge(
      FrameStream<BridgeMessage, ServerMessage> stream,
      PeerFilter peers,
      BridgeService service,
      @Nullable OpenerTables tables) {
    this.stream = stream;
    this.peers = peers;
    this.service = service;
    this.tables = tables;
  }

  /**
   * Has bridges attach in frames at an address.
   *
   * @param most octets of a message
   * @param tables where bridges hand over tables of openers; null: they cannot
   */
  static FrameServer listen(
      EventLoops loops,
      SocketAddress address,
      SslContext tls,
      int most,
      PeerFilter peers,
      BridgeService service,
      @Nullable OpenerTables tables)
      throws IOException {
    return FrameServer.<BridgeMessage, ServerMessage>start(
        loops.group(),
        address,
        tls,
        BridgeMessage.parser(),
        most,
        stream -> new FramedBridge(stream, peers, service, tables));
  }

  @Override
  public void begins(SSLSession session, SocketAddress remote) {
    attached =
        service.attach(
            peers.peer(session, remote),
            new StreamObserver<>() {
              @Override
              public void onNext(ServerMessage message) {
                stream.send(message);
              }

              @Override
              public void onError(Throwable why) {
                stream.end(Status.fromThrowable(why));
              }

              @Override
              public void onCompleted() {
                stream.end(Status.OK);
              }
            },
            () -> stream.isReady(BridgeService.READY),
            tables);
  }

  @Override
  public void message(BridgeMessage message) {
    if (attached != null) {
      attached.onNext(message);
    }
  }

  @Override
  public void ready() {
    // nothing waits here
  }

  @Override
  public void ended(Status why) {
    if (attached == null) {
      return;
    }
    if (why.isOk()) {
      attached.onCompleted();
    } else {
      attached.onError(why.asException());
    }
  }
}
