package io.kith.baselines.destination;

import java.util.Locale;

/** The one form in which DNS names are compared, whoever wrote them. */
public final class DnsName {
  private DnsName() {}

  /** The name in lower case, without a dot at its end. */
  public static String compared(String name) {
    var lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
  }
}
