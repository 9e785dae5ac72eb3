package io.kith.load.store;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.store.StoreException;
import io.kith.load.tools.Postgres;
import io.kith.server.check.Sidecars;
import io.kith.server.check.Sidecars.State;
import io.kith.server.control.ServerKeys;
import io.kith.server.fleet.SharedSidecars;
import io.kith.server.store.PostgresStore;
import io.kith.server.store.SidecarTable.Place;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What sidecars said to one server of a PostgreSQL is known to another one, whatever its clock. */
@Timeout(300)
class SharedSidecarsTest {
  private static final IpAddress POD = IpAddress.parse("10.88.1.1");
  private static final IpAddress OTHER = IpAddress.parse("10.88.1.2");
  private static final IpAddress UNKNOWN = IpAddress.parse("10.88.9.9");
  private static final Owner CART = Owner.parse("shop/deployment/cart");

  @TempDir private static Path folder;
  private static Postgres postgres;

  private String url = "";
  private PostgresStore store;
  private final SigningKey keyOfOne = ServerKeys.fresh();
  private final SigningKey keyOfTwo = ServerKeys.fresh();
  private Server one;
  private Server two;

  /** One of the servers, whose clock is wrong by a constant. */
  private static final class Server {
    final Sidecars sidecars;
    final SharedSidecars shared;
    Duration wrong;
    Owner owner = CART;

    /**
     * @param trusted the other one
     */
    Server(
        PostgresStore store,
        String name,
        Duration wrong,
        SigningKey key,
        List<SigningKey> trusted,
        List<IpAddress> pods) {
      this.wrong = wrong;
      sidecars = new Sidecars(this::now);
      var keys =
          new ServerKeys(
              key,
              null,
              List.of(),
              List.of(),
              trusted.stream().map(SigningKey::publicKey).toList());
      shared =
          new SharedSidecars(
              store.sidecars(),
              sidecars,
              directory(pods, () -> owner),
              name,
              key,
              keys.ring(),
              this::now);
    }

    Instant now() {
      return Instant.now().plus(wrong);
    }

    void hears(IpAddress pod, boolean open) {
      hears(pod, open, Duration.ZERO);
    }

    void hears(IpAddress pod, boolean open, Duration ago) {
      hears(pod, open, now().minus(ago));
    }

    void hears(IpAddress pod, boolean open, Instant at) {
      sidecars.elsewhere(new State(pod, open, at, at));
    }

    String says(IpAddress pod) {
      @Nullable State state = sidecars.of(pod);
      return state == null ? "silent" : state.open() ? "open" : "closed";
    }
  }

  /** Of a cluster: it knows the pods that are in the list by then. */
  private static WorkloadDirectory directory(List<IpAddress> pods, Supplier<Owner> owner) {
    return new WorkloadDirectory() {
      @Override
      public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
        return at(address);
      }

      @Override
      public @Nullable Workload at(IpAddress address) {
        return pods.contains(address) ? new Workload(owner.get(), "prod", Set.of()) : null;
      }

      @Override
      public @Nullable Workload named(String name) {
        return null;
      }

      @Override
      public List<Workload> all() {
        return List.of();
      }
    };
  }

  @BeforeAll
  static void startPostgres() throws Exception {
    postgres = Postgres.start(System.out::println);
    Files.writeString(folder.resolve("password"), Postgres.PASSWORD + "\n");
  }

  @AfterAll
  static void stopPostgres() {
    postgres.close();
  }

  @BeforeEach
  void open() throws Exception {
    url = postgres.newDatabase();
    store =
        PostgresStore.open(
            new StoreSettings.Postgresql(
                url, Postgres.USER, folder.resolve("password"), 4, Duration.ofSeconds(5), null),
            Duration.ofSeconds(90));
    one = server("one", Duration.ofMinutes(-7), keyOfOne, keyOfTwo, List.of(POD, OTHER));
    two = server("two", Duration.ofHours(3), keyOfTwo, keyOfOne, List.of(POD, OTHER));
  }

  private Server server(
      String name, Duration wrong, SigningKey key, SigningKey trusted, List<IpAddress> pods) {
    return new Server(store, name, wrong, key, List.of(trusted), pods);
  }

  @AfterEach
  void close() {
    store.close();
  }

  private List<String> pods() throws Exception {
    return store.sidecars().after(Place.START, 10).stream().map(one -> one.row().pod()).toList();
  }

  @Test
  void closed_heardByOne_isKnownToTheOther_sinceWhenItWasHeard() throws Exception {
    one.hears(POD, false, Duration.ofMinutes(2));
    one.shared.exchange();
    two.shared.exchange();

    var state = requireNonNull(two.sidecars.of(POD));
    assertThat(state.open()).isFalse();
    assertThat(state.isClosed(two.now())).isTrue();
    assertThat(Duration.between(state.asked(), two.now()))
        .isBetween(Duration.ofMinutes(2), Duration.ofMinutes(3));
  }

  @Test
  void closed_justNow_isNotSettledAtTheOtherEither() throws Exception {
    one.hears(POD, false);
    one.shared.exchange();
    two.shared.exchange();

    var state = requireNonNull(two.sidecars.of(POD));
    assertThat(state.isClosed(state.changed().plusSeconds(4))).isFalse();
    assertThat(state.changed()).isBetween(two.now().minusSeconds(60), two.now());
  }

  @Test
  void open_winsOverAnOlderClosed_whereverItWasHeard() throws Exception {
    two.hears(POD, false, Duration.ofMinutes(1)); // whose clock is hours ahead
    two.shared.exchange();
    one.hears(POD, true);
    one.shared.exchange();
    two.shared.exchange();
    one.shared.exchange();
    assertThat(one.says(POD)).isEqualTo("open");
    assertThat(two.says(POD)).isEqualTo("open");

    two.hears(OTHER, true);
    one.hears(OTHER, false, Duration.ofMinutes(1)); // heard before, told afterwards
    two.shared.exchange();
    one.shared.exchange();
    two.shared.exchange();
    assertThat(one.says(OTHER)).isEqualTo("open");
    assertThat(two.says(OTHER)).isEqualTo("open");
  }

  @Test
  void open_winsOverAClosedFromBeforeAClockWasPutBack() throws Exception {
    one.hears(POD, false, Duration.ofHours(-1));
    one.shared.exchange();
    two.shared.exchange();
    two.hears(POD, true);
    two.shared.exchange();

    var fresh = server("fresh", Duration.ZERO, ServerKeys.fresh(), keyOfTwo, List.of(POD));
    fresh.shared.exchange();

    assertThat(two.says(POD)).isEqualTo("open");
    assertThat(fresh.says(POD)).isEqualTo("open");
  }

  @Test
  void change_isTold_andBackAgain() throws Exception {
    for (var open : List.of(true, false, true, false)) {
      one.hears(POD, open);
      one.shared.exchange();
      two.shared.exchange();
      assertThat(two.says(POD)).isEqualTo(open ? "open" : "closed");
    }
  }

  @Test
  void sameSaidAgain_isWrittenOnlyAfterAWhile() throws Exception {
    var first = one.now().minus(Duration.ofMinutes(1));
    one.hears(POD, false, first);
    one.shared.exchange();
    two.shared.exchange();
    var version = store.sidecars().now().version();
    one.hears(POD, false, first.plusSeconds(5)); // on another connection
    one.shared.exchange();
    two.shared.exchange(); // does not tell what it was told
    two.shared.exchange();
    assertThat(store.sidecars().now().version()).isEqualTo(version).isEqualTo(1);

    one.hears(POD, false);
    one.shared.exchange();
    two.shared.exchange();

    assertThat(store.sidecars().now().version()).isEqualTo(2);
    assertThat(Duration.between(requireNonNull(two.sidecars.of(POD)).asked(), two.now()))
        .isLessThan(Duration.ofSeconds(50));
  }

  @Test
  void serverThatStarts_knowsWhatWasSaidBefore_alsoToItself() throws Exception {
    one.hears(POD, false, Duration.ofMinutes(1));
    two.hears(OTHER, false, Duration.ofMinutes(1));
    one.shared.exchange();
    two.shared.exchange();

    var again = server("one", Duration.ZERO, keyOfOne, keyOfTwo, List.of(POD, OTHER));
    again.shared.exchange();

    assertThat(again.says(POD)).isEqualTo("closed");
    assertThat(again.says(OTHER)).isEqualTo("closed");
  }

  @Test
  void podThatTheOtherDoesNotKnowYet_isKnownLater_andIsNotForgotten() throws Exception {
    var pods = new ArrayList<>(List.of(OTHER));
    var late = server("late", Duration.ZERO, ServerKeys.fresh(), keyOfOne, pods);
    one.hears(POD, false, Duration.ofHours(1));
    one.shared.exchange();
    for (var i = 0; i < 3; i++) {
      late.shared.exchange();
    }
    assertThat(late.says(POD)).isEqualTo("silent");
    assertThat(pods()).containsExactly(POD.toString());

    pods.add(POD);
    late.shared.exchange();

    assertThat(late.says(POD)).isEqualTo("closed");
  }

  @Test
  void podThatIsGone_isForgottenByAll() throws Exception {
    one.hears(POD, false, Duration.ofHours(1));
    one.hears(OTHER, false, Duration.ofHours(1));
    one.shared.exchange();
    var later = server("later", Duration.ZERO, ServerKeys.fresh(), keyOfOne, List.of(OTHER));
    later.shared.exchange();
    assertThat(pods()).contains(POD.toString());

    later.wrong = Duration.ofMinutes(11); // so much time passes
    later.shared.exchange();

    assertThat(pods()).containsExactly(OTHER.toString());
  }

  @Test
  void podThatNobodyKnows_isNotTold() throws Exception {
    one.hears(UNKNOWN, false);
    one.shared.exchange();

    assertThat(pods()).isEmpty();
  }

  @Test
  void addressThatIsAnotherWorkloadsByNow_saysNothingOfIt() throws Exception {
    one.hears(POD, false);
    one.shared.exchange();
    two.owner = Owner.parse("shop/deployment/till");
    two.shared.exchange();
    assertThat(two.says(POD)).isEqualTo("silent");

    one.owner = two.owner;
    one.hears(POD, true);
    one.shared.exchange();
    two.shared.exchange();

    assertThat(two.says(POD)).isEqualTo("open");
  }

  @Test
  void rowThatWasMadeUp_orIsOfAServerThatIsNotTrusted_isNotUsed() throws Exception {
    var stranger = server("stranger", Duration.ZERO, ServerKeys.fresh(), keyOfOne, List.of(POD));
    stranger.hears(POD, false);
    stranger.shared.exchange();
    one.hears(OTHER, true);
    one.shared.exchange();
    assertThat(one.says(POD)).isEqualTo("silent");

    Postgres.executeAt(
        url,
        "update kith_sidecar set open = false, body = replace(body, 'open', 'closed') where pod = '"
            + OTHER
            + "'");
    two.shared.exchange();

    assertThat(two.says(POD)).isEqualTo("silent");
    assertThat(two.says(OTHER)).isEqualTo("silent");
  }

  @Test
  void storeAway_whatWasHeardHereCounts_andTheRestComesLater() throws Exception {
    one.hears(POD, false);
    one.shared.exchange();
    postgres.crash();
    try {
      one.hears(POD, true);
      two.hears(OTHER, false, Duration.ofMinutes(1));
      assertThatThrownBy(() -> one.shared.exchange()).isInstanceOf(StoreException.class);
      assertThatThrownBy(() -> two.shared.exchange()).isInstanceOf(StoreException.class);
      assertThat(one.says(POD)).isEqualTo("open");
      assertThat(requireNonNull(two.sidecars.of(OTHER)).isClosed(two.now())).isTrue();
    } finally {
      postgres.begin();
    }
    Await.until(
        "it is told",
        Duration.ofSeconds(60),
        () ->
            exchanged(one)
                && exchanged(two)
                && two.says(POD).equals("open")
                && one.says(OTHER).equals("closed"));
  }

  private static boolean exchanged(Server server) {
    try {
      server.shared.exchange();
      return true;
    } catch (StoreException _) {
      return false;
    }
  }

  @Test
  void olderDumpPutBack_isToldAnew() throws Exception {
    one.hears(POD, false);
    one.shared.exchange();
    two.hears(OTHER, false);
    two.shared.exchange();
    Postgres.executeAt(url, "delete from kith_sidecar");
    Postgres.executeAt(url, "update kith_sidecar_news set version = 0");

    one.shared.exchange();
    var fresh = server("fresh", Duration.ZERO, ServerKeys.fresh(), keyOfOne, List.of(POD, OTHER));
    fresh.shared.exchange();

    assertThat(fresh.says(POD)).isEqualTo("closed");
  }

  /** More than fits in a batch and in a page. */
  @Test
  void manyPods_areToldInBatches_andReadInPages() throws Exception {
    var many = new ArrayList<IpAddress>();
    for (var i = 0; i < 2_500; i++) {
      many.add(IpAddress.parse("10.99." + i / 250 + "." + (1 + i % 250)));
    }
    var teller = server("teller", Duration.ZERO, keyOfOne, keyOfTwo, many);
    var listener = server("listener", Duration.ZERO, keyOfTwo, keyOfOne, many);
    many.forEach(pod -> teller.hears(pod, false));
    for (var batch = 1; batch <= 3; batch++) {
      teller.shared.exchange();
      assertThat(store.sidecars().now().version()).isEqualTo(batch);
    }
    listener.shared.exchange();

    var heard = new TreeSet<String>();
    many.stream().map(listener::says).forEach(heard::add);
    assertThat(heard).containsExactly("closed");
  }

  /** Its rows become visible in the order of their versions, so that nobody misses one. */
  @Test
  void tell_whileAnotherTells_waits() throws Exception {
    one.hears(POD, false);
    one.shared.exchange();
    two.shared.exchange();
    try (var other = DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD);
        var statement = other.createStatement();
        var threads = Executors.newSingleThreadExecutor()) {
      other.setAutoCommit(false);
      statement.execute("update kith_sidecar_news set version = version + 1");
      one.hears(POD, true);
      var telling =
          threads.submit(
              () -> {
                one.shared.exchange();
                return true;
              });
      Await.until("it waits", Duration.ofSeconds(60), () -> waitsForALock());
      assertThat(telling.isDone()).isFalse();
      two.shared.exchange();
      assertThat(two.says(POD)).isEqualTo("closed");

      other.commit();

      assertThat(telling.get()).isTrue();
    }
    two.shared.exchange();
    assertThat(two.says(POD)).isEqualTo("open");
    assertThat(store.sidecars().now().version()).isEqualTo(3);
  }

  private boolean waitsForALock() {
    try (var connection = DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD);
        var statement = connection.createStatement();
        var waiting =
            statement.executeQuery(
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock'")) {
      waiting.next();
      return waiting.getInt(1) > 0;
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}
