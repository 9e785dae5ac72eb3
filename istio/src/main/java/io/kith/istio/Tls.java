package io.kith.istio;

import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;
import static io.kith.istio.Yaml.withoutEmptyLists;

import java.util.List;
import java.util.Map;

/**
 * Mutual TLS with certificates that Envoy gets by SDS.
 *
 * @param certificate how the own certificate is asked for
 * @param bundle how the trust bundle is asked for
 */
record Tls(Map<String, Object> certificate, Map<String, Object> bundle) {
  /** Of a source beside a standalone Envoy. */
  static Tls of(StandaloneRecipe.Identity identity, String cluster) {
    return new Tls(
        map("name", identity.certificate(), "sds_config", sds(cluster)),
        map("name", identity.bundle(), "sds_config", sds(cluster)));
  }

  /** Of a sidecar's agent: what the sidecar itself shows to other sidecars. */
  static Tls ofSidecar() {
    return new Tls(
        map("name", "default", "sds_config", sidecarSds()),
        map("name", "ROOTCA", "sds_config", sidecarSds()));
  }

  /**
   * To a peer. The pinned name matters: without it every workload of the trust domain could pose as
   * the peer.
   */
  Map<String, Object> to(String peer, List<String> protocols) {
    var common = withoutEmptyLists(map("tls_params", newest(), "alpn_protocols", protocols));
    common.put("tls_certificate_sds_secret_configs", List.of(certificate));
    common.put(
        "combined_validation_context",
        map(
            "default_validation_context",
            map(
                "match_typed_subject_alt_names",
                List.of(map("san_type", "URI", "matcher", map("exact", peer)))),
            "validation_context_sds_secret_config",
            bundle));
    return typed(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context",
        common);
  }

  /** With whoever of the mesh connects. */
  Map<String, Object> fromPeers() {
    return typed(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate",
        true,
        "common_tls_context",
        map(
            "tls_params",
            newest(),
            "tls_certificate_sds_secret_configs",
            List.of(certificate),
            "validation_context_sds_secret_config",
            bundle));
  }

  /** The server takes nothing older, and Envoy as a client offers 1.2 by itself. */
  private static Map<String, Object> newest() {
    return map(
        "tls_minimum_protocol_version", "TLSv1_3", "tls_maximum_protocol_version", "TLSv1_3");
  }

  private static Map<String, Object> sds(String cluster) {
    return map("resource_api_version", "V3", "api_config_source", source(cluster));
  }

  /** As istiod asks for it: one subscription serves both then. */
  private static Map<String, Object> sidecarSds() {
    var source = source("sds-grpc");
    source.put("set_node_on_first_message_only", true);
    return map(
        "resource_api_version", "V3", "initial_fetch_timeout", "0s", "api_config_source", source);
  }

  private static Map<String, Object> source(String cluster) {
    return map(
        "api_type",
        "GRPC",
        "transport_api_version",
        "V3",
        "grpc_services",
        List.of(map("envoy_grpc", map("cluster_name", cluster))));
  }
}
