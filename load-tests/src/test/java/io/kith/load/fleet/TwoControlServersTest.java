package io.kith.load.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.AuditRecord;
import io.kith.admin.v1.CheckServerStatus;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.Postgres;
import io.kith.load.tools.ToolCache;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/**
 * As in a large mesh: two control servers on one PostgreSQL and two check servers that follow one
 * or the other, each a process. Control servers are killed, one after the other.
 */
@Timeout(900)
@TestMethodOrder(MethodOrderer.MethodName.class)
class TwoControlServersTest {
  private static final boolean LONG = Integer.getInteger("durability") != null;
  private static final int CHANGES = 6;

  /** What is promised, of every change in the long run, which wants a machine for itself. */
  private static final Duration PROMISED = Duration.ofSeconds(2);

  private static Path folder;
  private static Postgres postgres;
  private static Fleet fleet;
  private static final List<Control> CONTROLS = new ArrayList<>();
  private static final List<Node> NODES = new ArrayList<>();
  private static Operator operator;
  private static Member steady;
  private static Member changing;
  private static Member observed;
  private static final AtomicInteger STRANGERS = new AtomicInteger(30_000);

  /** A control server, which comes back as another process. */
  private static final class Control {
    final Setup setup;
    ServerProcess process;

    Control(Setup setup) throws Exception {
      this.setup = setup;
      this.process = setup.startAndWait();
    }

    boolean isFollowedBy(Node node) {
      return follower(node) != null;
    }

    /** What it says of a check server; null when that follows another. */
    @Nullable CheckServerStatus follower(Node node) {
      return process.status().getCheckServersList().stream()
          .filter(one -> one.getName().equals(Fleet.CHECK + "#" + node.name))
          .findFirst()
          .orElse(null);
    }

    long position() {
      return process.status().getStore().getPosition();
    }

    List<AuditRecord> changes() {
      return process
          .admin()
          .listAudit(ListAuditRequest.newBuilder().setLimit(1_000).build())
          .getRecordsList();
    }
  }

  /** A check server with its pods. */
  private record Node(String name, ServerProcess check, PodsAt pods) {}

  @BeforeAll
  static void start() throws Exception {
    folder = Files.createTempDirectory("kith-c");
    fleet = Fleet.make(folder, 3);
    steady = fleet.members().getFirst();
    changing = fleet.members().get(1);
    observed = fleet.members().get(2);
    postgres = Postgres.start(System.out::println);
    var store = fleet.postgresql(postgres.newDatabase(), Postgres.USER, Postgres.PASSWORD);
    var ports = List.of(FreePorts.next(), FreePorts.next());
    for (var port : ports) {
      var name = "control-" + CONTROLS.size();
      CONTROLS.add(new Control(new Setup(fleet, name, store, Part.control(port))));
    }
    for (var name : List.of("node-1", "node-2")) {
      var check =
          new Setup(
                  fleet,
                  name,
                  Fleet.following(ports, name, folder.resolve(name + "/copy")),
                  Part.check())
              .startAndWait();
      var pods = new PodsAt(fleet, check);
      pods.failure("closed");
      NODES.add(new Node(name, check, pods));
    }
    operator = new Operator(fleet, steady, 1);
    operator.begin(CONTROLS.getFirst().process, NODES.getFirst().pods());
    new Operator(fleet, changing, 2)
        .begin(CONTROLS.getLast().process, NODES.getLast().pods()); // at the other one
    var stranger = stranger();
    for (var node : NODES) {
      for (var member : List.of(steady, changing)) {
        Mesh.await(
            node.name() + " enforces " + member.owner(),
            Mesh.PATIENCE,
            () -> !passes(node, member, stranger, somewhere()));
      }
    }
  }

  @AfterAll
  static void stop() throws Exception {
    for (var node : NODES) {
      node.pods().close();
      node.check().kill();
    }
    CONTROLS.forEach(control -> control.process.kill());
    postgres.close();
    fleet.close();
    ToolCache.delete(folder);
  }

  private static String stranger() {
    return "/app/" + Operator.word(STRANGERS.incrementAndGet());
  }

  private static Destination somewhere() {
    return fleet.destinations().get(5);
  }

  private static boolean passes(Node node, Member member, String program, Destination to) {
    return node.pods().check(member, program, to).allowed();
  }

  private static long millisSince(long nanos) {
    return Duration.ofNanos(System.nanoTime() - nanos).toMillis();
  }

  /** Milliseconds from the answer to a change until all check servers decide by it. */
  private static long millisUntil(String program, Destination to, boolean pass)
      throws InterruptedException {
    var acknowledged = System.nanoTime();
    for (var node : NODES) {
      Mesh.await(
          program + (pass ? " passes" : " is refused") + " at " + node.name(),
          Mesh.PATIENCE,
          () -> passes(node, changing, program, to) == pass);
    }
    return millisSince(acknowledged);
  }

  /** Denies by hand and sets modes at a control server, and looks how soon that counts. */
  private static void changeAndMeasure(Control at, String when) throws InterruptedException {
    var person = new Person(at.process, changing);
    var to = fleet.destinations().getFirst();
    var times = new ArrayList<Long>();
    for (var i = 0; i < CHANGES / 2; i++) {
      var rule = person.deny("/app/shop", to);
      times.add(millisUntil("/app/shop", to, false));
      person.remove(rule);
      times.add(millisUntil("/app/shop", to, true));
      var stranger = stranger();
      person.mode("observe");
      times.add(millisUntil(stranger, somewhere(), true));
      person.mode("enforce");
      times.add(millisUntil(stranger(), somewhere(), false));
    }
    times.sort(null);
    System.out.printf(
        "%s: %d changes at a control server were live at both check servers after %d ms at the"
            + " median, %d ms at most%n",
        when, times.size(), times.get(times.size() / 2), times.getLast());
    assertThat(LONG ? times.getLast() : times.get(times.size() / 2))
        .as(when)
        .isLessThan(PROMISED.toMillis());
  }

  /** Has all check servers decide all the time, until it is asked whether that went well. */
  private static final class Steadily implements AutoCloseable {
    final AtomicInteger rounds = new AtomicInteger();
    private final AtomicBoolean done = new AtomicBoolean();
    private final ExecutorService threads = Executors.newFixedThreadPool(2);
    private final List<Future<?>> running = new ArrayList<>();

    Steadily() {
      for (var node : NODES) {
        running.add(
            threads.submit(
                (Callable<Void>)
                    () -> {
                      while (!done.get()) {
                        operator.verifyVerdicts(node.pods());
                        assertThat(passes(node, steady, stranger(), somewhere())).isFalse();
                        rounds.incrementAndGet();
                      }
                      return null;
                    }));
      }
    }

    /** Waits until each has decided anew. */
    void awaitMore() throws InterruptedException {
      var before = rounds.get();
      Mesh.await(
          "Checks are decided",
          Mesh.PATIENCE,
          () -> rounds.get() >= before + 10 || running.stream().anyMatch(Future::isDone));
    }

    /** Throws if a verdict was wrong. */
    void end() throws Exception {
      done.set(true);
      for (var one : running) {
        one.get();
      }
    }

    @Override
    public void close() {
      done.set(true);
      threads.close();
    }
  }

  private static void awaitAllAt(long position) throws InterruptedException {
    Mesh.await(
        "all servers are at change " + position,
        Mesh.PATIENCE,
        () ->
            CONTROLS.stream().allMatch(control -> control.position() == position)
                && NODES.stream()
                    .allMatch(
                        node ->
                            CONTROLS.stream()
                                .map(control -> control.follower(node))
                                .anyMatch(
                                    follower ->
                                        follower != null && follower.getPosition() == position)));
  }

  private static void awaitSidecars(Control at) throws InterruptedException {
    Mesh.await(
        "the sidecars' filters are known at " + at.setup.name(),
        Mesh.PATIENCE,
        () -> at.process.sidecars("closed") == 3 && at.process.sidecars("open") == 0);
  }

  @Test
  void change_atEither_isLiveAtBothCheckServers() throws Exception {
    for (var control : CONTROLS) {
      changeAndMeasure(control, "both there, at " + control.setup.name());
    }
  }

  @Test
  void followedControlServer_killed_theOtherIsFollowed_andNothingIsLost() throws Exception {
    var node = NODES.getFirst();
    for (var observing : NODES) { // of all pods
      assertThat(passes(observing, observed, "/app/shop", somewhere())).isTrue();
    }
    try (var steadily = new Steadily()) {
      steadily.awaitMore();
      for (var turn = 0; turn < 2; turn++) { // there and back again
        var followed =
            CONTROLS.stream()
                .filter(control -> control.isFollowedBy(node))
                .findFirst()
                .orElseThrow();
        var other = CONTROLS.get(1 - CONTROLS.indexOf(followed));
        awaitSidecars(followed);
        awaitSidecars(other);

        var killed = System.nanoTime();
        followed.process.kill();
        Mesh.await(
            "the other is followed",
            Mesh.PATIENCE,
            () -> NODES.stream().allMatch(other::isFollowedBy));
        System.out.printf(
            "control server killed: both check servers followed the other after %d ms%n",
            millisSince(killed));
        steadily.awaitMore();
        changeAndMeasure(other, "one killed");
        var learned = stranger();
        assertThat(passes(node, observed, learned, somewhere())).as("observed").isTrue();
        var changes = other.changes();

        followed.process = followed.setup.startAndWait();

        awaitAllAt(other.position());
        assertThat(followed.changes()).isEqualTo(changes).isEqualTo(other.changes());
        for (var control : CONTROLS) {
          Mesh.await(
              "what was seen meanwhile is learned at " + control.setup.name(),
              Mesh.PATIENCE,
              () -> new Person(control.process, observed).sees(learned));
          awaitSidecars(control);
        }
        changeAndMeasure(followed, "the killed one is back");
        steadily.awaitMore();
      }
      steadily.end();
      System.out.printf(
          "%d rounds of Checks at both check servers meanwhile, no verdict wrong%n",
          steadily.rounds.get());
    }
  }
}
