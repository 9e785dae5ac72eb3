package io.kith.bridge.capture;

import io.kith.baselines.identity.IpAddress;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The addresses of a network namespace, from {@code /proc/PID/net/fib_trie} and {@code if_inet6}:
 * they can be read without entering it.
 */
final class AddressFiles {
  /*
   *  fib_trie              if_inet6
   *  Local:                fd00…02 02 40 00 80 eth0
   *     |-- 10.0.0.2                     └ scope: 00 global, 10 host, 20 link
   *        /32 host LOCAL
   */
  private static final Pattern LEAF = Pattern.compile("\\s*\\|-- ([0-9.]+)");
  private static final Pattern SPACES = Pattern.compile("\\s+");

  /** The tables that every packet is looked up in, or both in one; others take a rule. */
  private static final Set<String> TABLES = Set.of("Local:", "Main:");

  private static final String GLOBAL = "00";
  private static final String HOST = "10";

  private AddressFiles() {}

  /**
   * IPv4 addresses.
   *
   * @param withLoopback those that only this machine reaches count as well
   */
  static Set<IpAddress> v4(String fibTrie, boolean withLoopback) {
    var addresses = new HashSet<IpAddress>();
    var counts = false;
    var leaf = "";
    for (var line : fibTrie.lines().toList()) {
      var matcher = LEAF.matcher(line);
      if (matcher.matches()) {
        leaf = matcher.group(1);
      } else if (!line.startsWith(" ")) {
        counts = TABLES.contains(line);
        leaf = "";
      } else if (counts && line.contains("/32 host LOCAL") && !leaf.isEmpty()) {
        var address = IpAddress.parse(leaf);
        if (withLoopback || !address.isLoopback()) {
          addresses.add(address);
        }
      }
    }
    return addresses;
  }

  /** IPv6 addresses; loopback as for {@link #v4}. */
  static Set<IpAddress> v6(String ifInet6, boolean withLoopback) {
    var addresses = new HashSet<IpAddress>();
    for (var line : ifInet6.lines().toList()) {
      var fields = SPACES.split(line.strip(), -1);
      if (fields.length >= 6
          && (fields[3].equals(GLOBAL) || (withLoopback && fields[3].equals(HOST)))
          && fields[0].length() == 32) {
        addresses.add(IpAddress.of(HexFormat.of().parseHex(fields[0])));
      }
    }
    return addresses;
  }
}
