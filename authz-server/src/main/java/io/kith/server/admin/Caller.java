package io.kith.server.admin;

import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusException;
import java.util.regex.Pattern;

/** Who calls the admin API, for the audit record. */
public interface Caller {
  /** Name of the caller's user, as the client says; believed only on a Unix socket. */
  Metadata.Key<String> USER = Metadata.Key.of("x-kith-user", Metadata.ASCII_STRING_MARSHALLER);

  /** What such a name may look like in a record. */
  Pattern USER_FORM = Pattern.compile("[A-Za-z0-9._@-]{1,64}");

  /**
   * The name that the audit record gets.
   *
   * @param connection attributes of the transport
   * @throws StatusException when the caller may not call
   */
  String of(Attributes connection, Metadata headers) throws StatusException;

  /**
   * A caller on a Unix socket that only root and its owner can open: {@code socket:} and the name
   * that the client gives, which nothing proves.
   */
  static Caller onUnixSocket() {
    return (_, headers) -> {
      var user = headers.get(USER);
      return "socket:" + (user != null && USER_FORM.matcher(user).matches() ? user : "?");
    };
  }

  /** Finds out who calls before the call is handled. */
  final class Interceptor implements ServerInterceptor {
    private static final Context.Key<String> NAME = Context.key("kith-caller");

    private final Caller caller;

    Interceptor(Caller caller) {
      this.caller = caller;
    }

    /** The caller of the current call. */
    static String current() {
      var name = NAME.get();
      return name == null ? "unknown" : name;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      try {
        var name = caller.of(call.getAttributes(), headers);
        return Contexts.interceptCall(Context.current().withValue(NAME, name), call, headers, next);
      } catch (StatusException e) {
        call.close(Status.fromThrowable(e), new Metadata());
        return new ServerCall.Listener<>() {};
      }
    }
  }
}
