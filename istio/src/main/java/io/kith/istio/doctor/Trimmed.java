package io.kith.istio.doctor;

import io.kith.istio.MeshNames;
import io.kith.istio.doctor.SidecarConfig.Filter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * What rules look at, and nothing else, for a dump that is given to somebody: what is not listed
 * here is left out, so that no setting of an application and no secret is in it.
 */
public final class Trimmed {
  /** Envoy's counters that are looked at, as a regular expression. */
  public static final String COUNTERS =
      "^(cluster\\."
          + MeshNames.SERVER
          + "\\.(membership_healthy|upstream_cx_active|upstream_cx_connect_fail|ssl\\.fail_verify_san)"
          + "|listener_manager\\.lds\\.update_rejected|cluster_manager\\.cds\\.update_rejected"
          + "|server\\.(dynamic|static)_unknown_fields)$";

  private static final List<String> ANNOTATIONS =
      List.of(
          "traffic.sidecar.istio.io/",
          "sidecar.istio.io/inject",
          "sidecar.istio.io/interceptionMode",
          "meta.helm.sh/release-");

  private static final Set<String> VARIABLES =
      Set.of("ISTIO_DUAL_STACK", "ISTIO_META_INTERCEPTION_MODE");

  private static final Map<String, List<List<String>>> CONFIG_MAPS =
      Map.of(
          "mesh",
          List.of(List.of("outboundTrafficPolicy")),
          "values",
          List.of(
              List.of("global", "hub"),
              List.of("global", "proxy", "image"),
              List.of("global", "proxy", "excludeIPRanges"),
              List.of("global", "proxy", "excludeOutboundPorts"),
              List.of("global", "proxy", "includeIPRanges")));

  /** In place of settings that are not YAML: as unreadable as they were. */
  private static final String NOT_YAML = "]";

  private Trimmed() {}

  // ---- objects

  /** An object of the API server; null when nothing of it is looked at. */
  public static @Nullable Map<String, Object> object(Map<String, ?> object) {
    var tree = new Tree(object);
    var trimmed = only(tree, "apiVersion", "kind");
    var metadata = metadata(tree.at("metadata"));
    trimmed.put("metadata", metadata);
    switch (tree.at("kind").text()) {
      case "Namespace", "ReplicaSet", "Job", AdmissionPolicy.KIND -> {}
      case "Pod" -> {
        trimmed.put("spec", podSpec(tree.at("spec")));
        trimmed.put("status", podStatus(tree.at("status")));
        if (MeshRules.isOfKith(MeshObject.of(tree))) {
          putCreated(metadata, tree); // the youngest is of the version that is wanted
        }
      }
      case "Service", "ServiceEntry" ->
          trimmed.put("spec", only(tree.at("spec"), "ports", "clusterIP", "addresses"));
      case "Scope" -> put(trimmed, "spec", tree.at("spec"));
      case "Sidecar" -> {
        put(trimmed, "spec", tree.at("spec"));
        putCreated(metadata, tree); // of several the first counts
      }
      case AdmissionPolicy.BINDING ->
          trimmed.put(
              "spec", only(tree.at("spec"), "policyName", "validationActions", "matchResources"));
      case AdmissionPolicy.BINDING + "List", AdmissionPolicy.KIND + "List" ->
          trimmed.put("items", List.of()); // that it was read
      case "EnvoyFilter" -> trimmed.put("spec", filterSpec(tree.at("spec")));
      case "ConfigMap" -> {
        var data = data(tree.at("data"));
        if (data.isEmpty()) {
          return null;
        }
        trimmed.put("data", data);
      }
      default -> {
        return null;
      }
    }
    return trimmed;
  }

  private static void putCreated(Map<String, Object> metadata, Tree object) {
    put(metadata, MeshObjects.CREATED, object.at("metadata", MeshObjects.CREATED));
  }

  private static Map<String, Object> metadata(Tree metadata) {
    var trimmed = only(metadata, "name", "namespace", "labels");
    var annotations = new LinkedHashMap<String, Object>();
    metadata
        .at("annotations")
        .entries()
        .forEach(
            (key, value) -> {
              if (key.equals(OtherSidecar.TEMPLATES)) {
                annotations.put(key, value.text());
              } else if (OtherSidecar.ANNOTATIONS.contains(key)) {
                annotations.put(key, ""); // that it is there
              } else if (key.equals(OtherSidecar.CONFIG)) {
                annotations.put(key, keys(value.text()));
              } else if (ANNOTATIONS.stream().anyMatch(key::startsWith)) {
                annotations.put(key, value.text());
              }
            });
    if (!annotations.isEmpty()) {
      trimmed.put("annotations", annotations);
    }
    if (metadata.at("ownerReferences").present()) {
      trimmed.put(
          "ownerReferences",
          each(metadata.at("ownerReferences"), one -> only(one, "kind", "name", "controller")));
    }
    return trimmed;
  }

  /** Settings without what they are set to. */
  private static String keys(String settings) {
    var kept = new LinkedHashMap<String, Object>();
    OtherSidecar.settings(settings).forEach(key -> kept.put(key, ""));
    return new Dump(DumpSettings.builder().build()).dumpToString(kept);
  }

  private static Map<String, Object> podSpec(Tree spec) {
    var trimmed =
        only(
            spec,
            "nodeName",
            "hostNetwork",
            "hostPID",
            "hostIPC",
            "shareProcessNamespace",
            "hostUsers",
            "securityContext");
    var ofSidecar = PodRules.mountedBySidecar(spec);
    for (var key : List.of("initContainers", "containers", "ephemeralContainers")) {
      if (spec.at(key).present()) {
        trimmed.put(key, each(spec.at(key), one -> container(one, ofSidecar)));
      }
    }
    return trimmed;
  }

  private static Map<String, Object> container(Tree container, Set<String> ofSidecar) {
    var trimmed =
        only(container, "name", "restartPolicy", "securityContext", "targetContainerName");
    var image = container.at("image").text();
    var isIstio = MeshPod.OF_ISTIO.contains(container.at("name").text());
    trimmed.put(
        "image", isIstio ? image : image.substring(image.lastIndexOf('/') + 1)); // whose registry
    var mounts =
        container.at("volumeMounts").stream()
            .filter(mount -> isIstio || ofSidecar.contains(mount.at("name").text()))
            .map(
                mount ->
                    isIstio
                        ? only(mount, "name", "mountPath", "subPath", "subPathExpr")
                        : only(mount, "name"))
            .toList();
    if (!mounts.isEmpty()) {
      trimmed.put("volumeMounts", mounts);
    }
    if (isIstio) {
      put(trimmed, "args", container.at("args"));
      trimmed.put(
          "env",
          container.at("env").stream()
              .filter(variable -> VARIABLES.contains(variable.at("name").text()))
              .map(variable -> only(variable, "name", "value"))
              .toList());
    }
    return trimmed;
  }

  private static Map<String, Object> podStatus(Tree status) {
    var trimmed = only(status, "phase", "podIPs");
    for (var key :
        List.of("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")) {
      if (status.at(key).present()) {
        trimmed.put(key, each(status.at(key), one -> only(one, "name", "user")));
      }
    }
    return trimmed;
  }

  /** Values of patches may be programs of somebody; only what concerns Kith is kept. */
  private static Map<String, Object> filterSpec(Tree spec) {
    var trimmed = only(spec, "priority", "workloadSelector");
    trimmed.put(
        "configPatches",
        each(
            spec.at("configPatches"),
            patch -> {
              var kept = only(patch, "applyTo", "match");
              var inner = only(patch.at("patch"), "operation");
              var value = patch.at("patch", "value");
              if (FilterRules.concernsKith(patch)) {
                put(inner, "value", value);
              } else if (value.present()) {
                inner.put("value", only(value, "name"));
              }
              kept.put("patch", inner);
              return kept;
            }));
    return trimmed;
  }

  private static Map<String, Object> data(Tree data) {
    var trimmed = new LinkedHashMap<String, Object>();
    CONFIG_MAPS.forEach(
        (key, paths) -> {
          var text = data.at(key).text();
          if (!text.isEmpty()) {
            trimmed.put(key, settings(text, paths));
          }
        });
    return trimmed;
  }

  private static String settings(String text, List<List<String>> paths) {
    var kept = new LinkedHashMap<String, Object>();
    try {
      var tree = new Tree(new Load(LoadSettings.builder().build()).loadFromString(text));
      for (var path : paths) {
        var value = tree.at(path.toArray(String[]::new));
        if (value.value() != null) {
          below(kept, path.subList(0, path.size() - 1)).put(path.getLast(), value.value());
        }
      }
    } catch (YamlEngineException _) {
      return NOT_YAML;
    }
    return new Dump(DumpSettings.builder().build()).dumpToString(kept);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> below(Map<String, Object> map, List<String> path) {
    var here = map;
    for (var key : path) {
      here =
          (Map<String, Object>) here.computeIfAbsent(key, _ -> new LinkedHashMap<String, Object>());
    }
    return here;
  }

  // ---- sidecars

  /** A sidecar's configuration. */
  public static Map<String, Object> sidecar(Map<String, ?> config) {
    var configs = new Tree(config).at("configs");
    var trimmed = new LinkedHashMap<String, Object>();
    if (configs.present()) {
      trimmed.put("configs", each(configs, Trimmed::part));
    }
    return trimmed;
  }

  private static Map<String, Object> part(Tree config) {
    var trimmed = only(config, "@type");
    if (config.at("bootstrap").present()) {
      trimmed.put("bootstrap", bootstrap(config.at("bootstrap")));
    }
    part(trimmed, config, "dynamic_listeners", Trimmed::dynamicListener);
    part(trimmed, config, "static_listeners", Trimmed::staticListener);
    for (var key : List.of("static_clusters", "dynamic_active_clusters")) {
      part(trimmed, config, key, Trimmed::cluster);
    }
    for (var key : List.of("static_endpoint_configs", "dynamic_endpoint_configs")) {
      part(trimmed, config, key, Trimmed::endpoints);
    }
    for (var key : List.of("static_route_configs", "dynamic_route_configs")) {
      part(trimmed, config, key, Trimmed::routes);
    }
    for (var key : List.of("static_secrets", "dynamic_active_secrets")) {
      part(trimmed, config, key, Trimmed::secret);
    }
    return trimmed;
  }

  private static void part(
      Map<String, Object> to, Tree config, String key, Function<Tree, Map<String, Object>> how) {
    if (config.at(key).present()) {
      to.put(key, config.at(key).stream().map(how).filter(one -> !one.isEmpty()).toList());
    }
  }

  private static Map<String, Object> bootstrap(Tree bootstrap) {
    var trimmed = new LinkedHashMap<String, Object>();
    trimmed.put("admin", only(bootstrap.at("admin"), "address"));
    var node = new LinkedHashMap<String, Object>();
    node.put("metadata", only(bootstrap.at("node", "metadata"), "ISTIO_VERSION"));
    node.put(
        "user_agent_build_version",
        only(bootstrap.at("node", "user_agent_build_version"), "version"));
    trimmed.put("node", node);
    return trimmed;
  }

  private static Map<String, Object> dynamicListener(Tree one) {
    var trimmed = only(one, "name");
    var listener = one.at("active_state", "listener");
    if (MeshNames.GATES.contains(one.at("name").text())) {
      trimmed.put("active_state", only(one.at("active_state"), "listener"));
    } else if (listener.present()) {
      trimmed.put("active_state", new LinkedHashMap<>(Map.of("listener", listener(listener))));
    }
    error(trimmed, one);
    return trimmed;
  }

  /** Nothing of Istio's own. */
  private static Map<String, Object> staticListener(Tree one) {
    var trimmed = new LinkedHashMap<String, Object>();
    if (SidecarConfig.isForTraffic(one.at("listener"))) {
      trimmed.put("listener", listener(one.at("listener")));
    }
    return trimmed;
  }

  private static Map<String, Object> listener(Tree listener) {
    var kept = only(listener, "name", "traffic_direction", "internal_listener");
    if (!listener.at("name").present()) {
      put(kept, "address", listener.at("address"));
    }
    if (listener.at("listener_filters").present()) {
      kept.put(
          "listener_filters",
          each(listener.at("listener_filters"), filter -> only(filter, "name")));
    }
    kept.put("filter_chains", each(listener.at("filter_chains"), Trimmed::chain));
    if (listener.at("default_filter_chain").present()) {
      kept.put("default_filter_chain", chain(listener.at("default_filter_chain")));
    }
    return kept;
  }

  private static void error(Map<String, Object> to, Tree one) {
    if (one.at("error_state").present()) {
      to.put("error_state", only(one.at("error_state"), "details"));
    }
  }

  private static Map<String, Object> chain(Tree chain) {
    var trimmed = only(chain, "name");
    trimmed.put("filters", each(chain.at("filters"), Trimmed::filter));
    return trimmed;
  }

  private static Map<String, Object> filter(Tree filter) {
    var trimmed = only(filter, "name", "disabled");
    var config = filter.at("typed_config");
    if (MeshNames.FILTERS.contains(filter.at("name").text())
        || Filter.of(filter).asks().equals(MeshNames.SERVER)) {
      put(trimmed, "typed_config", config);
    } else if (config.present()) {
      var kept =
          Filter.of(filter).passesThrough()
              ? only(config, "@type", "cluster")
              : only(config, "@type", "type_url");
      if (config.at("http_filters").present()) {
        kept.put("http_filters", each(config.at("http_filters"), Trimmed::filter));
        for (var key :
            List.of("early_header_mutation_extensions", "common_http_protocol_options")) {
          if (config.at(key).present()) {
            put(kept, key, config.at(key));
          }
        }
      }
      trimmed.put("typed_config", kept);
    } else if (filter.at(SidecarConfig.DISCOVERY).present()) {
      trimmed.put(
          SidecarConfig.DISCOVERY, only(filter.at(SidecarConfig.DISCOVERY), SidecarConfig.TYPES));
    }
    return trimmed;
  }

  /** Of routes, only which of Kith's filters they have a word about, and where copies go. */
  private static Map<String, Object> routes(Tree tree) {
    var filters = new LinkedHashMap<String, Object>();
    SidecarConfig.byRoutes(tree).forEach(name -> filters.put(name, Map.of()));
    var trimmed = new LinkedHashMap<String, Object>();
    if (!filters.isEmpty()) {
      trimmed.put(SidecarConfig.PER_ROUTE, filters);
    }
    var mirrors = SidecarConfig.mirrors(tree);
    if (!mirrors.isEmpty()) {
      trimmed.put(
          SidecarConfig.MIRRORS,
          mirrors.stream().map(one -> new LinkedHashMap<>(Map.of("cluster", one))).toList());
    }
    return trimmed;
  }

  private static Map<String, Object> cluster(Tree one) {
    var cluster = one.at("cluster");
    var trimmed = new LinkedHashMap<String, Object>();
    if (MeshNames.CLUSTERS.contains(cluster.at("name").text())) {
      put(trimmed, "cluster", cluster);
    } else {
      trimmed.put("cluster", only(cluster, "name"));
    }
    error(trimmed, one);
    return trimmed;
  }

  private static Map<String, Object> endpoints(Tree one) {
    return MeshNames.CLUSTERS.contains(one.at("endpoint_config", "cluster_name").text())
        ? only(one, "endpoint_config")
        : new LinkedHashMap<>();
  }

  /** Certificates; what is theirs alone was left out by Envoy, and is here as well. */
  private static Map<String, Object> secret(Tree one) {
    var trimmed = only(one, "name", "last_updated");
    var secret = new LinkedHashMap<String, Object>();
    if (one.at("secret", "tls_certificate").present()) {
      secret.put("tls_certificate", only(one.at("secret", "tls_certificate"), "certificate_chain"));
    }
    if (one.at("secret", "validation_context").present()) {
      secret.put("validation_context", only(one.at("secret", "validation_context"), "trusted_ca"));
    }
    trimmed.put("secret", secret);
    return trimmed;
  }

  // ---- servers of Kith

  /** Metrics in Prometheus' form: what guards counted, and that they count. */
  public static String counts(String metrics) {
    return metrics
        .lines()
        .filter(MeshRules::isOfGuards)
        .map(line -> line + "\n")
        .collect(Collectors.joining());
  }

  // ---- istiods

  /** What an istiod says of a sidecar. */
  public static Map<String, Object> synced(Map<String, ?> sidecar) {
    var trimmed = only(new Tree(sidecar), "proxy");
    sidecar.forEach(
        (key, value) -> {
          if (key.endsWith("_sent") || key.endsWith("_acked")) {
            trimmed.put(key, value);
          }
        });
    return trimmed;
  }

  // ---- parts

  private static Map<String, Object> only(Tree tree, String... keys) {
    var trimmed = new LinkedHashMap<String, Object>();
    for (var key : keys) {
      put(trimmed, key, tree.at(key));
    }
    return trimmed;
  }

  private static void put(Map<String, Object> to, String key, Tree value) {
    if (value.value() != null) {
      to.put(key, value.value());
    }
  }

  private static List<Map<String, Object>> each(
      Tree list, Function<Tree, Map<String, Object>> how) {
    return list.stream().map(how).toList();
  }
}
