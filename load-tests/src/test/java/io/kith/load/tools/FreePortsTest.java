package io.kith.load.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashSet;
import org.junit.jupiter.api.Test;

class FreePortsTest {
  @Test
  void next_isNeverGivenTwice_norOneOfThoseForConnections() throws Exception {
    var given = new HashSet<Integer>();

    for (var i = 0; i < 50; i++) {
      assertThat(given.add(FreePorts.next())).isTrue();
    }

    assertThat(given).allSatisfy(port -> assertThat(port).isBetween(20_000, 31_999));
  }

  @Test
  void isFree_heldPort_isFalse() throws Exception {
    try (var held = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
      assertThat(FreePorts.isFree(held.getLocalPort())).isFalse();
    }
  }
}
