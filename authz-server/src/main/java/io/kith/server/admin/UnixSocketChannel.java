package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.URLDecoder;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Calls over a Unix socket, each with a connection of its own, by the thread that makes it. A verb
 * makes one call and is done: gRPC for Java and Netty take it a tenth of a second to begin with.
 * Theirs is what only they can do, streams and large requests.
 */
final class UnixSocketChannel extends Channel {
  private static final int PREFIX = 5;
  private static final long RETRY_MILLIS = 1_000;
  private static final long CLOSE_TO_THE_END = 100;

  private final Path path;
  private final int mostOfAnswer;
  private final Supplier<Channel> others;

  /**
   * Not connected yet.
   *
   * @param mostOfAnswer octets of an answer
   * @param others makes the calls that are not made here
   */
  UnixSocketChannel(Path path, int mostOfAnswer, Supplier<Channel> others) {
    this.path = path;
    this.mostOfAnswer = mostOfAnswer;
    this.others = others;
  }

  /** The JDK has random numbers ready for sockets without a name, which nobody needs here. */
  static void prepare() {
    try {
      SocketChannel.open(StandardProtocolFamily.UNIX).close();
    } catch (IOException _) {
      // as the call will tell
    }
  }

  @Override
  public String authority() {
    return AdminClient.AUTHORITY;
  }

  @Override
  public <I, O> ClientCall<I, O> newCall(MethodDescriptor<I, O> method, CallOptions options) {
    return method.getType() == MethodDescriptor.MethodType.UNARY
        ? new Call<>(method, options)
        : others.get().newCall(method, options);
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** One call; what it is told before its request is complete it keeps. */
  private final class Call<I, O> extends ClientCall<I, O> {
    private final MethodDescriptor<I, O> method;
    private final CallOptions options;
    private @Nullable Listener<O> listener;
    private Metadata headers = new Metadata();
    private @Nullable I request;

    private Call(MethodDescriptor<I, O> method, CallOptions options) {
      this.method = method;
      this.options = options;
    }

    @Override
    public void start(Listener<O> listener, Metadata headers) {
      this.listener = listener;
      this.headers = headers;
    }

    /** An answer comes when it comes. */
    @Override
    public void request(int count) {}

    /** Before its request is complete nothing was sent, and after that the call is over. */
    @Override
    public void cancel(@Nullable String message, @Nullable Throwable cause) {}

    @Override
    public void sendMessage(I message) {
      request = message;
    }

    @Override
    public void halfClose() {
      var heard = requireNonNull(listener, "started");
      var body = framed(method.streamRequest(requireNonNull(request, "sent")));
      if (body.length > Http2Exchange.MAX_REQUEST) {
        leaveToOthers(heard);
        return;
      }
      var outcome = exchange(body);
      if (outcome.status().getCode() == Status.Code.RESOURCE_EXHAUSTED && mayRetry(outcome)) {
        outcome = exchange(body);
      }
      tell(heard, outcome);
    }

    private void leaveToOthers(Listener<O> heard) {
      var call = others.get().newCall(method, options);
      call.start(heard, headers);
      call.request(2); // so that a second message is noticed
      call.sendMessage(requireNonNull(request, "sent"));
      call.halfClose();
    }

    private void tell(Listener<O> heard, Outcome outcome) {
      var status = outcome.status();
      if (status.isOk()) {
        heard.onHeaders(new Metadata());
        if (outcome.message() != null) {
          heard.onMessage(method.parseResponse(new ByteArrayInputStream(outcome.message())));
        }
      }
      heard.onClose(status, outcome.trailers());
    }

    /** Waits for as long as the server says, where it says so. */
    private boolean mayRetry(Outcome outcome) {
      var told = outcome.trailers().get(Caller.PUSHBACK);
      long millis;
      try {
        millis = told == null ? RETRY_MILLIS : Long.parseLong(told);
      } catch (NumberFormatException _) {
        return false;
      }
      var left = options.getDeadline();
      if (millis < 0 || (left != null && left.timeRemaining(TimeUnit.MILLISECONDS) <= millis)) {
        return false;
      }
      try {
        Thread.sleep(millis);
        return true;
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return false;
      }
    }

    private Outcome exchange(byte[] body) {
      var deadline = options.getDeadline();
      var nanos = deadline == null ? Long.MAX_VALUE : deadline.timeRemaining(TimeUnit.NANOSECONDS);
      if (nanos <= 0) {
        return Outcome.of(Status.DEADLINE_EXCEEDED);
      }
      try (var connection = SocketChannel.open(StandardProtocolFamily.UNIX)) {
        var watch = closeAfter(connection, nanos);
        try {
          var _ = connection.connect(UnixDomainSocketAddress.of(path));
          return Outcome.of(Http2Exchange.ask(connection, fields(nanos), body, mostOfAnswer));
        } finally {
          watch.interrupt();
        }
      } catch (ClosedByInterruptException e) {
        return Outcome.of(Status.CANCELLED.withDescription("interrupted").withCause(e));
      } catch (AsynchronousCloseException e) {
        return Outcome.of(Status.DEADLINE_EXCEEDED.withCause(e));
      } catch (Http2Exchange.NoAnswerException e) {
        // The server ends a call at the same time as its caller.
        return Outcome.of(
            deadline != null && deadline.timeRemaining(TimeUnit.MILLISECONDS) < CLOSE_TO_THE_END
                ? Status.DEADLINE_EXCEEDED.withCause(e)
                : Status.UNAVAILABLE.withDescription(e.getMessage()));
      } catch (IOException e) {
        return Outcome.of(Status.UNAVAILABLE.withCause(e));
      }
    }

    private Map<String, String> fields(long nanos) {
      var fields = new LinkedHashMap<String, String>();
      fields.put(":method", "POST");
      fields.put(":scheme", "http");
      fields.put(":path", "/" + method.getFullMethodName());
      fields.put(":authority", authority());
      fields.put("te", "trailers");
      fields.put("content-type", "application/grpc");
      if (nanos != Long.MAX_VALUE) {
        fields.put("grpc-timeout", Math.max(1, nanos / 1_000_000) + "m");
      }
      for (var name : headers.keys()) {
        var value = headers.get(key(name));
        if (value != null) {
          fields.put(name, value);
        }
      }
      return fields;
    }
  }

  /**
   * How a call ended.
   *
   * @param message of an answer, or null
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Outcome(Status status, byte @Nullable [] message, Metadata trailers) {
    static Outcome of(Status status) {
      return new Outcome(status, null, new Metadata());
    }

    static Outcome of(Http2Exchange.Answer answer) {
      var http = answer.head().get(":status");
      var code = answer.trailers().get("grpc-status");
      if (!"200".equals(http) || code == null) {
        return of(
            Status.UNAVAILABLE.withDescription("it speaks no gRPC (status " + http + " of HTTP)"));
      }
      var status = status(code, answer.trailers().get("grpc-message"));
      var trailers = metadata(answer.trailers());
      if (!status.isOk() || answer.body().length == 0) {
        return new Outcome(status, null, trailers);
      }
      var body = ByteBuffer.wrap(answer.body());
      if (body.remaining() < PREFIX || body.get() != 0 || body.getInt() != body.remaining()) {
        return of(Status.INTERNAL.withDescription("its answer is not one message, as it is"));
      }
      var message = new byte[body.remaining()];
      body.get(message);
      return new Outcome(status, message, trailers);
    }

    private static Status status(String code, @Nullable String message) {
      Status status;
      try {
        status = Status.fromCodeValue(Integer.parseInt(code));
      } catch (NumberFormatException _) {
        status = Status.UNKNOWN;
      }
      return message == null ? status : status.withDescription(decoded(message));
    }

    /** Of UTF-8 in percents; a plus is itself. */
    private static String decoded(String message) {
      try {
        return URLDecoder.decode(message.replace("+", "%2B"), StandardCharsets.UTF_8);
      } catch (IllegalArgumentException _) {
        return message;
      }
    }

    /** Text only: a server of Kith sends nothing else. */
    private static Metadata metadata(Map<String, String> fields) {
      var metadata = new Metadata();
      fields.forEach(
          (name, value) -> {
            if (!name.startsWith(":") && !name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
              metadata.put(key(name), value);
            }
          });
      return metadata;
    }
  }

  /** As gRPC frames a message: not compressed, its length, itself. */
  private static byte[] framed(InputStream message) {
    try (message) {
      var bytes = message.readAllBytes();
      return ByteBuffer.allocate(PREFIX + bytes.length)
          .put((byte) 0)
          .putInt(bytes.length)
          .put(bytes)
          .array();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // of memory
    }
  }

  /** Whoever reads from it then is told that it was closed. Interrupted, it does not. */
  private static Thread closeAfter(SocketChannel connection, long nanos) {
    return Thread.ofPlatform()
        .daemon()
        .name("kith-deadline")
        .start(
            () -> {
              try {
                Thread.sleep(Duration.ofNanos(nanos));
                connection.close();
              } catch (InterruptedException | IOException _) {
                // it was in time, or has ended
              }
            });
  }
}
