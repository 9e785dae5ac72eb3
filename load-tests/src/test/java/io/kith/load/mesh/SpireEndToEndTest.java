package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListRulesRequest;
import io.kith.load.demo.JaegerApi;
import io.kith.load.demo.JaegerApi.Span;
import io.kith.load.lab.Upstream;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Kith, SPIRE, PostgreSQL, Jaeger and Envoy together: two servers, a bridge that attests by SPIRE,
 * and an application that sends spans of its own.
 */
@Tag("spire")
@Timeout(600)
class SpireEndToEndTest {
  private static SpireMesh mesh;
  private static Application app;

  @BeforeAll
  static void start() throws Exception {
    mesh = new SpireMesh();
    app = new Application(mesh);
    learnAndEnforce();
  }

  @AfterAll
  static void stop() {
    if (app != null) {
      app.close();
    }
    if (mesh != null) {
      mesh.close();
    }
  }

  private static void learnAndEnforce() throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    do {
      assertPrice();
      assertThat(System.nanoTime()).as("learned in time: %s", edges(mesh.one)).isLessThan(end);
    } while (edges(mesh.one).stream().allMatch(edge -> edge.getState().equals("quarantined")));
    mesh.one.kith("learn", "finish", Mesh.CHECKOUT, "--note", "test run").orFail();
    mesh.one.kith("mode", Mesh.CHECKOUT, "enforce", "--note", "test").orFail();
  }

  private static List<Edge> edges(Replica server) {
    return server
        .admin()
        .listEdges(ListEdgesRequest.newBuilder().setOwner(Mesh.CHECKOUT).build())
        .getEdgesList();
  }

  private static DecisionRecord decision(String id) {
    return mesh.one
        .admin()
        .listDecisions(ListDecisionsRequest.newBuilder().setId(id).build())
        .getDecisions(0);
  }

  /** Asks, and asks again while a busy machine keeps Kith from deciding. */
  private static Application.Answer ask(int uid, Upstream whom) throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var answer = app.ask(uid, whom);
      if (isDecided(answer) || System.nanoTime() > end) {
        return answer;
      }
    }
  }

  private static boolean isDecided(Application.Answer answer) {
    return answer.status() == 200
        || (answer.status() == 403
            && !Mesh.NOT_DECIDED.contains(decision(answer.decisionId()).getReason()));
  }

  /** The catalog answers what only the catalog can. */
  private static void assertPrice() throws Exception {
    var answer = ask(SpireMesh.APP_UID, mesh.catalog);

    assertThat(answer.status())
        .as(() -> answer + (answer.status() == 403 ? ", " + decision(answer.decisionId()) : ""))
        .isEqualTo(200);
    assertThat(answer.body()).isEqualTo(mesh.catalog.token() + "\n");
  }

  /** Asks until the answer is a refusal for a reason. */
  private static DecisionRecord awaitRefusal(int uid, String reason) throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var answer = ask(uid, mesh.catalog);
      if (answer.status() == 403) {
        var decision = decision(answer.decisionId());
        if (decision.getReason().equals(reason)) {
          return decision;
        }
      }
      assertThat(System.nanoTime()).as("%s, but: %s", reason, answer).isLessThan(end);
    }
  }

  @Test
  void deniedCall_isOneTrace_fromTheApplicationToTheDecision() throws Exception {
    assertPrice();

    var answer = ask(SpireMesh.APP_UID, mesh.ledger);

    assertThat(answer.status()).as("%s", answer).isEqualTo(403);
    var id = answer.decisionId();
    assertThat(answer.body()).isEqualTo("{\"decision\":\"" + id + "\"}");
    assertThat(answer.text()).doesNotContain("new_destination", "checkout", "ledger", "/app");
    assertThat(mesh.ledger.connections()).isEmpty();

    var spans = awaitWayUp(answer);
    assertThat(spans)
        .extracting(Span::service)
        .containsOnly(JaegerApi.SERVICE, "checkout-envoy", Application.SERVICE);
    var kith = spans.getFirst();
    assertThat(kith.name()).isEqualTo("kith.check");
    assertThat(kith.tags())
        .containsAllEntriesOf(
            Map.of(
                "kith.workload", Mesh.CHECKOUT,
                "kith.process", "/usr/bin/perl /app/price",
                "kith.destination", "shop/deployment/ledger:8080",
                "kith.reason", "new_destination",
                "kith.decision_id", id,
                "kith.spiffe_id", SpireMesh.CHECKOUT_ID,
                "kith.layer", "l7"));
    assertThat(spans.subList(1, spans.size() - 1))
        .as("the sidecar's")
        .anySatisfy(
            span ->
                assertThat(span.tags())
                    .containsAllEntriesOf(
                        Map.of(
                            "http.status_code", "403",
                            "kith.decision_id", id,
                            "kith.verdict", "deny",
                            "kith.reason", "new_destination")));
    assertThat(spans.getLast().id()).isEqualTo(answer.spanId());

    assertThat(mesh.one.kith("explain", id).orFail().output())
        .contains(id, answer.traceId(), Mesh.CHECKOUT, "/app/price", "ledger", "new_destination");
  }

  /** The spans from that of a refusal up to the application's, which has no parent. */
  private static List<Span> awaitWayUp(Application.Answer answer) throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var trace = mesh.traces().trace(answer.traceId());
      var spans = wayUp(trace, answer.decisionId());
      if (!spans.isEmpty() && spans.getLast().id().equals(answer.spanId())) {
        return spans;
      }
      assertThat(System.nanoTime()).as("%s is whole: %s", answer, trace).isLessThan(end);
      Thread.sleep(100);
    }
  }

  private static List<Span> wayUp(List<Span> trace, String decisionId) {
    var byId = new HashMap<String, Span>();
    trace.forEach(span -> byId.put(span.id(), span));
    var way = new ArrayList<Span>();
    var next =
        trace.stream()
            .filter(span -> span.service().equals(JaegerApi.SERVICE))
            .filter(span -> decisionId.equals(span.tags().get("kith.decision_id")))
            .findFirst()
            .orElse(null);
    while (next != null) {
      way.add(next);
      next = next.parent() == null ? null : byId.get(next.parent());
    }
    return way;
  }

  @Test
  void processWithAnotherIdFromSpire_isRefused() throws Exception {
    assertThat(mesh.bridgeStatus()).contains("attested by SPIRE");

    var refusal = awaitRefusal(SpireMesh.OTHER_UID, "identity_mismatch");

    assertThat(refusal.getSpiffeId()).isEqualTo(SpireMesh.CHECKOUT_ID);
    assertThat(refusal.getProcess()).isEqualTo("/usr/bin/perl /app/price");
    assertPrice();
  }

  @Test
  void deniedByHand_throughOneServer_isRefusedByTheOther() throws Exception {
    assertPrice();
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (edges(mesh.two).stream().noneMatch(edge -> edge.getState().equals("approved"))) {
      assertThat(System.nanoTime()).as("both know: %s", edges(mesh.two)).isLessThan(end);
      Thread.sleep(100);
    }
    var edge =
        edges(mesh.two).stream()
            .filter(one -> one.getState().equals("approved"))
            .findFirst()
            .orElseThrow();

    mesh.two.kith("deny", Mesh.CHECKOUT, edge.getId(), "--note", "test").orFail();
    awaitRefusal(SpireMesh.APP_UID, "denied_by_hand");

    var rules =
        mesh.two.admin().listRules(ListRulesRequest.newBuilder().setOwner(Mesh.CHECKOUT).build());
    var rule = rules.getRules(0).getId();
    mesh.two.kith("remove", Mesh.CHECKOUT, rule, "--note", "enough").orFail();
    var passed = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (ask(SpireMesh.APP_UID, mesh.catalog).status() != 200) {
      assertThat(System.nanoTime()).as("it passes again").isLessThan(passed);
    }
  }

  /** Nobody is left with what it began with: Envoy, server and bridge. */
  @Test
  void renewalsOfAllSvids_breakNothing() throws Exception {
    var now = Instant.now();
    var ofEnvoy = endOfEnvoysCertificate();
    var ofServers =
        now.plusSeconds(
            (long)
                Math.ceil(
                    Math.max(
                        mesh.one.metric("kith_identity_seconds_to_expiry"),
                        mesh.two.metric("kith_identity_seconds_to_expiry"))));
    var all = ofEnvoy.isAfter(ofServers) ? ofEnvoy : ofServers;
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();

    while (!Instant.now().isAfter(all)) {
      assertPrice();
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(100);
    }

    assertThat(endOfEnvoysCertificate()).isAfter(all);
    assertThat(mesh.one.metric("kith_identity_seconds_to_expiry")).isPositive();
    for (var server : List.of(mesh.one, mesh.two)) {
      assertThat(server.metric("kith_check_connections_refused_total{limit=\"perId\"}"))
          .as("connections of Envoy, which connected anew every 3 s")
          .isZero();
    }
    // The bridge has to show an SVID anew, and the first one has ended.
    mesh.startSecondServerAgain();
    assertPrice();
  }

  private static Instant endOfEnvoysCertificate() throws IOException, InterruptedException {
    var ends = new ArrayList<Instant>();
    for (var one : new ObjectMapper().readTree(mesh.envoy().admin("/certs")).path("certificates")) {
      for (var certificate : one.path("cert_chain")) {
        if (certificate.path("subject_alt_names").toString().contains(SpireMesh.CHECKOUT_ID)) {
          ends.add(Instant.parse(certificate.path("expiration_time").asText()));
        }
      }
    }
    return ends.stream().max(Instant::compareTo).orElseThrow();
  }
}
