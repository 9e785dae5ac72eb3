package io.kith.server.replay;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ListedSuffixesTest {
  @ParameterizedTest
  @CsvSource({
    "a.b.example.com, example.com",
    "example.co.uk, example.co.uk",
    "co.uk,",
    "com,",
    "s3.eu-central-1.amazonaws.com,",
    "bucket.s3.eu-central-1.amazonaws.com, bucket.s3.eu-central-1.amazonaws.com",
    "github.io,",
    "cloudfront.net,",
    "cdn.shop.internal, shop.internal",
    "internal,",
    "-not a name-,",
    "'',"
  })
  void registrable_ofAName(String host, String expected) {
    assertThat(new ListedSuffixes().registrable(host)).isEqualTo(expected);
  }
}
