package io.kith.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CallTimeoutTest {
  @ParameterizedTest
  @CsvSource({
    "0n, 0",
    "7n, 7",
    "500u, 500000",
    "200m, 200000000",
    "2S, 2000000000",
    "99999999S, 99999999000000000",
    "1M, 60000000000",
    "99999999M, 5999999940000000000",
    "1H, 3600000000000",
    "99999999H, 3600000000000000000",
  })
  void nanos_ofATimeout_areAsItsUnitSays(String header, long nanos) {
    assertThat(CallTimeout.nanos(header)).isEqualTo(nanos);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "m", "5", "-1m", "1x", "1.5S", "999999999S", "1 S"})
  void nanos_ofAnythingElse_areNoLimit(String header) {
    assertThat(CallTimeout.nanos(header)).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void nanos_withoutAHeader_areNoLimit() {
    assertThat(CallTimeout.nanos(null)).isEqualTo(Long.MAX_VALUE);
  }
}
