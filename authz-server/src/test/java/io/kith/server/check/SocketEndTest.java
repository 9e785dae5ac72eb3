package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import java.util.HashSet;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

class SocketEndTest {
  private static final int PODS = 250;
  private static final int PORTS = 400;

  private static int hashes(IntFunction<String> address) {
    var hashes = new HashSet<Integer>();
    for (var pod = 0; pod < PODS; pod++) {
      for (var port = 0; port < PORTS; port++) {
        hashes.add(new SocketEnd(IpAddress.parse(address.apply(pod)), 32_768 + port).hashCode());
      }
    }
    return hashes.size();
  }

  @Test
  void hashCode_addressesAndPortsInARow_seldomMeet() {
    var most = PODS * PORTS;

    assertThat(hashes(pod -> "10.88.1." + pod)).isGreaterThan(most * 99 / 100);
    assertThat(hashes(pod -> "fd00:88::" + Integer.toHexString(pod)))
        .isGreaterThan(most * 99 / 100);
  }

  @Test
  void hashCode_equalEnds_isTheSame() {
    var one = new SocketEnd(IpAddress.parse("10.88.1.2"), 1234);

    assertThat(one)
        .isEqualTo(new SocketEnd(IpAddress.parse("10.88.1.2"), 1234))
        .hasSameHashCodeAs(new SocketEnd(IpAddress.parse("10.88.1.2"), 1234))
        .isNotEqualTo(new SocketEnd(IpAddress.parse("10.88.1.2"), 1235))
        .isNotEqualTo(new SocketEnd(IpAddress.parse("10.88.1.3"), 1234));
  }
}
