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
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.YamlDocument;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Goldens change only by {@code -Dkith.goldens=refresh}. */
class ExportersTest {
  private static final Path GOLDENS = Path.of("src", "test", "resources", "goldens", "export");
  private static final Owner CART = Owner.parse("shop/deployment/cart");
  private static final Map<Owner, Placement.Placed> PLACES =
      Map.of(
          Edges.CHECKOUT,
          placed("checkout", "checkout.shop.svc.cluster.local"),
          CART,
          placed("cart", "cart.shop.svc.cluster.local"),
          Owner.parse("shop/statefulset/db"),
          placed("db", "db.shop.svc.cluster.local"));
  private static final List<Baseline> BASELINES =
      List.of(
          Edges.baseline(
              null,
              Edges.APP_TO_DB,
              Edges.APP_TO_CART,
              Edges.APP_TO_API,
              Edges.TOOL_TO_API,
              Edges.hashed('a'),
              learned(
                  new DestinationPattern.Exact(
                      "catalog.shop.svc.cluster.local", Evidence.MESH_SERVICE, 80, Protocol.TCP)),
              learned(
                  new DestinationPattern.Exact("192.0.2.7", Evidence.ADDRESS, 123, Protocol.UDP)),
              learned(
                  new DestinationPattern.PortRange(
                      "shop/statefulset/db", Evidence.OWNER, 40_000, 50_000, Protocol.TCP)),
              learned(
                  new DestinationPattern.HostWildcard(
                      null, "cdn.example.com", Evidence.DNS, 443, Protocol.TCP)),
              learned(Edges.owner("pay/deployment/elsewhere", 9000)),
              learned(
                  new DestinationPattern.Written(
                      new Place.Within(Cidr.parse("10.9.0.0/16"), false),
                      new Ports(9000, 9010),
                      Protocol.TCP))),
          Baseline.of(CART, "bl:0", List.of(Edges.APP_TO_DB)));

  static Stream<Arguments> exporters() {
    return Stream.of(
        Arguments.of("native.yaml", new NativeYaml()),
        Arguments.of("networkpolicy.yaml", new KubernetesNetworkPolicy()),
        Arguments.of("cilium.yaml", new CiliumPolicy()),
        Arguments.of("istio.yaml", new IstioPolicy()));
  }

  @ParameterizedTest
  @MethodSource("exporters")
  void export_theShop_isAsTheGoldenSays(String name, BaselineExporter exporter) throws Exception {
    var text = exporter.export(BASELINES, PLACES::get);

    var golden = GOLDENS.resolve(name);
    if ("refresh".equals(System.getProperty("kith.goldens"))) {
      Files.createDirectories(GOLDENS);
      Files.writeString(golden, text);
    }
    assertThat(text).isEqualTo(Files.readString(golden));
  }

  @ParameterizedTest
  @MethodSource("exporters")
  void export_whatIsLost_isSaidAtTheHead(String name, BaselineExporter exporter) {
    var text = exporter.export(BASELINES, PLACES::get);

    assertThat(text).as(name).startsWith("# ").contains("# Lost on the way:\n#   - ");
    assertThat(text).contains(BASELINES.getFirst().revision());
  }

  @ParameterizedTest
  @MethodSource("exporters")
  void export_aPathWithALineBreak_cannotAddAnything(String name, BaselineExporter exporter) {
    var evil = Edges.process("/x\napiVersion: v1\nkind: Evil\n---\n");
    var edge =
        Edge.learned(
            evil, new DestinationPattern.Exact("a\nkind: Evil", Evidence.DNS, 1, Protocol.TCP));
    var text = exporter.export(List.of(Edges.baseline(null, edge)), PLACES::get);

    assertThat(text.lines()).as(name).noneMatch(line -> line.startsWith("kind: Evil"));
    assertThat(YamlDocument.readAll(name, text).problems()).isEmpty();
    assertThat(YamlDocument.readAll(name, text).sections()).hasSize(1);
  }

  @Test
  void export_aWorkloadThatIsNotHere_isSaid() {
    var text = new KubernetesNetworkPolicy().export(BASELINES, _ -> null);

    assertThat(text).contains("#   - the workload is not here:");
    assertThat(text.lines()).allMatch(line -> line.startsWith("#"));
  }

  private static Edge learned(DestinationPattern pattern) {
    return Edge.learned(Edges.APP, pattern);
  }

  private static Placement.Placed placed(String app, String host) {
    return new Placement.Placed(
        "shop", Map.of("app", app), host, "cluster.local/ns/shop/sa/" + app);
  }
}
