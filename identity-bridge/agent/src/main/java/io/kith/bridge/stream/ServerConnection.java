package io.kith.bridge.stream;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.config.Endpoint;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.ServerMessage;
import io.kith.spiffe.UnixChannels;
import io.kith.spiffe.frames.Descriptors;
import io.kith.spiffe.frames.FrameChannel;
import io.kith.spiffe.frames.FrameStream;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The way to a server, on which one stream is opened. */
sealed interface ServerConnection {
  /** Begins to connect, where it is not or was cut. */
  void connect();

  /** Opens the stream, once. */
  void attach(ClientResponseObserver<BridgeMessage, ServerMessage> stream);

  /** Ends all that there is on it. */
  void close();

  /** By gRPC, which every server speaks. */
  record ByGrpc(ManagedChannel channel) implements ServerConnection {
    static ByGrpc to(Endpoint server, ChannelCredentials credentials) {
      return new ByGrpc(
          builder(server, credentials)
              .directExecutor() // what is heard is put down or handed on: nothing here waits
              .keepAliveTime(20, TimeUnit.SECONDS)
              .keepAliveTimeout(5, TimeUnit.SECONDS)
              .build());
    }

    private static ManagedChannelBuilder<?> builder(
        Endpoint server, ChannelCredentials credentials) {
      return switch (server) {
        case Endpoint.Tcp tcp -> Grpc.newChannelBuilder("dns:///" + tcp, credentials);
        case Endpoint.Unix(var path) -> UnixChannels.to(path, credentials);
        case Endpoint.Folder folder ->
            throw new IllegalArgumentException(folder + " (expected: one server, not a folder)");
      };
    }

    @Override
    public void connect() {
      var _ = channel.getState(true);
    }

    @Override
    public void attach(ClientResponseObserver<BridgeMessage, ServerMessage> stream) {
      BridgeServiceGrpc.newStub(channel).attach(stream);
    }

    @Override
    public void close() {
      channel.shutdownNow();
    }
  }

  /**
   * In frames, to a server on the same node.
   *
   * @param socket what tells the socket of now from others of its name
   * @param descriptors where the server takes descriptors, if it does; null: its path is too long
   */
  record InFrames(
      FrameChannel<ServerMessage, BridgeMessage> channel, Object socket, @Nullable Path descriptors)
      implements ServerConnection {
    private static final int MAX_MESSAGE = 4 * 1024 * 1024; // as gRPC has it

    /** Null where the server has no socket for them. */
    static @Nullable InFrames to(Path grpc, SslContext tls) {
      var path = FrameStream.socketBeside(grpc);
      var socket = path == null ? null : ServerFolder.identity(path);
      return path == null || socket == null
          ? null
          : new InFrames(
              new FrameChannel<>(
                  FrameStream.address(path), tls, ServerMessage.parser(), MAX_MESSAGE),
              socket,
              Descriptors.socketBeside(grpc));
    }

    /**
     * Gives the server a descriptor of its own for what one of ours stands for, if it can; returns
     * at once.
     *
     * @param descriptor stays ours
     * @throws KernelException when it is closed, or too many files are open
     */
    void handOver(Descriptor descriptor) throws KernelException {
      if (descriptors != null) {
        Descriptors.handOver(descriptor.duplicate(), descriptors);
      }
    }

    @Override
    public void connect() {
      channel.connect();
    }

    @Override
    public void attach(ClientResponseObserver<BridgeMessage, ServerMessage> stream) {
      channel.attach(stream);
    }

    @Override
    public void close() {
      channel.close();
    }
  }
}
