package io.kith.load.istio;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.load.istio.HelmChart.Values;
import io.kith.load.lab.Lab;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The ways round the sidecar that a pod's specification or a tenant's resource opens: a real API
 * server takes each of them, injected by a real istiod, and with the chart's policies refuses each.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class AdmissionTest {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final String SHOP = "shop";

  /** What istiod of the tests injects, which is no release. */
  private static final String PROXY = "registry.istio.io/testing/proxyv2";

  private static final AtomicInteger NUMBER = new AtomicInteger();

  private static HelmChart chart;
  private static Lab lab;
  private static ControlPlane plane;
  private static KubernetesClient tenant;

  @BeforeAll
  static void start() throws Exception {
    chart = new HelmChart(Helm.find(System.out::println));
    var istio = Istio.find(System.out::println);
    lab = Lab.open("ka", System.out::println);
    plane = ControlPlane.start(lab, istio, System.out::println);
    plane.namespace(HelmChart.NAMESPACE, Map.of());
    plane.namespace(SHOP, Map.of("istio-injection", "enabled"));
    plane.namespace("office", Map.of("istio-injection", "enabled"));
    plane.namespace("canary", Map.of("istio.io/rev", "default"));
    plane.namespace("outside", Map.of());
    plane.apply(TENANT);
    tenant = as(SHOP, "tenant");
    plane.template("spire", SPIRE);
    plane.template("spire-of-old", SPIRE.replace("initContainers", "containers"));
    plane.template("debug", DEBUG);
    awaitTaken(() -> create(naming("sidecar,spire,debug").pod(SHOP)));
  }

  @AfterAll
  static void stop() {
    if (tenant != null) {
      tenant.close();
    }
    if (plane != null) {
      plane.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  /** Who may do in a namespace whatever its owners usually may. */
  private static final String TENANT =
      """
      apiVersion: v1
      kind: ServiceAccount
      metadata: {name: tenant, namespace: shop}
      ---
      apiVersion: rbac.authorization.k8s.io/v1
      kind: Role
      metadata: {name: tenant, namespace: shop}
      rules:
      - {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
      ---
      apiVersion: rbac.authorization.k8s.io/v1
      kind: RoleBinding
      metadata: {name: tenant, namespace: shop}
      roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
      subjects: [{kind: ServiceAccount, name: tenant, namespace: shop}]
      """;

  /** As Istio's documentation has it, for sidecars that are init containers. */
  private static final String SPIRE =
      """
      spec:
        initContainers:
        - name: istio-proxy
          volumeMounts:
          - {name: workload-socket, mountPath: /run/secrets/workload-spiffe-uds, readOnly: true}
        volumes:
        - {name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}
      """;

  /** One that makes another program of the sidecar. */
  private static final String DEBUG =
      """
      spec:
        initContainers:
        - {name: istio-proxy, env: [{name: LD_PRELOAD, value: /debug.so}]}
      """;

  private static KubernetesClient as(String namespace, String account) {
    return new KubernetesClientBuilder()
        .withConfig(
            new ConfigBuilder(plane.client().getConfiguration())
                .withOauthToken(plane.token(namespace, account))
                .build())
        .build();
  }

  // ---- pods

  /**
   * A pod that may get round its sidecar.
   *
   * @param metadata labels and annotations, as YAML
   * @param spec but for its containers, as YAML
   * @param app of the container {@code app} but for its name and image, as YAML
   * @param beside further containers, as a list in YAML
   * @param refusal what the policies say
   */
  record Attack(
      String name, String metadata, String spec, String app, String beside, String refusal) {
    static Attack annotated(String annotation, String value, String refusal) {
      var annotations = Serialization.asJson(Map.of(annotation, value));
      return new Attack(
          annotation + "=" + value.strip(), "annotations: " + annotations, "", "", "", refusal);
    }

    static Attack labelled(String label, String value, String refusal) {
      var labels = Serialization.asJson(Map.of(label, value));
      return new Attack(label + "=" + value, "labels: " + labels, "", "", "", refusal);
    }

    static Attack spec(String spec, String refusal) {
      return new Attack(spec, "", spec, "", "", refusal);
    }

    static Attack app(String app, String refusal) {
      return new Attack(app, "", "", app, "", refusal);
    }

    static Attack beside(String container, String refusal) {
      return new Attack("beside " + container, "", "", "", "- " + container, refusal);
    }

    Pod pod(String namespace) {
      return Serialization.unmarshal(
          """
          apiVersion: v1
          kind: Pod
          metadata:
            name: attack-%d
            namespace: %s
          %s
          spec:
            serviceAccountName: default
          %s
            containers:
            - name: app
              image: registry.invalid/app
          %s
          %s
          """
              .formatted(
                  NUMBER.incrementAndGet(),
                  namespace,
                  metadata.indent(2),
                  spec.indent(2),
                  app.indent(4),
                  beside.indent(2)),
          Pod.class);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static final String USER = "user or group 1337 is the sidecar's";
  private static final String POWER = "privileged, NET_ADMIN, NET_RAW";
  private static final String AROUND = "takes egress around the sidecar";
  private static final String OTHER_SIDECAR = "annotation that makes another sidecar";
  private static final String NOT_GENUINE = "not as Istio injects it";
  private static final String OTHER_VOLUME = "a volume of the sidecar's name";

  static Stream<Attack> attacks() {
    return Stream.of(
        // the sidecar's user
        Attack.spec("securityContext: {runAsUser: 1337}", USER),
        Attack.spec("securityContext: {runAsGroup: 1337, runAsUser: 1000}", USER),
        Attack.spec("securityContext: {fsGroup: 1337}", USER),
        Attack.spec("securityContext: {supplementalGroups: [7, 1337]}", USER),
        Attack.app("securityContext: {runAsUser: 1337}", USER),
        Attack.app("securityContext: {runAsUser: 1000, runAsGroup: 1337}", USER),
        Attack.spec(
            "initContainers:\n"
                + "- {name: early, image: registry.invalid/app, securityContext: {runAsUser:"
                + " 1337}}",
            USER),
        // power over the redirection
        Attack.app("securityContext: {privileged: true}", POWER),
        Attack.app("securityContext: {capabilities: {add: [NET_ADMIN]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [NET_RAW]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [SYS_ADMIN]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [CAP_NET_ADMIN]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [ALL]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [SYS_PTRACE]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [SYS_MODULE]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [BPF]}}", POWER),
        Attack.app("securityContext: {capabilities: {add: [PERFMON]}}", POWER),
        Attack.spec(
            "initContainers:\n"
                + "- {name: early, image: registry.invalid/app, securityContext: {capabilities:"
                + " {add: [NET_ADMIN]}}}",
            POWER),
        // other networks and processes
        Attack.spec("hostNetwork: true", "hostNetwork: the node's network has no sidecar"),
        Attack.spec("hostPID: true", "the sidecar's processes are within reach"),
        Attack.spec("hostIPC: true", "the sidecar's processes are within reach"),
        Attack.spec("shareProcessNamespace: true", "the sidecar's processes are within reach"),
        Attack.spec("hostUsers: false", "the sidecar's is not 1337 on the node"),
        // without injection
        Attack.labelled("sidecar.istio.io/inject", "false", "a pod of the mesh without sidecar"),
        Attack.annotated("sidecar.istio.io/inject", "false", "a pod of the mesh without sidecar"),
        Attack.labelled("istio.io/rev", "other", "a data plane without Kith's filters"),
        Attack.labelled(
            "istio.io/dataplane-mode", "ambient", "a data plane without Kith's filters"),
        // around the sidecar
        Attack.annotated("traffic.sidecar.istio.io/excludeOutboundPorts", "3306", AROUND),
        Attack.annotated("traffic.sidecar.istio.io/excludeOutboundIPRanges", "10.0.0.0/8", AROUND),
        Attack.annotated("traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.0/8", AROUND),
        Attack.annotated("traffic.sidecar.istio.io/includeOutboundIPRanges", "", AROUND),
        Attack.annotated("traffic.sidecar.istio.io/includeOutboundPorts", "80", AROUND),
        Attack.annotated("traffic.sidecar.istio.io/excludeInterfaces", "net1", AROUND),
        Attack.annotated("traffic.sidecar.istio.io/kubevirtInterfaces", "net1", AROUND),
        Attack.annotated("istio.io/reroute-virtual-interfaces", "net1", AROUND),
        Attack.annotated("sidecar.istio.io/interceptionMode", "NONE", AROUND),
        // another sidecar
        naming("grpc-agent"),
        naming("sidecar"),
        naming("sidecar,spire"),
        Attack.annotated("sidecar.istio.io/proxyImage", "registry.invalid/evil", OTHER_SIDECAR),
        Attack.annotated("sidecar.istio.io/bootstrapOverride", "mine", OTHER_SIDECAR),
        Attack.annotated(
            "sidecar.istio.io/discoveryAddress", "evil.example.org:15012", OTHER_SIDECAR),
        Attack.annotated("proxy.istio.io/overrides", "{}", OTHER_SIDECAR),
        new Attack(
            "sidecar.istio.io/userVolumeMount",
            "annotations: {sidecar.istio.io/userVolumeMount: '{\"mine\": {\"mountPath\":"
                + " \"/mine\"}}'}",
            "volumes: [{name: mine, emptyDir: {}}]",
            "",
            "",
            OTHER_SIDECAR),
        Attack.annotated(
            "sidecar.istio.io/userVolume", "{\"mine\": {\"emptyDir\": {}}}", OTHER_SIDECAR),
        Attack.annotated(
            "proxy.istio.io/config",
            "discoveryAddress: evil.example.org:15012",
            "proxy.istio.io/config: more"),
        Attack.annotated(
            "proxy.istio.io/config",
            "{\"disc\\u006fveryAddress\": \"evil.example.org:1\"}",
            "proxy.istio.io/config: more"),
        Attack.annotated(
            "proxy.istio.io/config", "interceptionMode: NONE\n", "proxy.istio.io/config: more"),
        Attack.annotated(
            "sidecar.istio.io/logLevel",
            "warning\n    - --domain=evil",
            "would become part of the sidecar's specification"),
        // what is called as the sidecar is called
        new Attack(
            "a container istio-proxy without injection",
            "labels: {sidecar.istio.io/inject: \"false\"}",
            "",
            "",
            "- {name: istio-proxy, image: registry.invalid/app, securityContext: {runAsUser:"
                + " 1337}}",
            "a pod of the mesh without sidecar"),
        Attack.beside("{name: istio-proxy, image: registry.invalid/evil}", OTHER_SIDECAR),
        Attack.beside(
            "{name: istio-proxy, image: auto, env: [{name: CA_ADDR, value: evil.example.org:1}]}",
            OTHER_SIDECAR),
        Attack.beside(
            "{name: istio-proxy, image: auto, securityContext: {runAsUser: 1000, runAsGroup:"
                + " 1000}}",
            OTHER_SIDECAR),
        // The annotation by which Istio remembers what a pod brought along stays away, if the pod
        // claims to be injected.
        faked("image: registry.invalid/evil"),
        faked("image: auto, command: [/bin/sh]"),
        faked("image: auto, args: [proxy, sidecar, --templateFile=/evil.json]"),
        faked("image: auto, env: [{name: CA_ADDR, value: \"evil.example.org:1\"}]"),
        faked("image: auto, env: [{name: LD_PRELOAD, value: /evil.so}]"),
        faked("image: auto, envFrom: [{configMapRef: {name: mine}}]"),
        faked("image: auto, env: [{name: PROXY_CONFIG, value: '{\"binaryPath\":\"/evil\"}'}]"),
        // what the agent would run, whom it would trust, and names that are written otherwise
        configured("{\"readinessProbe\":{\"exec\":{\"command\":[\"envoy\",\"-c\",\"/evil\"]}}}"),
        configured("{\"caCertificatesPem\":[\"evil\"]}"),
        configured("{\"controlPlaneAuthPolicy\":\"NONE\"}"),
        configured("{\"runtimeValues\":{\"a\":\"b\"}}"),
        configured("{\"proxyMetadata\":{\"CA_ADDR\":\"evil.example.org:1\"}}"),
        configured("{\"proxyMetadata\":{\"ISTIO_META_GENERATOR\":\"api\"}}"),
        configured("{\"concurrency\":2,binaryPath: \"/evil\"}"),
        configured("{\"concurrency\":2,? \"binaryPath\" : \"/evil\"}"),
        configured("{\"concurrency\":2,\"binary\\\\x50ath\":\"/evil\"}"),
        configured("concurrency: 2"),
        faked("image: auto, lifecycle: {postStart: {exec: {command: [curl, evil.example.org]}}}"),
        faked("image: auto, livenessProbe: {exec: {command: [curl, evil.example.org]}}"),
        faked("image: auto, securityContext: {runAsUser: 1000, runAsGroup: 1000}"),
        faked("image: auto, workingDir: /var/lib/istio/data"),
        faked(
            "image: auto, args: [proxy, sidecar, --domain, $(POD_NAMESPACE).svc.cluster.local,"
                + " --meshConfig=/var/lib/istio/data/mesh]"),
        faked(
            "image: auto, env: [{name: ISTIO_META_MINE, value: --templateFile=/x}], args: [proxy,"
                + " sidecar, --domain, $(POD_NAMESPACE).svc.cluster.local, $(ISTIO_META_MINE)]"),
        faked(
            "image: auto, env: [{name: PROXY_CONFIG, value:"
                + " '{\"custom_config_file\":\"/evil\"}'}]"),
        faked(
            "image: auto, env: [{name: PROXY_CONFIG, value:"
                + " '{\"discovery_address\":\"evil.example.org:1\"}'}]"),
        faked(
            "image: auto, env: [{name: PROXY_CONFIG, value:"
                + " '{\"discoveryAddress\":\"istiod.istio-system.svc:15012\","
                + "\"discoveryAddress\":\"evil.example.org:1\"}'}]"),
        faked(
            "image: auto, env: [{name: ISTIO_META_MINE, value: ',\"binaryPath\":\"/evil\"'}, {name:"
                + " PROXY_CONFIG, value: '{\"concurrency\":2$(ISTIO_META_MINE)}'}]"),
        faked(
            "image: auto, lifecycle: {postStart: {exec: {command: [pilot-agent, proxy, sidecar,"
                + " --templateFile=/x]}}}"),
        // what the sidecar reads, out of a volume of the pod's own
        fakedMounting("/etc/istio/config", "configMap: {name: mine}"),
        fakedMounting("/etc/istio/pod", "configMap: {name: mine}"),
        fakedMounting("/etc/certs", "secret: {secretName: mine}"),
        fakedMounting("/var/run/secrets/istio", "configMap: {name: mine}"),
        fakedMounting("/var/run/secrets/kubernetes.io/serviceaccount", "configMap: {name: mine}"),
        faked("image: auto, volumeMounts: [{name: istio-data, mountPath: /etc/istio/proxy}]"),
        faked(
            "image: auto, volumeMounts: [{name: istio-podinfo, mountPath: /etc/istio/pod, subPath:"
                + " labels}]"),
        new Attack(
            "a volume under another name for the sidecar and the application",
            INJECTED,
            "volumes: [{name: mine, emptyDir: {}}]\n"
                + "initContainers:\n"
                + "- {name: istio-proxy, image: auto, volumeMounts: [{name: mine, mountPath:"
                + " /var/run/secrets/workload-spiffe-uds}]}",
            "volumeMounts: [{name: mine, mountPath: /mine}]",
            "",
            NOT_GENUINE),
        Attack.spec("volumes: [{name: workload-certs, secret: {secretName: mine}}]", OTHER_VOLUME),
        Attack.spec("volumes: [{name: workload-socket, hostPath: {path: /tmp}}]", OTHER_VOLUME),
        new Attack(
            "a volume of the name that the account's token has",
            INJECTED,
            "volumes: [{name: kube-api-access-mine, configMap: {name: mine}}]\n"
                + "initContainers:\n"
                + "- {name: istio-proxy, image: auto, volumeMounts: [{name: kube-api-access-mine,"
                + " mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]}",
            "",
            "",
            OTHER_VOLUME),
        // a redirection that is none
        fakedInit("REDIRECT, -i, \"*\", -x, \"\", -b, \"*\", -d, \"15090\", -o, \"443\""),
        fakedInit("REDIRECT, -i, \"*\", -x, \"\", -b, \"*\", -d, \"15090\", --skip-rule-apply"),
        fakedInit(
            "REDIRECT, -i, \"*\", -x, \"\", -b, \"*\", -d, \"15090\", --run-validation,"
                + " --skip-rule-apply"),
        fakedInit("\"REDIRECT -i * -x  -b * -d 15090\""),
        // the sidecar's keys
        Attack.app(
            "volumeMounts: [{name: workload-socket, mountPath: /sds}]",
            "a volume of the sidecar's, with its keys or configuration"));
  }

  /** One that chooses the injector's templates. */
  private static Attack naming(String templates) {
    return Attack.annotated("inject.istio.io/templates", templates, OTHER_SIDECAR);
  }

  /** By which a pod says that it was injected before. */
  private static final String INJECTED =
      "annotations: {sidecar.istio.io/status: '{\"containers\":[\"x\"]}'}";

  /** A container of the sidecar's name in such a pod. */
  private static Attack faked(String container) {
    return faked(container, "");
  }

  private static Attack faked(String container, String spec) {
    return new Attack(
        "faked " + container,
        INJECTED,
        "initContainers:\n- {name: istio-proxy, " + container + "}\n" + spec,
        "",
        "",
        NOT_GENUINE);
  }

  /** One with other settings of the proxy, as JSON. */
  private static Attack configured(String settings) {
    return faked("image: auto, env: [{name: PROXY_CONFIG, value: '" + settings + "'}]");
  }

  /** One that has a volume of the pod's own where it, or the agent in it, looks. */
  private static Attack fakedMounting(String path, String volume) {
    return faked(
        "image: auto, volumeMounts: [{name: mine, mountPath: " + path + "}]",
        "volumes: [{name: mine, " + volume + "}]");
  }

  /** A container that lays a redirection, with arguments of the pod's own from the mode on. */
  private static Attack fakedInit(String arguments) {
    return new Attack(
        "faked istio-init " + arguments,
        INJECTED,
        "initContainers:\n"
            + "- {name: istio-init, image: auto, args: [istio-iptables, -p, \"15001\", -z,"
            + " \"15006\", -u, \"1337\", -m, "
            + arguments
            + "]}",
        "",
        "",
        NOT_GENUINE);
  }

  /** What the API server would store. The webhook is refused while istiod proves it. */
  private static Pod create(Pod pod) throws InterruptedException {
    for (var end = System.nanoTime() + LIMIT.toNanos(); ; ) {
      try {
        return plane.client().resource(pod).dryRun().create();
      } catch (KubernetesClientException e) {
        if (System.nanoTime() > end || e.getCode() != 500) {
          throw e;
        }
        Thread.sleep(50);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("attacks")
  @Order(1)
  void pod_withoutPolicies_isTaken(Attack attack) {
    assertThatCode(() -> create(attack.pod(SHOP))).doesNotThrowAnyException();
  }

  /** As the template was while sidecars were no init containers. */
  @Test
  @Order(1)
  void pod_ofATemplateWithTheProxyAmongContainers_isNoPod() {
    assertThatThrownBy(() -> create(naming("sidecar,spire-of-old").pod(SHOP)))
        .hasMessageContaining("Duplicate value: \"istio-proxy\"");
  }

  private static final List<Resource> RESOURCES =
      List.of(
          new Resource(
              "EnvoyFilter outside of istio-system",
              """
              apiVersion: networking.istio.io/v1alpha3
              kind: EnvoyFilter
              metadata: {name: mine, namespace: shop}
              spec:
                configPatches:
                - applyTo: NETWORK_FILTER
                  match: {context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: kith.connection}}}}
                  patch: {operation: REMOVE}
              """),
          new Resource(
              "WasmPlugin outside of istio-system",
              """
              apiVersion: extensions.istio.io/v1alpha1
              kind: WasmPlugin
              metadata: {name: mine, namespace: shop}
              spec: {url: oci://registry.invalid/mine}
              """),
          new Resource(
              "TrafficExtension outside of istio-system",
              """
              apiVersion: extensions.istio.io/v1alpha1
              kind: TrafficExtension
              metadata: {name: mine, namespace: shop}
              spec: {lua: {inlineCode: "function envoy_on_request(handle) end"}}
              """),
          new Resource(
              "ProxyConfig outside of istio-system",
              """
              apiVersion: networking.istio.io/v1beta1
              kind: ProxyConfig
              metadata: {name: mine, namespace: shop}
              spec: {environmentVariables: {ISTIO_META_GENERATOR: grpc}}
              """),
          new Resource(
              "Sidecar with captureMode NONE for egress",
              """
              apiVersion: networking.istio.io/v1
              kind: Sidecar
              metadata: {name: mine, namespace: shop}
              spec:
                egress:
                - {captureMode: NONE, port: {number: 9999, protocol: TCP, name: tcp}, bind: 127.0.0.1, hosts: ["./*"]}
              """));

  /**
   * A tenant's resource.
   *
   * @param refusal what the policies say
   */
  record Resource(String refusal, String yaml) {
    @Override
    public String toString() {
      return refusal;
    }
  }

  static List<Resource> resources() {
    return RESOURCES;
  }

  private static void create(KubernetesClient client, String yaml) {
    client
        .resource(Serialization.unmarshal(yaml, GenericKubernetesResource.class))
        .dryRun()
        .create();
  }

  @ParameterizedTest
  @MethodSource("resources")
  @Order(1)
  void resource_ofATenant_withoutPolicies_isTaken(Resource resource) {
    assertThatCode(() -> create(tenant, resource.yaml())).doesNotThrowAnyException();
  }

  // ---- what says that a namespace is closed

  /** An overlay of Kith's, or another filter, which somebody who may made there. */
  private static GenericKubernetesResource filter(String namespace, String name, String labels) {
    var filter =
        Serialization.unmarshal(
            """
            apiVersion: networking.istio.io/v1alpha3
            kind: EnvoyFilter
            metadata: {name: %s, namespace: %s, labels: {%s}}
            spec: {configPatches: []}
            """
                .formatted(name, namespace, labels),
            GenericKubernetesResource.class);
    if (plane.client().resource(filter).get() == null) {
      plane.client().resource(filter).create();
    }
    return filter;
  }

  private static GenericKubernetesResource overlay() {
    return filter(SHOP, "kith-failure", "kith.io/failure-mode: closed");
  }

  private static void delete(KubernetesClient client, GenericKubernetesResource filter) {
    client.resource(filter).dryRun().delete();
  }

  @Test
  @Order(1)
  void overlay_deletedByATenant_withoutPolicies_isGone() {
    var overlay = overlay();

    tenant.resource(overlay).delete();

    assertThat(plane.client().resource(overlay).get()).isNull();
  }

  static List<String> ephemeral() {
    return List.of(
        "securityContext: {runAsUser: 1337}",
        "securityContext: {runAsGroup: 1337}",
        "securityContext: {privileged: true}",
        "securityContext: {capabilities: {add: [NET_ADMIN]}}",
        "targetContainerName: istio-proxy",
        "volumeMounts: [{name: istio-token, mountPath: /token}]");
  }

  /** Adds a container to a pod that is there. */
  private static void debug(String container) throws InterruptedException {
    var pod = Attack.spec("", "").pod(SHOP);
    createForReal(pod);
    var patch =
        Serialization.unmarshal(
            "spec: {ephemeralContainers: [{name: debug, image: registry.invalid/debug, %s}]}"
                .formatted(container),
            Pod.class);
    plane
        .client()
        .pods()
        .inNamespace(SHOP)
        .withName(pod.getMetadata().getName())
        .ephemeralContainers()
        .patch(PatchContext.of(PatchType.STRATEGIC_MERGE), Serialization.asJson(patch));
  }

  private static void createForReal(Pod pod) throws InterruptedException {
    create(pod); // until the webhook is there
    plane.client().resource(pod).create();
  }

  @ParameterizedTest
  @MethodSource("ephemeral")
  @Order(1)
  void ephemeralContainer_withoutPolicies_isTaken(String container) {
    assertThatCode(() -> debug(container)).doesNotThrowAnyException();
  }

  // ---- pods that run

  /**
   * What a tenant does to a pod that runs.
   *
   * @param patch a JSON merge patch or a strategic one, as YAML
   * @param refusal what the policies say
   */
  record Change(String patch, String policy, String refusal) {
    @Override
    public String toString() {
      return patch;
    }
  }

  private static final String IMAGE = "what runs in it counts as the sidecar";
  private static final String READ_AGAIN = "reads it when it is started again";

  static List<Change> changes() {
    return List.of(
        new Change(
            "spec: {initContainers: [{name: istio-proxy, image: registry.invalid/evil}]}",
            "kith-pods-running",
            IMAGE),
        new Change(
            "spec: {initContainers: [{name: istio-init, image: registry.invalid/evil}]}",
            "kith-pods-running",
            IMAGE),
        new Change(
            "metadata: {annotations: {proxy.istio.io/config: 'discoveryAddress: evil:15012'}}",
            "kith-pods-running",
            READ_AGAIN),
        new Change(
            "metadata: {annotations: {sidecar.istio.io/discoveryAddress: evil:15012}}",
            "kith-pods-running",
            READ_AGAIN),
        new Change(
            "metadata: {annotations: {sidecar.istio.io/status: null}}",
            "kith-pods-running",
            READ_AGAIN),
        new Change(
            "metadata: {labels: {app: other}}",
            "kith-pod-labels",
            "EnvoyFilter kith-scope-deployment-cart says by them that nothing passes"),
        new Change(
            "metadata: {labels: {app: null}}",
            "kith-pod-labels",
            "EnvoyFilter kith-scope-deployment-cart says by them that nothing passes"));
  }

  /** A pod that runs, with the labels that a closed overlay of its workload selects. */
  private static Pod running() throws InterruptedException {
    var overlay =
        Serialization.unmarshal(
            """
            apiVersion: networking.istio.io/v1alpha3
            kind: EnvoyFilter
            metadata:
              name: kith-scope-deployment-cart
              namespace: shop
              labels: {kith.io/failure-mode: closed, app.kubernetes.io/managed-by: kith}
            spec: {workloadSelector: {labels: {app: cart}}, configPatches: []}
            """,
            GenericKubernetesResource.class);
    if (plane.client().resource(overlay).get() == null) {
      plane.client().resource(overlay).create();
    }
    var pod = Attack.labelled("app", "cart", "").pod(SHOP);
    createForReal(pod);
    return pod;
  }

  private static void change(KubernetesClient client, Pod pod, String patch) {
    client
        .pods()
        .inNamespace(SHOP)
        .withName(pod.getMetadata().getName())
        .patch(
            PatchContext.of(PatchType.STRATEGIC_MERGE),
            Serialization.asJson(Serialization.unmarshal(patch, Map.class)));
  }

  @ParameterizedTest
  @MethodSource("changes")
  @Order(1)
  void podThatRuns_changedWithoutPolicies_isTaken(Change change) throws Exception {
    var pod = running();

    assertThatCode(() -> change(tenant, pod, change.patch())).doesNotThrowAnyException();
  }

  // ---- sessions

  static List<String> sessions() {
    return List.of(
        "exec?command=curl&container=istio-proxy",
        "exec?command=curl&container=istio-init",
        "exec?command=curl",
        "attach?stdin=true&container=istio-proxy",
        "attach?stdin=true");
  }

  /** What the API server answers; no kubelet runs the pod, so no session is made. */
  private static String session(KubernetesClient client, Pod pod, String session) {
    try {
      return client.raw(
          "/api/v1/namespaces/%s/pods/%s/%s".formatted(SHOP, pod.getMetadata().getName(), session),
          "POST",
          null);
    } catch (KubernetesClientException e) {
      return e.getCode() + " " + e.getMessage();
    }
  }

  /** With one container beside the sidecar, which is the one that is meant if none is named. */
  private static Pod plain() throws InterruptedException {
    var pod = Attack.spec("", "").pod(SHOP);
    createForReal(pod);
    return pod;
  }

  private static final String NO_KUBELET = "does not have a host assigned";

  @ParameterizedTest
  @MethodSource("sessions")
  @Order(1)
  void session_inTheSidecar_withoutPolicies_isTaken(String session) throws Exception {
    assertThat(session(tenant, plain(), session)).contains(NO_KUBELET);
  }

  private static @Nullable Pod old;

  @Test
  @Order(1)
  void podOfBefore_thatWouldBeRefused_isThere() throws Exception {
    var pod = Attack.spec("securityContext: {runAsUser: 1337}", "").pod(SHOP);

    createForReal(pod);

    assertThat(plane.client().resource(pod).get()).isNotNull();
    old = pod;
  }

  // ---- with policies

  @Test
  @Order(2)
  void policies_ofTheChart_areInForce() throws Exception {
    for (var object :
        chart.objects(
            new Values("default"),
            "scopes.shop=enforce",
            "kubernetes.overlays=true",
            "admission.proxyImages={" + PROXY + "}")) {
      if (object.kind().startsWith("ValidatingAdmissionPolicy")
          || object.kind().startsWith("ClusterRole")
          || object.kind().equals("ServiceAccount")) {
        plane.apply(object.yaml());
      }
    }

    // The API server reads them by itself, a moment later.
    for (var end = System.nanoTime() + LIMIT.toNanos(); System.nanoTime() < end; ) {
      if (isRefused(() -> create(attacks().findFirst().orElseThrow().pod(SHOP)))
          && isRefused(() -> create(tenant, RESOURCES.getFirst().yaml()))
          && isRefused(() -> delete(tenant, overlay()))
          && isRefused(() -> debug(ephemeral().getFirst()))
          && isRefused(() -> change(tenant, running(), changes().getFirst().patch()))
          && isRefused(() -> change(tenant, running(), changes().getLast().patch()))
          && !session(tenant, plain(), sessions().getFirst()).contains(NO_KUBELET)) {
        return;
      }
      Thread.sleep(100);
    }
    throw new AssertionError("the policies are not in force");
  }

  @FunctionalInterface
  private interface Call {
    void make() throws InterruptedException;
  }

  private static boolean isRefused(Call call) throws InterruptedException {
    try {
      call.make();
      return false;
    } catch (KubernetesClientException e) {
      return e.getCode() == 422 || e.getCode() == 403;
    }
  }

  @ParameterizedTest
  @MethodSource("attacks")
  @Order(3)
  void pod_underPolicies_isRefused(Attack attack) {
    assertThatThrownBy(() -> create(attack.pod(SHOP)))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("ValidatingAdmissionPolicy 'kith-pods'")
        .hasMessageContaining(attack.refusal());
  }

  @ParameterizedTest
  @MethodSource("resources")
  @Order(3)
  void resource_ofATenant_underPolicies_isRefused(Resource resource) {
    assertThatThrownBy(() -> create(tenant, resource.yaml()))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("ValidatingAdmissionPolicy 'kith-mesh-resources'")
        .hasMessageContaining(resource.refusal());
  }

  @ParameterizedTest
  @MethodSource("ephemeral")
  @Order(3)
  void ephemeralContainer_underPolicies_isRefused(String container) {
    assertThatThrownBy(() -> debug(container))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("ValidatingAdmissionPolicy 'kith-ephemeral-containers'");
  }

  @ParameterizedTest
  @MethodSource("changes")
  @Order(3)
  void podThatRuns_changedUnderPolicies_isAsItWas(Change change) throws Exception {
    var pod = running();

    assertThatThrownBy(() -> change(tenant, pod, change.patch()))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("ValidatingAdmissionPolicy '" + change.policy() + "'")
        .hasMessageContaining(change.refusal());
  }

  /** What people and controllers do to pods that run goes on, also with those of before. */
  @Test
  @Order(3)
  void podThatRuns_changedInOrdinaryWays_isTaken() throws Exception {
    var pod = running();
    for (var patch :
        List.of(
            "spec: {containers: [{name: app, image: registry.invalid/app:2}]}",
            "spec: {initContainers: [{name: istio-proxy, image: '%s:2'}]}".formatted(PROXY),
            "metadata: {labels: {role: leader}}",
            "metadata: {labels: {role: null}, annotations: {example.org/restarted: now}}",
            "metadata: {finalizers: [example.org/tracked]}")) {
      assertThatCode(() -> change(tenant, pod, patch)).as(patch).doesNotThrowAnyException();
    }
    assertThatCode(
            () -> change(tenant, requireNonNull(old, "order"), "metadata: {labels: {app: old}}"))
        .as("a pod of before")
        .doesNotThrowAnyException();
    assertThatCode(() -> change(plane.client(), pod, "metadata: {labels: {app: aside}}"))
        .as("taken aside by who may write filters of the mesh")
        .doesNotThrowAnyException();
  }

  @ParameterizedTest
  @MethodSource("sessions")
  @Order(3)
  void session_inTheSidecar_underPolicies_isRefused(String session) throws Exception {
    assertThat(session(tenant, plain(), session))
        .contains("ValidatingAdmissionPolicy 'kith-sessions'", "session in the sidecar");
  }

  @Test
  @Order(3)
  void session_elsewhereOrOfWhoMayWriteFiltersOfTheMesh_isTaken() throws Exception {
    var pod = plain();

    assertThat(session(tenant, pod, "exec?command=id&container=app")).contains(NO_KUBELET);
    assertThat(session(plane.client(), pod, sessions().getFirst())).contains(NO_KUBELET);
  }

  /** Who may write filters for the mesh may write them for a namespace: Kith's controller, too. */
  @ParameterizedTest
  @MethodSource("resources")
  @Order(3)
  void resource_ofWhoMayWriteThemForTheMesh_isTaken(Resource resource) {
    assertThatCode(() -> create(plane.client(), resource.yaml())).doesNotThrowAnyException();
  }

  @Test
  @Order(3)
  void filter_ofKithsController_isTaken() {
    try (var controller = as(HelmChart.NAMESPACE, "kith-server")) {
      assertThatCode(() -> create(controller, RESOURCES.getFirst().yaml()))
          .doesNotThrowAnyException();
    }
  }

  @Test
  @Order(3)
  void sidecar_ofATenantThatTakesNothingAway_isTaken() {
    var yaml = RESOURCES.getLast().yaml().replace("captureMode: NONE", "captureMode: DEFAULT");

    assertThatCode(() -> create(tenant, yaml)).doesNotThrowAnyException();
  }

  @Test
  @Order(3)
  void overlay_deletedByATenant_underPolicies_stays() {
    var overlay = overlay();

    assertThatThrownBy(() -> tenant.resource(overlay).delete())
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("ValidatingAdmissionPolicy 'kith-failure-modes'")
        .hasMessageContaining("EnvoyFilter kith-failure: it says what passes");
    assertThatThrownBy(
            () ->
                tenant
                    .genericKubernetesResources(overlay.getApiVersion(), overlay.getKind())
                    .inNamespace(SHOP)
                    .delete())
        .as("all at once")
        .isInstanceOf(KubernetesClientException.class);
    assertThat(plane.client().resource(overlay).get()).isNotNull();
  }

  /** Who may for the mesh, Kith's controller, and what is nobody's word about Kith. */
  @Test
  @Order(3)
  void overlay_deletedByWhoMayForTheMesh_isGone_andOtherFiltersByTheirTenants() {
    assertThatCode(() -> delete(plane.client(), overlay())).doesNotThrowAnyException();
    try (var controller = as(HelmChart.NAMESPACE, "kith-server")) {
      assertThatCode(() -> delete(controller, overlay())).doesNotThrowAnyException();
    }
    assertThatCode(() -> delete(tenant, filter(SHOP, "of-the-tenant", "")))
        .doesNotThrowAnyException();
  }

  /** Its controller deletes all that is in it, and has rights of its own for that. */
  @Test
  @Order(3)
  void namespaceThatIsDeleted_losesItsOverlay() {
    plane.namespace("leaving", Map.of());
    var overlay = filter("leaving", "kith-failure", "kith.io/failure-mode: closed");
    plane.account("kube-system", "namespace-controller");

    try (var controller = as("kube-system", "namespace-controller")) {
      controller
          .genericKubernetesResources(overlay.getApiVersion(), overlay.getKind())
          .inNamespace("leaving")
          .delete();
    }

    assertThat(plane.client().resource(overlay).get()).isNull();
  }

  private static final String ACCOUNT =
      "{name: kube-api-access-x7f2q, mountPath: /var/run/secrets/kubernetes.io/serviceaccount,"
          + " readOnly: true}";

  private static final String CLOUD =
      "{name: aws-iam-token, mountPath: /var/run/secrets/eks.amazonaws.com/serviceaccount,"
          + " readOnly: true}";

  /** Where the sidecar has these settings, as JSON. */
  private static Attack ordinary(String settings) {
    return new Attack(
        "settings " + settings,
        INJECTED,
        "initContainers:\n- {name: istio-proxy, image: auto, env: [{name: PROXY_CONFIG, value: '"
            + settings
            + "'}]}",
        "",
        "",
        "");
  }

  static Stream<Attack> ordinary() {
    return Stream.of(
        Attack.spec("", ""),
        Attack.spec("securityContext: {runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000}", ""),
        Attack.app("securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}", ""),
        Attack.spec("initContainers:\n- {name: early, image: registry.invalid/app}", ""),
        Attack.labelled("sidecar.istio.io/inject", "true", ""),
        Attack.annotated("sidecar.istio.io/nativeSidecar", "false", ""),
        Attack.annotated("sidecar.istio.io/proxyCPU", "100m", ""),
        // as the API server gives every container the account's token
        new Attack(
            "the account's token",
            INJECTED,
            """
            volumes:
            - name: kube-api-access-x7f2q
              projected:
                sources:
                - serviceAccountToken: {path: token, expirationSeconds: 3607}
                - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
                - downwardAPI:
                    items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
            initContainers:
            - {name: istio-proxy, image: auto, volumeMounts: [%1$s]}
            - {name: istio-init, image: auto, volumeMounts: [%1$s]}
            """
                .formatted(ACCOUNT),
            "volumeMounts: [" + ACCOUNT + "]",
            "",
            ""),
        // as a webhook of EKS gives it a token of AWS, but for the variables
        new Attack(
            "a token of the cloud",
            INJECTED,
            """
            volumes:
            - name: aws-iam-token
              projected:
                sources:
                - serviceAccountToken: {audience: sts.amazonaws.com, path: token}
            initContainers:
            - {name: istio-proxy, image: auto, volumeMounts: [%s]}
            """
                .formatted(CLOUD),
            "volumeMounts: [" + CLOUD + "]",
            "",
            ""),
        // as settings of the mesh that Istio documents become
        ordinary(
            "{\"discoveryAddress\": \"istiod.istio-system.svc:15012\", \"concurrency\":2,"
                + "\"terminationDrainDuration\":\"10s\",\"holdApplicationUntilProxyStarts\":true,"
                + "\"image\":{\"imageType\":\"distroless\"},"
                + "\"gatewayTopology\":{\"numTrustedProxies\":2},"
                + "\"tracing\":{\"zipkin\":{\"address\":\"zipkin.observability:9411\"},"
                + "\"sampling\":12.5,\"tlsSettings\":{\"mode\":\"ISTIO_MUTUAL\"}},"
                + "\"proxyMetadata\":{\"ISTIO_META_DNS_CAPTURE\":\"true\"},"
                + "\"proxyStatsMatcher\":{\"inclusionRegexps\":[\".*\\\\.circuit_breakers: .*\"]},"
                + "\"extraStatTags\":[\"request_host\",\"binaryPath\"]}\n"),
        ordinary("{}"),
        // SPIRE's volume, as its integration with Istio has it
        Attack.spec(
            "volumes: [{name: workload-socket, csi: {driver: csi.spiffe.io, readOnly: true}}]", ""),
        // as where Istio's CNI plug-in lays the redirection, and nftables
        Attack.spec(
            "initContainers:\n"
                + "- {name: istio-validation, image: \""
                + PROXY
                + ":1\", args: [istio-iptables, -p, \"15001\", -z, \"15006\", -u, \"1337\", -m,"
                + " REDIRECT, -i, \"*\", -x, \"\", -b, \"*\", -d, \"15090,15021,15020\","
                + " \"--log_output_level=default:info\", --log_as_json, --run-validation,"
                + " --skip-rule-apply, --native-nftables]}",
            ""),
        Attack.annotated("sidecar.istio.io/rewriteAppHTTPProbers", "true", ""),
        Attack.annotated("traffic.sidecar.istio.io/includeOutboundIPRanges", "*", ""),
        Attack.annotated("traffic.sidecar.istio.io/excludeInboundPorts", "8081", ""),
        Attack.annotated("proxy.istio.io/config", "holdApplicationUntilProxyStarts: true\n", ""),
        Attack.annotated(
            "proxy.istio.io/config", "{\"concurrency\": 2, \"drainDuration\": \"30s\"}", ""));
  }

  @ParameterizedTest
  @MethodSource("ordinary")
  @Order(3)
  void pod_ordinary_isTaken_withItsSidecar(Attack pod) throws Exception {
    var created = create(pod.pod(SHOP));

    assertThat(
            Stream.concat(
                    created.getSpec().getContainers().stream(),
                    created.getSpec().getInitContainers().stream())
                .map(container -> container.getName()))
        .contains("istio-proxy", "istio-init", "app");
  }

  @Test
  @Order(3)
  void ephemeralContainer_ordinary_isTaken() {
    assertThatCode(() -> debug("targetContainerName: app")).doesNotThrowAnyException();
  }

  /** Not enforced: warned about. Not in the mesh: nothing is said. */
  @Test
  @Order(3)
  void pod_elsewhere_isTaken() {
    for (var namespace : List.of("office", "canary", "outside", "kube-system")) {
      assertThatCode(
              () -> create(Attack.spec("securityContext: {runAsUser: 1337}", "").pod(namespace)))
          .as(namespace)
          .doesNotThrowAnyException();
    }
  }

  @Test
  @Order(4)
  void policiesForAll_refuseInEveryNamespaceOfTheMesh() throws Exception {
    for (var object :
        chart.objects(
            new Values("default"), "admission.pods=all", "admission.proxyImages={" + PROXY + "}")) {
      if (object.kind().equals("ValidatingAdmissionPolicyBinding")) {
        plane.apply(object.yaml());
      }
    }

    var attack = Attack.spec("securityContext: {runAsUser: 1337}", "");
    var asked =
        new Attack("", "labels: {sidecar.istio.io/inject: \"true\"}", attack.spec(), "", "", "");
    for (var end = System.nanoTime() + LIMIT.toNanos(); System.nanoTime() < end; ) {
      if (isRefused(() -> create(attack.pod("office")))
          && isRefused(() -> create(attack.pod("canary")))
          && isRefused(() -> create(asked.pod("outside")))) {
        assertThatCode(() -> create(attack.pod("outside"))).doesNotThrowAnyException();
        return;
      }
      Thread.sleep(100);
    }
    throw new AssertionError("pods are taken that should be refused");
  }

  // ---- with what an installation says of itself

  /** Templates that a pod may name, of which one makes no sidecar of Istio's. */
  @Test
  @Order(5)
  void templatesOfAnInstallation_areTaken_andNothingElse() throws Exception {
    for (var object :
        chart.objects(
            new Values("default"),
            "admission.pods=all",
            "admission.templates={spire,debug}",
            "admission.proxyImages={" + PROXY + "}")) {
      if (object.kind().equals("ValidatingAdmissionPolicy")) {
        plane.apply(object.yaml());
      }
    }

    awaitTaken(() -> create(naming("sidecar,spire").pod(SHOP)));
    var pod = create(naming(" sidecar , spire ").pod(SHOP));
    assertThat(pod.getSpec().getVolumes())
        .filteredOn(volume -> volume.getName().equals("workload-socket"))
        .singleElement()
        .satisfies(volume -> assertThat(volume.getCsi().getDriver()).isEqualTo("csi.spiffe.io"));
    assertThatCode(() -> create(naming("sidecar").pod(SHOP))).doesNotThrowAnyException();
    for (var templates : List.of("grpc-agent", "sidecar,spire,grpc-simple")) {
      assertThatThrownBy(() -> create(naming(templates).pod(SHOP)))
          .as(templates)
          .hasMessageContaining(OTHER_SIDECAR);
    }
    assertThatThrownBy(() -> create(naming("sidecar,debug").pod(SHOP)))
        .hasMessageContaining(NOT_GENUINE);
    // The pod's own container in place of Istio's.
    var withoutSidecar =
        new Attack(
            "",
            INJECTED.replace("{s", "{inject.istio.io/templates: spire, s"),
            "initContainers:\n- {name: istio-proxy, image: \"" + PROXY + ":1\"}",
            "",
            "",
            "");
    assertThatThrownBy(() -> create(withoutSidecar.pod(SHOP))).hasMessageContaining(OTHER_SIDECAR);
  }

  private static final String DROP = "securityContext: {capabilities: {drop: [ALL]}}";

  private static Attack own(String annotation, String app) {
    var key = "traffic.sidecar.istio.io/excludeOutboundIPRanges";
    return new Attack("", "annotations: {" + key + ": \"" + annotation + "\"}", "", app, "", "");
  }

  /** A variable of the mesh's own in each sidecar, and a block that the mesh excludes. */
  @Test
  @Order(6)
  void settingsOfAnInstallation_areTaken_andNothingElse() throws Exception {
    plane.meshConfig(
        text -> text.replace("defaultConfig:\n", "defaultConfig:\n  proxyMetadata: {MINE: x}\n"));
    awaitRefused(
        () -> create(Attack.app(DROP, "").pod(SHOP)), NOT_GENUINE); // what no setting names
    for (var object :
        chart.objects(
            new Values("default"),
            "admission.pods=all",
            "admission.dropNetRaw=true",
            "admission.excludedIpRanges=10.9.0.0/16",
            "admission.proxyEnvironment={MINE}",
            "admission.exemptNamespaces={office}",
            "admission.proxyImages={" + PROXY + "}")) {
      if (object.kind().startsWith("ValidatingAdmissionPolicy")) {
        plane.apply(object.yaml());
      }
    }

    awaitRefused(
        () ->
            create(
                own("10.9.0.0/16", "securityContext: {capabilities: {drop: [CHOWN]}}").pod(SHOP)),
        "without NET_RAW or ALL, what a raw socket sends is not seen");
    assertThatCode(() -> create(own("10.9.0.0/16", DROP).pod(SHOP))).doesNotThrowAnyException();
    assertThatCode(
            () ->
                create(
                    own("10.9.0.0/16", "securityContext: {capabilities: {drop: [CAP_NET_RAW]}}")
                        .pod(SHOP)))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> create(own("10.0.0.0/8", DROP).pod(SHOP)))
        .hasMessageContaining(AROUND);
    // Bindings are read by themselves, a moment after policies.
    var exempt = Attack.spec("securityContext: {runAsUser: 1337}", "");
    awaitTaken(() -> create(exempt.pod("office")));
  }

  private static void awaitTaken(Call call) throws InterruptedException {
    for (var end = System.nanoTime() + LIMIT.toNanos(); ; ) {
      try {
        call.make();
        return;
      } catch (KubernetesClientException e) {
        if (System.nanoTime() > end) {
          throw e;
        }
      }
      Thread.sleep(100);
    }
  }

  private static void awaitRefused(Call call, String why) throws Exception {
    var last = "taken";
    for (var end = System.nanoTime() + LIMIT.toNanos(); System.nanoTime() < end; ) {
      try {
        call.make();
      } catch (KubernetesClientException e) {
        last = String.valueOf(e.getMessage());
        if (last.contains(why)) {
          return;
        }
      }
      Thread.sleep(100);
    }
    throw new AssertionError("not refused for '" + why + "': " + last);
  }

  /** Nobody injects: nothing runs in a namespace of the mesh without its sidecar. */
  @Test
  @Order(7)
  void podInAClusterWithoutInjector_isRefused() throws Exception {
    plane.client().admissionRegistration().v1().mutatingWebhookConfigurations().delete();

    awaitRefused(
        () -> create(Attack.app(DROP, "").pod(SHOP)), "no sidecar: the pod was not injected");
  }
}
