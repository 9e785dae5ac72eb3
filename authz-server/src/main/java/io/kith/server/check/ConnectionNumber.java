package io.kith.server.check;

/** The number that a proxy gives a connection, {@code %CONNECTION_ID%} in Envoy. */
public final class ConnectionNumber {
  /** In the place of what is no number, or too long for one. */
  public static final long NONE = -1;

  private static final int DIGITS = 18;

  private ConnectionNumber() {}

  /** Of as many digits as surely fit; else {@link #NONE}. */
  public static long of(String text) {
    if (text.isEmpty() || text.length() > DIGITS) {
      return NONE;
    }
    var number = 0L;
    for (var i = 0; i < text.length(); i++) {
      var digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        return NONE;
      }
      number = 10 * number + digit;
    }
    return number;
  }
}
