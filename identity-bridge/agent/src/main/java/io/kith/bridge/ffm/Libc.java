package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The few functions of the C library that Kith calls.
 *
 * <p>Each returns what the function returns, or the negative error number where that is -1.
 */
final class Libc {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> CAPTURED =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE));

  private static final MethodHandle BPF = syscall(false);
  private static final MethodHandle BPF_CRITICAL = syscall(true);
  private static final MethodHandle PIDFD_OPEN =
      variadic("syscall", 1, FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
  private static final MethodHandle OPEN =
      variadic("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle SETNS =
      function("setns", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SOCKET =
      function("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SEND =
      function("send", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle RECV =
      function("recv", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SETSOCKOPT =
      function(
          "setsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle GETSOCKOPT =
      function(
          "getsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle MMAP =
      function(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      function("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MOUNT =
      function(
          "mount", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
  private static final MethodHandle UNMOUNT =
      function("umount2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle UNSHARE =
      function("unshare", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle IOCTL =
      variadic("ioctl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle CONNECT =
      function("connect", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle CLOCK =
      function("clock_gettime", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle POLL =
      function("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

  private Libc() {}

  private static MethodHandle function(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name), type, Linker.Option.captureCallState("errno"));
  }

  private static MethodHandle variadic(String name, int first, FunctionDescriptor type) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        type,
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(first));
  }

  /** bpf(2) has no wrapper: syscall(number, command, attributes, size). */
  private static MethodHandle syscall(boolean critical) {
    var type = FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
    var address = LINKER.defaultLookup().findOrThrow("syscall");
    var fromSecond = Linker.Option.firstVariadicArg(1);
    return critical
        ? LINKER.downcallHandle(address, type, fromSecond, Linker.Option.critical(false))
        : LINKER.downcallHandle(address, type, fromSecond, Linker.Option.captureCallState("errno"));
  }

  private static long bpfNumber() {
    return switch (System.getProperty("os.arch")) {
      case "amd64", "x86_64" -> 321;
      case "aarch64" -> 280;
      default -> -1; // the kernel answers ENOSYS
    };
  }

  private static final long BPF_NUMBER = bpfNumber();

  /** The same on every architecture; glibc has a wrapper only since 2.36. */
  private static final long PIDFD_OPEN_NUMBER = 434;

  static long bpf(int command, MemorySegment attributes) {
    var state = CAPTURED.get();
    try {
      var result =
          (long)
              BPF.invokeExact(state, BPF_NUMBER, (long) command, attributes, attributes.byteSize());
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Without the transition that lets the collector run meanwhile; only for short calls. */
  static boolean bpfBriefly(int command, MemorySegment attributes) {
    try {
      return (long)
              BPF_CRITICAL.invokeExact(
                  BPF_NUMBER, (long) command, attributes, attributes.byteSize())
          == 0;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long openPidfd(int pid) {
    var state = CAPTURED.get();
    try {
      var result = (long) PIDFD_OPEN.invokeExact(state, PIDFD_OPEN_NUMBER, pid, 0);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int open(String path, int flags) {
    var state = CAPTURED.get();
    try (var arena = Arena.ofConfined()) {
      var result = (int) OPEN.invokeExact(state, arena.allocateFrom(path), flags);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int close(int descriptor) {
    var state = CAPTURED.get();
    try {
      var result = (int) CLOSE.invokeExact(state, descriptor);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int setns(int descriptor, int kind) {
    var state = CAPTURED.get();
    try {
      var result = (int) SETNS.invokeExact(state, descriptor, kind);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int socket(int domain, int type, int protocol) {
    var state = CAPTURED.get();
    try {
      var result = (int) SOCKET.invokeExact(state, domain, type, protocol);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long send(int descriptor, MemorySegment data, long length) {
    var state = CAPTURED.get();
    try {
      var result = (long) SEND.invokeExact(state, descriptor, data, length, 0);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long receive(int descriptor, MemorySegment data) {
    var state = CAPTURED.get();
    try {
      var result = (long) RECV.invokeExact(state, descriptor, data, data.byteSize(), 0);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int setOption(int descriptor, int level, int option, MemorySegment value) {
    var state = CAPTURED.get();
    try {
      var result =
          (int)
              SETSOCKOPT.invokeExact(
                  state, descriptor, level, option, value, (int) value.byteSize());
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** The eight-byte value of an option. */
  static long longOption(int descriptor, int level, int option) throws KernelException {
    var state = CAPTURED.get();
    try (var arena = Arena.ofConfined()) {
      var value = arena.allocate(JAVA_LONG);
      var length = arena.allocateFrom(JAVA_INT, (int) JAVA_LONG.byteSize());
      var result = (int) GETSOCKOPT.invokeExact(state, descriptor, level, option, value, length);
      if (result < 0) {
        throw new KernelException("getsockopt " + option, -failed(state));
      }
      return value.get(JAVA_LONG, 0);
    } catch (KernelException e) {
      throw e;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long mmap(long length, int protection, int flags, int descriptor, long offset) {
    var state = CAPTURED.get();
    try {
      var result =
          (long) MMAP.invokeExact(state, 0L, length, protection, flags, descriptor, offset);
      return result == -1 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int munmap(long address, long length) {
    var state = CAPTURED.get();
    try {
      return (int) MUNMAP.invokeExact(state, address, length);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int poll(MemorySegment descriptors, long count, int timeoutMillis) {
    var state = CAPTURED.get();
    try {
      var result = (int) POLL.invokeExact(state, descriptors, count, timeoutMillis);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int mount(String source, String place, String type) {
    var state = CAPTURED.get();
    try (var arena = Arena.ofConfined()) {
      var result =
          (int)
              MOUNT.invokeExact(
                  state,
                  arena.allocateFrom(source),
                  arena.allocateFrom(place),
                  arena.allocateFrom(type),
                  0L,
                  MemorySegment.NULL);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int unmount(String place, int flags) {
    var state = CAPTURED.get();
    try (var arena = Arena.ofConfined()) {
      var result = (int) UNMOUNT.invokeExact(state, arena.allocateFrom(place), flags);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** A request without an argument. */
  static int ioctl(int descriptor, long request) {
    var state = CAPTURED.get();
    try {
      var result = (int) IOCTL.invokeExact(state, descriptor, request);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int unshare(int flags) {
    var state = CAPTURED.get();
    try {
      var result = (int) UNSHARE.invokeExact(state, flags);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** To 127.0.0.1, port 9 (discard). */
  static int connectToLoopback(int descriptor) {
    var state = CAPTURED.get();
    try (var arena = Arena.ofConfined()) {
      var address = arena.allocate(16, 4);
      address.set(JAVA_SHORT, 0, (short) 2); // AF_INET
      address.set(JAVA_BYTE, 3, (byte) 9);
      address.set(JAVA_BYTE, 4, (byte) 127);
      address.set(JAVA_BYTE, 7, (byte) 1);
      var result = (int) CONNECT.invokeExact(state, descriptor, address, 16);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int clock(int clock, MemorySegment time) {
    var state = CAPTURED.get();
    try {
      var result = (int) CLOCK.invokeExact(state, clock, time);
      return result < 0 ? failed(state) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Bytes of a page of memory: 4096 on x86-64, up to 65536 on aarch64. */
  static int pageBytes() {
    var type = FunctionDescriptor.of(JAVA_INT);
    var function = LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow("getpagesize"), type);
    try {
      return (int) function.invokeExact();
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static int failed(MemorySegment state) {
    return -(int) ERRNO.get(state, 0L);
  }

  private static IllegalStateException unexpected(Throwable e) {
    return new IllegalStateException("a call into the C library went wrong", e);
  }
}
