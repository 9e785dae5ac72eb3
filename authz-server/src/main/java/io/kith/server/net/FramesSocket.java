package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.kith.server.bridge.BridgeService;
import io.kith.server.check.PeerFilter;
import io.kith.server.rpc.EventLoops;
import io.kith.spiffe.frames.FrameServer;
import io.kith.spiffe.frames.FrameStream;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where the bridge of this node attaches in frames, until closed. */
public final class FramesSocket implements AutoCloseable {
  private final EventLoops loops;
  private final FrameServer server;
  private final SocketFile file;
  private final @Nullable OpenersSocket openers;

  private FramesSocket(
      EventLoops loops, FrameServer server, SocketFile file, @Nullable OpenersSocket openers) {
    this.loops = loops;
    this.server = server;
    this.file = file;
    this.openers = openers;
  }

  /**
   * Listens. Null where the path is too long to have another beside it.
   *
   * @param loops that serve its connections; closed with it, and where it cannot listen
   * @param key of the configuration that has the path, for messages
   * @param grpc where the same bridges attach by gRPC: frames are beside it, and so is where they
   *     hand over tables of openers
   * @param most octets of a message
   * @throws IOException when another server listens there or the file cannot be made; the message
   *     is for people
   */
  public static @Nullable FramesSocket start(
      EventLoops loops,
      String key,
      Path grpc,
      SslContext tls,
      int most,
      PeerFilter peers,
      BridgeService service)
      throws IOException {
    var path = FrameStream.socketBeside(grpc);
    if (path == null) {
      loops.close();
      return null;
    }
    OpenersSocket openers = null;
    try {
      SocketFile.requireFree(key, grpc.toAbsolutePath()); // of the two that is what people know
      openers = OpenersSocket.start(key, grpc); // first: who finds frames finds it
      var tables = openers == null ? null : openers.tables();
      var file = SocketFile.prepare(key, path, SocketFile.Access.GROUP);
      var server =
          file.listen(
              at -> FramedBridge.listen(loops, at, tls, most, peers, service, tables),
              FrameServer::close);
      return new FramesSocket(loops, server, file, openers);
    } catch (IOException e) {
      if (openers != null) {
        openers.close();
      }
      loops.close();
      throw e;
    }
  }

  @Override
  public void close() {
    file.remove();
    server.close();
    if (openers != null) {
      openers.close();
    }
    loops.close();
  }
}
