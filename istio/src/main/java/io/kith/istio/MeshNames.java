package io.kith.istio;

import java.util.Set;

/** What the recipes call things in a sidecar; nobody else's is called so. */
public final class MeshNames {
  /** The cluster that is asked. */
  public static final String SERVER = Clusters.SERVER;

  /** The filter that asks about a connection and can refuse it. */
  public static final String CONNECTION = MeshFilters.CONNECTION;

  /** The filter that asks about an HTTP connection and refuses nothing. */
  public static final String HTTP_CONNECTION = MeshFilters.HTTP_CONNECTION;

  /** The filter that asks about a request. */
  public static final String REQUEST = MeshFilters.REQUEST;

  /** The filter that asks about a connection in a gate. */
  public static final String CONNECT = MeshFilters.CONNECT;

  /** Label of an overlay: its {@linkplain FailureMode#word failure mode}. */
  public static final String FAILURE_MODE = "kith.io/failure-mode";

  /** What stands behind the filters that ask, where the failure mode is floor. */
  public static final String FLOOR = Floor.NAME;

  /** The filter that keeps what requests are spared, where the recipe has the short cut. */
  public static final String SPARED = MeshFilters.SPARED;

  /** The filter that asks about what comes in. */
  public static final String INBOUND_CONNECTION = MeshFilters.INBOUND_CONNECTION;

  /** The header that says from which process a request is. */
  public static final String PROVENANCE = Provenance.HEADER;

  /** What leads to a gate, by the name that it has then. */
  public static final String LEADS_TO_GATE = MeshFilters.GATE;

  /** Listeners, and the clusters that lead to them, that ask about a connection when it is made. */
  public static final Set<String> GATES = Set.of(Gate.NAME, MeshFilters.OPEN_GATE);

  /** The gate that lets pass what nobody answers for. */
  public static final String OPEN_GATE = MeshFilters.OPEN_GATE;

  /** The filters that decide about what leaves a workload; the rest of {@link #FILTERS} do not. */
  public static final Set<String> DECIDING = Set.of(CONNECTION, REQUEST, CONNECT);

  /** All filters by their names. */
  public static final Set<String> FILTERS =
      Set.of(
          CONNECTION,
          HTTP_CONNECTION,
          REQUEST,
          CONNECT,
          FLOOR,
          SPARED,
          LEADS_TO_GATE,
          INBOUND_CONNECTION,
          MeshFilters.INBOUND_REQUEST,
          MeshFilters.INBOUND_HEADER);

  /** Clusters by their names. */
  public static final Set<String> CLUSTERS =
      Set.of(SERVER, Gate.NAME, MeshFilters.OPEN_GATE, Gate.PASSTHROUGH);

  private MeshNames() {}
}
