package io.kith.bridge.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Tuple;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OpenersTest {
  private static final long SEED = 0x0123_4567_89ab_cdefL;
  private static final long NETWORK = 0x1122_3344_5566_7788L;

  /** The server's own has the same figures. */
  @ParameterizedTest
  @CsvSource({
    "10.1.2.3, 10.9.8.7, b36488b6ddc559a2",
    "fd00::1:2, fd00:9::7, 9c24ab63a54547eb",
  })
  void hash_ofAConnection_isAsTheProtocolSays(String source, String destination, String hash) {
    var tuple = new Tuple(IpAddress.parse(source), 40_000, IpAddress.parse(destination), 443);

    assertThat(Long.toHexString(Openers.hash(SEED, OwnerRecord.key(NETWORK, tuple))))
        .isEqualTo(hash);
  }
}
