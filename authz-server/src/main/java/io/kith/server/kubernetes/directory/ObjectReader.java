package io.kith.server.kubernetes.directory;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodIP;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.identity.IpAddress;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What is kept of Kubernetes' and Istio's objects. Values that cannot be read are left out. */
final class ObjectReader {
  /** On an EndpointSlice: the service that it is of. */
  static final String SERVICE_NAME = "kubernetes.io/service-name";

  private static final Set<String> ENDED = Set.of("Succeeded", "Failed");

  private final String proxyContainer;

  /**
   * @param proxyContainer name of the sidecar's container
   */
  ObjectReader(String proxyContainer) {
    this.proxyContainer = proxyContainer;
  }

  static Facts.Name name(HasMetadata object) {
    return new Facts.Name(object.getMetadata().getNamespace(), object.getMetadata().getName());
  }

  /** Null when it has ended. */
  Facts.@Nullable Pod pod(Pod pod) {
    var status = pod.getStatus();
    var spec = pod.getSpec();
    if (spec == null || (status != null && ENDED.contains(status.getPhase()))) {
      return null;
    }
    var account = spec.getServiceAccountName();
    var nodes = status == null ? List.<IpAddress>of() : nodes(status);
    var addresses =
        status == null || Boolean.TRUE.equals(spec.getHostNetwork())
            ? List.<IpAddress>of()
            : addresses(status, nodes);
    return new Facts.Pod(
        name(pod),
        account == null || account.isEmpty() ? "default" : account,
        controller(pod.getMetadata()),
        labels(pod.getMetadata().getLabels()),
        addresses,
        new Facts.Node(text(spec.getNodeName()), nodes),
        Stream.concat(stream(spec.getContainers()), stream(spec.getInitContainers()))
            .map(Container::getName)
            .anyMatch(proxyContainer::equals),
        pod.getMetadata().getDeletionTimestamp() != null,
        started(pod));
  }

  private static List<IpAddress> nodes(PodStatus status) {
    return parsed(
            Stream.concat(
                Stream.of(text(status.getHostIP())),
                stream(status.getHostIPs()).map(one -> text(one.getIp()))))
        .toList();
  }

  /** Those of its node are not its own, whatever its spec says. */
  private static List<IpAddress> addresses(PodStatus status, List<IpAddress> nodes) {
    return parsed(
            Stream.concat(
                Stream.of(text(status.getPodIP())),
                stream(status.getPodIPs()).map(PodIP::getIp).map(ObjectReader::text)))
        .filter(one -> !nodes.contains(one) && !one.isLoopback())
        .toList();
  }

  private static Stream<IpAddress> parsed(Stream<String> addresses) {
    return addresses
        .map(ObjectReader::address)
        .filter(Objects::nonNull)
        .map(Objects::requireNonNull)
        .distinct();
  }

  private static Map<String, String> labels(@Nullable Map<String, String> labels) {
    return labels == null ? Map.of() : labels;
  }

  private static long started(Pod pod) {
    var status = pod.getStatus();
    var time = status == null ? null : status.getStartTime();
    try {
      return Instant.parse(time == null ? text(pod.getMetadata().getCreationTimestamp()) : time)
          .getEpochSecond();
    } catch (DateTimeException _) {
      return 0;
    }
  }

  static Facts.Parent parent(HasMetadata object) {
    return new Facts.Parent(
        object.getKind(),
        name(object),
        text(object.getMetadata().getUid()),
        controller(object.getMetadata()));
  }

  private static Facts.@Nullable Controller controller(ObjectMeta metadata) {
    return stream(metadata.getOwnerReferences())
        .filter(reference -> Boolean.TRUE.equals(reference.getController()))
        .findFirst()
        .map(
            reference ->
                new Facts.Controller(
                    group(text(reference.getApiVersion())),
                    text(reference.getKind()),
                    text(reference.getName()),
                    text(reference.getUid())))
        .orElse(null);
  }

  private static String group(String apiVersion) {
    var slash = apiVersion.indexOf('/');
    return slash < 0 ? "" : apiVersion.substring(0, slash);
  }

  static Facts.Service service(Service service) {
    var spec = service.getSpec();
    if (spec == null) {
      return new Facts.Service(name(service), List.of(), null, Map.of(), List.of());
    }
    if (text(spec.getType()).equals("ExternalName")) {
      return new Facts.Service(
          name(service), List.of(), host(text(spec.getExternalName())), Map.of(), List.of());
    }
    return new Facts.Service(
        name(service),
        parsed( // "None" is none
                Stream.concat(Stream.of(text(spec.getClusterIP())), stream(spec.getClusterIPs())))
            .toList(),
        null,
        labels(spec.getSelector()),
        stream(spec.getPorts())
            .filter(port -> !"UDP".equals(port.getProtocol()) && !"SCTP".equals(port.getProtocol()))
            .map(ServicePort::getPort)
            .filter(Objects::nonNull)
            .toList());
  }

  /** Null when it is of no service. */
  static Facts.@Nullable Slice slice(EndpointSlice slice) {
    var labels = slice.getMetadata().getLabels();
    var service = labels == null ? null : labels.get(SERVICE_NAME);
    if (service == null || service.isEmpty()) {
      return null;
    }
    var name = name(slice);
    var endpoints = new ArrayList<Facts.Endpoint>();
    stream(slice.getEndpoints())
        .forEach(
            endpoint ->
                stream(endpoint.getAddresses())
                    .forEach(
                        one ->
                            endpoints.add(
                                new Facts.Endpoint(
                                    address(one), podOf(endpoint, name.namespace())))));
    return new Facts.Slice(name, new Facts.Name(name.namespace(), service), endpoints);
  }

  private static @Nullable String podOf(Endpoint endpoint, String namespace) {
    var target = endpoint.getTargetRef();
    return target == null
            || !"Pod".equals(target.getKind())
            || (target.getNamespace() != null && !target.getNamespace().equals(namespace))
        ? null
        : target.getName();
  }

  static Facts.Entry entry(GenericKubernetesResource entry) {
    Object spec = entry.get("spec");
    Object status = entry.get("status");
    return new Facts.Entry(
        name(entry),
        list(spec, "hosts").map(one -> host(one.toString())).filter(one -> !isWild(one)).toList(),
        parsed(
                Stream.concat(
                    list(spec, "addresses").map(one -> single(one.toString())),
                    list(status, "addresses").map(one -> single(field(one, "value")))))
            .toList(),
        blocks(list(spec, "addresses")),
        list(spec, "endpoints")
            .map(one -> new Facts.Endpoint(address(field(one, "address")), null))
            .toList(),
        map(spec, "workloadSelector") instanceof Map<?, ?> selector
            ? strings(map(selector, "labels"))
            : null,
        list(spec, "ports")
            .filter(port -> !field(port, "protocol").equalsIgnoreCase("UDP"))
            .map(port -> port instanceof Map<?, ?> fields ? fields.get("number") : null)
            .filter(Number.class::isInstance)
            .map(number -> ((Number) number).intValue())
            .toList(),
        !isResolved(field(spec, "resolution")),
        field(spec, "resolution").equals("DYNAMIC_DNS")
            ? list(spec, "hosts")
                .map(one -> host(one.toString()))
                .filter(one -> isWild(one))
                .toList()
            : List.of());
  }

  /** Without a word it is NONE. */
  private static boolean isResolved(String resolution) {
    return !resolution.isEmpty() && !resolution.equals("NONE");
  }

  private static List<Cidr> blocks(Stream<?> addresses) {
    var blocks = new ArrayList<Cidr>();
    addresses.forEach(
        one -> {
          try {
            blocks.add(Cidr.parse(one.toString()));
          } catch (IllegalArgumentException _) {
            // no block of addresses, so that nothing is in it
          }
        });
    return blocks;
  }

  /** Which port or subset a connection is for is not known, so one that passes is enough. */
  static Facts.Rule rule(GenericKubernetesResource rule) {
    Object spec = rule.get("spec");
    return new Facts.Rule(
        name(rule),
        host(field(spec, "host")),
        passes(map(spec, "trafficPolicy"))
            || list(spec, "subsets").anyMatch(subset -> passes(map(subset, "trafficPolicy"))));
  }

  private static boolean passes(@Nullable Object policy) {
    return isPassthrough(policy)
        || list(policy, "portLevelSettings").anyMatch(ObjectReader::isPassthrough);
  }

  private static boolean isPassthrough(@Nullable Object settings) {
    return field(map(settings, "loadBalancer"), "simple").equals("PASSTHROUGH");
  }

  /** Labels of the object count more than those of its spec, as for istiod. */
  static Facts.WorkloadEntry workloadEntry(GenericKubernetesResource entry) {
    Object spec = entry.get("spec");
    var account = field(spec, "serviceAccount");
    var address = field(spec, "address");
    var labels = new HashMap<>(strings(map(spec, "labels")));
    labels.putAll(labels(entry.getMetadata().getLabels()));
    var controller = controller(entry.getMetadata());
    return new Facts.WorkloadEntry(
        name(entry),
        controller != null
                && controller.group().equals("networking.istio.io")
                && controller.kind().equals("WorkloadGroup")
            ? controller.name()
            : null,
        account.isEmpty() ? null : account,
        address,
        address(address),
        labels);
  }

  private static @Nullable Object map(@Nullable Object map, String key) {
    return map instanceof Map<?, ?> fields && fields.get(key) instanceof Map<?, ?> inner
        ? inner
        : null;
  }

  private static Map<String, String> strings(@Nullable Object map) {
    var found = new HashMap<String, String>();
    if (map instanceof Map<?, ?> fields) {
      fields.forEach((key, value) -> found.put(String.valueOf(key), String.valueOf(value)));
    }
    return found;
  }

  private static boolean isWild(String host) {
    return host.isEmpty() || host.startsWith("*");
  }

  /** Without the length of a network of one address. */
  private static String single(String address) {
    var slash = address.indexOf('/');
    var whole = address.contains(":") ? "/128" : "/32";
    return slash > 0 && address.substring(slash).equals(whole)
        ? address.substring(0, slash)
        : address;
  }

  private static Stream<?> list(@Nullable Object map, String key) {
    return map instanceof Map<?, ?> fields && fields.get(key) instanceof List<?> values
        ? values.stream().filter(Objects::nonNull)
        : Stream.empty();
  }

  private static String field(@Nullable Object map, String key) {
    return map instanceof Map<?, ?> fields && fields.get(key) instanceof String value ? value : "";
  }

  private static String host(String name) {
    var lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
  }

  private static @Nullable IpAddress address(String text) {
    try {
      return IpAddress.parse(text);
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  private static String text(@Nullable String text) {
    return text == null ? "" : text;
  }

  private static <T> Stream<T> stream(@Nullable List<T> list) {
    return list == null ? Stream.empty() : list.stream().filter(Objects::nonNull);
  }
}
