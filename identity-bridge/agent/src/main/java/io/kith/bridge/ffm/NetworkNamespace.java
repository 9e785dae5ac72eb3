package io.kith.bridge.ffm;

import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A network namespace, held open.
 *
 * <p>What is to happen inside runs on a platform thread of its own, which enters the namespace and
 * dies there: sockets stay in the namespace in which they were made.
 */
public final class NetworkNamespace implements AutoCloseable {
  private static final int CLONE_NEWNET = 0x40000000;
  private static final long NS_GET_USERNS = 0xb701;
  private static final int SOL_SOCKET = 1;
  private static final int SO_NETNS_COOKIE = 71;
  private static final int AF_INET = 2;
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_CLOEXEC = 0x80000;

  private final Descriptor handle;

  private NetworkNamespace(Descriptor handle) {
    this.handle = handle;
  }

  /**
   * The namespace that a file stands for.
   *
   * @param path as {@code /proc/PID/ns/net} or {@code /run/netns/NAME}
   */
  public static NetworkNamespace open(String path) throws KernelException {
    return new NetworkNamespace(Descriptor.open(path));
  }

  /**
   * Whether it was made by users of our own user namespace: a process without privileges can make
   * networks only with users of its own.
   *
   * <p>Source: ioctl_ns(2).
   */
  public boolean isOfOurUsers() {
    var owner = Libc.ioctl(handle.number(), NS_GET_USERNS);
    if (owner < 0) {
      return false; // of users that we may not see
    }
    try (var _ = new Descriptor(owner)) {
      return PosixFile.readLink("/proc/self/fd/" + owner)
          .equals(PosixFile.readLink("/proc/self/ns/user"));
    } catch (IOException _) {
      return false;
    }
  }

  /** Runs something inside and waits for it. */
  public <T> T call(Callable<T> task) throws KernelException, InterruptedException {
    return onOwnThread(
        () -> {
          var entered = Libc.setns(handle.number(), CLONE_NEWNET);
          if (entered < 0) {
            throw new KernelException(
                "enter a network namespace", -entered, "it needs CAP_SYS_ADMIN");
          }
          return task.call();
        });
  }

  private static <T> T onOwnThread(Callable<T> task) throws KernelException, InterruptedException {
    var future = new FutureTask<>(task);
    Thread.ofPlatform().name("in-network-namespace").start(future);
    try {
      return future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof KernelException refused) {
        throw refused;
      }
      throw new IllegalStateException("in a network namespace", e.getCause());
    }
  }

  /**
   * The number under which BPF programs know the namespace of the calling thread.
   *
   * @throws KernelException before Linux 5.14
   */
  public static long cookieHere() throws KernelException {
    var socket = Libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) {
      throw new KernelException("open a socket", -socket);
    }
    try {
      return Libc.longOption(socket, SOL_SOCKET, SO_NETNS_COOKIE);
    } finally {
      Libc.close(socket);
    }
  }

  /** A UDP socket of the calling thread's namespace, connected to loopback; nothing is sent. */
  public static Descriptor connectedToLoopback() throws KernelException {
    var number = Libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (number < 0) {
      throw new KernelException("open a socket", -number);
    }
    var socket = new Descriptor(number);
    var result = Libc.connectToLoopback(number);
    if (result < 0) {
      socket.close();
      throw new KernelException("connect to loopback", -result);
    }
    return socket;
  }

  /** A new and empty namespace, which lives as long as this or a process in it. */
  public static NetworkNamespace create() throws KernelException, InterruptedException {
    return onOwnThread(
        () -> {
          var made = Libc.unshare(CLONE_NEWNET);
          if (made < 0) {
            throw new KernelException("make a network namespace", -made);
          }
          return open("/proc/thread-self/ns/net");
        });
  }

  @Override
  public void close() {
    handle.close();
  }
}
