package io.kith.baselines.destination;

/** The first label of a name with every run of digits as {@code #}: {@code s07} has {@code s#}. */
public final class NameShape {
  private NameShape() {}

  /** The shape of the first label of a name. */
  public static String of(String name) {
    var end = name.indexOf('.') < 0 ? name.length() : name.indexOf('.');
    var shape = new StringBuilder(end);
    for (var at = 0; at < end; at++) {
      var c = name.charAt(at);
      if (c < '0' || c > '9') {
        shape.append(c);
      } else if (shape.isEmpty() || shape.charAt(shape.length() - 1) != '#') {
        shape.append('#');
      }
    }
    return shape.toString();
  }

  /** Whether the first {@code length} characters have that shape; allocates nothing. */
  static boolean matches(String shape, String name, int length) {
    var at = 0;
    for (var i = 0; i < shape.length(); i++) {
      if (shape.charAt(i) == '#') {
        var first = at;
        while (at < length && name.charAt(at) >= '0' && name.charAt(at) <= '9') {
          at++;
        }
        if (at == first) {
          return false;
        }
      } else if (at >= length || name.charAt(at++) != shape.charAt(i)) {
        return false;
      }
    }
    return at == length;
  }
}
