package io.kith.server.check;

import static io.kith.server.check.Samples.DATABASE;
import static io.kith.server.check.Samples.POD;
import static io.kith.server.check.Samples.address;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig.OnFailure;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.server.provenance.MeshKeys;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whichever call out of the service fails, and with whatever: there is one answer, and under
 * enforce it is no permission.
 */
class FailingCallsTest {
  private static final Deadlines DEADLINES = new Deadlines();
  private static final SpiffeId DATABASE_ID =
      SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/orders-db");

  /** What is told after the decision, and changes nothing of it. */
  private static final Set<String> TOLD = Set.of("policy.record", "observer.answered");

  @AfterAll
  static void stop() {
    DEADLINES.close();
  }

  /** What is asked about. */
  enum Shape {
    L4,
    L7,
    GATE,
    INBOUND;

    CheckRequest request() {
      return switch (this) {
        case L4 -> Samples.l4();
        case L7 -> Samples.l7("orders-db");
        case GATE -> Samples.gate(POD + ":1234", DATABASE + ":5432");
        case INBOUND -> {
          var request = Samples.l4(address(DATABASE, 999), address(POD, 8080)).toBuilder();
          request.getAttributesBuilder().getSourceBuilder().setPrincipal(DATABASE_ID.toString());
          request.getAttributesBuilder().getRequestBuilder().getHttpBuilder().setMethod("GET");
          yield request.build();
        }
      };
    }
  }

  /** Counts calls, and lets one of them fail. */
  private static class Calls {
    private final int failing;
    private final Supplier<Throwable> thrown;
    private int made;
    @Nullable String failed;

    Calls(int failing, Supplier<Throwable> thrown) {
      this.failing = failing;
      this.thrown = thrown;
    }

    void make(String name) {
      if (made++ == failing) {
        failed = name;
        FailingCallsTest.<RuntimeException>sneak(thrown.get());
      }
    }
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void sneak(Throwable thrown) throws T {
    throw (T) thrown;
  }

  record Case(
      Mode mode,
      Shape shape,
      boolean known,
      boolean later,
      OnFailure onFailure,
      boolean remembered) {}

  /** A Check on its own, and what it was answered. */
  private static final class Asked extends CheckCall {
    private final List<byte[]> answers = new ArrayList<>();
    private final Calls calls;

    Asked(Case of, Calls calls) {
      super(
          new CheckMetadata(
              of.shape == Shape.INBOUND ? "inbound" : "outbound",
              "node-1",
              of.shape == Shape.L7 ? "outbound|5432||orders-db.shop.svc.cluster.local" : "",
              "7",
              null,
              "",
              of.shape == Shape.L4 ? "istio" : "",
              "closed"),
          Samples.peer(Samples.CHECKOUT, POD),
          new Sidecars.Connection(),
          Long.MAX_VALUE);
      this.calls = calls;
    }

    @Override
    boolean isHttp() {
      calls.make("answer");
      return super.isHttp();
    }

    @Override
    protected void deliver(byte[] response) {
      answers.add(response);
    }
  }

  private static final class World {
    private final Calls calls;
    private final Case of;
    private final CompletableFuture<Attribution> later = new CompletableFuture<>();
    private final ExtAuthzService service;
    private final Asked asked;

    World(Case of, Calls calls) {
      this.of = of;
      this.calls = calls;
      var directory =
          new StaticWorkloadDirectory(
              List.of(
                  new StaticWorkloadDirectory.Entry(
                      Samples.OWNER,
                      Samples.CHECKOUT,
                      "prod",
                      List.of(IpAddress.parse(POD)),
                      List.of()),
                  new StaticWorkloadDirectory.Entry(
                      Owner.parse("shop/statefulset/orders-db"),
                      DATABASE_ID,
                      "prod",
                      List.of(IpAddress.parse(DATABASE)),
                      List.of())));
      InstantSource clock =
          () -> {
            calls.make("clock");
            return Instant.EPOCH;
          };
      service =
          new ExtAuthzService(
              new CheckSettings(
                  List.of(), Duration.ofMinutes(5), Duration.ofMinutes(5), of.onFailure, 100),
              new FailingDirectory(directory, calls),
              MeshKeys.fresh(),
              new FailingPolicy(of, calls),
              new FailingProcesses(),
              new CheckObserver() {
                @Override
                public void answered(Answered answered) {
                  calls.make("observer.answered");
                }

                @Override
                public void cancelled() {}
              },
              DEADLINES,
              clock);
      asked = new Asked(of, calls);
    }

    private Attribution attribution() {
      return Samples.attributed(of.known ? Samples.APP : Samples.CURL);
    }

    CheckResponse run() throws Exception {
      service.handle(asked, of.shape.request().toByteArray());
      if (of.later) {
        later.complete(attribution());
      }
      assertThat(asked.answers).as("%s, failing: %s", of, calls.failed).hasSize(1);
      assertThat(service.waiting()).as("%s, failing: %s", of, calls.failed).isZero();
      return CheckResponse.parseFrom(asked.answers.getFirst());
    }

    private final class FailingProcesses implements ProcessSource {
      @Override
      public @Nullable KnownConnection known(SocketQuery query, long nanos) {
        calls.make("processes.known");
        return of.remembered ? new KnownConnection(attribution(), nanos) : null;
      }

      @Override
      public void used(KnownConnection known) {
        calls.make("processes.used");
      }

      @Override
      public CompletableFuture<Attribution> ask(SocketQuery query, Consumer<Attribution> late) {
        calls.make("processes.ask");
        return of.later ? later : CompletableFuture.completedFuture(attribution());
      }

      @Override
      public Set<String> names(IpAddress source, IpAddress destination, Set<String> claimed) {
        calls.make("processes.names");
        return Set.of();
      }
    }
  }

  private record FailingDirectory(WorkloadDirectory directory, Calls calls)
      implements WorkloadDirectory {
    @Override
    public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
      calls.make("directory.speaking");
      return directory.speaking(id, address);
    }

    @Override
    public @Nullable Workload at(IpAddress address) {
      calls.make("directory.at");
      return directory.at(address);
    }

    @Override
    public @Nullable Workload named(String name) {
      calls.make("directory.named");
      return directory.named(name);
    }

    @Override
    public Collection<Workload> all() {
      return directory.all();
    }
  }

  private static final class FailingPolicy implements Policy {
    private final Calls calls;
    private final Snapshot snapshot;
    private final Sidecars sidecars;
    private boolean there;

    FailingPolicy(Case of, Calls calls) {
      this.calls = calls;
      this.there = !of.later;
      var rules =
          Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of(Samples.EDGE)), List.of());
      this.snapshot =
          switch (of.mode) {
            case OBSERVE -> new Snapshot(of.mode, false, null, null);
            case SHADOW -> new Snapshot(of.mode, false, null, rules);
            case ENFORCE -> new Snapshot(of.mode, false, rules, null);
          };
      this.sidecars =
          new Sidecars(
              () -> {
                calls.make("sidecars");
                return Instant.EPOCH;
              });
    }

    @Override
    public Snapshot snapshot(Workload workload) {
      calls.make("policy.snapshot");
      return snapshot;
    }

    @Override
    public @Nullable Snapshot ready(Workload workload) {
      calls.make("policy.ready");
      var ready = there ? snapshot : null;
      there = true;
      return ready;
    }

    @Override
    public @Nullable CompletionStage<?> coming(Workload workload) {
      calls.make("policy.coming");
      return null;
    }

    @Override
    public Inbound inbound(Workload callee) {
      calls.make("policy.inbound");
      return Inbound.ACCEPT;
    }

    @Override
    public Sidecars sidecars() {
      return sidecars;
    }

    @Override
    public NodeBridges nodeBridges() {
      return new NodeBridges();
    }

    @Override
    public void record(CheckRecord answered) {
      calls.make("policy.record");
    }
  }

  private static Stream<Case> cases() {
    var cases = new ArrayList<Case>();
    for (var mode : Mode.values()) {
      for (var shape : Shape.values()) {
        for (var known : List.of(true, false)) {
          for (var later : List.of(true, false)) {
            for (var allows : List.of(true, false)) {
              cases.add(new Case(mode, shape, known, later, new OnFailure(allows, allows), false));
            }
          }
          cases.add(new Case(mode, shape, known, false, new OnFailure(true, true), true));
        }
      }
    }
    return cases.stream();
  }

  static Stream<Arguments> failures() {
    List<Supplier<Throwable>> thrown =
        List.of(
            () -> new IllegalStateException("tried"),
            StackOverflowError::new,
            () -> new NoClassDefFoundError("tried"),
            () -> new java.io.IOException("tried"));
    return cases().flatMap(of -> thrown.stream().map(with -> Arguments.of(of, with)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("failures")
  void anyCall_failing_isAnsweredOnceAndNeverAllowedUnderEnforce(
      Case of, Supplier<Throwable> thrown) throws Exception {
    for (var failing = 0; ; failing++) {
      var calls = new Calls(failing, thrown);
      var response = new World(of, calls).run();
      var failed = calls.failed;
      if (failed == null) {
        assertThat(failing).as("calls made").isGreaterThan(5);
        return;
      }
      var ok = response.getStatus().getCode() == 0;
      var row = "%s, failing: %s (call %d)".formatted(of, failed, failing);
      if (of.mode == Mode.ENFORCE && !TOLD.contains(failed)) {
        assertThat(ok).as(row).isFalse();
      }
      if (of.mode == Mode.ENFORCE && !of.known && of.shape != Shape.INBOUND) {
        assertThat(ok).as(row).isFalse();
      }
      if (ok) {
        assertThat(response.hasStatus()).as(row).isTrue();
      }
    }
  }

  /** So that the test above is about something. */
  @Test
  void noCall_failing_isDecidedByTheBaseline() throws Exception {
    var named = new HashSet<String>();
    for (var of : cases().toList()) {
      var calls =
          new Calls(-1, AssertionError::new) {
            @Override
            void make(String name) {
              named.add(name);
            }
          };
      var ok = new World(of, calls).run().getStatus().getCode() == 0;

      assertThat(ok)
          .as(of.toString())
          .isEqualTo(of.mode != Mode.ENFORCE || of.known || of.shape == Shape.INBOUND);
    }
    assertThat(named)
        .contains(
            "clock",
            "sidecars",
            "directory.speaking",
            "directory.at",
            "directory.named",
            "policy.ready",
            "policy.snapshot",
            "policy.coming",
            "policy.inbound",
            "policy.record",
            "processes.known",
            "processes.used",
            "processes.ask",
            "processes.names",
            "observer.answered",
            "answer");
  }

  /** A proof that cannot be made is a failure of Kith, and follows the mode like every other. */
  @ParameterizedTest
  @EnumSource(Mode.class)
  void answer_thatCannotBeMade_followsTheMode(Mode mode) throws Exception {
    var of = new Case(mode, Shape.L7, true, false, new OnFailure(true, true), false);
    var answers = new ArrayList<CheckResponse>();
    for (var failing = 0; ; failing++) {
      var calls = new Calls(failing, AssertionError::new);
      var response = new World(of, calls).run();
      if (calls.failed == null) {
        break;
      }
      if (calls.failed.equals("directory.named")) {
        answers.add(response);
      }
    }

    assertThat(answers).isNotEmpty();
    for (var response : answers) {
      assertThat(response.getStatus().getCode()).isEqualTo(mode == Mode.ENFORCE ? 14 : 0);
      assertThat(ServiceUnderTest.said(response, "reason")).isEqualTo("internal");
      assertThat(ServiceUnderTest.said(response, "decision_id")).isNotEmpty();
    }
  }
}
