package io.kith.baselines.identity;

import static java.util.Objects.requireNonNull;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * What runs a workload's pods, by a name that is the same in every environment.
 *
 * <p>Text form: {@code namespace/kind/name}, as {@code shop/deployment/checkout}.
 *
 * @param namespace namespace without an environment suffix
 * @param kind {@code deployment}, {@code statefulset}, {@code daemonset}, {@code job}, … in lower
 *     case
 * @param name name of the object that owns the pods
 */
public record Owner(String namespace, String kind, String name) implements Comparable<Owner> {
  private static final Pattern PART = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]{0,251})");
  private static final int MAX_LENGTH = 3 * 252 + 2;

  public Owner {
    check(namespace, "namespace");
    kind = check(kind, "kind").toLowerCase(Locale.ROOT);
    check(name, "name");
  }

  private static String check(String part, String what) {
    if (!PART.matcher(requireNonNull(part, what)).matches()) {
      throw new IllegalArgumentException(
          what + ": '" + part + "' (expected: letters, digits, '.', '_' and '-', at most 252)");
    }
    return part;
  }

  /**
   * Reads {@code namespace/kind/name}.
   *
   * @throws IllegalArgumentException when there are not exactly three parts or one is not a name
   */
  public static Owner parse(String text) {
    if (text.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "owner of " + text.length() + " characters (expected: at most " + MAX_LENGTH + ")");
    }
    var parts = text.split("/", -1);
    if (parts.length != 3) {
      throw new IllegalArgumentException(
          "owner: '" + text + "' (expected: namespace/kind/name, as shop/deployment/checkout)");
    }
    return new Owner(parts[0].intern(), parts[1].intern(), parts[2]); // few of many workloads
  }

  /** Whether its pods are runs that end by themselves. */
  public boolean isJob() {
    return kind.equals("job") || kind.equals("cronjob");
  }

  @Override
  public int compareTo(Owner other) {
    return toString().compareTo(other.toString());
  }

  @Override
  public String toString() {
    return namespace + "/" + kind + "/" + name;
  }
}
