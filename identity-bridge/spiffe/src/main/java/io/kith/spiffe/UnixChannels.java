package io.kith.spiffe;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.ManagedChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import java.nio.file.Path;

/** gRPC over Unix sockets. */
public final class UnixChannels {
  private UnixChannels() {}

  /** A channel to the server behind a socket, to be set up further; connects when it is used. */
  public static ManagedChannelBuilder<?> to(Path socket, ChannelCredentials credentials) {
    var channel = Grpc.newChannelBuilder("unix://" + socket.toAbsolutePath(), credentials);
    if (channel instanceof NettyChannelBuilder netty) {
      netty.withOption(ChannelOption.SO_KEEPALIVE, null); // a Unix socket has none, and warns
    }
    return channel;
  }
}
