package io.kith.server.ffm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * Words of 64 bits that others write, the kernel mostly, and this process reads. Thread-safe.
 *
 * <p>What is mapped stays so until nobody can read it any more.
 */
public final class SharedWords {
  private static final VarHandle WORD = JAVA_LONG.varHandle();

  private final MemorySegment words;

  private SharedWords(MemorySegment words) {
    this.words = words;
  }

  /** The words of some memory, whose address is a multiple of eight. */
  public static SharedWords of(MemorySegment memory) {
    return new SharedWords(memory);
  }

  /**
   * Maps what a descriptor stands for, to be read only; the descriptor may be closed then.
   *
   * <p>Only of what never gets shorter: who reads behind the end of a file is ended by the kernel.
   *
   * @param count how many words
   * @throws IOException when the kernel refuses it
   */
  public static SharedWords map(int descriptor, int count) throws IOException {
    var bytes = count * JAVA_LONG.byteSize();
    var address = Libc.map(descriptor, bytes);
    return new SharedWords(
        MemorySegment.ofAddress(address)
            .reinterpret(bytes, Arena.ofAuto(), memory -> Libc.unmap(memory.address(), bytes)));
  }

  /**
   * A word as it is now, and all that was written before it.
   *
   * @param index from 0
   */
  public long at(long index) {
    return (long) WORD.getAcquire(words, index * JAVA_LONG.byteSize());
  }

  /** The two functions of the C library, once they are needed: to find them takes a while. */
  private static final class Libc {
    private static final long PROT_READ = 1;
    private static final long MAP_SHARED = 1;

    /*
     * One shape for both, six integers in registers: a function takes the low half of a register where
     * it wants an int, and passes over what it does not want.
     */
    private static final FunctionDescriptor SHAPE =
        FunctionDescriptor.of(
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
        STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle CALL =
        LINKER.downcallHandle(SHAPE, Linker.Option.captureCallState("errno"));
    private static final MemorySegment MMAP = LINKER.defaultLookup().findOrThrow("mmap");
    private static final MemorySegment MUNMAP = LINKER.defaultLookup().findOrThrow("munmap");

    private static long map(int descriptor, long bytes) throws IOException {
      try (var arena = Arena.ofConfined()) {
        var state = arena.allocate(STATE);
        var address = call(state, MMAP, 0, bytes, PROT_READ, MAP_SHARED, descriptor);
        if (address == -1) {
          throw new IOException("mmap: errno " + (int) ERRNO.get(state, 0L));
        }
        return address;
      }
    }

    private static void unmap(long address, long bytes) {
      try (var arena = Arena.ofConfined()) {
        var _ = call(arena.allocate(STATE), MUNMAP, address, bytes, 0, 0, 0);
      }
    }

    private static long call(
        MemorySegment state, MemorySegment function, long a, long b, long c, long d, long e) {
      try {
        return (long) CALL.invokeExact(function, state, a, b, c, d, e, 0L);
      } catch (Throwable t) {
        throw new IllegalStateException("a call into the C library went wrong", t);
      }
    }
  }
}
