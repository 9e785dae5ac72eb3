package io.kith.baselines.export;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.change.Edges;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NativeYamlTest {
  private static final Instant NOON = Instant.parse("2027-01-31T12:00:00Z");
  private static final String GOOD =
      """
      apiVersion: kith.io/v1
      kind: Baseline
      spec:
        workload: shop/deployment/checkout
        edges:
          - process: {path: /app, program: app}
            destination: {host: shop/statefulset/db, port: 5432, protocol: tcp, evidence: owner}
      """;

  /** Every form of a destination, a process and a provenance. */
  private static List<Edge> everything() {
    var edges = new ArrayList<Edge>();
    List.<DestinationPattern>of(
            new DestinationPattern.Exact("db.example.com", Evidence.DNS, 1, Protocol.UDP),
            new DestinationPattern.Exact("a\nb: \"c", Evidence.CLIENT_NAME, 65_535, Protocol.TCP),
            new DestinationPattern.Exact("::1", Evidence.ADDRESS, 80, Protocol.TCP),
            new DestinationPattern.HostWildcard(
                "s#", "cdn.example.com", Evidence.DNS, 443, Protocol.TCP),
            new DestinationPattern.HostWildcard(
                null, "cdn.example.com", Evidence.CLIENT_NAME, 443, Protocol.TCP),
            new DestinationPattern.AddressBlock(
                IpAddress.parse("10.1.2.0"), 28, 9_000, Protocol.TCP),
            new DestinationPattern.PortRange(
                "shop/statefulset/db", Evidence.OWNER, 40_000, 50_000, Protocol.TCP),
            new DestinationPattern.PortRange(
                "shop/statefulset/db", Evidence.OWNER, 40_000, 40_000, Protocol.TCP),
            new DestinationPattern.Written(new Place.Anywhere(), Ports.ANY, null),
            new DestinationPattern.Written(
                new Place.Named("a.b", Evidence.DNS), new Ports(1, 1), Protocol.TCP),
            new DestinationPattern.Written(
                new Place.Below("a.b", Evidence.DNS), new Ports(1, 2), null),
            new DestinationPattern.Written(
                new Place.Within(Cidr.parse("10.0.0.0/8"), true), new Ports(1, 2), null),
            new DestinationPattern.Written(
                new Place.Within(Cidr.parse("fd00::/8"), false), new Ports(1, 2), Protocol.UDP))
        .forEach(destination -> edges.add(Edge.learned(Edges.APP, destination)));
    edges.add(
        Edge.learned(
            new ProcessClass("/usr/bin/python#", "null", "/a: b", List.of("/sh", "- x"), true),
            new DestinationPattern.Exact("~", Evidence.MESH_SERVICE, 443, Protocol.TCP)));
    edges.add(
        Edge.inGrace(
            Edges.APP,
            new DestinationPattern.Exact("x", Evidence.OWNER, 2, Protocol.TCP),
            new Provenance.Grace("version 2", NOON)));
    edges.add(
        Edge.byHand(
            Edges.APP,
            new DestinationPattern.Exact("x", Evidence.OWNER, 3, Protocol.TCP),
            "a".repeat(64),
            "b".repeat(64),
            new Provenance.ByHand("ada", "yes: 'really'", NOON)));
    edges.add(
        Edge.byHand(
            Edges.APP,
            new DestinationPattern.Exact("x", Evidence.OWNER, 4, Protocol.TCP),
            null,
            null,
            new Provenance.ByHand("ada", "for ever", null)));
    return edges;
  }

  @Test
  void read_whatWasWritten_isTheSame() {
    var baselines =
        List.of(
            Baseline.of(Edges.CHECKOUT, null, everything()),
            Baseline.of(Owner.parse("shop/deployment/cart"), "bl:1", List.of()));

    var read = NativeYaml.read("b.yaml", NativeYaml.write(baselines));

    assertThat(read).isEqualTo(new NativeYaml.Read.Accepted(baselines));
  }

  @Test
  void read_writtenByAPerson_namesTheEdgeAsTheLearnerWould() {
    var read = (NativeYaml.Read.Accepted) NativeYaml.read("b.yaml", GOOD);

    var edge = read.baselines().getFirst().edges().getFirst();
    assertThat(edge).isEqualTo(Edge.learned(edge.process(), edge.destination()));
    assertThat(edge.strictness()).isEqualTo(Strictness.CLASS);
  }

  @Test
  void read_edgesThatDoNotFitTheRevision_areRefused() {
    var text =
        NativeYaml.write(List.of(Edges.baseline(null, Edges.APP_TO_DB)))
            .replace("port: 5432", "port: 5433");

    var read = (NativeYaml.Read.Refused) NativeYaml.read("b.yaml", text);

    assertThat(read.problems()).hasSize(1);
    assertThat(read.problems().getFirst().toString())
        .startsWith("b.yaml:")
        .contains("metadata.revision: 'bl:")
        .endsWith("(expected: no revision after an edit)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "kind: Baseline|kind: Policy|b.yaml:2:7: kind: 'Policy' (expected: Baseline)",
        "shop/deployment/checkout|checkout|b.yaml:4:13: spec.workload: owner: 'checkout' (expected:",
        "evidence: owner|evidence: faith|spec.edges[0].destination.evidence: 'faith' (expected: one of address,",
        ", evidence: owner|''|spec.edges[0].destination.evidence: missing (expected: owner, dns, …)",
        "port: 5432|port: 70000|spec.edges[0].destination.port: ports: 70000-70000 (expected: 1 to 65535",
        "port: 5432|ports: 1-2|spec.edges[0].destination.ports: several, or no protocol",
        ", protocol: tcp|''|spec.edges[0].destination.ports: several, or no protocol",
        "host: shop/statefulset/db|cidr: 10.0.0.0/8|(expected: a whole number from 24 to 32)",
        "host: shop/statefulset/db|name: db|spec.edges[0].destination.host: with another or without any",
        "path: /app|file: /app|spec.edges[0].process.path: missing (expected: masked path of the executable)",
        "- process|- strictness: hash\\n      process|spec.edges[0].process.sha256: missing",
        "- process|- allow: all\\n      process|spec.edges[0].allow: unknown key",
      })
  void read_aMistake_isNamedWithItsPlace(String good, String bad, String expected) {
    var text = GOOD.replace(good, bad.replace("\\n", "\n"));
    assertThat(text).isNotEqualTo(GOOD);

    var read = (NativeYaml.Read.Refused) NativeYaml.read("b.yaml", text);

    assertThat(read.problems()).anyMatch(problem -> problem.toString().contains(expected));
  }

  @Test
  void read_nothing_orTwiceTheSameWorkload_isRefused() {
    assertThat(((NativeYaml.Read.Refused) NativeYaml.read("b.yaml", "")).problems())
        .hasToString("[b.yaml: empty (expected: a document of kind Baseline)]");
    assertThat(
            ((NativeYaml.Read.Refused) NativeYaml.read("b.yaml", GOOD + "---\n" + GOOD)).problems())
        .hasSize(1)
        .first()
        .asString()
        .contains("shop/deployment/checkout is at b.yaml:1:1 already");
  }
}
