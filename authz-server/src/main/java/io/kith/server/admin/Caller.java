package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusException;
import io.kith.baselines.config.AdminRole;
import io.kith.server.net.SocketFile;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** Who calls the admin API, and what they may do there. */
public interface Caller {
  /** Name of the caller's user, as the client says; believed by nobody, and recorded. */
  Metadata.Key<String> USER = Metadata.Key.of("x-kith-user", Metadata.ASCII_STRING_MARSHALLER);

  /** A bearer token (RFC 6750). */
  Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** gRPC A6: when a client may call again, in milliseconds; a negative number for never. */
  Metadata.Key<String> PUSHBACK =
      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

  /** What such a name may look like in a record. */
  Pattern USER_FORM = Pattern.compile("[A-Za-z0-9._@-]{1,64}");

  /**
   * Somebody who was recognized.
   *
   * @param id what is proven of them, the same at every call
   * @param name as the audit record has it
   */
  record Known(String id, String name, AdminRole role) {
    public Known {
      requireNonNull(id, "id");
      requireNonNull(name, "name");
      requireNonNull(role, "role");
    }
  }

  /** A caller whose call goes on for longer than what proves who it is may count. */
  @FunctionalInterface
  interface Again {
    /**
     * Does nothing while the caller is recognized.
     *
     * @throws StatusException when the call has to end; its words say why, and what to do
     */
    void requireKnown() throws StatusException;
  }

  /**
   * Recognizes a caller.
   *
   * @param connection attributes of the transport
   * @throws StatusException when they may not call at all
   */
  Known of(Attributes connection, Metadata headers) throws StatusException;

  /**
   * Who may connect to a Unix socket: only its owner and root, or everybody once a role is given.
   *
   * @param roles by user id
   */
  static SocketFile.Access access(Map<Integer, AdminRole> roles) {
    return roles.isEmpty() ? SocketFile.Access.OWNER : SocketFile.Access.EVERYBODY;
  }

  /**
   * A caller on a Unix socket, by the user id that the kernel tells: root and the server's own user
   * are admins, others have their configured role or are viewers. The record has the id, and the
   * name that the client gives, which nothing proves.
   *
   * @param own user id of the server
   */
  static Caller onUnixSocket(int own, Map<Integer, AdminRole> roles) {
    var configured = Map.copyOf(roles);
    return (connection, headers) -> {
      var uid = SocketPeer.uidOf(connection);
      if (uid == null) {
        throw Status.UNAUTHENTICATED
            .withDescription("the kernel did not tell who calls (connect again)")
            .asException();
      }
      if (headers.containsKey(AUTHORIZATION)) { // whose role would count?
        throw Status.UNAUTHENTICATED
            .withDescription(
                "tokens are taken over TLS only (expected: none on a Unix socket, where the kernel"
                    + " says who calls)")
            .asException();
      }
      var user = headers.get(USER);
      var name = user != null && USER_FORM.matcher(user).matches() ? user : "?";
      return new Known(
          "uid:" + uid,
          "uid:" + uid + " as " + name,
          uid == 0 || uid == own
              ? AdminRole.ADMIN
              : configured.getOrDefault(uid, AdminRole.VIEWER));
    };
  }

  /** Finds out who calls, and whether they may, before the call is handled. */
  final class Interceptor implements ServerInterceptor {
    private static final Context.Key<String> NAME = Context.key("kith-caller");
    private static final Context.Key<Again> AGAIN = Context.key("kith-caller-again");

    private final Caller caller;
    private final CallLimits limits;

    Interceptor(Caller caller, CallLimits limits) {
      this.caller = caller;
      this.limits = limits;
    }

    /** The caller of the current call. */
    static String current() {
      var name = NAME.get();
      return name == null ? "unknown" : name;
    }

    /** Recognizes the caller of the current call again, whenever it is asked. */
    static Again again() {
      var again = AGAIN.get();
      return again == null ? () -> {} : again;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      try {
        var known = known(call.getAttributes(), headers);
        var needed = NeededRoles.of(call.getMethodDescriptor());
        limits.admit(known.id(), needed);
        if (known.role().compareTo(needed) < 0) {
          throw Status.PERMISSION_DENIED
              .withDescription(
                  known.name()
                      + " is "
                      + known.role().word()
                      + ", and "
                      + call.getMethodDescriptor().getBareMethodName()
                      + " needs the role "
                      + needed.word()
                      + " (an admin gives it in server.admin.roles)")
              .asException();
        }
        var context = Context.current().withValue(NAME, known.name());
        var type = call.getMethodDescriptor().getType();
        if (type == MethodDescriptor.MethodType.UNARY) {
          var end = limits.startCall(known.id());
          return new Counted<>(Contexts.interceptCall(context, call, headers, next), end);
        }
        var end =
            type.clientSendsOneMessage()
                ? limits.startStream(known.id())
                : limits.startReflection(known.id());
        Again again = new StillKnown(caller, call.getAttributes(), headers, System::nanoTime);
        var listener =
            new Counted<>(
                Contexts.interceptCall(context.withValue(AGAIN, again), call, headers, next), end);
        return type.clientSendsOneMessage()
            ? listener
            : new EachAdmitted<>(
                listener,
                () -> {
                  again.requireKnown();
                  limits.admit(known.id(), needed);
                },
                refused -> close(call, refused));
      } catch (StatusException e) {
        close(call, e);
        return new ServerCall.Listener<>() {};
      }
    }

    private static void close(ServerCall<?, ?> call, StatusException why) {
      var trailers = why.getTrailers();
      call.close(why.getStatus(), trailers == null ? new Metadata() : trailers);
    }

    private Known known(Attributes connection, Metadata headers) throws StatusException {
      try {
        return caller.of(connection, headers);
      } catch (StatusException e) {
        throw limits.refused(CallLimits.peer(connection), e);
      }
    }

    /** Gives the place of a call back when it has ended; gRPC tells so once. */
    private static final class Counted<Q> extends SimpleForwardingServerCallListener<Q> {
      private final Runnable end;

      Counted(ServerCall.Listener<Q> listener, Runnable end) {
        super(listener);
        this.end = end;
      }

      @Override
      public void onComplete() {
        end.run();
        super.onComplete();
      }

      @Override
      public void onCancel() {
        end.run();
        super.onCancel();
      }
    }

    /** Ends a stream of messages with the first that may not come; its handler hears no more. */
    private static final class EachAdmitted<Q> extends SimpleForwardingServerCallListener<Q> {
      private final Again each;
      private final Consumer<StatusException> refusal;
      private boolean over;

      EachAdmitted(ServerCall.Listener<Q> listener, Again each, Consumer<StatusException> refusal) {
        super(listener);
        this.each = each;
        this.refusal = refusal;
      }

      @Override
      public void onMessage(Q message) {
        if (over) {
          return;
        }
        try {
          each.requireKnown();
        } catch (StatusException e) {
          over = true;
          refusal.accept(e);
          return;
        }
        super.onMessage(message);
      }

      @Override
      public void onHalfClose() {
        if (!over) {
          super.onHalfClose();
        }
      }

      @Override
      public void onReady() {
        if (!over) {
          super.onReady();
        }
      }
    }
  }
}
