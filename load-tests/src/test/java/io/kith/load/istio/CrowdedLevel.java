package io.kith.load.istio;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A priority level of a real API server that has no room but for one request, which a neighbour
 * takes: what else belongs to the level is answered with 429 and Retry-After.
 */
final class CrowdedLevel {
  /*
   * An API server lets one request of a level run however small the level is, so that it has to be
   * a long one: its admission asks two webhooks that never answer, one after the other. They may
   * take half a minute each, and the request a minute.
   */
  private static final String NAME = "kith-crowded";

  private static final String NEIGHBOUR = "neighbour";
  private static final Duration AGAIN = Duration.ofMillis(20);

  /** One whose request runs, and one that follows it at once. */
  private static final int CROWD = 2;

  private final ControlPlane plane;
  private final ServerSocket neverAnswers;
  private final Config config;
  private final List<Thread> crowd = new ArrayList<>();
  private volatile boolean crowded;

  /**
   * A level that has nobody in it yet.
   *
   * @param machine address of this machine as the API server sees it
   */
  CrowdedLevel(ControlPlane plane, InetAddress machine) throws IOException {
    this.plane = plane;
    this.neverAnswers = new ServerSocket(0, 50, machine);
    plane.account(Kith.NAMESPACE, NEIGHBOUR);
    plane.apply(
        """
      apiVersion: rbac.authorization.k8s.io/v1
      kind: Role
      metadata: {name: %1$s, namespace: %2$s}
      rules: [{apiGroups: [""], resources: [configmaps], verbs: [create]}]
      ---
      apiVersion: rbac.authorization.k8s.io/v1
      kind: RoleBinding
      metadata: {name: %1$s, namespace: %2$s}
      roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %1$s}
      subjects: [{kind: ServiceAccount, name: %3$s, namespace: %2$s}]
      ---
      apiVersion: admissionregistration.k8s.io/v1
      kind: MutatingWebhookConfiguration
      metadata: {name: %1$s}
      webhooks:
      - name: one.never.answers.example.com
        clientConfig: {url: "https://%4$s/"}
        objectSelector: {matchLabels: {%1$s: "true"}}
        rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
        admissionReviewVersions: [v1]
        sideEffects: None
        failurePolicy: Ignore
        timeoutSeconds: 30
      - name: two.never.answers.example.com
        clientConfig: {url: "https://%4$s/"}
        objectSelector: {matchLabels: {%1$s: "true"}}
        rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
        admissionReviewVersions: [v1]
        sideEffects: None
        failurePolicy: Fail
        timeoutSeconds: 30
      ---
      apiVersion: flowcontrol.apiserver.k8s.io/v1
      kind: PriorityLevelConfiguration
      metadata: {name: %1$s}
      spec:
        type: Limited
        limited:
          nominalConcurrencyShares: 0
          lendablePercent: 0
          borrowingLimitPercent: 0
          limitResponse: {type: Reject}
      """
            .formatted(
                NAME,
                Kith.NAMESPACE,
                NEIGHBOUR,
                machine.getHostAddress() + ":" + neverAnswers.getLocalPort()));
    plane.apply(schema(NEIGHBOUR, NEIGHBOUR));
    config =
        new ConfigBuilder(
                Config.fromKubeconfig(plane.kubeconfigOf(Kith.NAMESPACE, NEIGHBOUR).toFile()))
            .withRequestRetryBackoffLimit(0)
            .withRequestTimeout(90_000)
            .build();
  }

  private static String schema(String name, String... accounts) {
    var subjects =
        Arrays.stream(accounts)
            .map(
                account ->
                    "{kind: ServiceAccount, serviceAccount: {namespace: %s, name: %s}}"
                        .formatted(Kith.NAMESPACE, account))
            .collect(Collectors.joining(", "));
    return """
      apiVersion: flowcontrol.apiserver.k8s.io/v1
      kind: FlowSchema
      metadata: {name: %s}
      spec:
        priorityLevelConfiguration: {name: %s}
        matchingPrecedence: 2
        rules:
        - subjects: [%s]
          resourceRules:
          - {verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"]}
          nonResourceRules:
          - {verbs: ["*"], nonResourceURLs: ["*"]}
      """
        .formatted(name, NAME, subjects);
  }

  /** Has accounts be refused from a moment later on; watches that they have go on. */
  void throttle(String... accounts) {
    plane.apply(schema(NAME, accounts));
    crowded = true;
    for (var one = 0; one < CROWD; one++) {
      crowd.add(Thread.ofVirtual().start(this::crowd));
    }
  }

  /** Lets them in again. */
  void end() throws InterruptedException {
    plane.delete(schema(NAME, NEIGHBOUR));
    crowded = false;
    for (var thread : crowd) {
      thread.interrupt();
      thread.join();
    }
    crowd.clear();
  }

  private void crowd() {
    var map =
        new ConfigMapBuilder()
            .withNewMetadata()
            .withNamespace(Kith.NAMESPACE)
            .withGenerateName(NAME)
            .addToLabels(NAME, "true")
            .endMetadata()
            .build();
    try (var client = new KubernetesClientBuilder().withConfig(config).build()) {
      while (crowded) {
        try {
          client.resource(map).create();
          throw new IllegalStateException("the webhooks were not asked");
        } catch (KubernetesClientException _) {
          Thread.sleep(AGAIN); // refused, by the level or since no webhook answered
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** Requests of throttled accounts that were refused so far. */
  long refused() {
    return Arrays.stream(plane.client().raw("/metrics").split("\n"))
        .filter(line -> line.startsWith("apiserver_flowcontrol_rejected_requests_total{"))
        .filter(line -> line.contains("flow_schema=\"" + NAME + "\""))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  void close() throws IOException, InterruptedException {
    end();
    neverAnswers.close();
  }
}
