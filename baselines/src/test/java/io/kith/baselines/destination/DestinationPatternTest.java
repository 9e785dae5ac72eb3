package io.kith.baselines.destination;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.identity.IpAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DestinationPatternTest {
  @ParameterizedTest
  @CsvSource({
    "s07.cdn.example, true",
    "s1234.cdn.example, true",
    "s.cdn.example, false",
    "x187.cdn.example, false",
    "s07x.cdn.example, false",
    "a.s07.cdn.example, false",
    "cdn.example, false",
    ".cdn.example, false",
    "s07.cdn.example.evil.example, false",
    "s07evilcdn.example, false"
  })
  void covers_shapedWildcard(String name, boolean covered) {
    var pattern = new HostWildcard("s#", "cdn.example", Evidence.CLIENT_NAME, 443, Protocol.TCP);

    assertThat(pattern.covers(named(name, 443))).isEqualTo(covered);
    assertThat(pattern.covers(named(name, 444))).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"anything.cdn.example, true", "a.b.cdn.example, false", "cdn.example, false"})
  void covers_wildcard(String name, boolean covered) {
    var pattern = new HostWildcard(null, "cdn.example", Evidence.CLIENT_NAME, 443, Protocol.TCP);

    assertThat(pattern.covers(named(name, 443))).isEqualTo(covered);
  }

  @Test
  void covers_nameWithWeakerEvidence_isNot() {
    var pattern = new HostWildcard("s#", "cdn.example", Evidence.MESH_SERVICE, 443, Protocol.TCP);

    assertThat(pattern.covers(named("s1.cdn.example", 443))).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.16, true",
    "10.0.0.31, true",
    "10.0.0.15, false",
    "10.0.0.32, false",
    "10.0.1.16, false",
    "fd00::10, false"
  })
  void covers_block(String address, boolean covered) {
    var pattern = new AddressBlock(IpAddress.parse("10.0.0.16"), 28, 9_100, Protocol.TCP);
    var destination =
        new Destination(address, Evidence.ADDRESS, IpAddress.parse(address), 9_100, Protocol.TCP);

    assertThat(pattern.covers(destination)).isEqualTo(covered);
  }

  @ParameterizedTest
  @CsvSource({"32767, false", "32768, true", "65535, true", "80, false"})
  void covers_range(int port, boolean covered) {
    var pattern = new PortRange("jmx.example", Evidence.DNS, 32_768, 65_535, Protocol.TCP);

    assertThat(pattern.covers(named("jmx.example", port))).isEqualTo(covered);
    assertThat(pattern.covers(named("other.example", port))).isFalse();
  }

  @Test
  void patterns_thatAreTooWide_areRefused() {
    assertThatThrownBy(() -> new HostWildcard(null, "example", Evidence.DNS, 443, Protocol.TCP))
        .hasMessage("parent: 'example' (expected: a name of two labels or more)");
    assertThatThrownBy(() -> new AddressBlock(IpAddress.parse("10.0.0.0"), 16, 443, Protocol.TCP))
        .hasMessage("block: 10.0.0.0/16 (expected: IPv4, /24 to /32)");
    assertThatThrownBy(() -> new PortRange("a", Evidence.DNS, 1_024, 65_535, Protocol.TCP))
        .hasMessage("ports: 1024-65535 (expected: a range within 32768-65535)");
  }

  @ParameterizedTest
  @CsvSource({
    "db.shop.svc.cluster.local, MESH_SERVICE, 10.43.0.1, 5432, INTERNAL",
    "10.1.2.3, ADDRESS, 10.1.2.3, 80, INTERNAL",
    "10.1.2.3, ADDRESS, 10.1.2.3, 10250, SENSITIVE",
    "169.254.169.254, ADDRESS, 169.254.169.254, 80, SENSITIVE",
    "169.254.170.2, ADDRESS, 169.254.170.2, 80, SENSITIVE",
    "169.254.170.23, ADDRESS, 169.254.170.23, 80, SENSITIVE",
    "169.254.0.23, ADDRESS, 169.254.0.23, 80, SENSITIVE",
    "168.63.129.16, ADDRESS, 168.63.129.16, 32526, PUBLIC_ADDRESS",
    "x.example, CLIENT_NAME, fd00:ec2::254, 80, SENSITIVE",
    "x.example, CLIENT_NAME, fd00:ec2::23, 80, SENSITIVE",
    "x.example, CLIENT_NAME, fd20:ce::254, 80, SENSITIVE",
    "x.example, CLIENT_NAME, fd00:c1::a9fe:a9fe, 80, SENSITIVE",
    "x.example, CLIENT_NAME, fe80::a9fe:a9fe, 80, SENSITIVE",
    "anything.example, CLIENT_NAME, 169.254.169.254, 80, SENSITIVE",
    "metadata.google.internal, DNS, 169.254.169.254, 80, SENSITIVE",
    "kubernetes.default.svc.cluster.local, MESH_SERVICE, 10.43.0.1, 443, SENSITIVE",
    "api.psp.example, CLIENT_NAME, 198.51.100.7, 443, EXTERNAL_NAME",
    "api.psp.example, MESH_SERVICE, 198.51.100.7, 443, EXTERNAL_NAME",
    "erp.corp.example, MESH_SERVICE, 10.1.2.3, 443, INTERNAL",
    "shop/deployment/cart, OWNER, , 443, INTERNAL",
    "api.psp.example, DNS, , 443, EXTERNAL_NAME",
    "198.51.100.7, ADDRESS, 198.51.100.7, 443, PUBLIC_ADDRESS"
  })
  void reach_ofADestination(String name, Evidence evidence, String ip, int port, Reach reach) {
    var address = ip == null ? null : IpAddress.parse(ip);

    assertThat(Reach.of(new Destination(name, evidence, address, port, Protocol.TCP)))
        .isEqualTo(reach);
  }

  private static Destination named(String name, int port) {
    return new Destination(name, Evidence.CLIENT_NAME, null, port, Protocol.TCP);
  }
}
