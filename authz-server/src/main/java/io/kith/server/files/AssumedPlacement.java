package io.kith.server.files;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.export.Placement;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Where workloads are when nobody asks a cluster: pods by a label that has the owner's name, a
 * service of that name, and the service account of that name unless {@code kith.yaml} says more.
 */
public final class AssumedPlacement implements Placement {
  private final String label;
  private final Map<String, String> namespaces;
  private final String trustDomain;
  private final Map<Owner, SpiffeId> ids = new HashMap<>();

  /**
   * An assumption.
   *
   * @param label key of the label that selects an owner's pods
   * @param namespaces what the namespaces of owners are called here; the same when not named
   * @param trustDomain of SPIFFE IDs that the configuration does not give
   */
  public AssumedPlacement(
      String label, Map<String, String> namespaces, String trustDomain, KithConfig config) {
    this.label = label;
    this.namespaces = Map.copyOf(namespaces);
    this.trustDomain = trustDomain;
    config
        .workloads()
        .forEach(
            entry -> {
              if (entry.id() != null) {
                ids.put(entry.owner(), entry.id());
              }
            });
  }

  @Override
  public Placed of(Owner owner) {
    var namespace = namespaces.getOrDefault(owner.namespace(), owner.namespace());
    return new Placed(
        namespace,
        Map.of(label, owner.name()),
        owner.name() + "." + namespace + ".svc.cluster.local",
        spiffeId(owner).substring("spiffe://".length()));
  }

  /** The SPIFFE ID of a workload. */
  String spiffeId(Owner owner) {
    var known = ids.get(owner);
    return known == null
        ? "spiffe://"
            + trustDomain
            + "/ns/"
            + namespaces.getOrDefault(owner.namespace(), owner.namespace())
            + "/sa/"
            + owner.name()
        : known.toString();
  }

  /** What is assumed, for the head of a text. */
  public List<String> words() {
    return List.of(
        "Assumed, since no cluster was asked (see kith export --help):",
        "  pods of NAMESPACE/KIND/NAME have the label " + label + ": NAME",
        "  its service is NAME.NAMESPACE.svc.cluster.local",
        ids.isEmpty()
            ? "  its SPIFFE ID is spiffe://" + trustDomain + "/ns/NAMESPACE/sa/NAME"
            : "  SPIFFE IDs are those of workloads: in kith.yaml, else spiffe://"
                + trustDomain
                + "/ns/NAMESPACE/sa/NAME");
  }
}
