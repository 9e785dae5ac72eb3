package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import io.grpc.BindableService;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.kith.server.check.Deadlines;
import java.time.Duration;

/**
 * Ends calls of one request that is not whole in time: what came of it is kept until then. The
 * handler of such a call is never asked.
 */
final class WholeRequests implements ServerInterceptor {
  private final Deadlines deadlines;
  private final Duration patience;

  /**
   * @param patience from when whoever calls was recognized
   */
  WholeRequests(Deadlines deadlines, Duration patience) {
    this.deadlines = requireNonNull(deadlines, "deadlines");
    this.patience = requireNonNull(patience, "patience");
  }

  ServerServiceDefinition of(BindableService service) {
    return ServerInterceptors.intercept(service, this);
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    if (!call.getMethodDescriptor().getType().clientSendsOneMessage()) {
      return next.startCall(call, headers);
    }
    var waiting = new Waiting<>(call, patience);
    var listener = waiting.heard(next.startCall(waiting, headers));
    deadlines.add(waiting);
    return listener;
  }

  /** A call whose request is waited for; ended by the handler or here, not by both. */
  private static final class Waiting<Q, A> extends SimpleForwardingServerCall<Q, A>
      implements Deadlines.Entry {
    private final Duration patience;
    private final long deadline;
    private boolean done;
    private boolean expired;

    Waiting(ServerCall<Q, A> call, Duration patience) {
      super(call);
      this.patience = patience;
      this.deadline = System.nanoTime() + patience.toNanos();
    }

    @Override
    public long deadlineNanos() {
      return deadline;
    }

    @Override
    public synchronized boolean isDone() {
      return done;
    }

    @Override
    public void expire() {
      synchronized (this) {
        if (done) {
          return;
        }
        done = true;
        expired = true;
      }
      super.close(
          Status.DEADLINE_EXCEEDED.withDescription(
              "the request was not whole after " + patience.toSeconds() + " s (send it again)"),
          new Metadata());
    }

    /** Nothing is waited for; false when that is too late. */
    private synchronized boolean end() {
      done = true;
      return !expired;
    }

    /** By the handler, of more messages than one. */
    @Override
    public void close(Status status, Metadata trailers) {
      if (end()) {
        super.close(status, trailers);
      }
    }

    ServerCall.Listener<Q> heard(ServerCall.Listener<Q> listener) {
      return new SimpleForwardingServerCallListener<>(listener) {
        @Override
        public void onHalfClose() {
          if (end()) {
            super.onHalfClose();
          }
        }

        @Override
        public void onCancel() {
          var _ = end();
          super.onCancel();
        }

        @Override
        public void onComplete() {
          var _ = end();
          super.onComplete();
        }
      };
    }
  }
}
