package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import java.util.HashSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SocketPairTest {
  private static SocketEnd end(String address, int port) {
    return new SocketEnd(IpAddress.parse(address), port);
  }

  @ParameterizedTest
  @CsvSource({
    "10.88.1.2, 1, 10.88.2.10, 65535",
    "10.88.1.2, 65535, 10.88.2.10, 1",
    "fd00::1, 32768, ::1, 443",
    "255.255.255.255, 40000, ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, 40000",
  })
  void of_twoEnds_givesThemBack(String source, int port, String destination, int otherPort) {
    var pair = SocketPair.of(end(source, port), end(destination, otherPort));

    assertThat(pair.source()).isEqualTo(end(source, port));
    assertThat(pair.destination()).isEqualTo(end(destination, otherPort));
  }

  @Test
  void equals_anyPartDiffers_isFalse() {
    var source = end("fd00::1", 1234);
    var destination = end("fd01::2", 443);
    var pair = SocketPair.of(source, destination);

    assertThat(pair)
        .isEqualTo(SocketPair.of(source, destination))
        .hasSameHashCodeAs(SocketPair.of(source, destination))
        .isNotEqualTo(SocketPair.of(destination, source))
        .isNotEqualTo(SocketPair.of(end("fd00::1", 1235), destination))
        .isNotEqualTo(SocketPair.of(end("fd00::2", 1234), destination))
        .isNotEqualTo(SocketPair.of(end("fd02::1", 1234), destination))
        .isNotEqualTo(SocketPair.of(source, end("fd01::2", 444)))
        .isNotEqualTo(SocketPair.of(source, end("fd01::3", 443)))
        .isNotEqualTo(SocketPair.of(source, end("fd02::2", 443)));
  }

  @Test
  void hashCode_addressesAndPortsInARow_seldomMeet() {
    var hashes = new HashSet<Integer>();
    for (var pod = 0; pod < 250; pod++) {
      for (var port = 0; port < 400; port++) {
        hashes.add(
            SocketPair.of(end("10.88.1." + pod, 32_768 + port), end("10.88.2.10", 5432))
                .hashCode());
      }
    }

    assertThat(hashes).hasSizeGreaterThan(99_000);
  }
}
