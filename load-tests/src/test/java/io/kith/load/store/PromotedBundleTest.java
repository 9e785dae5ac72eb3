package io.kith.load.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.change.Promotion;
import io.kith.baselines.change.RevisionState;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.store.BaselineStore;
import io.kith.load.tools.Postgres;
import io.kith.server.control.AllowListFiles;
import io.kith.server.control.ControlSettings;
import io.kith.server.control.ControlState;
import io.kith.server.control.Imports;
import io.kith.server.control.ServerKeys;
import io.kith.server.store.PostgresStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bundle of many workloads is proposed and enforced by two servers on one PostgreSQL. */
class PromotedBundleTest {
  private static final int WORKLOADS = 300;
  private static final Duration LIMIT = Duration.ofSeconds(90);
  @TempDir private static Path folder;
  private static Postgres postgres;

  private final ServerKeys keys = ServerKeys.ephemeral();
  private String url = "";

  @BeforeAll
  static void start() throws Exception {
    postgres = Postgres.start(System.out::println);
    Files.writeString(folder.resolve("password"), Postgres.PASSWORD + "\n");
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  @BeforeEach
  void makeDatabase() throws Exception {
    url = postgres.newDatabase();
  }

  @Test
  void propose_andEnforce_areATransactionEach_andTheOtherServerFollows() throws Exception {
    try (var one = open("one");
        var two = open("two")) {
      var _ = one.state().imports().propose(arrived(0, WORKLOADS), "release 7", "ada");
      Await.until("the other has it", LIMIT, () -> two.position() == WORKLOADS);
      assertThat(transactions()).containsExactly(WORKLOADS);

      var _ = two.state().setMode(new ScopeName.Namespace("shop"), Mode.ENFORCE, "decides", "bob");
      Await.until("the first has it", LIMIT, () -> one.position() == WORKLOADS + 1);

      assertThat(transactions()).containsExactly(WORKLOADS, 1);
      for (var server : List.of(one, two)) {
        assertThat(server.state().store().problem()).isNull();
        assertThat(server.state().reports().revision(owner(WORKLOADS - 1), null).entry().state())
            .isEqualTo(RevisionState.ENFORCED);
      }
    }
  }

  @Test
  void propose_byBothAtOnce_isAllThere_eachInOneRow() throws Exception {
    var each = WORKLOADS / 2;
    try (var one = open("one");
        var two = open("two");
        var threads = Executors.newFixedThreadPool(2)) {
      var these =
          threads.submit(() -> one.state().imports().propose(arrived(0, each), "these", "ada"));
      var those =
          threads.submit(() -> two.state().imports().propose(arrived(each, each), "those", "bob"));
      assertThat(these.get()).hasSize(each);
      assertThat(those.get()).hasSize(each);

      for (var server : List.of(one, two)) {
        Await.until("both have both", LIMIT, () -> server.position() == WORKLOADS);
        assertThat(server.state().store().problem()).isNull();
      }
      assertThat(transactions()).containsExactly(each, each);
    }
  }

  /** Entries of each transaction, in the order of the log. */
  private List<Integer> transactions() throws Exception {
    var sizes = new ArrayList<Integer>();
    try (var connection = DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD);
        var statement = connection.createStatement();
        var rows =
            statement.executeQuery(
                "select count(*) from kith_change group by xmin::text order by min(position)")) {
      while (rows.next()) {
        sizes.add(rows.getInt(1));
      }
    }
    return sizes;
  }

  private record Server(BaselineStore store, ControlState state) implements AutoCloseable {
    long position() {
      return state.store().position();
    }

    @Override
    public void close() {
      state.close();
      store.close();
    }
  }

  private Server open(String replica) throws Exception {
    var store =
        PostgresStore.open(
            new StoreSettings.Postgresql(
                url, Postgres.USER, folder.resolve("password"), 4, Duration.ofSeconds(5), null),
            Duration.ofSeconds(90));
    var directory =
        new StaticWorkloadDirectory(
            IntStream.range(0, WORKLOADS)
                .mapToObj(
                    i ->
                        new StaticWorkloadDirectory.Entry(
                            owner(i),
                            SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/w" + i),
                            "prod",
                            List.of(),
                            List.of()))
                .toList());
    return new Server(
        store,
        ControlState.open(
            new ControlSettings(
                directory,
                List.of(),
                LearningSettings.defaults(),
                PublicSuffixes.UNKNOWN,
                keys,
                store,
                "postgresql",
                replica,
                null,
                ControlSettings.QUEUE),
            AllowListFiles.none(),
            InstantSource.system(),
            _ -> {}));
  }

  private static Owner owner(int workload) {
    return Owner.parse("shop/deployment/w" + workload);
  }

  private static Imports.Arrived arrived(int first, int count) {
    var edges =
        List.of(
            Edge.learned(
                new ProcessClass("/app/payments", "payments", null, List.of(), false),
                new DestinationPattern.Exact(
                    "shop/statefulset/db", Evidence.OWNER, 5_432, Protocol.TCP)));
    return new Imports.Arrived(
        new Promotion(
            "qa",
            "prod",
            List.of(),
            IntStream.range(first, first + count)
                .mapToObj(i -> Baseline.of(owner(i), null, edges))
                .toList(),
            Map.of(),
            List.of(),
            List.of()),
        "key");
  }
}
