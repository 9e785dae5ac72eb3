package io.kith.load.store;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.control.v1.ControlServiceGrpc;
import io.kith.control.v1.Denial;
import io.kith.control.v1.Holdings;
import io.kith.control.v1.NodeBridge;
import io.kith.control.v1.Report;
import io.kith.control.v1.Sidecar;
import io.kith.load.store.ControlSite.Served;
import io.kith.server.check.Heard;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Sidecars;
import io.kith.server.control.Elsewhere;
import io.kith.server.control.FleetDenial;
import io.kith.server.control.ServerKeys;
import io.kith.server.control.Wanted;
import io.kith.server.fleet.ControlStore;
import io.kith.server.store.InMemoryStore;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a control server asks check servers and believes of them, over mutual TLS. */
@Timeout(300)
class FleetAskTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Owner CART = Owner.parse("shop/deployment/cart");
  private static final Owner TILL = Owner.parse("shop/deployment/till");
  private static final IpAddress POD = IpAddress.parse("10.88.1.1");
  private static final IpAddress OTHER_POD = IpAddress.parse("10.88.1.2");

  @TempDir private static Path folder;

  private final Queue<String> denied = new ConcurrentLinkedQueue<>();
  private ControlSite site;
  private Served served;

  @BeforeEach
  void serve() throws Exception {
    site = new ControlSite(folder);
    served =
        site.serve(
            new InMemoryStore(),
            ServerKeys.fresh(),
            (denial, running) -> {
              denied.add(denial.owner() + " " + denial.pod() + " of " + running);
              return true;
            });
  }

  @AfterEach
  void stop() {
    served.close();
    site.close();
  }

  /** A check server that says and answers what it is told to. */
  private static class Says implements ControlStore.Reporter {
    volatile List<ControlStore.Held> held;
    private final Queue<FleetDenial> denials = new ConcurrentLinkedQueue<>();

    Says(ControlStore.Held... held) {
      this.held = List.of(held);
    }

    @Override
    public ControlStore.State state() {
      return new ControlStore.State(0, 1, held.size(), null);
    }

    @Override
    public boolean holdsAll() {
      return false;
    }

    @Override
    public List<ControlStore.Held> held() {
      return held;
    }

    @Override
    public List<FleetDenial> takeDenials() {
      var taken = List.copyOf(denials);
      denials.removeAll(taken);
      return taken;
    }

    @Override
    public Elsewhere.Remembered decisions(Elsewhere.Question question) throws InterruptedException {
      var from = question.from();
      return new Elsewhere.Remembered(List.of("{}"), from == null ? 0 : from + 1, 2);
    }
  }

  private static FleetDenial denial(Owner owner, IpAddress pod) {
    var fingerprint =
        new ProcessFingerprint(
            "/app/cart",
            null,
            Origin.IMAGE,
            1_000,
            EntryKind.NATIVE,
            "cart",
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    return new FleetDenial(
        owner,
        "bl:1",
        pod,
        1,
        new Candidate("fp:1", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of()),
        new Destination("shop/statefulset/db", Evidence.OWNER, null, 5_432, Protocol.TCP),
        new Reason.NewDestination());
  }

  /** A stream of a check server that is not of Kith's code, and how it was ended. */
  private record Raw(
      ManagedChannel channel, StreamObserver<Report> out, CompletableFuture<Status> ended)
      implements AutoCloseable {
    @Override
    public void close() {
      channel.shutdownNow();
    }
  }

  private Raw raw() {
    var channel = site.channel(served, ControlSite.CHECK);
    var ended = new CompletableFuture<Status>();
    var out = ControlServiceGrpc.newStub(channel).follow(ControlSite.ending(ended));
    return new Raw(channel, out, ended);
  }

  private static Report.Builder report() {
    return Report.newBuilder()
        .setProtocolVersion(1)
        .setName("node-1")
        .setHoldings(
            Holdings.newBuilder()
                .addWorkloads(
                    Holdings.Workload.newBuilder()
                        .setOwner(CART.toString())
                        .addPods(POD.toString())));
  }

  /** gRPC does not tell of a cancellation where the server itself ended the call. */
  @Test
  void follow_endedByTheControlServer_isTakenOut() throws Exception {
    try (var stream = raw()) {
      stream.out.onNext(report().build());
      Await.until("it follows", LIMIT, () -> served.service().servers().statuses().size() == 1);

      stream.out.onNext(
          Report.newBuilder()
              .setHoldings(
                  Holdings.newBuilder()
                      .addWorkloads(Holdings.Workload.newBuilder().setOwner("nobody")))
              .build());
      stream.out.onNext(report().build());

      assertThat(stream.ended.get(LIMIT.toSeconds(), TimeUnit.SECONDS).getCode())
          .isEqualTo(Status.Code.INVALID_ARGUMENT);
      assertThat(served.service().servers().statuses()).isEmpty();
      assertThat(ask(null)).isEmpty();
    }
  }

  /** One that a newer check server wrote ended the stream, and came again with the next one. */
  @Test
  void follow_whatCannotBeRead_costsOnlyItself() throws Exception {
    try (var stream = raw()) {
      var good = denial(CART, POD);
      var told =
          Denial.newBuilder()
              .setOwner(CART.toString())
              .setRevision(good.revision())
              .setPod(POD.toString())
              .setCount(1)
              .setBody(good.body());
      stream.out.onNext(report().build());
      stream.out.onNext(
          Report.newBuilder()
              .setProtocolVersion(1)
              .setName("node-1")
              .addDenials(told.clone().setBody("{\"newer\":1}"))
              .addDenials(told)
              .addSidecars(Sidecar.newBuilder().setPod("a place"))
              .addSidecars(Sidecar.newBuilder().setPod(POD.toString()).setOpen(true))
              .addBridges(NodeBridge.getDefaultInstance())
              .addBridges(NodeBridge.newBuilder().setNode("node-7"))
              .build());

      Await.until("it is read", LIMIT, () -> site.bridges.of("node-7") != null);
      assertThat(served.service().denialsCounted()).isEqualTo(1);
      assertThat(served.service().denialsRefused()).isEqualTo(1);
      assertThat(isOpen(POD)).isTrue();
      assertThat(served.service().servers().statuses()).hasSize(1);
      assertThat(stream.ended).isNotDone();
    }
  }

  private void awaitHolders(int workloads) {
    Await.until(
        "they are known",
        LIMIT,
        () ->
            served.service().servers().statuses().stream().mapToInt(one -> one.workloads()).sum()
                == workloads);
  }

  @Test
  void denials_countForPodsThatTheServerHolds_andForNoOthers() throws Exception {
    var first = new Says(new ControlStore.Held(CART, Set.of(POD)));
    var second =
        new Says(
            new ControlStore.Held(CART, Set.of(OTHER_POD)),
            new ControlStore.Held(TILL, Set.of(POD)));
    try (var one = site.follow(served, "node-1");
        var two = site.follow(served, "node-2")) {
      one.reports(first);
      two.reports(second);
      awaitHolders(3);

      first.denials.add(denial(CART, OTHER_POD)); // a pod of the other server
      first.denials.add(denial(TILL, POD)); // its pod, but not of that workload
      first.denials.add(denial(CART, POD));

      Await.until("it is told", LIMIT, () -> served.service().denialsCounted() == 1);
      assertThat(denied).containsExactly(CART + " 10.88.1.1 of 2");
      assertThat(served.service().denialsRefused()).isEqualTo(2);
    }
  }

  @Test
  void sidecars_countForPodsThatTheServerHolds_andAreToldAnewToAnotherControlServer()
      throws Exception {
    var heard = new Sidecars(InstantSource.system());
    var at = Instant.now();
    heard.elsewhere(new Sidecars.State(POD, false, at, at.minusSeconds(60)));
    heard.elsewhere(new Sidecars.State(OTHER_POD, false, at, at)); // it holds no such pod
    var says =
        new Says(new ControlStore.Held(CART, Set.of(POD))) {
          @Override
          public Heard<Sidecars.State> sidecars(long after, int most) {
            return heard.after(after, most);
          }
        };
    for (var time = 0; time < 2; time++) {
      site.sidecars.retain(_ -> false);
      try (var one = site.follow(served, "node-1")) {
        one.reports(says);

        Await.until("it is told", LIMIT, () -> site.sidecars.of(POD) != null);
        var told = requireNonNull(site.sidecars.of(POD));
        assertThat(told.open()).isFalse();
        assertThat(told.changed())
            .isCloseTo(requireNonNull(heard.of(POD)).changed(), within(1, ChronoUnit.SECONDS));
        assertThat(site.sidecars.of(OTHER_POD)).isNull();

        heard.elsewhere(new Sidecars.State(POD, true, Instant.now(), Instant.now()));
        Await.until("the change is told", LIMIT, () -> isOpen(POD));
        var back = Instant.now();
        heard.elsewhere(new Sidecars.State(POD, false, back, back.minusSeconds(60)));
        Await.until("it is told again", LIMIT, () -> !isOpen(POD));
      }
    }
  }

  @Test
  void sidecars_thatAreOutdated_areHeardAgain_alsoWhereTheStreamEndedMeanwhile() throws Exception {
    var heard = new Sidecars(InstantSource.system());
    var said = Instant.now();
    heard.elsewhere(new Sidecars.State(POD, false, said, said.minusSeconds(60)));
    heard.elsewhere(new Sidecars.State(OTHER_POD, false, said, said.minusSeconds(60)));
    var says =
        new Says(new ControlStore.Held(CART, Set.of(POD, OTHER_POD))) {
          @Override
          public Heard<Sidecars.State> sidecars(long after, int most) {
            return heard.after(after, most);
          }

          @Override
          public void outdate(IpAddress pod) {
            heard.outdate(pod);
          }
        };
    try (var one = site.follow(served, "node-1")) {
      one.reports(says);
      Await.until("it is told", LIMIT, () -> site.sidecars.count(false) == 2);

      site.sidecars.outdate(POD);
      var outdated = site.sidecars.after(0, 10).version();
      Await.until("the check server knows", LIMIT, () -> isOpen(heard, POD));
      Await.until("it says so", LIMIT, () -> site.sidecars.after(0, 10).version() > outdated);
      assertThat(requireNonNull(site.sidecars.of(POD)).saysOpen()).as("no Check came").isFalse();
    }
    assertThat(isOpen(heard, OTHER_POD)).isFalse();
    site.sidecars.outdate(OTHER_POD); // nobody follows
    try (var one = site.follow(served, "node-1")) {
      one.reports(says);
      Await.until("the check server knows", LIMIT, () -> isOpen(heard, OTHER_POD));
      assertThat(site.sidecars.count(true)).as("what it said before is no news").isEqualTo(2);

      heard.elsewhere(new Sidecars.State(POD, false, Instant.now(), Instant.now()));
      Await.until("it is told again", LIMIT, () -> !isOpen(POD));
    }
  }

  /** As when its bridge was away for a moment. */
  @Test
  void sidecars_ofPodsThatComeToBeHeld_areToldThen() throws Exception {
    var heard = new Sidecars(InstantSource.system());
    heard.elsewhere(new Sidecars.State(POD, true, Instant.now(), Instant.now()));
    var says =
        new Says(new ControlStore.Held(CART, Set.of(OTHER_POD))) {
          @Override
          public Heard<Sidecars.State> sidecars(long after, int most) {
            return heard.after(after, most);
          }

          @Override
          public void again(IpAddress pod) {
            heard.again(pod);
          }
        };
    try (var one = site.follow(served, "node-1")) {
      one.reports(says);
      awaitHolders(1);
      heard.elsewhere(new Sidecars.State(OTHER_POD, true, Instant.now(), Instant.now()));
      Await.until("the other is told", LIMIT, () -> site.sidecars.of(OTHER_POD) != null);
      assertThat(site.sidecars.of(POD)).isNull();

      says.held = List.of(new ControlStore.Held(CART, Set.of(OTHER_POD, POD)));

      Await.until("it is told", LIMIT, () -> site.sidecars.of(POD) != null);
    }
  }

  private static boolean isOpen(Sidecars sidecars, IpAddress pod) {
    return requireNonNull(sidecars.of(pod), "it asked").open();
  }

  @Test
  void bridges_areToldAsTheySayIt_andAnewToAnotherControlServer() throws Exception {
    var heard = new NodeBridges();
    heard.said(new NodeBridges.State("node-7", "no guard", Instant.now().minusSeconds(60)));
    var says =
        new Says() {
          @Override
          public Heard<NodeBridges.State> bridges(long after, int most) {
            return heard.after(after, most);
          }
        };
    try (var one = site.follow(served, "node-1")) {
      one.reports(says);

      Await.until("it is told", LIMIT, () -> site.bridges.of("node-7") != null);
      var told = requireNonNull(site.bridges.of("node-7"));
      assertThat(told.problem()).isEqualTo("no guard");
      assertThat(told.heard())
          .isBetween(Instant.now().minusSeconds(90), Instant.now().minusSeconds(55));

      heard.said(new NodeBridges.State("node-7", "", Instant.now()));
      Await.until("it is told that it is ready", LIMIT, this::isReady);
    }
    site.bridges.forget(Duration.ZERO, Instant.MAX);
    try (var again = site.follow(served, "node-1")) {
      again.reports(says);

      Await.until("it is told anew", LIMIT, this::isReady);
    }
  }

  private boolean isReady() {
    var told = site.bridges.of("node-7");
    return told != null && told.isReady();
  }

  private boolean isOpen(IpAddress pod) {
    return requireNonNull(site.sidecars.of(pod)).open();
  }

  @Test
  void ask_aboutAWorkload_asksThoseThatHoldIt() throws Exception {
    try (var one = site.follow(served, "node-1");
        var two = site.follow(served, "node-2")) {
      one.reports(new Says(new ControlStore.Held(CART, Set.of(POD))));
      two.reports(new Says(new ControlStore.Held(TILL, Set.of(OTHER_POD))));
      awaitHolders(2);

      assertThat(ask(CART)).isEqualTo(List.of(ControlSite.CHECK + "#node-1"));
      assertThat(ask(TILL)).isEqualTo(List.of(ControlSite.CHECK + "#node-2"));
      assertThat(ask(null)).hasSize(2);
    }
  }

  @Test
  void ask_whatIsWanted_reachesTheCheckServerAsItWasAsked() throws Exception {
    var asked = new ConcurrentLinkedQueue<Wanted>();
    try (var one = site.follow(served, "node-1")) {
      one.reports(
          new Says(new ControlStore.Held(CART, Set.of(POD))) {
            @Override
            public Elsewhere.Remembered decisions(Elsewhere.Question question)
                throws InterruptedException {
              asked.add(question.wanted());
              return super.decisions(question);
            }
          });
      awaitHolders(1);
      var since = Instant.parse("2026-11-25T12:00:00.123Z");
      var all =
          List.of(
              new Wanted(CART, true, "new_process", since),
              new Wanted(null, false, "expired", null),
              new Wanted(null, false, null, since),
              new Wanted(CART, false));

      for (var wanted : all) {
        var answers =
            served.service().servers().ask(new Elsewhere.Question(null, wanted, 10, null));
        assertThat(answers.silent()).isEmpty();
      }

      assertThat(asked).containsExactlyElementsOf(all);
    }
  }

  @Test
  void follow_fromPlaces_eachAnswersFromItsOwn() throws Exception {
    try (var one = site.follow(served, "node-1");
        var two = site.follow(served, "node-2")) {
      one.reports(new Says(new ControlStore.Held(CART, Set.of(POD))));
      two.reports(new Says(new ControlStore.Held(CART, Set.of(OTHER_POD))));
      awaitHolders(2);

      var answers =
          served
              .service()
              .servers()
              .follow(
                  null,
                  server ->
                      new Elsewhere.Question(
                          null, null, false, 10, server.endsWith("#node-1") ? 7L : 0L));

      assertThat(answers.answers())
          .map(Elsewhere.Answer::remembered)
          .containsExactly(
              new Elsewhere.Remembered(List.of("{}"), 8, 2),
              new Elsewhere.Remembered(List.of("{}"), 1, 2));
    }
  }

  private List<String> ask(@Nullable Owner owner) throws Exception {
    var answers = served.service().servers().ask(new Elsewhere.Question(null, owner, false, 10));
    assertThat(answers.silent()).isEmpty();
    return answers.answers().stream().map(Elsewhere.Answer::server).toList();
  }

  @Test
  void ask_whoDoesNotAnswer_isNamed() throws Exception {
    var end = new CountDownLatch(1);
    try (var one = site.follow(served, "node-1");
        var two = site.follow(served, "node-2")) {
      one.reports(new Says(new ControlStore.Held(CART, Set.of(POD))));
      two.reports(
          new Says(new ControlStore.Held(CART, Set.of(OTHER_POD))) {
            @Override
            public Elsewhere.Remembered decisions(Elsewhere.Question question)
                throws InterruptedException {
              end.await();
              return new Elsewhere.Remembered(List.of(), 0, 0);
            }
          });
      awaitHolders(2);

      var answers =
          served
              .service()
              .servers()
              .ask(new Elsewhere.Question("d:0123456789abcdef", null, false, 1));

      assertThat(answers.asked()).isEqualTo(2);
      assertThat(answers.answers())
          .map(Elsewhere.Answer::server)
          .containsExactly(ControlSite.CHECK + "#node-1");
      assertThat(answers.silent()).containsExactly(ControlSite.CHECK + "#node-2");
    } finally {
      end.countDown();
    }
  }
}
