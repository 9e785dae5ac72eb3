package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.demo.JaegerApi;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Upstream;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.Jaeger;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The whole job on real parts: processes, Envoy, mutual TLS, server, bridge, Jaeger. What was
 * learned goes on; each attack is refused for its reason before a byte of it arrives; each refusal
 * is a trace.
 */
class EndToEndTest {
  private static Envoy envoy;
  private static Jaeger jaeger;

  @BeforeAll
  static void find() throws Exception {
    envoy = Envoy.find(EnforcedMesh.SAY);
    jaeger = Jaeger.find(EnforcedMesh.SAY);
  }

  /** The same with both ways of checking TCP. */
  @TestInstance(TestInstance.Lifecycle.PER_CLASS)
  abstract static class BothRecipes {
    private Lab lab;
    private Jaeger.Running traces;
    private final Map<Bypass, Long> arrivedWhenObserved = new HashMap<>();
    Mesh mesh;

    abstract TcpCheck tcp();

    @BeforeAll
    void start() throws Exception {
      lab = Lab.open("ke", EnforcedMesh.SAY);
      traces =
          jaeger.start(
              lab.folder(),
              lab.address(),
              new Jaeger.Ports(FreePorts.next(), 4317, 4318, FreePorts.next()));
      mesh =
          EnforcedMesh.start(
              lab,
              envoy,
              Mesh.Options.of("ke")
                  .with(tcp())
                  .tracing(traces.otlpGrpcPort(), traces.otlpHttpPort()));
      mesh.guard().await("observe");
      for (var bypass : Bypass.ALL) {
        mesh.guard().run(bypass);
        Mesh.await(
            bypass.name() + " arrives under observe",
            Mesh.PATIENCE,
            () -> mesh.guard().arrived(bypass) > 0); // a datagram is on its way for a moment
        arrivedWhenObserved.put(bypass, mesh.guard().arrived(bypass));
      }
      EnforcedMesh.learnAndEnforce(mesh);
      mesh.guard().await("enforce");
    }

    @AfterAll
    void stop() {
      if (mesh != null) {
        mesh.close();
      }
      if (traces != null) {
        traces.close();
      }
      if (lab != null) {
        lab.close();
      }
    }

    @BeforeEach
    void forget() {
      mesh.forgetConnections();
    }

    static List<Attack> attacks() {
      return Attack.ALL;
    }

    @Test
    void work_underEnforce_goesOnWithTheUpstreamsOwnTokens() throws Exception {
      for (var i = 0; i < 5; i++) {
        EnforcedMesh.assertWorks(mesh);
      }

      assertThat(mesh.database().bytes()).isPositive();
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void attack_underEnforce_isRefusedForItsReason_andNoByteArrives(Attack attack)
        throws Exception {
      var refusal = mesh.refusal(attack);

      assertThat(refusal.getReason()).isEqualTo(attack.reason());
      assertThat(refusal.getRung()).isEqualTo("A");
      assertThat(refusal.getOwner()).isEqualTo(Mesh.CHECKOUT);
      assertThat(mesh.target(attack).bytes()).isZero();
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void attack_underEnforce_isFoundInJaegerByItsTags(Attack attack) throws Exception {
      var decision = mesh.refusal(attack);

      var tags =
          Map.of(
              "kith.workload", decision.getOwner(),
              "kith.process", decision.getProcess(),
              "kith.reason", attack.reason());
      Mesh.await(
          "the trace of " + decision,
          Mesh.PATIENCE,
          asking(() -> api().traces(tags).contains(decision.getTraceId())));
    }

    static List<Bypass> bypasses() {
      return Bypass.ALL;
    }

    @ParameterizedTest
    @MethodSource("bypasses")
    void bypass_arrivesUnderObserve_isRefusedAndNamedUnderEnforce(Bypass bypass) throws Exception {
      assertThat(arrivedWhenObserved.get(bypass)).isPositive();

      var past = mesh.guard().refusal(bypass);

      assertThat(past.process()).isEqualTo(bypass.process());
      assertThat(mesh.guard().run(bypass).stderr()).contains("Operation not permitted");
      assertThat(mesh.guard().arrived(bypass)).isZero();
      EnforcedMesh.assertWorks(mesh);
    }

    @ParameterizedTest
    @MethodSource("bypasses")
    void bypass_underEnforce_isFoundInJaegerByItsTags(Bypass bypass) throws Exception {
      var past = mesh.guard().refusal(bypass);

      var tags =
          Map.of(
              "kith.workload", Mesh.CHECKOUT,
              "kith.process", bypass.process(),
              "kith.reason", bypass.reason());
      Mesh.await(
          "the trace of " + past,
          Mesh.PATIENCE,
          asking(() -> api().traces(tags).contains(past.traceId())));
      assertThat(api().spans(past.traceId())).containsExactly(JaegerApi.SERVICE + ": kith.guard");
    }

    @Test
    void request_spanOfTheCheck_isPartOfEnvoysTrace() throws Exception {
      EnforcedMesh.assertWorks(mesh);

      var allowed =
          Map.of("kith.workload", Mesh.CHECKOUT, "kith.layer", "l7", "kith.verdict", "allow");
      Mesh.await(
          "a trace with spans of Envoy and of Kith",
          Mesh.PATIENCE,
          asking(
              () -> {
                for (var id : api().traces(allowed)) {
                  var spans = api().spans(id);
                  if (spans.contains(JaegerApi.SERVICE + ": kith.check")
                      && spans.stream().anyMatch(span -> !span.startsWith(JaegerApi.SERVICE))) {
                    return true;
                  }
                }
                return false;
              }));
    }

    @Test
    void allow_forAWhile_passesAndEnds() throws Exception {
      var script = Files.readString(mesh.checkout().path("/tmp/exfil.pl"));
      mesh.checkout().write("/tmp/repair.pl", script);
      var repair =
          new Attack(
              "repair",
              "an operator's script",
              "new_process",
              "/usr/bin/perl /tmp/repair.pl",
              List.of("/usr/bin/perl", "/tmp/repair.pl", "DB", "5432"),
              Attack.Target.DATABASE);
      var refusal = mesh.refusal(repair);

      assertThat(refusal.getReason()).isEqualTo("new_process");
      var passed = false;
      for (var seconds = 5; !passed && seconds <= 125; seconds *= 5) { // enough for a busy machine
        var ttl = seconds + "s";
        mesh.kith("allow", Mesh.CHECKOUT, refusal.getId(), "--ttl", ttl, "--note", "test").orFail();
        passed = mesh.passes(repair);
        Mesh.await(
            "the end of the permission",
            Mesh.PATIENCE.plusSeconds(seconds),
            asking(() -> !mesh.passes(repair)));
        refusal = mesh.refusal(repair);
      }

      assertThat(passed).isTrue();
      assertThat(refusal.getReason()).isEqualTo("expired");
    }

    /** Opens no connection to the destination where that can be had. */
    void assertNeverConnected(Upstream upstream) {
      assertThat(upstream.connections()).isEmpty();
    }

    private JaegerApi api() {
      return new JaegerApi(traces.api());
    }
  }

  private interface Question {
    boolean ask() throws IOException, InterruptedException;
  }

  private static BooleanSupplier asking(Question question) {
    return () -> {
      try {
        return question.ask();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    };
  }

  /** Checked at connect. */
  @Nested
  class WithTheGate extends BothRecipes {
    @Override
    TcpCheck tcp() {
      return TcpCheck.GATE;
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void attack_underEnforce_opensNoConnection(Attack attack) throws Exception {
      mesh.refusal(attack);

      assertNeverConnected(mesh.target(attack));
    }
  }

  /** Checked at the first byte. */
  @Nested
  class AtTheFirstByte extends BothRecipes {
    @Override
    TcpCheck tcp() {
      return TcpCheck.FIRST_BYTE;
    }

    @Test
    void shortCut_sparesWhatTheConnectionsAnswerNames_andChecksTheRest() throws Exception {
      mesh.startEnvoyWithShortCut(envoy, UnaryOperator.identity());
      try {
        var requests = new SparedRequests(mesh);
        requests.sparedOnesArrive();
        requests.anotherHostIsCheckedAndRefused();
        requests.unknownHostIsChecked();
        requests.withoutMetadataAllAreChecked();
        mesh.startEnvoyWithShortCut(envoy, SparedRequests::sparedInAnotherCluster);
        requests.toAnotherClusterAllAreChecked();
        mesh.startEnvoyWithShortCut(envoy, SparedRequests::routedElsewhere);
        requests.routedElsewhereIsChecked();
      } finally {
        mesh.startEnvoy(envoy, false);
      }
    }
  }
}
