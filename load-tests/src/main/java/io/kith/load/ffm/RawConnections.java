package io.kith.load.ffm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.InetAddress;

/**
 * TCP connections by system calls only, as fast as the kernel makes them: a Java socket would cost
 * more than what is measured. They belong to the network namespace of the calling thread.
 */
public final class RawConnections {
  private static final int AF_INET = 2;
  private static final int SOCK_STREAM = 1;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_REUSEADDR = 2;
  private static final int SO_LINGER = 13;
  private static final int ECONNREFUSED = 111;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_FIELD =
      Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final MethodHandle SOCKET =
      function("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle CONNECT =
      function("connect", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle BIND =
      function("bind", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle LISTEN =
      function("listen", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle ACCEPT =
      function("accept", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle SETSOCKOPT =
      function(
          "setsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private RawConnections() {}

  private static MethodHandle function(String name, FunctionDescriptor shape) {
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), shape, ERRNO);
  }

  /**
   * Connects to a listener of its own, resets and accepts, so many times; one thread does it all,
   * so that no other is waited for.
   *
   * @return nanoseconds of a processor that all of it took, the kernel's part included
   */
  public static long connectAndReset(InetAddress address, int port, int times) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var state = arena.allocate(Linker.Option.captureStateLayout());
      var here = socketAddress(arena, address, port);
      var yes = arena.allocateFrom(JAVA_INT, 1);
      var reset = arena.allocateFrom(JAVA_INT, 1, 0); // struct linger: on, 0 s
      var listener = socket(state);
      try {
        check("setsockopt", option(state, listener, SO_REUSEADDR, yes), state);
        check("bind", (int) BIND.invokeExact(state, listener, here, 16), state);
        check("listen", (int) LISTEN.invokeExact(state, listener, 16), state);
        var began = THREADS.getCurrentThreadCpuTime();
        for (var i = 0; i < times; i++) {
          var client = socket(state);
          check("setsockopt", option(state, client, SO_LINGER, reset), state);
          check("connect", (int) CONNECT.invokeExact(state, client, here, 16), state);
          close(state, client);
          var accepted =
              (int) ACCEPT.invokeExact(state, listener, MemorySegment.NULL, MemorySegment.NULL);
          check("accept", accepted, state);
          close(state, accepted);
        }
        return THREADS.getCurrentThreadCpuTime() - began;
      } finally {
        close(state, listener);
      }
    } catch (IOException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a system call went wrong", e);
    }
  }

  /**
   * Connects to a port where nobody listens, so many times: the kernel takes each through its way
   * out and answers it with a reset, and there is no other end whose making would be measured.
   *
   * @return nanoseconds of a processor that all of it took, the kernel's part included
   */
  public static long connectToNobody(InetAddress address, int port, int times) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var state = arena.allocate(Linker.Option.captureStateLayout());
      var there = socketAddress(arena, address, port);
      var began = THREADS.getCurrentThreadCpuTime();
      for (var i = 0; i < times; i++) {
        var client = socket(state);
        var result = (int) CONNECT.invokeExact(state, client, there, 16);
        if (result != -1 || (int) ERRNO_FIELD.get(state, 0L) != ECONNREFUSED) {
          throw new IOException("connect to nobody was not refused");
        }
        close(state, client);
      }
      return THREADS.getCurrentThreadCpuTime() - began;
    } catch (IOException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a system call went wrong", e);
    }
  }

  private static MemorySegment socketAddress(Arena arena, InetAddress address, int port) {
    var made = arena.allocate(16, 8);
    made.set(JAVA_SHORT, 0, (short) AF_INET);
    made.asByteBuffer().putShort(2, (short) port).put(4, address.getAddress());
    return made;
  }

  private static int socket(MemorySegment state) throws Throwable {
    var socket = (int) SOCKET.invokeExact(state, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check("socket", socket, state);
    return socket;
  }

  private static int option(MemorySegment state, int socket, int option, MemorySegment value)
      throws Throwable {
    return (int)
        SETSOCKOPT.invokeExact(state, socket, SOL_SOCKET, option, value, (int) value.byteSize());
  }

  private static void close(MemorySegment state, int descriptor) throws Throwable {
    check("close", (int) CLOSE.invokeExact(state, descriptor), state);
  }

  private static void check(String call, int result, MemorySegment state) throws IOException {
    if (result < 0) {
      throw new IOException(call + " failed with errno " + (int) ERRNO_FIELD.get(state, 0L));
    }
  }
}
