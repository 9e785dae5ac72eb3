package io.kith.spiffe.dev;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One workload's socket: Workload API and SDS on one Unix socket, until closed. */
final class WorkloadSocket implements AutoCloseable {
  private static final int MAX_PATH_BYTES = 107; // sun_path of Linux, less its final NUL
  private static final int MAX_STREAMS = 100;
  private static final Set<PosixFilePermission> PASSAGE =
      PosixFilePermissions.fromString("rwx--x--x");

  private final Path path;
  private final Server server;

  private WorkloadSocket(Path path, Server server) {
    this.path = path;
    this.server = server;
  }

  static WorkloadSocket open(
      Path path, IssuedIdentity identity, Set<PosixFilePermission> mode, EventLoopGroup loop)
      throws IOException {
    requireShort(path);
    createPassages(path.getParent());
    removeStale(path);
    var server =
        NettyServerBuilder.forAddress(new DomainSocketAddress(path.toString()))
            .channelType(EpollServerDomainSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .withChildOption(ChannelOption.SO_KEEPALIVE, null) // it has none, and warns
            .maxConcurrentCallsPerConnection(MAX_STREAMS)
            .directExecutor() // nothing here blocks
            .addService(
                ServerInterceptors.intercept(
                    new WorkloadApiService(identity), new WorkloadApiService.HeaderRequired()))
            .addService(new SecretDiscoveryService(identity))
            .build()
            .start();
    var socket = new WorkloadSocket(path, server);
    try {
      Files.setPosixFilePermissions(path, mode);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
    return socket;
  }

  static void requireShort(Path path) {
    int bytes = path.toString().getBytes(UTF_8).length;
    if (bytes > MAX_PATH_BYTES) {
      throw new IllegalArgumentException(
          "socket path '%s' has %d bytes (expected: at most %d, a limit of Linux; choose a shorter"
                  .formatted(path, bytes, MAX_PATH_BYTES)
              + " identity.dev.directory)");
    }
  }

  /** Folders that everyone may pass but only the owner may list. Existing ones stay as they are. */
  private static void createPassages(@Nullable Path folder) throws IOException {
    if (folder == null || Files.isDirectory(folder)) {
      return;
    }
    createPassages(folder.getParent());
    try {
      Files.createDirectory(folder);
      Files.setPosixFilePermissions(folder, PASSAGE); // whatever the umask says
    } catch (FileAlreadyExistsException _) {
      // made by another in between, or a file: then the bind says so
    }
  }

  private static void removeStale(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    var attributes =
        Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isOther()) {
      throw new FileAlreadyExistsException(
          path.toString(), null, "is not a socket (remove it, or choose another directory)");
    }
    try (var _ = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      throw new FileAlreadyExistsException(
          path.toString(),
          null,
          "is served by a running process (stop the other development identity, or choose another"
              + " identity.dev.directory)");
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (IOException _) {
      Files.deleteIfExists(path); // nobody listens
    }
  }

  Path path() {
    return path;
  }

  @Override
  public void close() {
    server.shutdownNow();
    try {
      server.awaitTermination(1, TimeUnit.SECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    try {
      Files.deleteIfExists(path);
    } catch (IOException _) {
      // a stale socket is replaced at the next start
    }
  }
}
