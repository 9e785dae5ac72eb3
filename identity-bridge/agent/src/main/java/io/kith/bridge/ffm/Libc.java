package io.kith.bridge.ffm;

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
 * <p>Each returns what the function returns, or the negative error number where that is -1. Memory
 * that is handed over must stay until the call returns: only its address is passed.
 */
final class Libc {
  /*
   * One shape for all functions: six integers in registers. For every shape the JDK writes a class
   * of its own, which takes some 10 ms at the start of a bridge; on x86-64 and aarch64 a function
   * takes the low half of a register where it wants an int, and passes over what it does not want.
   */
  private static final FunctionDescriptor SHAPE =
      FunctionDescriptor.of(
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> CAPTURED =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE));

  /** Also right for functions that take a fixed number of arguments. */
  private static final Linker.Option VARIADIC = Linker.Option.firstVariadicArg(1);

  private static final MethodHandle CALL =
      LINKER.downcallHandle(SHAPE, Linker.Option.captureCallState("errno"), VARIADIC);
  private static final MethodHandle CALL_CRITICAL =
      LINKER.downcallHandle(SHAPE, Linker.Option.critical(false), VARIADIC);

  private static final MemorySegment SYSCALL = find("syscall");
  private static final MemorySegment OPEN = find("open");
  private static final MemorySegment CLOSE = find("close");
  private static final MemorySegment FCNTL = find("fcntl");
  private static final MemorySegment READ = find("read");
  private static final MemorySegment READLINK = find("readlink");
  private static final MemorySegment STATX = find("statx");
  private static final MemorySegment MEMFD = find("memfd_create");
  private static final MemorySegment SETNS = find("setns");
  private static final MemorySegment SOCKET = find("socket");
  private static final MemorySegment SEND = find("send");
  private static final MemorySegment RECV = find("recv");
  private static final MemorySegment SETSOCKOPT = find("setsockopt");
  private static final MemorySegment GETSOCKOPT = find("getsockopt");
  private static final MemorySegment MMAP = find("mmap");
  private static final MemorySegment MUNMAP = find("munmap");
  private static final MemorySegment MOUNT = find("mount");
  private static final MemorySegment UNMOUNT = find("umount2");
  private static final MemorySegment UNSHARE = find("unshare");
  private static final MemorySegment IOCTL = find("ioctl");
  private static final MemorySegment CONNECT = find("connect");
  private static final MemorySegment CLOCK = find("clock_gettime");
  private static final MemorySegment POLL = find("poll");
  private static final MemorySegment PAGE_SIZE = find("getpagesize");

  private static final long BPF_NUMBER = bpfNumber();

  /** The same on every architecture; glibc has a wrapper only since 2.36. */
  private static final long PIDFD_OPEN_NUMBER = 434;

  /** The same on every architecture. */
  private static final long OPENAT2_NUMBER = 437;

  private static final int F_DUPFD_CLOEXEC = 1030;

  private Libc() {}

  private static MemorySegment find(String name) {
    return LINKER.defaultLookup().findOrThrow(name);
  }

  private static long bpfNumber() {
    return switch (System.getProperty("os.arch")) {
      case "amd64", "x86_64" -> 321;
      case "aarch64" -> 280;
      default -> -1; // the kernel answers ENOSYS
    };
  }

  /** Of a function that returns a long. */
  private static long callLong(
      MemorySegment function, long a, long b, long c, long d, long e, long f) {
    var state = CAPTURED.get();
    try {
      var result = (long) CALL.invokeExact(function, state, a, b, c, d, e, f);
      return result == -1 ? -(int) ERRNO.get(state, 0L) : result;
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  /** Of a function that returns an int: the other half of the register means nothing. */
  private static int callInt(
      MemorySegment function, long a, long b, long c, long d, long e, long f) {
    var state = CAPTURED.get();
    try {
      var result = (int) (long) CALL.invokeExact(function, state, a, b, c, d, e, f);
      return result == -1 ? -(int) ERRNO.get(state, 0L) : result;
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long bpf(int command, MemorySegment attributes) {
    return callLong(
        SYSCALL, BPF_NUMBER, command, attributes.address(), attributes.byteSize(), 0, 0);
  }

  /** Without the transition that lets the collector run meanwhile; only for short calls. */
  static boolean bpfBriefly(int command, MemorySegment attributes) {
    try {
      return (long)
              CALL_CRITICAL.invokeExact(
                  SYSCALL,
                  BPF_NUMBER,
                  (long) command,
                  attributes.address(),
                  attributes.byteSize(),
                  0L,
                  0L)
          == 0;
    } catch (Throwable t) {
      throw unexpected(t);
    }
  }

  static long openPidfd(int pid) {
    return callLong(SYSCALL, PIDFD_OPEN_NUMBER, pid, 0, 0, 0, 0);
  }

  static int open(String path, int flags) {
    try (var arena = Arena.ofConfined()) {
      return callInt(OPEN, arena.allocateFrom(path).address(), flags, 0, 0, 0, 0);
    }
  }

  /** Below an open folder, as that much of {@code struct open_how} says. */
  static long openBelow(int folder, String path, MemorySegment how) {
    try (var arena = Arena.ofConfined()) {
      return callLong(
          SYSCALL,
          OPENAT2_NUMBER,
          folder,
          arena.allocateFrom(path).address(),
          how.address(),
          how.byteSize(),
          0);
    }
  }

  static int close(int descriptor) {
    return callInt(CLOSE, descriptor, 0, 0, 0, 0, 0);
  }

  /** Closed when another program is executed. */
  static int duplicate(int descriptor) {
    return callInt(FCNTL, descriptor, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
  }

  static long read(int descriptor, MemorySegment data) {
    return callLong(READ, descriptor, data.address(), data.byteSize(), 0, 0, 0);
  }

  static long readLink(String path, MemorySegment target) {
    try (var arena = Arena.ofConfined()) {
      return callLong(
          READLINK,
          arena.allocateFrom(path).address(),
          target.address(),
          target.byteSize(),
          0,
          0,
          0);
    }
  }

  /**
   * Attributes of a file.
   *
   * @param statx 256 bytes
   */
  static int statx(int folder, String path, int flags, int mask, MemorySegment statx) {
    try (var arena = Arena.ofConfined()) {
      return callInt(
          STATX, folder, arena.allocateFrom(path).address(), flags, mask, statx.address(), 0);
    }
  }

  static int openMemory(String name, int flags) {
    try (var arena = Arena.ofConfined()) {
      return callInt(MEMFD, arena.allocateFrom(name).address(), flags, 0, 0, 0, 0);
    }
  }

  static int setns(int descriptor, int kind) {
    return callInt(SETNS, descriptor, kind, 0, 0, 0, 0);
  }

  static int socket(int domain, int type, int protocol) {
    return callInt(SOCKET, domain, type, protocol, 0, 0, 0);
  }

  static long send(int descriptor, MemorySegment data, long length) {
    return callLong(SEND, descriptor, data.address(), length, 0, 0, 0);
  }

  static long receive(int descriptor, MemorySegment data) {
    return callLong(RECV, descriptor, data.address(), data.byteSize(), 0, 0, 0);
  }

  static int setOption(int descriptor, int level, int option, MemorySegment value) {
    return callInt(SETSOCKOPT, descriptor, level, option, value.address(), value.byteSize(), 0);
  }

  /** The eight-byte value of an option. */
  static long longOption(int descriptor, int level, int option) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var value = arena.allocate(JAVA_LONG);
      var length = arena.allocateFrom(JAVA_INT, (int) JAVA_LONG.byteSize());
      var result =
          callInt(GETSOCKOPT, descriptor, level, option, value.address(), length.address(), 0);
      if (result < 0) {
        throw new KernelException("getsockopt " + option, -result);
      }
      return value.get(JAVA_LONG, 0);
    }
  }

  static long mmap(long length, int protection, int flags, int descriptor, long offset) {
    return callLong(MMAP, 0, length, protection, flags, descriptor, offset);
  }

  static int munmap(long address, long length) {
    return callInt(MUNMAP, address, length, 0, 0, 0, 0);
  }

  static int poll(MemorySegment descriptors, long count, int timeoutMillis) {
    return callInt(POLL, descriptors.address(), count, timeoutMillis, 0, 0, 0);
  }

  static int mount(String source, String place, String type) {
    try (var arena = Arena.ofConfined()) {
      return callInt(
          MOUNT,
          arena.allocateFrom(source).address(),
          arena.allocateFrom(place).address(),
          arena.allocateFrom(type).address(),
          0,
          0,
          0);
    }
  }

  static int unmount(String place, int flags) {
    try (var arena = Arena.ofConfined()) {
      return callInt(UNMOUNT, arena.allocateFrom(place).address(), flags, 0, 0, 0, 0);
    }
  }

  /** A request without an argument. */
  static int ioctl(int descriptor, long request) {
    return callInt(IOCTL, descriptor, request, 0, 0, 0, 0);
  }

  static int unshare(int flags) {
    return callInt(UNSHARE, flags, 0, 0, 0, 0, 0);
  }

  /** To 127.0.0.1, port 9 (discard). */
  static int connectToLoopback(int descriptor) {
    try (var arena = Arena.ofConfined()) {
      var address = arena.allocate(16, 4);
      address.set(JAVA_SHORT, 0, (short) 2); // AF_INET
      address.set(JAVA_BYTE, 3, (byte) 9);
      address.set(JAVA_BYTE, 4, (byte) 127);
      address.set(JAVA_BYTE, 7, (byte) 1);
      return callInt(CONNECT, descriptor, address.address(), address.byteSize(), 0, 0, 0);
    }
  }

  static int clock(int clock, MemorySegment time) {
    return callInt(CLOCK, clock, time.address(), 0, 0, 0, 0);
  }

  /** Bytes of a page of memory: 4096 on x86-64, up to 65536 on aarch64. */
  static int pageBytes() {
    return callInt(PAGE_SIZE, 0, 0, 0, 0, 0, 0);
  }

  private static IllegalStateException unexpected(Throwable t) {
    return new IllegalStateException("a call into the C library went wrong", t);
  }
}
