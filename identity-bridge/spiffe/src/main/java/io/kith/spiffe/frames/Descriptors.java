package io.kith.spiffe.frames;

import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.channel.ChannelFutureListener;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Hands file descriptors to another program of this machine, one on each connection to a Unix
 * socket. Nobody proves to be anybody there: what is handed over has to say of itself what it is.
 */
public final class Descriptors {
  private static final Logger LOG = Logger.getLogger(Descriptors.class.getName());

  private Descriptors() {}

  /**
   * The socket for descriptors of a server that serves gRPC at another: beside that. Null where its
   * path is too long for one.
   */
  public static @Nullable Path socketBeside(Path grpc) {
    return FrameStream.beside(grpc, ".openers");
  }

  /**
   * Hands one over, if it can; returns at once.
   *
   * @param descriptor nobody else's from now on: it is closed when it has left or cannot
   */
  public static void handOver(int descriptor, Path socket) {
    var leaving = new FileDescriptor(descriptor);
    var _ =
        new Bootstrap()
            .group(FrameChannel.loop())
            .channel(EpollDomainSocketChannel.class)
            .handler(new ChannelInboundHandlerAdapter())
            .connect(FrameStream.address(socket))
            .addListener(
                (ChannelFutureListener)
                    connected -> {
                      if (connected.isSuccess()) {
                        var _ =
                            connected
                                .channel()
                                .writeAndFlush(leaving)
                                .addListener(_ -> close(leaving))
                                .addListener(ChannelFutureListener.CLOSE);
                      } else {
                        LOG.log(Level.FINE, "no descriptor is handed over", connected.cause());
                        close(leaving);
                      }
                    });
  }

  private static void close(FileDescriptor descriptor) {
    try {
      descriptor.close();
    } catch (IOException e) {
      LOG.log(Level.FINE, "a descriptor was not closed", e);
    }
  }
}
