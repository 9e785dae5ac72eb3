package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.TaintBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.load.istio.HelmChart.Values;
import io.kith.load.lab.Lab;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The start-up taint in a real API server: the real server takes it off the node of the real
 * bridge, with the rights of the chart, and may do nothing else to a node.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class NodeTaintTest {
  private static final String KEY = "kith.io/starting";
  private static final String ACCOUNT = "kith-server";

  /** The real bridge is of this one. */
  private static final String NODE = "node-1";

  private static final String WITHOUT_BRIDGE = "node-2";

  private static final List<String> MORE = new ArrayList<>();
  private static Lab lab;
  private static ControlPlane plane;
  private static KubernetesClient server;
  private static Kith kith;

  @BeforeAll
  static void start() throws Exception {
    var chart = new HelmChart(Helm.find(IstioMesh.SAY));
    var istio = Istio.find(IstioMesh.SAY);
    lab = Lab.open("kt", IstioMesh.SAY);
    plane = ControlPlane.start(lab, istio, IstioMesh.SAY);
    CustomResourcesTest.define(plane);
    plane.namespace(Kith.NAMESPACE, Map.of());
    for (var object : chart.objects(new Values("default"), "node.taint=" + KEY)) {
      if (object.kind().startsWith("ClusterRole")
          || object.kind().startsWith("Role")
          || object.kind().equals("ServiceAccount")
          || object.name().equals("kith-node-taint")) {
        if (object.name().equals("kith-node-taint") && object.kind().endsWith("RoleBinding")) {
          MORE.add(object.yaml());
        } else {
          plane.apply(object.yaml());
        }
      }
    }
    register(NODE);
    register(WITHOUT_BRIDGE);
    var kubeconfig = plane.kubeconfigOf(Kith.NAMESPACE, ACCOUNT);
    server =
        new KubernetesClientBuilder()
            .withConfig(Config.fromKubeconfig(null, kubeconfig.toFile()))
            .build();
    kith =
        new Kith(
            lab,
            plane,
            istio,
            Envoy.find(IstioMesh.SAY),
            "{kubeconfig: \"%s\", nodeTaint: %s}".formatted(kubeconfig, KEY),
            Kith.IN_MEMORY);
  }

  @AfterAll
  static void stop() {
    if (kith != null) {
      kith.close();
    }
    if (server != null) {
      server.close();
    }
    if (plane != null) {
      plane.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  private static Taint taint(String key, @Nullable String value) {
    return new TaintBuilder().withKey(key).withValue(value).withEffect("NoSchedule").build();
  }

  /** As a kubelet does; the API server adds that the node is not ready. */
  private static void register(String name) {
    plane
        .client()
        .resource(
            new NodeBuilder()
                .withNewMetadata()
                .withName(name)
                .addToLabels("kubernetes.io/hostname", name)
                .endMetadata()
                .withNewSpec()
                .withTaints(taint("example.org/gpu", "yes"), taint(KEY, null))
                .endSpec()
                .build())
        .create();
  }

  private static Node node(String name) {
    return plane.client().nodes().withName(name).require();
  }

  private static List<String> taints(String name) {
    return node(name).getSpec().getTaints().stream().map(Taint::getKey).toList();
  }

  private static List<String> problems() {
    return kith.server()
        .admin()
        .getStatus(GetStatusRequest.getDefaultInstance())
        .getResources()
        .getProblemsList();
  }

  /**
   * What a bridge said before a node had the taint does not count, and it says it every 30 s: so it
   * attaches anew, once the server knows of the taint, as that of a node which starts.
   */
  private static void attachAnew() throws Exception {
    Mesh.await(
        "the server knows of both nodes, or the bridge has said it meanwhile",
        Mesh.PATIENCE,
        () -> metric("kith_cluster_nodes_starting") == 2 || !taints(NODE).contains(KEY));
    Command.run(
            Duration.ofMinutes(1),
            List.of(
                "ss",
                "-K",
                "-t",
                "dst",
                lab.address().getHostAddress(),
                "dport",
                "=",
                ":" + kith.server().bridges()))
        .orFail();
  }

  private static double metric(String name) {
    try {
      return kith.server().metric(name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static void awaitLifted() throws Exception {
    Mesh.await(
        "the node of the bridge has the taint no more",
        Mesh.PATIENCE,
        () -> !taints(NODE).contains(KEY));
  }

  @Test
  @Order(1)
  void accountWithoutRights_isToldWhatItLacks_andNothingIsTakenOff() throws Exception {
    Mesh.await("what is missing is told", Mesh.PATIENCE, () -> !problems().isEmpty());

    assertThat(problems())
        .singleElement()
        .asString()
        .startsWith("taint " + KEY + ": nodes are not watched: 403 ")
        .endsWith("(the server's account needs get, list, watch and patch of nodes)");
    assertThat(taints(NODE)).contains(KEY);
  }

  @Test
  @Order(2)
  void nodeOfAnAttachedBridge_losesThisTaintOnly_andNoOtherNodeDoes() throws Exception {
    MORE.forEach(plane::apply);
    attachAnew();

    awaitLifted();
    assertThat(taints(NODE)).containsExactly("example.org/gpu", "node.kubernetes.io/not-ready");
    assertThat(taints(WITHOUT_BRIDGE))
        .containsExactly("example.org/gpu", KEY, "node.kubernetes.io/not-ready");
    Mesh.await(
        "nothing is wrong by now, and one node is starting",
        Mesh.PATIENCE,
        () -> problems().isEmpty() && metric("kith_cluster_nodes_starting") == 1);
    assertThat(kith.server().metric("kith_cluster_taints_lifted_total")).isEqualTo(1);
  }

  /** Its bridge goes on as it was. */
  @Test
  @Order(3)
  void nodeThatIsTaintedAnew_losesItAnew() throws Exception {
    plane
        .client()
        .nodes()
        .withName(NODE)
        .edit(
            node ->
                new NodeBuilder(node)
                    .editSpec()
                    .addToTaints(0, taint(KEY, "again"))
                    .endSpec()
                    .build());

    awaitLifted();
    assertThat(taints(NODE)).containsExactly("example.org/gpu", "node.kubernetes.io/not-ready");
  }

  @Test
  @Order(4)
  void nodeThatIsRegisteredAnew_losesItAnew() throws Exception {
    plane.client().nodes().withName(NODE).delete();
    register(NODE);
    attachAnew();

    awaitLifted();
    assertThat(taints(NODE)).containsExactly("example.org/gpu", "node.kubernetes.io/not-ready");
  }

  @ParameterizedTest
  @Order(5)
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          [{"op": "remove", "path": "/spec/taints/0"}] | changes no other
          [{"op": "remove", "path": "/spec/taints"}] | changes no other
          [{"op": "remove", "path": "/spec/taints/1"}, {"op": "add", "path": "/spec/unschedulable", "value": true}] | spec: Kith's server changes only taints of a node
          [{"op": "add", "path": "/spec/taints/-", "value": {"key": "a.example.org/b", "effect": "NoExecute"}}] | changes no other
          [{"op": "replace", "path": "/spec/taints/1/effect", "value": "NoExecute"}] | changes no other
          [{"op": "remove", "path": "/spec/taints/1"}, {"op": "add", "path": "/metadata/labels/a", "value": "b"}] | metadata: Kith's server changes only taints of a node
          [{"op": "remove", "path": "/spec/taints/1"}, {"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}}] | metadata: Kith's server changes only taints of a node
          [{"op": "remove", "path": "/spec/taints/1"}, {"op": "add", "path": "/metadata/finalizers", "value": ["a.example.org/b"]}] | metadata: Kith's server changes only taints of a node
          [{"op": "remove", "path": "/spec/taints/1"}, {"op": "add", "path": "/spec/providerID", "value": "x"}] | spec: Kith's server changes only taints of a node
          """)
  void anythingElse_byTheServersAccount_isRefused(String patch, String message) {
    assertThatThrownBy(() -> patch(server, patch))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining(message);
  }

  /** Else the test above would say nothing. */
  @Test
  @Order(6)
  void anythingElse_bySomebodyElse_isTaken() {
    assertThatCode(
            () ->
                patch(
                    plane.client(),
                    "[{\"op\": \"add\", \"path\": \"/metadata/labels/a\", \"value\": \"b\"}]"))
        .doesNotThrowAnyException();
  }

  @Test
  @Order(7)
  void deletingANode_byTheServersAccount_isRefused() {
    assertThatThrownBy(() -> server.nodes().withName(WITHOUT_BRIDGE).delete())
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("forbidden");
  }

  /** What the server does, where the places of taints have changed meanwhile. */
  @Test
  @Order(8)
  void patchOfTaintsAsTheyWere_isRefused_andTheOthersStay() {
    assertThatThrownBy(
            () ->
                patch(
                    server,
                    """
                    [{"op": "test", "path": "/spec/taints/0", "value": {"key": "%s", "effect": "NoSchedule"}},
                     {"op": "remove", "path": "/spec/taints/0"}]
                    """
                        .formatted(KEY)))
        .isInstanceOf(KubernetesClientException.class);
    assertThat(taints(WITHOUT_BRIDGE))
        .containsExactly("example.org/gpu", KEY, "node.kubernetes.io/not-ready");
  }

  @Test
  @Order(9)
  void whereTheApiServerWasAway_itGoesOn() throws Exception {
    plane.killApiServer();
    Mesh.await("it is told", Mesh.PATIENCE, () -> !problems().isEmpty());
    plane.startApiServer();
    plane.client().nodes().withName(NODE).delete();
    register(NODE);
    attachAnew();

    awaitLifted();
  }

  private static void patch(KubernetesClient as, String patch) {
    as.nodes().withName(WITHOUT_BRIDGE).patch(PatchContext.of(PatchType.JSON), patch);
  }
}
