package io.kith.load.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.bundle.LearnedSeals.Opened;
import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.control.v1.ControlServiceGrpc;
import io.kith.control.v1.ForgetLearnedRequest;
import io.kith.control.v1.GetEntriesRequest;
import io.kith.control.v1.GetLearnedRequest;
import io.kith.control.v1.Report;
import io.kith.load.store.ControlSite.Served;
import io.kith.server.control.Elsewhere;
import io.kith.server.control.FleetDenial;
import io.kith.server.control.ServerKeys;
import io.kith.server.fleet.CheckServers;
import io.kith.server.fleet.ControlStore;
import io.kith.server.fleet.FleetServer;
import io.kith.server.store.InMemoryStore;
import io.kith.server.store.SqliteStore;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a check server reads of a control server over mutual TLS, with SQLite behind that, and what
 * it writes there.
 *
 * <p>Entries are appended by the control server, as ever; a check server cannot. Parts are sealed
 * by the control server, which is looked at here and then left out of the comparison.
 */
class ControlStoreContractTest extends DurableStoreContract {
  private static final SigningKey LEARNER = ServerKeys.fresh();
  private static Path identities;
  private static ControlSite site;

  @TempDir private Path folder;
  private SqliteStore backing;
  private Served served;

  @BeforeAll
  static void startSite() throws Exception {
    identities = Files.createTempDirectory("kith-c"); // short, for its sockets
    site = new ControlSite(identities);
  }

  @AfterAll
  static void stopSite() {
    site.close();
  }

  @BeforeEach
  @Override
  void openFirst() throws Exception {
    backing = SqliteStore.open(folder.resolve("kith.db"));
    served = site.serve(backing, LEARNER);
    super.openFirst();
  }

  @AfterEach
  void stopServing() {
    served.close();
    backing.close();
  }

  @Override
  String replica(String name) {
    return ControlSite.CHECK + "#" + name;
  }

  @Override
  BaselineStore open() throws Exception {
    return new Following();
  }

  @Override
  void refuseBadParts() throws Exception {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + folder.resolve("kith.db"));
        var statement = connection.createStatement()) {
      statement.executeUpdate(
          "create trigger refuse before insert on kith_learned when new.part = 'bad'"
              + " begin select raise(abort, 'refused by the test'); end");
    }
  }

  /** Check servers of any name at the control server, which is asked to append. */
  private final class Following implements BaselineStore {
    private final LearnedSeals seals =
        new LearnedSeals(
            new Keyring(List.of(new Keyring.Trusted(Role.LEARNER, LEARNER.publicKey()))));
    private final Map<String, ControlStore> byName = new LinkedHashMap<>();
    private final ControlStore reader;
    private boolean closed;

    Following() throws InterruptedException {
      reader = named("reader-" + System.identityHashCode(this));
    }

    private ControlStore named(String name) throws InterruptedException {
      var there = byName.get(name);
      if (there == null) {
        there = closed ? reader : site.follow(served, name);
        byName.put(name, there);
      }
      return there;
    }

    private ControlStore of(String replica) {
      try {
        return named(replica.substring(replica.indexOf('#') + 1));
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public List<Entry> after(long position, int limit) throws StoreException {
      return reader.after(position, limit);
    }

    @Override
    public List<Entry> latest(long after, long before, @Nullable String subject, int limit)
        throws StoreException {
      return closed
          ? reader.latest(after, before, subject, limit)
          : backing.latest(after, before, subject, limit);
    }

    @Override
    public boolean append(List<Entry> entries) throws StoreException {
      return closed ? reader.append(entries) : backing.append(entries);
    }

    @Override
    public void saveLearned(List<LearnedPart> parts) throws StoreException {
      var byReplica = parts.stream().collect(Collectors.groupingBy(LearnedPart::replica));
      for (var one : byReplica.entrySet()) {
        var sealed =
            LearnedSeals.seal(
                one.getValue().stream().map(part -> new Plain(part, 7)).toList(),
                ServerKeys.fresh());
        of(one.getKey()).saveLearned(sealed);
      }
    }

    @Override
    public void forgetLearned(String replica, Owner owner) throws StoreException {
      of(replica).forgetLearned(replica, owner);
    }

    @Override
    public List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
        throws StoreException {
      var asked = replica.isEmpty() ? reader : of(replica);
      return opened(asked.learnedByOthers(replica, owners));
    }

    @Override
    public LearnedChanges changedByOthers(String replica, @Nullable String since)
        throws StoreException {
      return reader.changedByOthers(replica, since);
    }

    private List<LearnedPart> opened(List<LearnedPart> sealed) {
      return sealed.stream()
          .map(
              part ->
                  switch (seals.open(part)) {
                    case Opened.Good(var plain) -> {
                      assertThat(plain.epoch()).isEqualTo(7);
                      yield plain.part();
                    }
                    case Opened.Refused(var why) -> throw new AssertionError(why);
                  })
          .toList();
    }

    @Override
    public AutoCloseable watch(Runnable mayHaveChanged) {
      return reader.watch(mayHaveChanged);
    }

    @Override
    public void close() {
      closed = true;
      byName.values().forEach(ControlStore::close);
    }
  }

  @Test
  void append_byACheckServer_isRefused() throws Exception {
    try (var check = site.follow(served, "node-1")) {
      assertThatThrownBy(() -> check.append(entry(1, "forged")))
          .isInstanceOf(StoreException.class)
          .hasMessage("a check server changes nothing (call a control server's admin API)");
      assertThatThrownBy(() -> check.latest(0, 10, null, 1))
          .isInstanceOf(StoreException.class)
          .hasMessage(
              "a check server looks nothing up in the log (call a control server's admin API)");
    }
    assertThat(backing.after(0, 1)).isEmpty();
  }

  @Test
  void follow_bySomebodyElse_isRefused_andGetsNothing() throws Exception {
    backing.append(entry(1, "secret"));
    try (var stranger = site.follow(served, ControlSite.STRANGER, "node-1", Duration.ofMillis(1))) {
      Await.until("it is told", LIMIT, () -> !stranger.problem().equals("not reached yet"));

      assertThat(stranger.isConnected()).isFalse();
      assertThatThrownBy(() -> stranger.after(0, 1))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining(ControlSite.STRANGER + " is no check server (see server.checkIds)");
    }
    assertThat(served.service().servers().statuses())
        .noneMatch(one -> one.name().startsWith(ControlSite.STRANGER.toString()));
  }

  /** A message of up to 96 MiB was collected of each stream first. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 100})
  void follow_bySomebodyElse_isEndedBeforeItIsRead_withWords(int reports) throws Exception {
    var channel = site.channel(served, ControlSite.STRANGER);
    try {
      for (var i = 0; i < 20; i++) {
        var ended = new CompletableFuture<Status>();
        var stream = ControlServiceGrpc.newStub(channel).follow(ControlSite.ending(ended));
        for (var sent = 0; sent < reports; sent++) {
          stream.onNext(Report.newBuilder().setName("n".repeat(10_000)).build());
        }

        assertThat(ended.get(LIMIT.toSeconds(), TimeUnit.SECONDS))
            .returns(Status.Code.PERMISSION_DENIED, Status::getCode)
            .returns(
                ControlSite.STRANGER + " is no check server (see server.checkIds)",
                Status::getDescription);
      }
    } finally {
      channel.shutdownNow();
    }
  }

  /** It was kept as long as the stream, and what could not be read was told back as it came. */
  @Test
  void follow_whatIsLong_isKeptAndToldInFewWords() throws Exception {
    var channel = site.channel(served, ControlSite.CHECK);
    try {
      var stream =
          ControlServiceGrpc.newStub(channel).follow(ControlSite.ending(new CompletableFuture<>()));
      stream.onNext(
          Report.newBuilder()
              .setProtocolVersion(1)
              .setName("node-long")
              .setVersion("v".repeat(10_000))
              .setProblem("p".repeat(10_000))
              .build());
      Await.until(
          "it is told",
          LIMIT,
          () ->
              served.service().servers().statuses().stream()
                  .anyMatch(
                      one ->
                          one.version().equals("v".repeat(100) + "…")
                              && one.problem().equals("p".repeat(500) + "…")));

      assertThatThrownBy(
              () ->
                  ControlServiceGrpc.newBlockingStub(channel)
                      .forgetLearned(
                          ForgetLearnedRequest.newBuilder()
                              .setName("node-long")
                              .setOwner("o".repeat(100_000))
                              .build()))
          .hasMessage("INVALID_ARGUMENT: owner of 100000 characters (expected: at most 758)");
    } finally {
      channel.shutdownNow();
    }
  }

  /** Whoever had a certificate of the mesh could take all of a control server's connections. */
  @Test
  void connections_ofStrangers_areBoundedAndEndedWhenIdle_thoseOfCheckServersAreNot()
      throws Exception {
    var limits = new FleetServer.Limits(2, 100, Duration.ofMillis(500));
    var strangers = new ArrayList<ManagedChannel>();
    try (var bounded = site.serve(backing, LEARNER, limits);
        var first = site.follow(bounded, "node-1");
        var second = site.follow(bounded, "node-2");
        var third = site.follow(bounded, "node-3")) {
      for (var i = 0; i < 20; i++) {
        var channel = site.channel(bounded, ControlSite.STRANGER);
        strangers.add(channel);
      }
      Await.until(
          "those too many are refused",
          LIMIT,
          () -> {
            strangers.forEach(one -> one.getState(true));
            return bounded.server().connections().refused() >= 18;
          });

      strangers.forEach(ManagedChannel::shutdownNow);
      Await.until("they are gone", LIMIT, () -> bounded.server().connections().open() == 3);
      var told = site.channel(bounded, ControlSite.STRANGER);
      strangers.add(told);
      assertThatThrownBy(
              () ->
                  ControlServiceGrpc.newBlockingStub(told)
                      .getEntries(GetEntriesRequest.getDefaultInstance()))
          .hasMessageContaining("is no check server (see server.checkIds)");
      Await.until(
          "who asks nothing is ended", LIMIT, () -> told.getState(false) == ConnectivityState.IDLE);

      for (var check : List.of(first, second, third)) {
        assertThat(check.isConnected()).isTrue();
        assertThat(check.after(0, 1)).isEmpty();
      }
    } finally {
      strangers.forEach(ManagedChannel::shutdownNow);
    }
  }

  /** Whoever leaves handshakes unfinished keeps nobody out: the oldest makes way. */
  @Test
  void connections_whoseHandshakeIsUnfinished_areBoundedAndCheckServersServed() throws Exception {
    var limits = new FleetServer.Limits(2, 4, Duration.ofMinutes(1));
    var silent = new ArrayList<Socket>();
    try (var bounded = site.serve(backing, LEARNER, limits)) {
      for (var i = 0; i < 20; i++) {
        silent.add(new Socket(InetAddress.getLoopbackAddress(), bounded.server().port()));
      }
      try (var check = site.follow(bounded, "node-1")) {
        assertThat(check.isConnected()).isTrue();
      }

      Await.until("all were accepted", LIMIT, () -> bounded.server().connections().ended() >= 16);
      assertThat(bounded.server().connections().handshakes()).isLessThanOrEqualTo(4);
    } finally {
      for (var socket : silent) {
        socket.close();
      }
    }
  }

  @Test
  void save_underAnotherName_isRefused() throws Exception {
    try (var check = site.follow(served, "node-1")) {
      assertThatThrownBy(() -> check.saveLearned(List.of(part("node-2", CHECKOUT, "edge-1", "{}"))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("expected: this server's");
    }
    assertThat(learned(backing)).isEmpty();
  }

  /** Sealed, every server would have taken them for good. */
  @Test
  void save_partThatIsNotAccepted_isRefused_withTheOthersOfItsRequest() throws Exception {
    assertThatThrownBy(
            () ->
                store.saveLearned(
                    List.of(
                        part("a", CHECKOUT, "edge-1", "{}"),
                        part("a", ORDERS, "edge-2", "refuse me"))))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("as it asks");

    assertThat(learned(backing)).isEmpty();
  }

  /** As check servers did until they asked for some workloads at a time. */
  @Test
  void getLearned_withoutOwners_isOfAll() throws Exception {
    store.saveLearned(
        List.of(part("a", CHECKOUT, "edge-1", "{}"), part("b", ORDERS, "edge-2", "{}")));
    var channel = site.channel(served, ControlSite.CHECK);
    try {
      var server = ControlServiceGrpc.newBlockingStub(channel);
      var all = GetLearnedRequest.newBuilder().setName("a").build();

      assertThat(server.getLearned(all))
          .toIterable()
          .extracting(io.kith.control.v1.LearnedPart::getReplica)
          .containsExactlyInAnyOrder(replica("a"), replica("b"));
      assertThat(server.getLearned(all.toBuilder().setOthersOnly(true).build()))
          .toIterable()
          .extracting(io.kith.control.v1.LearnedPart::getReplica)
          .containsExactly(replica("b"));
    } finally {
      channel.shutdownNow();
    }
  }

  /** The thread that follows ended, and the check server decided by an old state from then on. */
  @Test
  void follow_whatIsToldCannotBeHad_isTriedAgain() throws Exception {
    var failing = new AtomicBoolean(true);
    var failed = new AtomicInteger();
    var full = new Full();
    try (var check = site.follow(served, "node-1")) {
      check.reports(
          new ControlStore.Reporter() {
            @Override
            public ControlStore.State state() {
              if (failing.get()) {
                failed.incrementAndGet();
                throw new IllegalStateException("thrown by the test on purpose");
              }
              return full.state();
            }

            @Override
            public boolean holdsAll() {
              return full.holdsAll();
            }

            @Override
            public List<ControlStore.Held> held() {
              return full.held();
            }

            @Override
            public List<FleetDenial> takeDenials() {
              return full.takeDenials();
            }

            @Override
            public Elsewhere.Remembered decisions(Elsewhere.Question question) {
              return full.decisions(question);
            }
          });
      try (var newer = site.follow(served, "node-1")) {
        Await.until("its stream is replaced", LIMIT, () -> !check.isConnected());
        assertThat(newer.replica()).isEqualTo(check.replica());
      }
      var before = failed.get();
      Await.until("it begins several times", LIMIT, () -> failed.get() > before + 2);

      failing.set(false);

      Await.until("it follows again", LIMIT, check::isConnected);
    }
  }

  /** It stayed with a control server that had lost its database, on the state as it was then. */
  @Test
  void follow_controlServerThatLostItsStore_isLeftForAnother() throws Exception {
    var stores = List.of(new InMemoryStore(), new InMemoryStore());
    for (var one : stores) {
      one.append(entry(1, "one"));
    }
    try (var first = site.serve(stores.getFirst(), LEARNER);
        var second = site.serve(stores.getLast(), LEARNER);
        var check = site.follow(List.of(first, second), ControlSite.CHECK, "node-1", LIMIT)) {
      assertThat(check.after(0, 10)).hasSize(1);
      var isFirst = !first.service().servers().statuses().isEmpty();
      stores.get(isFirst ? 0 : 1).close();

      Await.until("the other is asked", LIMIT, () -> answers(check));

      var left = isFirst ? first : second;
      Await.until("it is left", LIMIT, () -> left.service().servers().statuses().isEmpty());
    }
  }

  private static boolean answers(ControlStore check) {
    try {
      return check.after(0, 10).size() == 1;
    } catch (StoreException _) {
      return false;
    }
  }

  private static final class Full implements ControlStore.Reporter {
    @Override
    public ControlStore.State state() {
      return new ControlStore.State(1, 12, 3, "its disk is full");
    }

    @Override
    public boolean holdsAll() {
      return false;
    }

    @Override
    public List<ControlStore.Held> held() {
      return List.of();
    }

    @Override
    public List<FleetDenial> takeDenials() {
      return List.of();
    }

    @Override
    public Elsewhere.Remembered decisions(Elsewhere.Question question) {
      return new Elsewhere.Remembered(List.of(), 0, 0);
    }
  }

  @Test
  void statuses_tellHowFollowersAreDoing() throws Exception {
    backing.append(entry(1, "one"));
    backing.append(entry(2, "two"));
    try (var check = site.follow(served, "node-1")) {
      check.reports(new Full());

      Await.until(
          "it is told",
          LIMIT,
          () ->
              served.service().servers().statuses().stream()
                  .filter(one -> one.name().equals(replica("node-1")))
                  .anyMatch(one -> one.pods() == 12 && one.behind() == 1));

      assertThat(served.service().servers().statuses())
          .filteredOn(one -> one.name().equals(replica("node-1")))
          .singleElement()
          .returns("1.2.3", CheckServers.Status::version)
          .returns(1L, CheckServers.Status::position)
          .returns(3, CheckServers.Status::workloads)
          .returns("its disk is full", CheckServers.Status::problem);
    }
    Await.until(
        "it is gone",
        LIMIT,
        () ->
            served.service().servers().statuses().stream()
                .noneMatch(one -> one.name().equals(replica("node-1"))));
  }
}
