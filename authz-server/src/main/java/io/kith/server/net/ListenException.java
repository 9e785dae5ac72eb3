package io.kith.server.net;

import io.kith.baselines.config.Endpoint;
import java.io.IOException;
import java.net.BindException;
import java.nio.channels.UnresolvedAddressException;
import org.jspecify.annotations.Nullable;

/** An address of {@code kith.yaml} cannot be listened on; the message says what to do. */
public final class ListenException extends Exception {
  private static final long serialVersionUID = 1L;

  private ListenException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  static ListenException noUnixSocket(String key, Endpoint endpoint) {
    return new ListenException(key + ": " + endpoint + " (expected: host:port)", null);
  }

  /** With the words of {@link UnixServer}. */
  static ListenException of(IOException failure) {
    return new ListenException(String.valueOf(failure.getMessage()), failure);
  }

  static ListenException of(String key, Endpoint endpoint, Throwable failure) {
    return new ListenException(key + ": " + endpoint + " " + words(failure), failure);
  }

  private static String words(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      var message = String.valueOf(cause.getMessage());
      if (cause instanceof UnresolvedAddressException) {
        return "has an unknown host (write an address of this machine, or 0.0.0.0)";
      }
      if (message.contains("ddress already in use")) {
        return "is in use (stop the other process or choose another port)";
      }
      if (message.contains("annot assign requested address")) {
        return "is no address of this machine (write one that is, or 0.0.0.0)";
      }
      if (message.contains("ermission denied")) {
        return "is not permitted (choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE)";
      }
      if (cause instanceof BindException) {
        return "cannot be listened on: " + message;
      }
    }
    return "cannot be listened on: " + failure.getMessage();
  }
}
