package io.kith.load.istio;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Deletable;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.load.lab.Lab;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Istio;
import io.kith.server.kubernetes.directory.KubernetesDirectory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
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

/** Who is who, as a real Kubernetes API server says, with the rights of the documentation. */
@Tag("istio")
@Timeout(600)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ClusterDirectoryTest {
  private static Lab lab;
  private static ControlPlane plane;
  private static ClusterObjects shop;
  private static Path kubeconfig;
  private static KubernetesDirectory directory;
  private static final List<String> TOLD = new CopyOnWriteArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    lab = Lab.open("kd", IstioMesh.SAY);
    plane = ControlPlane.start(lab, Istio.find(IstioMesh.SAY), IstioMesh.SAY);
    plane.namespace("kith", Map.of());
    plane.account("kith", "kith-server");
    kubeconfig = plane.kubeconfigOf("kith", "kith-server");
    plane.namespace("till", Map.of("kith.io/environment", "qa"));
    shop = new ClusterObjects(plane, "till");
    directory = open();
    directory.answers().tell(workload -> TOLD.add(workload.owner().toString()));
  }

  @AfterAll
  static void stop() {
    if (directory != null) {
      directory.close();
    }
    if (plane != null) {
      plane.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  private static KubernetesDirectory open(StaticWorkloadDirectory.Entry... byHand)
      throws Exception {
    return open(kubeconfig, byHand);
  }

  private static KubernetesDirectory open(Path account, StaticWorkloadDirectory.Entry... byHand)
      throws Exception {
    return KubernetesDirectory.open(
        new KubernetesSettings(
            account, true, false, "cluster.local", "cluster.local", "istio-system"),
        List.of(byHand),
        Path.of("/"),
        Map.of(),
        "istio-proxy");
  }

  private static void await(String what, BooleanSupplier condition) throws Exception {
    Mesh.await(what, Mesh.PATIENCE, condition);
  }

  private static String at(String address) {
    return words(directory.answers().at(IpAddress.parse(address)));
  }

  private static String named(String name) {
    return words(directory.answers().named(name));
  }

  private static String speaking(String account, String address) {
    return words(
        directory
            .answers()
            .speaking(SpiffeId.parse(Kith.id("till", account)), IpAddress.parse(address)));
  }

  private static String words(@Nullable Workload workload) {
    return workload == null ? "nobody" : workload.owner().toString();
  }

  @Test
  @Order(1)
  void accountWithoutRights_isToldWhatItLacks_andGoesOnWhenItHasThem() throws Exception {
    await(
        "the reason is told",
        () -> directory.waitsFor().contains("pods: may not be listed and watched (403"));
    assertThat(directory.waitsFor()).startsWith("the Kubernetes API server at https://");

    ClusterObjects.grantRights(plane);

    await("all is listed", () -> directory.waitsFor().isEmpty());
    await("all is watched", directory::isConnected);
    assertThat(directory.status().problem()).isEmpty();
    assertThat(directory.status().counts().pods()).isZero();
  }

  @Test
  @Order(2)
  void podsServicesAndServiceEntries_areWhoTheyAre() throws Exception {
    var web = shop.deployment("web");
    shop.pod("web-6d4f-a", "web", web, "10.0.0.1", "fd00::1");
    shop.pod("web-6d4f-b", "web", web, "10.0.0.2");
    shop.pod("db-0", "db", ClusterObjects.statefulSet("db"), "10.0.0.3");
    shop.apply(
        """
        apiVersion: v1
        kind: Service
        metadata: {name: front, namespace: NAMESPACE}
        spec: {clusterIP: 10.96.7.1, selector: {app: web}, ports: [{name: http, port: 8080}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: db, namespace: NAMESPACE}
        spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: front-1, namespace: NAMESPACE, labels: {kubernetes.io/service-name: front}}
        addressType: IPv4
        endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2], conditions: {ready: false}}]
        ports: [{name: http, port: 8080}]
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: db-1, namespace: NAMESPACE, labels: {kubernetes.io/service-name: db}}
        addressType: IPv4
        endpoints: [{addresses: [10.0.0.3]}]
        ports: [{name: tcp, port: 5432}]
        ---
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: inner, namespace: NAMESPACE, labels: {istio.io/rev: default}}
        spec:
          hosts: [db.inner.example]
          addresses: [240.9.9.9]
          location: MESH_INTERNAL
          resolution: STATIC
          ports: [{number: 5432, name: tcp, protocol: TCP}]
          endpoints: [{address: 10.0.0.3}]
        ---
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: outer, namespace: NAMESPACE, labels: {istio.io/rev: default}}
        spec:
          hosts: [payments.example.org]
          location: MESH_EXTERNAL
          resolution: DNS
          ports: [{number: 443, name: tls, protocol: TLS}]
        """);

    await("the service", () -> at("10.96.7.1").equals("till/deployment/web"));
    await("the ServiceEntry", () -> at("240.9.9.9").equals("till/statefulset/db"));
    assertThat(at("10.0.0.1")).isEqualTo("till/deployment/web");
    assertThat(at("fd00::1")).isEqualTo("till/deployment/web");
    assertThat(named("front.till.svc.cluster.local")).isEqualTo("till/deployment/web");
    assertThat(named("db.till")).isEqualTo("till/statefulset/db");
    assertThat(named("db.inner.example")).isEqualTo("till/statefulset/db");
    assertThat(named("payments.example.org")).isEqualTo("nobody");
    assertThat(speaking("web", "10.0.0.2")).isEqualTo("till/deployment/web");
    assertThat(speaking("web", "10.0.0.3")).isEqualTo("nobody");
    assertThat(requireNonNull(directory.answers().at(IpAddress.parse("10.0.0.1"))).environment())
        .isEqualTo("qa");
    assertThat(TOLD).containsExactlyInAnyOrder("till/deployment/web", "till/statefulset/db");
    assertThat(directory.answers().all())
        .extracting(workload -> workload.owner().toString())
        .containsExactlyInAnyOrder("till/deployment/web", "till/statefulset/db");
  }

  @Test
  @Order(3)
  void serviceOfTwoOwners_isNobodys_andToldOf() throws Exception {
    shop.apply(slice("10.0.0.1", "10.0.0.3"));

    await("the service is nobody's", () -> at("10.96.7.1").equals("nobody"));
    assertThat(directory.status().counts().several()).containsExactly("till/front");

    shop.apply(slice("10.0.0.1", "10.0.0.2"));
    await("the service is one workload's", () -> at("10.96.7.1").equals("till/deployment/web"));
  }

  private static String slice(String one, String other) {
    return """
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: {name: front-1, namespace: NAMESPACE, labels: {kubernetes.io/service-name: front}}
    addressType: IPv4
    endpoints: [{addresses: [%s]}, {addresses: [%s]}]
    ports: [{name: http, port: 8080}]
    """
        .formatted(one, other);
  }

  @Test
  @Order(4)
  void addressOfAPodThatEnded_orIsGone_isFree_andOfALaterPodThatOnes() throws Exception {
    var job = shop.pod("job-a", "job", null, "10.0.0.7");
    await("the pod", () -> at("10.0.0.7").equals("till/pod/job-a"));

    shop.says(job, "Succeeded", "10.0.0.7");
    await("the address is free", () -> at("10.0.0.7").equals("nobody"));

    var next = shop.pod("job-b", "job", null, "10.0.0.7");
    await("the next pod", () -> at("10.0.0.7").equals("till/pod/job-b"));
    Thread.sleep(1_100); // the API server's clock counts seconds
    shop.pod("other", "other", null, "10.0.0.7");
    await("the later pod", () -> at("10.0.0.7").equals("till/pod/other"));
    assertThat(speaking("job", "10.0.0.7")).isEqualTo("nobody");

    shop.delete(next);
    assertThat(at("10.0.0.7")).isEqualTo("till/pod/other");
  }

  @Test
  @Order(5)
  void entryByHand_wins_andTheContradictionIsTold() throws Exception {
    try (var combined =
        open(
            new StaticWorkloadDirectory.Entry(
                Owner.parse("till/deployment/mine"),
                null,
                "prod",
                List.of(IpAddress.parse("10.0.0.1")),
                List.of()))) {
      await("all is listed", () -> combined.waitsFor().isEmpty());

      assertThat(words(combined.answers().at(IpAddress.parse("10.0.0.1"))))
          .isEqualTo("till/deployment/mine");
      assertThat(words(combined.answers().at(IpAddress.parse("10.0.0.2"))))
          .isEqualTo("till/deployment/web");
      await("it is told", () -> !combined.status().contradictions().isEmpty());
      assertThat(combined.status().contradictions())
          .containsExactly(
              "workloads: 10.0.0.1 is of till/deployment/mine, and in the cluster of"
                  + " till/deployment/web");
    }
  }

  @Test
  @Order(6)
  void apiServerIsKilledAndBack_theLastStateStays_andItGoesOn() throws Exception {
    plane.killApiServer();
    await("it is noticed", () -> !directory.isConnected());

    assertThat(at("10.0.0.1")).isEqualTo("till/deployment/web");
    assertThat(at("10.96.7.1")).isEqualTo("till/deployment/web");
    assertThat(directory.status().connected()).isFalse();
    assertThat(directory.waitsFor()).as("it was ready once").isEmpty();
    try (var late = open()) {
      await(
          "who starts now says why it waits",
          () -> late.waitsFor().endsWith(": cannot be connected to"));

      plane.startApiServer();
      await("it goes on", () -> late.waitsFor().isEmpty());
    }
    await("it is watched again", directory::isConnected);
    shop.pod("after", "after", null, "10.0.0.9");
    await("what is new", () -> at("10.0.0.9").equals("till/pod/after"));
  }

  private static String machine(String name, String address) {
    return """
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata:
      name: %s
      namespace: NAMESPACE
      labels: {istio.io/rev: default}
      ownerReferences:
      - {apiVersion: networking.istio.io/v1, kind: WorkloadGroup, name: vms, uid: u, controller: true}
    spec: {address: %s, labels: {app: vm}, serviceAccount: vm, network: hall, weight: 2}
    """
        .formatted(name, address);
  }

  @Test
  @Order(7)
  void workloadEntries_andServiceEntriesThatSelectThemOrPods_areWhoTheyAre() throws Exception {
    shop.apply(machine("vm-1", "10.7.0.1"));
    shop.apply(machine("vm-2", "10.0.0.3")); // a pod has it
    shop.apply(machine("vm-3", "203.0.113.5")); // anybody's
    shop.apply(
        """
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: of-pods, namespace: NAMESPACE, labels: {istio.io/rev: default}}
        spec:
          hosts: [pods.example]
          location: MESH_INTERNAL
          resolution: STATIC
          ports: [{number: 5432, name: tcp, protocol: TCP}]
          workloadSelector: {labels: {app: db}}
        ---
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: of-machines, namespace: NAMESPACE, labels: {istio.io/rev: default}}
        spec:
          hosts: [machines.example]
          addresses: [240.9.9.8]
          location: MESH_INTERNAL
          resolution: STATIC
          ports: [{number: 5432, name: tcp, protocol: TCP}]
          workloadSelector: {labels: {app: vm}}
        """);

    await("the machine", () -> at("10.7.0.1").equals("till/workloadgroup/vms"));
    await("the ServiceEntry of pods", () -> named("pods.example").equals("till/statefulset/db"));
    await(
        "all WorkloadEntries",
        () -> directory.status().counts().workloadEntries().equals(Map.of("yes", 1L, "no", 2L)));
    assertThat(speaking("vm", "10.7.0.1")).isEqualTo("till/workloadgroup/vms");
    assertThat(at("10.0.0.3")).isEqualTo("till/statefulset/db");
    assertThat(at("203.0.113.5")).isEqualTo("nobody");
    assertThat(TOLD).contains("till/workloadgroup/vms");
    await("it also leads to what is not named", () -> named("machines.example").equals("nobody"));

    shop.delete(machine("vm-2", "10.0.0.3"));
    shop.delete(machine("vm-3", "203.0.113.5"));
    await("by name", () -> named("machines.example").equals("till/workloadgroup/vms"));
    await("by address", () -> at("240.9.9.8").equals("till/workloadgroup/vms"));

    shop.apply(machine("vm-1", "10.7.0.2"));
    await("it moved", () -> at("10.7.0.2").equals("till/workloadgroup/vms"));
    assertThat(at("10.7.0.1")).isEqualTo("nobody");
    shop.delete(machine("vm-1", "10.7.0.2"));
    await("it is gone", () -> at("10.7.0.2").equals("nobody"));
  }

  private static String rule(String host, String policy) {
    return """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: passing, namespace: NAMESPACE, labels: {istio.io/rev: default}}
    spec: {host: '%s', %s}
    """
        .formatted(host, policy);
  }

  private static boolean isPassed(KubernetesDirectory directory, String host) {
    var all = directory.answers();
    assertThat(all.leadsTo("front.till.svc.cluster.local", IpAddress.parse("10.96.7.1"))).isTrue();
    assertThat(all.leadsTo("front.till.svc.cluster.local", IpAddress.parse("10.0.0.2"))).isTrue();
    return !all.leadsTo(host, IpAddress.parse("203.0.113.9"));
  }

  @Test
  @Order(8)
  void destinationRuleThatPassesThrough_isSeen_whereverItSaysSo() throws Exception {
    var front = "front.till.svc.cluster.local";
    var passes = "loadBalancer: {simple: PASSTHROUGH}";
    assertThat(isPassed(directory, front)).isFalse();

    shop.apply(rule("front", "trafficPolicy: {" + passes + "}"));
    await("the service is passed", () -> isPassed(directory, front));
    assertThat(isPassed(directory, "payments.example.org")).isFalse();

    shop.apply(rule("*.example.org", "subsets: [{name: v1, trafficPolicy: {" + passes + "}}]"));
    await("the host by DNS is", () -> isPassed(directory, "payments.example.org"));
    assertThat(isPassed(directory, front)).isFalse();

    shop.apply(
        rule(
            "*.local",
            "trafficPolicy: {portLevelSettings: [{port: {number: 8080}, " + passes + "}]}"));
    await("all services are", () -> isPassed(directory, front));
    assertThat(isPassed(directory, "payments.example.org")).isFalse();

    shop.delete(rule("*.local", "trafficPolicy: {}"));
    await("none is", () -> !isPassed(directory, front));
  }

  /** Rights of a chart from before the kind was watched. */
  @Test
  @Order(9)
  void accountThatMayNotSeeDestinationRules_goesOnWithout_saysSo_andSeesThemOnceItMay()
      throws Exception {
    var front = "front.till.svc.cluster.local";
    var rights =
        ClusterObjects.rights()
            .replace("kith-server", "kith-older")
            .replace("kith-directory", "kith-older");
    plane.account("kith", "kith-older");
    plane.apply(rights.replace(", destinationrules", ""));
    shop.apply(rule("front", "trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}"));
    await("the service is passed", () -> isPassed(directory, front));
    try (var older = open(plane.kubeconfigOf("kith", "kith-older"))) {
      await("all else is listed", () -> older.waitsFor().isEmpty());
      await("all else is watched", older::isConnected);
      assertThat(older.status().problem())
          .startsWith("destinationrules.networking.istio.io: may not be listed and watched (403");
      assertThat(isPassed(older, front)).isFalse();

      plane.apply(rights);

      await("the rule is seen", () -> isPassed(older, front));
      await("nothing is said any more", () -> older.status().problem().isEmpty());
      await("all is watched", older::isConnected);
    }
    shop.delete(rule("front", "trafficPolicy: {}"));
    await("it is not passed any more", () -> !isPassed(directory, front));
  }

  /** No event tells of it: only that it is not listed any more. */
  @Test
  @Order(10)
  void objectIsDeletedWhileTheApiServerIsAway_itIsGone() throws Exception {
    shop.pod("short", "short", null, "10.0.0.11");
    await("the pod", () -> at("10.0.0.11").equals("till/pod/short"));
    plane.killApiServer();
    await("it is noticed", () -> !directory.isConnected());

    plane.deleteInEtcd("/registry/pods/till/short");
    plane.startApiServer();

    await("what was deleted", () -> at("10.0.0.11").equals("nobody"));
    await("it is watched again", directory::isConnected);
    assertThat(at("10.0.0.1")).isEqualTo("till/deployment/web");
  }

  /** Applies it once its kind is served. */
  private static void applySoon(String yaml) throws InterruptedException {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      try {
        shop.apply(yaml);
        return;
      } catch (KubernetesClientException e) {
        if (System.nanoTime() > end) {
          throw e;
        }
        Thread.sleep(20);
      }
    }
  }

  /** A cluster without a mesh, or with an Istio of before. */
  @Test
  @Order(11)
  void kindsOfIstioThatTheClusterLacks_areNotWaitedFor_andWatchedOnceTheyAreThere()
      throws Exception {
    var definitions =
        Stream.of("serviceentries", "workloadentries", "destinationrules")
            .map(
                name ->
                    plane
                        .client()
                        .apiextensions()
                        .v1()
                        .customResourceDefinitions()
                        .withName(name + ".networking.istio.io"))
            .toList();
    var texts = definitions.stream().map(one -> requireNonNull(one.get())).toList();
    // It may end itself when a kind goes away, and here nobody starts it again.
    plane.stopIstiod();
    definitions.forEach(Deletable::delete);
    for (var definition : definitions) {
      await("the kind is gone", () -> definition.get() == null);
    }
    await("their watches end", () -> !directory.isConnected());
    await("who watched them goes on without", directory::isConnected);
    assertThat(directory.status().problem()).isEmpty();
    try (var late = open()) {
      await("all is listed", () -> late.waitsFor().isEmpty());
      await("all is watched", late::isConnected);
      assertThat(words(late.answers().at(IpAddress.parse("10.0.0.1"))))
          .isEqualTo("till/deployment/web");

      for (var text : texts) {
        text.getMetadata().setResourceVersion(null);
        text.getMetadata().setUid(null);
        text.setStatus(null);
        plane.client().resource(text).create();
      }
      plane.startIstiod();
      applySoon(machine("vm-1", "10.7.0.1"));
      await(
          "who started without the kind knows what is of it",
          () ->
              words(late.answers().at(IpAddress.parse("10.7.0.1")))
                  .equals("till/workloadgroup/vms"));
      await("who watched it before, too", () -> at("10.7.0.1").equals("till/workloadgroup/vms"));
    }
  }
}
