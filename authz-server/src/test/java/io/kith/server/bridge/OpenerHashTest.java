package io.kith.server.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.server.check.SocketEnd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OpenerHashTest {
  private static final long SEED = 0x0123456789abcdefL;
  private static final long NETWORK = 0x1122334455667788L;

  private static long hash(String source, String destination) {
    return OpenerHash.of(
        SEED,
        NETWORK,
        new SocketEnd(IpAddress.parse(source), 40_000),
        new SocketEnd(IpAddress.parse(destination), 443));
  }

  /** Computed apart from this code; the bridge has the same numbers. */
  @ParameterizedTest
  @CsvSource({
    "10.1.2.3, 10.9.8.7, b36488b6ddc559a2",
    "::ffff:10.1.2.3, ::ffff:10.9.8.7, b36488b6ddc559a2",
    "fd00::1:2, fd00:9::7, 9c24ab63a54547eb",
  })
  void of_connection_isAsTheProtocolSays(String source, String destination, String hash) {
    assertThat(hash(source, destination)).isEqualTo(Long.parseUnsignedLong(hash, 16));
  }

  @Test
  void of_otherWayRound_isAnother() {
    assertThat(hash("10.9.8.7", "10.1.2.3")).isNotEqualTo(hash("10.1.2.3", "10.9.8.7"));
  }
}
