package io.kith.baselines.change;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A small shop for the tests of this package and its neighbours. */
public final class Edges {
  public static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  public static final ProcessClass APP = process("/app/checkout");
  public static final ProcessClass TOOL = process("/usr/bin/tool");
  public static final Edge APP_TO_DB = Edge.learned(APP, owner("shop/statefulset/db", 5432));
  public static final Edge APP_TO_CART = Edge.learned(APP, owner("shop/deployment/cart", 8080));
  public static final Edge APP_TO_API = Edge.learned(APP, named("api.example.com", 443));
  public static final Edge TOOL_TO_API = Edge.learned(TOOL, named("api.example.com", 443));

  private Edges() {}

  public static ProcessClass process(String path) {
    return new ProcessClass(
        path, path.substring(path.lastIndexOf('/') + 1), null, List.of("/init"), false);
  }

  public static DestinationPattern owner(String owner, int port) {
    return new DestinationPattern.Exact(owner, Evidence.OWNER, port, Protocol.TCP);
  }

  public static DestinationPattern named(String host, int port) {
    return new DestinationPattern.Exact(host, Evidence.CLIENT_NAME, port, Protocol.TCP);
  }

  public static Edge hashed(char digit) {
    return Edge.byHand(
        TOOL,
        named("vendor.example.com", 443),
        String.valueOf(digit).repeat(64),
        null,
        new Provenance.ByHand("ada", "the vendor's tool", null));
  }

  public static Baseline baseline(@Nullable Baseline parent, Edge... edges) {
    return Baseline.of(CHECKOUT, parent == null ? null : parent.revision(), List.of(edges));
  }
}
