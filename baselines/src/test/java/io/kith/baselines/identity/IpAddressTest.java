package io.kith.baselines.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpAddressTest {
  @ParameterizedTest
  @CsvSource({
    "10.0.0.1, 10.0.0.1, 4",
    "255.255.255.255, 255.255.255.255, 4",
    "fd00::1, fd00:0:0:0:0:0:0:1, 16",
    "FE80::A, fe80:0:0:0:0:0:0:a, 16",
    "'::', 0:0:0:0:0:0:0:0, 16",
    "::ffff:10.0.0.1, 10.0.0.1, 4"
  })
  void parse_aLiteral_isTheAddress(String text, String shown, int bytes) throws Exception {
    var address = IpAddress.parse(text);

    assertThat(address).hasToString(shown);
    assertThat(address.bytes()).hasSize(bytes);
    assertThat(address.inet()).isEqualTo(InetAddress.ofLiteral(text));
    assertThat(IpAddress.of(InetAddress.ofLiteral(text))).isEqualTo(address);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "localhost",
        "db",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.1.2",
        "167772161",
        "0x0a000001",
        "fd00::1%eth0",
        "[fd00::1]",
        "fd00:::1",
        "10.0.0.1:80",
        "fd00::1/64"
      })
  void parse_anythingElse_isRefusedAndNeverResolved(String text) {
    assertThatThrownBy(() -> IpAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "address: '"
                + text
                + "' (expected: an IPv4 or IPv6 address such as 10.0.0.1 or fd00::1)");
  }

  /** Of colons alone it took a time by the square of their number. */
  @Test
  void parse_moreThanALiteralCanHave_isRefusedWithItsLength() {
    var longest = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
    assertThat(IpAddress.parse(longest)).hasToString("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assertThatThrownBy(() -> IpAddress.parse(":".repeat(1_000_000) + "x"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("address of 1000001 characters (expected: at most 45)");
  }

  @Test
  void of_bytes_areCopiedInAndOut() {
    var given = new byte[] {10, 0, 0, 1};
    var address = IpAddress.of(given);

    given[3] = 9;
    address.bytes()[3] = 9;

    assertThat(address).isEqualTo(IpAddress.parse("10.0.0.1"));
  }

  @Test
  void of_anIpv4AddressWrittenAsIpv6_isTheIpv4Address() {
    var mapped = new byte[16];
    mapped[10] = mapped[11] = (byte) 0xff;
    mapped[12] = 10;
    mapped[15] = 1;

    assertThat(IpAddress.of(mapped)).isEqualTo(IpAddress.parse("10.0.0.1"));
  }

  @Test
  void of_anAddressThatOnlyLooksLikeThat_isIpv6() {
    for (var i = 0; i < 12; i++) {
      var almost = new byte[16];
      almost[10] = almost[11] = (byte) 0xff;
      almost[i] = 1;

      assertThat(IpAddress.of(almost).bytes()).as("byte %s", i).isEqualTo(almost);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3, 5, 15, 17})
  void of_anotherNumberOfBytes_isRefused(int size) {
    assertThatThrownBy(() -> IpAddress.of(new byte[size]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("address of " + size + " bytes (expected: 4 or 16)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1",
        "127.255.255.255",
        "::1",
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "100.64.0.0",
        "100.127.255.255",
        "fc00::",
        "fdff:ffff::1",
        "fe80::1"
      })
  void isPrivate_withinASite_isTrue(String text) {
    assertThat(IpAddress.parse(text).isPrivate()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "99.64.0.0",
        "101.64.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "252.0.0.1",
        "253.0.0.1",
        "0.0.0.0",
        "fbff::1",
        "fe00::1",
        "ff02::1",
        "6440::1",
        "2001:db8::1",
        "::"
      })
  void isPrivate_reachableFromElsewhere_isFalse(String text) {
    assertThat(IpAddress.parse(text).isPrivate()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, true",
    "127.8.9.1, true",
    "::1, true",
    "10.0.0.1, false",
    "'::', false",
    "fe80::1, false"
  })
  void isLoopback_isAsTheRangesSay(String text, boolean loopback) {
    assertThat(IpAddress.parse(text).isLoopback()).isEqualTo(loopback);
  }

  @ParameterizedTest
  @CsvSource({
    // address, network, prefix, inside
    "10.1.2.3, 10.1.2.3, 32, true",
    "10.1.2.3, 10.1.2.2, 32, false",
    "10.1.2.3, 10.1.2.2, 31, true",
    "10.1.2.3, 10.1.2.0, 24, true",
    "10.1.3.3, 10.1.2.0, 24, false",
    "10.1.3.3, 10.1.2.0, 23, true",
    "10.1.4.0, 10.1.2.0, 23, false",
    "10.127.0.0, 10.0.0.0, 9, true",
    "10.128.0.0, 10.0.0.0, 9, false",
    "11.0.0.0, 10.0.0.0, 8, false",
    "11.0.0.0, 10.0.0.0, 7, true",
    "192.0.2.1, 128.0.0.0, 1, true",
    "192.0.2.1, 0.0.0.0, 1, false",
    "192.0.2.1, 0.0.0.0, 0, true",
    "fd00:1:2:3::4, fd00:1:2:3::, 64, true",
    "fd00:1:2:4::4, fd00:1:2:3::, 64, false",
    "fd00:1:2:2::4, fd00:1:2:3::, 63, true",
    "fd00::1, fd00::, 127, true",
    "fd00::2, fd00::, 127, false",
    "fd00::1, fd00::2, 128, false",
    "'::', 0.0.0.0, 0, false",
    "0.0.0.0, '::', 0, false",
    "10.1.2.3, ::ffff:10.1.2.0, 24, true"
  })
  void isIn_comparesTheFirstBitsOfTheSameFamily(
      String address, String network, int prefix, boolean inside) {
    assertThat(IpAddress.parse(address).isIn(IpAddress.parse(network), prefix)).isEqualTo(inside);
  }

  @ParameterizedTest
  @CsvSource({
    "0.0.0.1, 00000001",
    "1.2.3.4, 01020304",
    "10.0.0.7, 0a000007",
    "128.129.130.131, 80818283",
    "255.255.255.255, ffffffff",
    "::ffff:1.2.3.4, 01020304"
  })
  void ipv4_isTheBitsWithTheFirstByteHighest(String text, String hex) {
    assertThat(IpAddress.parse(text).isIpv4()).isTrue();
    assertThat(IpAddress.parse(text).ipv4()).isEqualTo(Integer.parseUnsignedInt(hex, 16));
  }

  @ParameterizedTest
  @CsvSource({
    "1.2.3.4, 0, 0000ffff01020304",
    "fd00::1:2, fd00000000000000, 0000000000010002",
  })
  void high_andLow_areTheBitsAsIpv6(String text, String high, String low) {
    assertThat(IpAddress.parse(text).high()).isEqualTo(Long.parseUnsignedLong(high, 16));
    assertThat(IpAddress.parse(text).low()).isEqualTo(Long.parseUnsignedLong(low, 16));
  }

  @Test
  void ipv4_ofIpv6_isRefused() {
    assertThat(IpAddress.parse("fd00::1").isIpv4()).isFalse();
    assertThatThrownBy(() -> IpAddress.parse("fd00::1").ipv4())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("fd00:0:0:0:0:0:0:1 (expected: an IPv4 address)");
  }

  @Test
  void equals_isTheSameAddress() {
    var address = IpAddress.parse("10.0.0.1");

    assertThat(address).isEqualTo(IpAddress.parse("::ffff:10.0.0.1"));
    assertThat(address).hasSameHashCodeAs(IpAddress.parse("::ffff:10.0.0.1"));
    assertThat(address).isNotEqualTo(IpAddress.parse("10.0.0.2"));
    assertThat(address).doesNotHaveSameHashCodeAs(IpAddress.parse("10.0.0.2"));
    assertThat(address).isNotEqualTo("10.0.0.1");
  }
}
