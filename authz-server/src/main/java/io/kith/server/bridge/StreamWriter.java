package io.kith.server.bridge;

import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Lets many threads write to one gRPC stream, which admits one at a time; none waits for another.
 *
 * <p>Does not bound what is queued: those who write do.
 */
final class StreamWriter<T> {
  private sealed interface Step<T> {
    record Message<T>(T message) implements Step<T> {}

    record Failure<T>(Status status) implements Step<T> {}

    record End<T>() implements Step<T> {}
  }

  private final StreamObserver<T> stream;
  private final ConcurrentLinkedQueue<Step<T>> steps = new ConcurrentLinkedQueue<>();
  // Steps queued; whoever makes it one from zero writes until it is zero again.
  private final AtomicInteger pending = new AtomicInteger();
  // Guarded by pending.
  private boolean ended;

  StreamWriter(StreamObserver<T> stream) {
    this.stream = stream;
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

  private void take(Step<T> step) {
    try {
      switch (step) {
        case Step.Message<T>(var message) -> stream.onNext(message);
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
    }
  }
}
