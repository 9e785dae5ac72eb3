package io.kith.load.ffm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;

/**
 * A network namespace by the path of its handle, such as {@code /run/netns/NAME}. A socket belongs
 * for ever to the namespace of the thread that made it, so a server in here can be served by
 * threads out there.
 */
public record NetworkNamespace(Path handle) {
  /** The one this process is in already; entering it takes no privilege. */
  public static final NetworkNamespace OWN = new NetworkNamespace(Path.of("/proc/self/ns/net"));

  private static final int O_RDONLY_CLOEXEC = 0x80000;
  private static final int CLONE_NEWNET = 0x40000000;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_FIELD =
      Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final MethodHandle OPEN =
      function(
          "open",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT),
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle SETNS =
      function("setns", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  /** Runs {@code task} inside, on a thread of its own that ends with it. */
  public <T> T call(Callable<T> task) throws IOException, InterruptedException {
    var result = new CompletableFuture<T>();
    Thread.ofPlatform()
        .name("in-" + handle.getFileName())
        .start(
            () -> {
              try {
                if (!equals(OWN)) {
                  enter();
                }
                result.complete(task.call());
              } catch (Throwable e) {
                result.completeExceptionally(e);
              }
            });
    try {
      return result.get();
    } catch (ExecutionException e) {
      var cause = e.getCause();
      throw new IOException(handle + ": " + (cause == null ? e : cause.getMessage()), cause);
    }
  }

  private void enter() throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var state = arena.allocate(Linker.Option.captureStateLayout());
      int namespace =
          (int) OPEN.invokeExact(state, arena.allocateFrom(handle.toString()), O_RDONLY_CLOEXEC);
      check(namespace, "open", state);
      try {
        check((int) SETNS.invokeExact(state, namespace, CLONE_NEWNET), "setns", state);
      } finally {
        int _ = (int) CLOSE.invokeExact(state, namespace);
      }
    }
  }

  private void check(int result, String call, MemorySegment state) throws IOException {
    if (result < 0) {
      throw new IOException(
          call + " of " + handle + " failed with errno " + (int) ERRNO_FIELD.get(state, 0L));
    }
  }

  private static MethodHandle function(
      String name, FunctionDescriptor shape, Linker.Option... options) {
    var all = Stream.concat(Stream.of(ERRNO), Stream.of(options));
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name), shape, all.toArray(Linker.Option[]::new));
  }
}
