package io.kith.server.kubernetes.directory;

import static io.kith.server.kubernetes.directory.Cluster.ip;
import static io.kith.server.kubernetes.directory.Cluster.name;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.ReplicaSet;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.baselines.destination.Cidr;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ObjectReaderTest {
  private final ObjectReader reader = new ObjectReader("istio-proxy");

  private static <T extends HasMetadata> T read(Class<T> type, String yaml) {
    return Serialization.unmarshal(yaml, type);
  }

  private static final String POD =
      """
      apiVersion: v1
      kind: Pod
      metadata:
        namespace: shop
        name: web-1-a
        labels: {app: web}
        creationTimestamp: "2026-11-27T07:00:00Z"
        ownerReferences:
        - {apiVersion: v1, kind: Node, name: not-it, uid: n}
        - {apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u, controller: true}
      spec:
        nodeName: node-1
        serviceAccountName: web
        containers: [{name: app}]
        initContainers: [{name: istio-proxy, restartPolicy: Always}]
      status:
        phase: Running
        startTime: "2026-11-27T07:00:02Z"
        hostIP: 192.0.2.1
        hostIPs: [{ip: 192.0.2.1}, {ip: "2001:db8::1"}]
        podIP: 10.0.0.1
        podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]
      """;

  @Test
  void pod_whole() {
    assertThat(reader.pod(read(Pod.class, POD)))
        .isEqualTo(
            new Facts.Pod(
                name("shop/web-1-a"),
                "web",
                new Facts.Controller("apps", "ReplicaSet", "web-1", "u"),
                Map.of("app", "web"),
                List.of(ip("10.0.0.1"), ip("fd00::1")),
                new Facts.Node("node-1", List.of(ip("192.0.2.1"), ip("2001:db8::1"))),
                true,
                false,
                1_795_762_802L));
  }

  @Test
  void pod_bare_hasTheDefaultAccount_andNoSidecar() {
    var bare =
        """
        apiVersion: v1
        kind: Pod
        metadata: {namespace: shop, name: x}
        spec: {containers: [{name: app}]}
        """;

    assertThat(reader.pod(read(Pod.class, bare)))
        .isEqualTo(
            new Facts.Pod(
                name("shop/x"),
                "default",
                null,
                Map.of(),
                List.of(),
                new Facts.Node("", List.of()),
                false,
                false,
                0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Succeeded", "Failed"})
  void pod_thatHasEnded_isNone(String phase) {
    assertThat(reader.pod(read(Pod.class, POD.replace("Running", phase)))).isNull();
  }

  @Test
  void pod_thatIsBeingDeleted_isLeaving() {
    var leaving =
        POD.replace("  name: web", "  deletionTimestamp: \"2026-11-27T08:00:00Z\"\n  name: web");

    var pod = requireNonNull(reader.pod(read(Pod.class, leaving)));

    assertThat(pod.leaving()).isTrue();
    assertThat(pod.addresses()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "  hostNetwork: true\n", // says so
        "", // and one whose addresses are the node's all the same
      })
  void pod_inTheNodesNetwork_hasNoAddress(String spec) {
    var yaml =
        POD.replace("spec:\n", "spec:\n" + spec)
            .replace("podIP: 10.0.0.1", "podIP: 192.0.2.1")
            .replace(
                "[{ip: 10.0.0.1}, {ip: \"fd00::1\"}]", "[{ip: 192.0.2.1}, {ip: \"2001:db8::1\"}]");

    assertThat(requireNonNull(reader.pod(read(Pod.class, yaml))).addresses()).isEmpty();
  }

  @Test
  void pod_addressesThatAreNone_areLeftOut() {
    var yaml =
        POD.replace("podIP: 10.0.0.1", "podIP: nonsense")
            .replace(
                "[{ip: 10.0.0.1}, {ip: \"fd00::1\"}]", "[{ip: 127.0.0.1}, {ip: 10.0.0.2}, {}]");

    assertThat(requireNonNull(reader.pod(read(Pod.class, yaml))).addresses())
        .containsExactly(ip("10.0.0.2"));
  }

  @Test
  void replicaSet_withItsController_orWithout() {
    var yaml =
        """
        apiVersion: apps/v1
        kind: ReplicaSet
        metadata:
          namespace: shop
          name: web-1
          uid: u
          ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]
        """;

    assertThat(ObjectReader.parent(read(ReplicaSet.class, yaml)))
        .isEqualTo(
            new Facts.Parent(
                "ReplicaSet",
                name("shop/web-1"),
                "u",
                new Facts.Controller("apps", "Deployment", "web", "d")));
    assertThat(
            ObjectReader.parent(read(ReplicaSet.class, yaml.replace("controller: true", "")))
                .controller())
        .isNull();
  }

  private static Facts.Service service(String spec) {
    return ObjectReader.service(
        read(
            Service.class,
            "apiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: web}\nspec: "
                + spec));
  }

  @Test
  void service_ofEveryType() {
    assertThat(service("{clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 'fd96::1']}").addresses())
        .containsExactly(ip("10.96.0.1"), ip("fd96::1"));
    assertThat(service("{clusterIP: None, clusterIPs: [None]}").addresses()).isEmpty();
    assertThat(
            service(
                    "{clusterIP: 10.96.0.1, externalIPs: [203.0.113.1], loadBalancerIP:"
                        + " 203.0.113.2}")
                .addresses())
        .containsExactly(ip("10.96.0.1"));
    assertThat(service("{type: ExternalName, externalName: Db.Example.ORG.}"))
        .isEqualTo(
            new Facts.Service(name("shop/web"), List.of(), "db.example.org", Map.of(), List.of()));
    assertThat(
            service(
                    "{clusterIP: 10.96.0.1, ports: [{port: 80, targetPort: 8080}, {port: 53,"
                        + " protocol: UDP}, {port: 54, protocol: TCP}]}")
                .ports())
        .containsExactly(80, 54);
  }

  @Test
  void slice_endpointsWithTheirPods() {
    var yaml =
        """
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {namespace: shop, name: web-x, labels: {kubernetes.io/service-name: web}}
        addressType: IPv4
        endpoints:
        - {addresses: [10.0.0.1], targetRef: {kind: Pod, name: web-1-a, namespace: shop}}
        - {addresses: [10.0.0.2], targetRef: {kind: Pod, name: web-1-b, namespace: elsewhere}}
        - {addresses: [10.0.0.3], targetRef: {kind: Node, name: n}}
        - {addresses: [host.example]}
        """;

    assertThat(ObjectReader.slice(read(EndpointSlice.class, yaml)))
        .isEqualTo(
            new Facts.Slice(
                name("shop/web-x"),
                name("shop/web"),
                List.of(
                    new Facts.Endpoint(ip("10.0.0.1"), "web-1-a"),
                    new Facts.Endpoint(ip("10.0.0.2"), null),
                    new Facts.Endpoint(ip("10.0.0.3"), null),
                    new Facts.Endpoint(null, null))));
    assertThat(
            ObjectReader.slice(
                read(EndpointSlice.class, yaml.replace("kubernetes.io/service-name", "other"))))
        .isNull();
  }

  @Test
  void serviceEntry_hostsAddressesAndEndpoints() {
    var yaml =
        """
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {namespace: shop, name: se}
        spec:
          hosts: [Db.Inner.Example, "*.example.org", 5]
          resolution: STATIC
          addresses: [240.0.0.1, 240.0.0.2/32, 10.0.0.0/8, "fd00::1/128"]
          endpoints: [{address: 10.0.0.1}, {address: host.example}, {address: "unix:///x"}, {}]
          ports: [{number: 443, name: tls, protocol: TLS}, {number: 53, protocol: UDP}, {name: none}]
        status:
          addresses: [{value: 240.240.0.1, host: db.inner.example}]
        """;

    assertThat(ObjectReader.entry(read(GenericKubernetesResource.class, yaml)))
        .isEqualTo(
            new Facts.Entry(
                name("shop/se"),
                List.of("db.inner.example", "5"),
                List.of(ip("240.0.0.1"), ip("240.0.0.2"), ip("fd00::1"), ip("240.240.0.1")),
                Stream.of("240.0.0.1/32", "240.0.0.2/32", "10.0.0.0/8", "fd00::1/128")
                    .map(Cidr::parse)
                    .toList(),
                List.of(
                    new Facts.Endpoint(ip("10.0.0.1"), null),
                    new Facts.Endpoint(null, null),
                    new Facts.Endpoint(null, null),
                    new Facts.Endpoint(null, null)),
                null,
                List.of(443),
                false,
                List.of()));
    for (var none : List.of("resolution: NONE", "other: STATIC")) {
      var passed = yaml.replace("resolution: STATIC", none);
      assertThat(ObjectReader.entry(read(GenericKubernetesResource.class, passed)).passed())
          .isTrue();
    }
    var lookedUp = yaml.replace("STATIC", "DYNAMIC_DNS").replace("*.example", "*.Example");
    assertThat(ObjectReader.entry(read(GenericKubernetesResource.class, lookedUp)).lookedUp())
        .containsExactly("*.example.org");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{workloadSelector: {labels: {app: vm, n: 5}}} | {app=vm, n=5}",
        "{workloadSelector: {}}                        | {}",
        "{workloadSelector: {labels: x}}               | {}",
        "{workloadSelector: x}                         | null",
        "{hosts: [a.example]}                          | null",
      })
  void serviceEntry_selector_orNone(String spec, String selector) {
    var yaml =
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
            + "metadata: {namespace: shop, name: se}\nspec: "
            + spec;

    var read = ObjectReader.entry(read(GenericKubernetesResource.class, yaml)).selector();

    assertThat(read == null ? "null" : new TreeMap<>(read).toString()).isEqualTo(selector);
  }

  private static Facts.Rule rule(String body) {
    var rule = read(GenericKubernetesResource.class, body);
    rule.setMetadata(new ObjectMetaBuilder().withNamespace("shop").withName("dr").build());
    return ObjectReader.rule(rule);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}",
        "trafficPolicy: {portLevelSettings: [{port: {number: 1}},"
            + " {port: {number: 80}, loadBalancer: {simple: PASSTHROUGH}}]}",
        "subsets: [{name: v1}, {name: v2, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}]",
        "subsets: [{name: v2, trafficPolicy: {loadBalancer: {simple: RANDOM}, portLevelSettings:"
            + " [{loadBalancer: {simple: PASSTHROUGH}}]}}]",
        // what is of another shape does not hide what is not
        "subsets: [5, {trafficPolicy: x}, {trafficPolicy: {portLevelSettings: {a: b}, loadBalancer:"
            + " {simple: PASSTHROUGH}}}], trafficPolicy: [a], exportTo: [.]",
      })
  void destinationRule_passesWhereverItSaysSo(String body) {
    assertThat(rule("spec: {host: Db.Shop.Example., " + body + "}"))
        .isEqualTo(new Facts.Rule(name("shop/dr"), "db.shop.example", true));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "spec: {host: db, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}     | db",
        "spec: {host: db, trafficPolicy: {loadBalancer: {simple: [PASSTHROUGH]}}}   | db",
        "spec: {host: db, trafficPolicy: {loadBalancer: PASSTHROUGH}}               | db",
        "spec: {host: db, trafficPolicy: {tls: {mode: PASSTHROUGH}}}                | db",
        "spec: {host: db, trafficPolicy: {portLevelSettings: x}, subsets: {a: {}}}  | db",
        "spec: {host: [db], subsets: [1, x, null], trafficPolicy: 7}                | ''",
        "spec: {trafficPolicy: null}                                                | ''",
        "spec: 5                                                                    | ''",
        "x: 1                                                                       | ''",
      })
  void destinationRule_ofAnotherKindOrShape_passesNothing(String body, String host) {
    assertThat(rule(body)).isEqualTo(new Facts.Rule(name("shop/dr"), host, false));
  }

  private static final String WORKLOAD_ENTRY =
      """
      apiVersion: networking.istio.io/v1
      kind: WorkloadEntry
      metadata:
        namespace: shop
        name: vm-1
        labels: {app: vm, from: metadata}
        ownerReferences:
        - {apiVersion: networking.istio.io/v1, kind: WorkloadGroup, name: vms, uid: u, controller: true}
      spec:
        address: 10.7.0.1
        serviceAccount: vm
        network: hall
        weight: 3
        ports: {tcp: 5432}
        labels: {from: spec, class: big}
      """;

  @Test
  void workloadEntry_whole() {
    assertThat(ObjectReader.workloadEntry(read(GenericKubernetesResource.class, WORKLOAD_ENTRY)))
        .isEqualTo(
            new Facts.WorkloadEntry(
                name("shop/vm-1"),
                "vms",
                "vm",
                "10.7.0.1",
                ip("10.7.0.1"),
                Map.of("app", "vm", "from", "metadata", "class", "big")));
  }

  @Test
  void workloadEntry_ofAnotherController_isOfNoGroup() {
    for (var other :
        List.of(
            WORKLOAD_ENTRY.replace("kind: WorkloadGroup", "kind: Deployment"),
            WORKLOAD_ENTRY.replace("networking.istio.io/v1, kind", "evil.example/v1, kind"),
            WORKLOAD_ENTRY.replace("controller: true", "controller: false"))) {
      assertThat(ObjectReader.workloadEntry(read(GenericKubernetesResource.class, other)).group())
          .isNull();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"x: 1", "spec: 5", "spec: {address: 5, labels: x, serviceAccount: [a]}"})
  void workloadEntry_ofAnotherShape_isWithoutAddressAndAccount(String body) {
    var entry = read(GenericKubernetesResource.class, body);
    entry.setMetadata(new ObjectMetaBuilder().withNamespace("a").withName("b").build());

    assertThat(ObjectReader.workloadEntry(entry))
        .isEqualTo(new Facts.WorkloadEntry(name("a/b"), null, null, "", null, Map.of()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"x: 1", "spec: 5", "spec: {hosts: x, endpoints: [1]}"})
  void serviceEntry_ofAnotherShape_claimsNothing(String body) {
    var entry = read(GenericKubernetesResource.class, body);
    entry.setMetadata(new ObjectMetaBuilder().withNamespace("a").withName("b").build());

    var facts = ObjectReader.entry(entry);

    assertThat(facts.hosts()).isEmpty();
    assertThat(facts.addresses()).isEmpty();
  }
}
