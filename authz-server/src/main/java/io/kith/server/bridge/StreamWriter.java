package io.kith.server.bridge;

import com.google.protobuf.MessageLite;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Lets many threads write to one gRPC stream, which admits one at a time; none waits for another.
 *
 * <p>What a reader that does not read leaves waiting is bounded: beyond it the stream ends with an
 * error, and no message is left out of one that goes on.
 */
final class StreamWriter<T extends MessageLite> {
  /*
   * Questions that may wait at a time take 0.6 MiB, and what is told of guards comes in portions of
   * 1 MiB, a second apart. So with more than READY the reader is behind by what nobody waits for. It
   * has as much again, since one that is cut is not ready either, and its owner hears of that in a
   * moment.
   */

  /** Octets that may wait in a stream that is ready. */
  static final int READY = 4 * 1024 * 1024;

  /** Octets that are written to a stream that is not. */
  static final int MOST = 4 * 1024 * 1024;

  private sealed interface Step<T> {
    record Message<T>(T message) implements Step<T> {}

    record Failure<T>(Status status) implements Step<T> {}

    record End<T>() implements Step<T> {}
  }

  private final StreamObserver<T> stream;
  private final BooleanSupplier ready;
  private final Consumer<String> full;
  private final ConcurrentLinkedQueue<Step<T>> steps = new ConcurrentLinkedQueue<>();
  // Steps queued; whoever makes it one from zero writes until it is zero again.
  private final AtomicInteger pending = new AtomicInteger();
  // Guarded by pending, as is how much was written since the stream was ready.
  private boolean ended;
  private long behind;

  /**
   * To a stream.
   *
   * @param ready whether no more than {@link #READY} octets wait in it
   * @param full told why it ended, when that was since too much waits or by a mistake inside
   */
  StreamWriter(StreamObserver<T> stream, BooleanSupplier ready, Consumer<String> full) {
    this.stream = stream;
    this.ready = ready;
    this.full = full;
  }

  void write(T message) {
    add(new Step.Message<>(message));
  }

  /** Ends the stream with an error; what is written later is dropped. */
  void fail(Status status) {
    add(new Step.Failure<>(status));
  }

  /** Ends the stream; what is written later is dropped. */
  void end() {
    add(new Step.End<>());
  }

  private void add(Step<T> step) {
    steps.add(step);
    if (pending.getAndIncrement() != 0) {
      return;
    }
    do {
      var next = steps.poll();
      if (next != null && !ended) {
        take(next);
      }
    } while (pending.decrementAndGet() != 0);
  }

  private void endFull() {
    var why = "the bridge does not read: " + (READY + MOST) / 1024 / 1024 + " MiB wait for it";
    endWith(Status.RESOURCE_EXHAUSTED, why);
  }

  private void endWith(Status status, String why) {
    ended = true;
    try {
      stream.onError(status.withDescription(why + " (attach again)").asRuntimeException());
    } finally {
      full.accept(why);
    }
  }

  private void take(Step<T> step) {
    try {
      switch (step) {
        case Step.Message<T>(var message) -> {
          behind = ready.getAsBoolean() ? 0 : behind + message.getSerializedSize();
          if (behind <= MOST) {
            stream.onNext(message);
          } else {
            endFull();
          }
        }
        case Step.Failure<T>(var status) -> {
          ended = true;
          stream.onError(status.asRuntimeException());
        }
        case Step.End<T>() -> {
          ended = true;
          stream.onCompleted();
        }
      }
    } catch (RuntimeException _) {
      // The stream is gone, and its owner hears of that by its own way.
      ended = true;
    } catch (Error e) { // as of memory outside the heap; what was to be written is not
      endWith(Status.INTERNAL.withCause(e), "a mistake inside: " + e);
    }
  }
}
