package io.kith.server.check;

import static io.kith.server.check.Samples.address;
import static io.kith.server.check.Samples.gate;
import static io.kith.server.check.Samples.internal;
import static io.kith.server.check.Samples.l4;
import static io.kith.server.check.Samples.l7;
import static io.kith.server.check.Samples.metadata;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.Pipe;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.server.check.CheckFacts.Connection;
import io.kith.server.check.CheckFacts.Layer;
import io.kith.server.check.CheckFacts.Malformed;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class CheckFactsTest {
  private static Connection accepted(CheckRequest request, CheckMetadata metadata) {
    return (Connection) read(request, metadata);
  }

  private static CheckFacts read(CheckRequest request, CheckMetadata metadata) {
    return CheckFacts.read(CheckMessage.read(request.toByteArray()), metadata);
  }

  private static CheckRequest withSni(CheckRequest request, String sni) {
    var builder = request.toBuilder();
    builder.getAttributesBuilder().getTlsSessionBuilder().setSni(sni);
    return builder.build();
  }

  private static CheckRequest with(Address source, Address destination) {
    return l4(source, destination);
  }

  private static Address named(String port) {
    return Address.newBuilder()
        .setSocketAddress(SocketAddress.newBuilder().setAddress("10.0.0.1").setNamedPort(port))
        .build();
  }

  private static final Address GOOD = address("10.0.0.1", 1234);

  @Test
  void read_l4_hasBothEndsAndWhatTheRecipeSends() {
    var facts =
        accepted(l4(), new CheckMetadata("outbound", "node-1", "outbound|5432||db", "42", null));

    assertThat(facts)
        .isEqualTo(
            new Connection(
                Layer.L4,
                Protocol.TCP,
                new SocketEnd(io.kith.baselines.identity.IpAddress.parse("10.88.1.2"), 1234),
                new SocketEnd(io.kith.baselines.identity.IpAddress.parse("10.88.2.10"), 5432),
                "outbound|5432||db",
                null,
                null,
                0,
                "node-1",
                "42"));
  }

  @Test
  void read_l4WithSni_takesItFromTheSessionElseFromTheService() {
    var service = l4().toBuilder();
    service.getAttributesBuilder().getDestinationBuilder().setService("Orders.Example");

    assertThat(accepted(withSni(l4(), "db.example"), metadata()).sni()).isEqualTo("db.example");
    assertThat(accepted(service.build(), metadata()).sni()).isEqualTo("orders.example");
  }

  @ParameterizedTest
  @CsvSource({
    "orders.example,orders.example,0",
    "Orders.Example:8080,orders.example,8080",
    "orders.example:0,orders.example,0",
    "orders.example:99999,orders.example,99999",
    "10.0.0.9:80,10.0.0.9,80",
    "[fd00::9]:80,[fd00:0:0:0:0:0:0:9],80",
    "[fd00::9],[fd00:0:0:0:0:0:0:9],0",
    "my_service,my_service,0",
  })
  void read_l7_hasTheHostAndItsPort(String authority, String host, int port) {
    var facts = accepted(l7(authority), metadata());

    assertThat(facts.layer()).isEqualTo(Layer.L7);
    assertThat(facts.authority()).isEqualTo(host);
    assertThat(facts.authorityPort()).isEqualTo(port);
  }

  @Test
  void read_l7WithoutHost_hasNoAuthority() {
    assertThat(accepted(l7(""), metadata()).authority()).isNull();
  }

  @Test
  void read_ipv4WrittenAsIpv6_isIpv4() {
    var facts =
        accepted(with(address("::ffff:10.0.0.1", 1), address("fd00::1", 65535)), metadata());

    assertThat(facts.source()).hasToString("10.0.0.1:1");
    assertThat(facts.destination()).hasToString("[fd00:0:0:0:0:0:0:1]:65535");
  }

  @Test
  void read_udp_isUdp() {
    var request = l4().toBuilder();
    request
        .getAttributesBuilder()
        .getDestinationBuilder()
        .getAddressBuilder()
        .getSocketAddressBuilder()
        .setProtocol(SocketAddress.Protocol.UDP);

    assertThat(accepted(request.build(), metadata()).protocol()).isEqualTo(Protocol.UDP);
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.1:1234,10.9.9.9:5432,10.0.0.1:1234,10.9.9.9:5432",
    "[fd00::1]:1234,[fd00::2]:65535,[fd00:0:0:0:0:0:0:1]:1234,[fd00:0:0:0:0:0:0:2]:65535",
    "[::ffff:10.0.0.1]:1,10.9.9.9:1,10.0.0.1:1,10.9.9.9:1",
  })
  void read_gate_takesTheEndsFromItsHeaders(
      String source, String destination, String near, String far) {
    var facts = accepted(gate(source, destination), metadata());

    assertThat(facts.layer()).isEqualTo(Layer.GATE);
    assertThat(facts.source()).hasToString(near);
    assertThat(facts.destination()).hasToString(far);
    assertThat(facts.authority()).isNull();
  }

  @Test
  void read_gateHeadersOfAnApplication_areNotLookedAt() {
    var request = l7("orders.example").toBuilder();
    request
        .getAttributesBuilder()
        .getRequestBuilder()
        .getHttpBuilder()
        .setMethod("CONNECT")
        .putHeaders("x-kith-src", "10.6.6.6:66")
        .putHeaders("x-kith-dst", "10.7.7.7:77");

    var facts = accepted(request.build(), metadata());

    assertThat(facts.layer()).isEqualTo(Layer.L7);
    assertThat(facts.source()).hasToString("10.88.1.2:1234");
    assertThat(facts.destination()).hasToString("10.88.2.10:5432");
  }

  @Test
  void read_aMegabyteOfHeaders_isReadAllTheSame() {
    var request = l7("orders.example").toBuilder();
    request
        .getAttributesBuilder()
        .getRequestBuilder()
        .getHttpBuilder()
        .putHeaders("cookie", "x".repeat(1 << 20));

    assertThat(accepted(request.build(), metadata()).authority()).isEqualTo("orders.example");
  }

  static Stream<Arguments> refusedRequests() {
    var longName = "a".repeat(254);
    var certified = l4().toBuilder();
    certified
        .getAttributesBuilder()
        .getSourceBuilder()
        .setPrincipal("spiffe://td/a/../b,spiffe://td/c");
    var get = gate("10.0.0.1:1", "10.0.0.2:2").toBuilder();
    get.getAttributesBuilder().getRequestBuilder().getHttpBuilder().setMethod("GET");
    return Stream.of(
        Arguments.of(
            CheckRequest.getDefaultInstance(), "source: missing (expected: an address and a port)"),
        Arguments.of(
            with(GOOD, Address.getDefaultInstance()),
            "destination: missing (expected: an address and a port)"),
        Arguments.of(
            with(Address.newBuilder().setPipe(Pipe.newBuilder().setPath("/tmp/x")).build(), GOOD),
            "source: a pipe (expected: an address and a port)"),
        Arguments.of(
            with(named("https"), GOOD), "source: port 'https' is a name (expected: 1 to 65535)"),
        Arguments.of(
            with(
                Address.newBuilder()
                    .setSocketAddress(SocketAddress.newBuilder().setAddress("10.0.0.1"))
                    .build(),
                GOOD),
            "source: no port (expected: 1 to 65535)"),
        Arguments.of(with(address("10.0.0.1", 0), GOOD), "source: port 0 (expected: 1 to 65535)"),
        Arguments.of(
            with(GOOD, address("10.0.0.1", 65536)),
            "destination: port 65536 (expected: 1 to 65535)"),
        Arguments.of(
            with(GOOD, address("10.0.0.1", -1)),
            "destination: port 4294967295 (expected: 1 to 65535)"),
        Arguments.of(
            with(address("10.0.0.256", 1), GOOD),
            "source: '10.0.0.256' (expected: an IPv4 or IPv6 address)"),
        Arguments.of(
            with(GOOD, address("db.example", 1)),
            "destination: 'db.example' (expected: an IPv4 or IPv6 address)"),
        Arguments.of(
            with(GOOD, address("", 1)), "destination: '' (expected: an IPv4 or IPv6 address)"),
        Arguments.of(
            with(GOOD, address("fe80::1%eth0", 1)),
            "destination: 'fe80::1%eth0' (expected: an IPv4 or IPv6 address)"),
        Arguments.of(
            with(GOOD, address("1\u001b[31m\n\u202e2", 1)),
            "destination: '1?[31m??2' (expected: an IPv4 or IPv6 address)"),
        Arguments.of(
            with(GOOD, address("9".repeat(100_000), 1)),
            "destination: '" + "9".repeat(80) + "…' (expected: an IPv4 or IPv6 address)"),
        Arguments.of(
            withSni(l4(), longName),
            "SNI of 254 characters, '" + "a".repeat(80) + "…' (expected: at most 253)"),
        Arguments.of(withSni(l4(), "a b"), "SNI: 'a b' (expected: letters, digits, '.', '_', '-')"),
        Arguments.of(
            l7(longName),
            "authority of 254 characters, '" + "a".repeat(80) + "…' (expected: at most 253)"),
        Arguments.of(
            l7("a".repeat(1 << 20)),
            "authority of 1048576 characters, '" + "a".repeat(80) + "…' (expected: at most 253)"),
        Arguments.of(
            l7("user@db.example"),
            "authority: 'user@db.example' (expected: letters, digits, '.', '_', '-')"),
        Arguments.of(
            l7("db.example:http"), "authority: 'db.example:http' (expected: a host, or host:port)"),
        Arguments.of(
            l7("[fd00::1]x:80"), "authority: '[fd00::1]x:80' (expected: a host, or host:port)"),
        Arguments.of(
            certified.build(),
            "x-kith-direction: outbound, and the source has the certificate of"
                + " 'spiffe://td/a/../b,spiffe://td/c' (expected: none, an application speaks"
                + " plainly to its own proxy)"),
        Arguments.of(
            with(internal("gate"), internal("gate")),
            "source: an internal address of Envoy (expected: an address and a port)"),
        Arguments.of(
            with(internal("gate"), GOOD),
            "one of source and destination is an internal address of Envoy (expected: both in the"
                + " gate, else none)"),
        Arguments.of(
            get.build(),
            "method: 'GET' from an internal address of Envoy (expected: CONNECT, as the gate"
                + " sends)"),
        Arguments.of(
            gate("", "10.0.0.1:1"),
            "x-kith-src: missing (expected: 10.0.0.1:1234 or [fd00::1]:1234, set by the gate)"),
        Arguments.of(
            gate("10.0.0.1:1", "10.0.0.1"),
            "x-kith-dst: '10.0.0.1' (expected: 10.0.0.1:1234 or [fd00::1]:1234, set by the gate)"),
        Arguments.of(
            gate("10.0.0.1:1,10.0.0.2:2", "10.0.0.1:1"),
            "x-kith-src: '10.0.0.1:1,10.0.0.2:2' (expected: 10.0.0.1:1234 or [fd00::1]:1234, set"
                + " by the gate)"),
        Arguments.of(
            gate("fd00::1:1", "10.0.0.1:1"),
            "x-kith-src: 'fd00::1:1' (expected: 10.0.0.1:1234 or [fd00::1]:1234, set by the"
                + " gate)"),
        Arguments.of(
            gate("10.0.0.1:65536", "10.0.0.1:1"), "x-kith-src: port 65536 (expected: 1 to 65535)"),
        Arguments.of(
            gate("10.0.0.300:1", "10.0.0.1:1"),
            "x-kith-src: '10.0.0.300' (expected: an IPv4 or IPv6 address)"));
  }

  @ParameterizedTest
  @MethodSource("refusedRequests")
  void read_hostileRequest_isMalformedWithWords(CheckRequest request, String detail) {
    assertThat(read(request, metadata())).isEqualTo(new Malformed(detail));
  }

  static Stream<Arguments> refusedMetadata() {
    return Stream.of(
        Arguments.of(
            new CheckMetadata("", "", "", "", null),
            "x-kith-direction: missing (expected: outbound or inbound, in the initial metadata of"
                + " the Check)"),
        Arguments.of(
            new CheckMetadata("outbound,inbound", "", "", "", null),
            "x-kith-direction: 'outbound,inbound' (expected: outbound or inbound)"),
        Arguments.of(
            new CheckMetadata("sideways", "", "", "", null),
            "x-kith-direction: 'sideways' (expected: outbound or inbound)"),
        Arguments.of(
            new CheckMetadata("outbound", "a/b", "", "", null),
            "x-kith-node: 'a/b' (expected: letters, digits, '.', '_', '-')"),
        Arguments.of(
            new CheckMetadata("outbound", "", "c".repeat(513), "", null),
            "x-kith-cluster of 513 characters, '" + "c".repeat(80) + "…' (expected: at most 512)"),
        Arguments.of(
            new CheckMetadata("outbound", "", "", "seven", null),
            "x-kith-conn: 'seven' (expected: a number)"));
  }

  @ParameterizedTest
  @MethodSource("refusedMetadata")
  void read_hostileMetadata_isMalformedWithWords(CheckMetadata metadata, String detail) {
    assertThat(read(l4(), metadata)).isEqualTo(new Malformed(detail));
  }

  @Test
  void of_directionTwice_isOneWhenBothAgree() {
    List<Map.Entry<CharSequence, CharSequence>> twice =
        List.of(
            Map.entry("x-kith-direction", "outbound"), Map.entry("x-kith-direction", "outbound"));
    List<Map.Entry<CharSequence, CharSequence>> torn =
        List.of(
            Map.entry("x-kith-direction", "outbound"), Map.entry("x-kith-direction", "inbound"));

    assertThat(CheckMetadata.of(twice).direction()).isEqualTo("outbound");
    assertThat(CheckMetadata.of(torn).direction()).isEqualTo("outbound,inbound");
  }

  /** What is kept until the caller took its answer: 64 KiB for each of ten thousand Checks. */
  @Test
  void of_valuesThatAreTooLong_keepsNoMoreThanTellsThemFromOthers() {
    var tooLong = "1".repeat(8_000);

    var metadata =
        CheckMetadata.of(
            sent(
                "x-kith-direction", tooLong,
                "x-kith-direction", "outbound",
                "x-kith-direction", "2".repeat(8_000),
                "x-kith-node", tooLong,
                "x-kith-cluster", tooLong,
                "x-kith-conn", tooLong,
                "x-kith-spare", tooLong,
                "x-kith-failure", tooLong,
                "traceparent", tooLong,
                "tracestate", tooLong));

    assertThat(metadata.length()).isLessThan(2_500);
    assertThat(TraceParent.parse(metadata.traceParent(), "")).isNull();
    assertThat(metadata.traceState()).isEmpty();
    assertThat(metadata.failure()).isNotIn("open", "closed", "floor");
    for (var bad :
        List.of(
            CheckMetadata.of(sent("x-kith-direction", tooLong)),
            CheckMetadata.of(sent("x-kith-direction", "outbound", "x-kith-node", tooLong)),
            CheckMetadata.of(sent("x-kith-direction", "outbound", "x-kith-cluster", tooLong)),
            CheckMetadata.of(sent("x-kith-direction", "outbound", "x-kith-conn", tooLong)))) {
      assertThat(read(l4(), bad)).isInstanceOf(Malformed.class);
    }
  }

  /** W3C Trace Context has 512 characters handed on at least, and no member cut. */
  @Test
  void of_traceState_isWhatFitsOfItsMembers() {
    var first = "a=" + "1".repeat(250);
    var second = "b=" + "2".repeat(257);

    assertThat(traceState(first, second)).isEqualTo(first + "," + second).hasSize(512);
    assertThat(traceState(first, second + "2")).isEqualTo(first);
    assertThat(traceState(first + "," + second + ",c=3")).isEqualTo(first + "," + second);
    assertThat(traceState("a=" + "1".repeat(511), "c=3")).isEqualTo("c=3");
    assertThat(traceState(Collections.nCopies(1_000, "a=1").toArray(String[]::new))).hasSize(511);
  }

  private static String traceState(String... values) {
    return CheckMetadata.of(
            sent(
                Stream.of(values)
                    .flatMap(value -> Stream.of("tracestate", value))
                    .toArray(String[]::new)))
        .traceState();
  }

  private static List<Map.Entry<CharSequence, CharSequence>> sent(String... namesAndValues) {
    var headers = new ArrayList<Map.Entry<CharSequence, CharSequence>>();
    for (var i = 0; i < namesAndValues.length; i += 2) {
      headers.add(Map.entry(namesAndValues[i], namesAndValues[i + 1]));
    }
    return headers;
  }

  @ParameterizedTest
  @CsvSource({
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,true",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more,true",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more,false",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,false",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01,false",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01,false",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01,false",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0,false",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g,false",
    "00-0af7651916cd43dd8448eb211c80319cab7ad6b7169203331-01,false",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331a01,false",
    "00a0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,false",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more,false",
    "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,false",
    "'',false",
  })
  void parse_traceParent_isStrict(String header, boolean read) {
    assertThat(TraceParent.parse(header, "") != null).isEqualTo(read);
  }

  @Test
  void parse_traceParent_hasItsParts() {
    var trace = "0af7651916cd43dd8448eb211c80319c";
    var span = "b7ad6b7169203331";

    assertThat(TraceParent.parse("00-" + trace + "-" + span + "-01", "a=1"))
        .isEqualTo(new TraceParent(trace, span, true, "a=1"));
    assertThat(TraceParent.parse("00-" + trace + "-" + span + "-0a", ""))
        .isEqualTo(new TraceParent(trace, span, false, ""));
  }

  @ParameterizedTest
  @CsvSource({
    "0.0.0.0",
    "255.255.255.255",
    "10.88.1.10",
    "127.0.0.1",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.08",
    "1.2.3",
    "1.2.3.4.",
    "1.2.3.4.5",
    ".1.2.3",
    "1..2.3",
    "1.2.3.0004",
    "256.1.1.1",
    "1.2.3.4:5"
  })
  void read_ipv4_isReadAsEveryAddressIs(String text) {
    IpAddress expected;
    try {
      expected = IpAddress.parse(text);
    } catch (IllegalArgumentException _) {
      expected = null;
    }

    var facts =
        CheckFacts.read(
            CheckMessage.read(with(address(text, 1234), GOOD).toByteArray()), metadata());

    assertThat(
            facts instanceof CheckFacts.Connection(_, _, var source, _, _, _, _, _, _, _)
                ? source.address()
                : null)
        .isEqualTo(expected);
  }
}
