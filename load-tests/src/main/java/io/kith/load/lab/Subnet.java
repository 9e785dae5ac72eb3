package io.kith.load.lab;

import io.kith.load.tools.Command;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.util.HashSet;
import java.util.Set;

/**
 * The addresses of one lab: 10.88.N.0/24 and fd88:0:0:N::/64.
 *
 * @param third N, 0 to 255
 */
record Subnet(int third) {
  /** Last byte of this machine's address. */
  static final int MACHINE = 1;

  /** Last byte of the address that leads nowhere. */
  static final int NOWHERE = 254;

  /** A subnet that this machine has no address in and no route to. */
  static Subnet free() throws IOException, InterruptedException {
    var taken = taken();
    // Labs of several processes start in different places.
    int start = Math.floorMod(ProcessHandle.current().pid() * 7, 256);
    for (int i = 0; i < 256; i++) {
      var subnet = new Subnet((start + i) % 256);
      if (!taken.contains(subnet.third())) {
        return subnet;
      }
    }
    throw new IOException(
        "10.88.0.0/16 is taken on this machine (the lab needs one free /24 in it)");
  }

  private static Set<Integer> taken() throws IOException, InterruptedException {
    var taken = new HashSet<Integer>();
    NetworkInterface.networkInterfaces()
        .flatMap(NetworkInterface::inetAddresses)
        .map(InetAddress::getAddress)
        .filter(bytes -> bytes.length == 4 && bytes[0] == 10 && bytes[1] == 88)
        .forEach(bytes -> taken.add(Byte.toUnsignedInt(bytes[2])));
    for (var route : Shell.run("ip", "-4", "route").lines().toList()) {
      if (route.matches("10\\.88\\.\\d+\\.0/24 .*")) {
        taken.add(Integer.parseInt(route.split("\\.", -1)[2]));
      } else if (route.startsWith("10.88.")) {
        throw new IOException(
            "a route of this machine covers the lab's addresses: '"
                + Command.tail(route, 1)
                + "' (10.88.0.0/16 must be free)");
      }
    }
    return taken;
  }

  InetAddress v4(int last) {
    return literal("10.88." + third + "." + last);
  }

  InetAddress v6(int last) {
    return literal("fd88:0:0:" + Integer.toHexString(third) + "::" + Integer.toHexString(last));
  }

  String v4WithLength(int last) {
    return v4(last).getHostAddress() + "/24";
  }

  String v6WithLength(int last) {
    return v6(last).getHostAddress() + "/64";
  }

  private static InetAddress literal(String address) {
    return InetAddress.ofLiteral(address);
  }
}
