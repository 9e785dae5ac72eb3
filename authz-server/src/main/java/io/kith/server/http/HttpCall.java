package io.kith.server.http;

import com.google.common.util.concurrent.MoreExecutors;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import io.grpc.Attributes;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.kith.server.http.JsonRequest.RefusedException;
import java.lang.System.Logger.Level;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A call of a gRPC method whose transport is an HTTP exchange. The method is called with its
 * interceptors, so who may call, how often and what is recorded is decided by the same code as for
 * gRPC.
 *
 * <p>Its listener is called by one thread at a time, as gRPC promises.
 */
final class HttpCall extends ServerCall<Message, Message> {
  private static final System.Logger LOG = System.getLogger(HttpCall.class.getName());
  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer()
          .alwaysPrintFieldsWithNoPresence()
          .preservingProtoFieldNames()
          .omittingInsignificantWhitespace();

  /** Makes the request's message. */
  interface Reader {
    Message read() throws RefusedException;
  }

  private final ServerMethodDefinition<Message, Message> method;
  private final Attributes peer;
  private final HttpExchange exchange;
  private final Executor serial;
  private final Consumer<HttpCall> accepted;
  private @Nullable Message answer;
  private @Nullable Listener<Message> listener;
  private volatile boolean closed;
  private volatile boolean cancelled;
  private boolean finished;

  /**
   * @param accepted told when whoever calls may, and the message is waited for; perhaps more than
   *     once, and never of a call that is refused
   */
  HttpCall(
      ServerMethodDefinition<Message, Message> method,
      Attributes peer,
      HttpExchange exchange,
      Executor executor,
      Consumer<HttpCall> accepted) {
    this.method = method;
    this.peer = peer;
    this.exchange = exchange;
    this.serial = MoreExecutors.newSequentialExecutor(executor);
    this.accepted = accepted;
  }

  /** Finds out, later, whether whoever calls may. */
  void start(Metadata headers) {
    safely(
        () -> {
          listener = method.getServerCallHandler().startCall(this, headers);
          if (closed || cancelled) { // refused, or nobody waits
            finish();
          }
        });
  }

  /** Calls the method, later, when whoever calls may. */
  void send(Reader request) {
    safely(() -> call(request));
  }

  private void safely(Runnable step) {
    later(
        () -> {
          try {
            step.run();
          } catch (RuntimeException e) {
            LOG.log(Level.ERROR, "a call over HTTP failed", e);
            fail(Status.INTERNAL.withDescription("the server failed; its log has the cause"));
          }
        });
  }

  private void call(Reader request) {
    var started = listener;
    if (finished || started == null) {
      return;
    }
    try {
      started.onMessage(request.read());
      started.onHalfClose();
      if (isStream() && !closed) {
        exchange.promise();
      }
      started.onReady();
    } catch (RefusedException e) {
      fail(Status.INVALID_ARGUMENT.withDescription(e.getMessage()));
    }
  }

  private void fail(Status status) {
    close(status, new Metadata());
    if (!finished && listener != null) {
      finished = true;
      listener.onCancel();
    }
  }

  /** Tells the listener how the call ended, once; one thread at a time. */
  private void finish() {
    if (finished || listener == null) {
      return;
    }
    finished = true;
    if (cancelled) {
      listener.onCancel();
    } else {
      listener.onComplete();
    }
  }

  private void later(Runnable step) {
    try {
      serial.execute(step);
    } catch (RejectedExecutionException _) {
      cancelled = true; // the server is closed, and nobody is told any more
    }
  }

  /** The client went away. */
  void cancel() {
    if (!closed) {
      cancelled = true;
      later(this::finish);
    }
  }

  /** The client has read what was sent. */
  void readyAgain() {
    later(
        () -> {
          if (!finished && listener != null) {
            listener.onReady();
          }
        });
  }

  private boolean isStream() {
    return !method.getMethodDescriptor().getType().serverSendsOneMessage();
  }

  @Override
  public void request(int numMessages) { // there is one
    accepted.accept(this);
  }

  @Override
  public void sendHeaders(Metadata headers) {}

  @Override
  public void sendMessage(Message message) {
    if (isStream()) {
      exchange.sendLine(json(message));
    } else {
      answer = message;
    }
  }

  @Override
  public boolean isReady() {
    return exchange.isWritable();
  }

  @Override
  public void close(Status status, Metadata trailers) {
    if (closed) {
      return;
    }
    closed = true;
    if (!status.isOk()) {
      exchange.fail(status, trailers);
    } else if (isStream()) {
      exchange.end();
    } else if (answer == null) {
      exchange.fail(Status.INTERNAL.withDescription("the call ended without an answer"), trailers);
    } else {
      exchange.answer(json(answer));
    }
    later(this::finish);
  }

  private static String json(MessageOrBuilder message) {
    try {
      return PRINTER.print(message);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a message without Any has a JSON form", e);
    }
  }

  @Override
  public boolean isCancelled() {
    return cancelled;
  }

  @Override
  public Attributes getAttributes() {
    return peer;
  }

  @Override
  public @Nullable String getAuthority() {
    return null;
  }

  @Override
  public MethodDescriptor<Message, Message> getMethodDescriptor() {
    return method.getMethodDescriptor();
  }
}
