package io.kith.baselines.edge;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Ids of edges and revisions are made of these texts, and stores and signatures have the ids. */
class EdgeTextTest {
  private static final ProcessClass PROCESS =
      new ProcessClass("/app/shop", "shop", null, List.of("/sbin/init"), false);
  private static final Instant UNTIL = Instant.parse("2026-12-01T18:00:00Z");

  @Test
  void destinationsAreWrittenAsTheyAlwaysWere() {
    assertThat(
            List.of(
                new DestinationPattern.Exact("orders-db", Evidence.DNS, 5432, Protocol.TCP),
                new DestinationPattern.HostWildcard(
                    "db#", "shop.svc", Evidence.MESH_SERVICE, 5432, Protocol.TCP),
                new DestinationPattern.HostWildcard(
                    null, "shop.svc", Evidence.OWNER, 443, Protocol.TCP),
                new DestinationPattern.AddressBlock(
                    IpAddress.parse("192.0.2.0"), 24, 443, Protocol.TCP),
                new DestinationPattern.PortRange(
                    "nfs", Evidence.ADDRESS, 32_768, 60_999, Protocol.TCP)))
        .extracting(Object::toString)
        .containsExactly(
            "Exact[name=orders-db, weakest=DNS, port=5432, protocol=TCP]",
            "HostWildcard[shape=db#, parent=shop.svc, weakest=MESH_SERVICE, port=5432,"
                + " protocol=TCP]",
            "HostWildcard[shape=null, parent=shop.svc, weakest=OWNER, port=443, protocol=TCP]",
            "AddressBlock[network=192.0.2.0, prefix=24, port=443, protocol=TCP]",
            "PortRange[name=nfs, weakest=ADDRESS, low=32768, high=60999, protocol=TCP]");
  }

  @Test
  void whatIsWrittenByHandToo() {
    assertThat(new DestinationPattern.Written(new Place.Anywhere(), Ports.parse("443"), null))
        .hasToString("Written[place=*, ports=443, protocol=null]");
  }

  @Test
  void whereEdgesCameFromToo() {
    assertThat(
            List.of(
                new Provenance.Learned(),
                new Provenance.Grace("version 2", UNTIL),
                new Provenance.ByHand("alice", "asked for", null)))
        .extracting(Object::toString)
        .containsExactly(
            "Learned[]",
            "Grace[why=version 2, until=2026-12-01T18:00:00Z]",
            "ByHand[by=alice, note=asked for, until=null]");
  }

  @Test
  void idsAreOfTheseTexts() {
    var edge =
        Edge.learned(
            PROCESS,
            DestinationPattern.Exact.of(
                new Destination("orders-db", Evidence.DNS, null, 5432, Protocol.TCP)));
    assertThat(edge)
        .hasToString(
            "Edge[id="
                + edge.id()
                + ", process="
                + PROCESS
                + ", destination=Exact[name=orders-db, weakest=DNS, port=5432, protocol=TCP],"
                + " strictness=CLASS, sha256=null, scriptSha256=null, provenance=Learned[]]");
    assertThat(edge.id()).isEqualTo("e:79710c83a62a");
    assertThat(Baseline.of(Owner.parse("shop/deployment/w"), null, List.of(edge)).revision())
        .isEqualTo("bl:a69130f707f0c62b2c546ce57d8c0fff");
  }
}
