package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.SockDiag.Listed;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.process.Identified;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The guard's parts that need no kernel. */
class GuardPartsTest {
  private static final IpAddress FAR = IpAddress.parse("198.18.1.1");

  @Test
  void podOf_pathsOfKubernetes_areCutAfterThePod() {
    var uid = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
    var systemd =
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"
            + uid.replace('-', '_')
            + ".slice";
    assertThat(PodCgroups.podOf(systemd + "/cri-containerd-abc.scope")).isEqualTo(systemd);
    assertThat(PodCgroups.podOf(systemd)).isEqualTo(systemd);
    assertThat(PodCgroups.podOf("/kubepods/besteffort/pod" + uid + "/abc/deeper"))
        .isEqualTo("/kubepods/besteffort/pod" + uid);
    assertThat(
            PodCgroups.podOf("/kubepods.slice/kubepods-pod" + uid.replace('-', '_') + ".slice/x"))
        .isEqualTo("/kubepods.slice/kubepods-pod" + uid.replace('-', '_') + ".slice");
  }

  @Test
  void podOf_otherPaths_haveNone() {
    for (var path :
        List.of("/", "/system.slice/docker-abc.scope", "/pod", "/podman/pod-1", "/kubepods/x")) {
      assertThat(PodCgroups.podOf(path)).as(path).isNull();
    }
  }

  /** Whoever has a cgroup may make others in it, of any name. */
  @Test
  void cgroups_nameThatIsNoText_thePodsOwnIsGuarded(@TempDir Path tree) throws Exception {
    var uid = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
    var pod = Files.createDirectories(tree.resolve("kubepods/pod" + uid));
    var made = List.of("\ud800", "\ufffd", "a\0b");
    try (var root = Descriptor.open(tree.toString())) {
      var cgroups = new PodCgroups(root, pid -> "0::/kubepods/pod" + uid + "/" + made.get(pid));

      var found = cgroups.of(List.of(0, 1, 2));

      assertThat(found.guarded().keySet()).containsExactly(PodCgroups.id(pod));
      assertThat(found.own()).isEmpty();
      assertThat(found.problem()).isEmpty();
      assertThat(cgroups.idOf(0)).isZero();
    }
  }

  @Test
  void cgroups_nameThatIsNoTextOutsideOfKubernetes_isAProblem(@TempDir Path tree) throws Exception {
    try (var root = Descriptor.open(tree.toString())) {
      for (var name : List.of("\ud800", "\ufffd", "a\0b")) {
        var found = new PodCgroups(root, _ -> "0::/docker/" + name).of(List.of(1));

        assertThat(found.guarded()).isEmpty();
        assertThat(found.problem()).contains("has a name that cannot be read");
      }
    }
  }

  @Test
  void book_severalServers_theStrictestCountsAndTheLastStays() {
    var book = new PolicyBook();
    assertThat(book.of("p")).isNull();

    book.said("a", Map.of("p", KernelGuardTest.policy(Mode.SHADOW)));
    book.said("b", Map.of("p", KernelGuardTest.policy(Mode.ENFORCE)));
    assertThat(modeOf(book)).isEqualTo(Mode.ENFORCE);
    book.gone("b");
    assertThat(modeOf(book)).isEqualTo(Mode.SHADOW);
    book.said("a", Map.of("q", KernelGuardTest.policy(Mode.OBSERVE)));
    assertThat(modeOf(book)).isEqualTo(Mode.SHADOW);
    book.gone("a");
    assertThat(modeOf(book)).isEqualTo(Mode.SHADOW);

    book.keep(Set.of("q"));
    book.keep(Set.of("q"));
    assertThat(book.of("p")).isNull();
    assertThat(book.of("q")).isNotNull();
  }

  /** A look lists the pods, takes its time, and forgets then those that it did not find. */
  @Test
  void book_podSpokenOfDuringALook_isKept() {
    var book = new PolicyBook();
    for (var i = 0; i < 2; i++) { // it may have been missed once before
      book.said("a", Map.of("p", KernelGuardTest.policy(Mode.ENFORCE)));
      book.keep(Set.of("q"));
      assertThat(modeOf(book)).isEqualTo(Mode.ENFORCE);
    }

    book.keep(Set.of("p"));
    book.keep(Set.of());
    assertThat(modeOf(book)).isEqualTo(Mode.ENFORCE);

    book.keep(Set.of());
    assertThat(book.of("p")).isNull();
  }

  private static Mode modeOf(PolicyBook book) {
    return requireNonNull(book.of("p")).mode();
  }

  @Test
  void proxy_isTheContainerThatTheRuntimeNamed_untilItNamesAnother() throws Exception {
    var proxies = new ProxyFinder();
    var policy = KernelGuardTest.policy(Mode.ENFORCE);
    assertThat(proxies.of("p", policy, 0, Set.of(5L), null)).as("none yet").isZero();

    assertThat(proxies.of("p", policy, 7, Set.of(5L, 7L), null)).isEqualTo(7);
    assertThat(proxies.of("p", policy, 0, Set.of(5L), null)).as("it ended").isEqualTo(7);
    assertThat(proxies.of("p", policy, ProxyFinder.NOT_KNOWN, Set.of(5L, 9L), null)).isEqualTo(7);
    assertThat(proxies.of("p", policy, 9, Set.of(5L, 9L), null)).isEqualTo(9);
    assertThat(proxies.of("q", policy, 0, Set.of(5L), null)).as("of another pod").isZero();

    proxies.keep(Set.of("q"));
    assertThat(proxies.of("p", policy, 0, Set.of(5L), null)).isZero();
  }

  private static Attempt attempt(int pid, IpAddress to, long seen, long refused) {
    var owner = new Owner(pid, pid, 0, 0, 1, 1, null, "x", 9, 1, 0, 1, 0, 0);
    return new Attempt(9, to, 443, 17, GuardReason.UDP, owner, seen, refused);
  }

  private static Identified named(Owner owner) {
    return named("/bin/x");
  }

  private static Identified named(String path) {
    var fingerprint =
        new ProcessFingerprint(
            path,
            null,
            Origin.IMAGE,
            0,
            EntryKind.NATIVE,
            "x",
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    return new Identified("fp:" + path, fingerprint, true, List.of());
  }

  @Test
  void events_manyRunsOfOneProgram_areOne() {
    var events = new GuardEvents(GuardPartsTest::named);
    var pods = Map.of(9L, "p");

    events.add(List.of(attempt(1, FAR, 2, 1), attempt(2, FAR, 3, 3)), pods);
    events.add(List.of(attempt(1, FAR, 5, 2), attempt(2, FAR, 3, 3)), pods);
    events.add(List.of(attempt(1, FAR, 1, 1)), pods); // the kernel began this one anew

    assertThat(events.events())
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.seen()).isEqualTo(9);
              assertThat(event.refused()).isEqualTo(6);
              assertThat(event.words())
                  .isEqualTo(
                      "/bin/x → 198.18.1.1:443, UDP, which no sidecar sees: 9 seen, 6 refused");
            });
  }

  /** The report of its exec comes later than the attempt. */
  @Test
  void events_processThatIsNotKnownYet_isNamedLater() {
    var names = new ArrayList<>(List.of("", "", "/bin/x"));
    var events = new GuardEvents(_ -> named(names.removeFirst()));
    var pods = Map.of(9L, "p");

    events.add(List.of(attempt(1, FAR, 2, 2)), pods);
    events.add(List.of(attempt(1, FAR, 3, 3)), pods);
    assertThat(events.events()).isEmpty();
    events.add(List.of(attempt(1, FAR, 4, 4)), pods);

    assertThat(events.events())
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.refused()).isEqualTo(4);
              assertThat(event.words()).startsWith("/bin/x ");
            });
  }

  @Test
  void events_processThatStaysUnknown_isToldWithoutItsName() {
    var events = new GuardEvents(_ -> named(""));
    for (var i = 0; i < 20; i++) {
      events.add(List.of(attempt(1, FAR, 2, 2)), Map.of(9L, "p"));
    }

    assertThat(events.events())
        .singleElement()
        .satisfies(event -> assertThat(event.refused()).isEqualTo(2));
  }

  @Test
  void events_scan_fillsOneRow() {
    var events = new GuardEvents(GuardPartsTest::named);
    var attempts = new ArrayList<Attempt>();
    for (var i = 0; i < GuardEvents.MOST + 500; i++) {
      attempts.add(attempt(1, IpAddress.of(new byte[] {10, 0, (byte) (i >> 8), (byte) i}), 1, 1));
    }
    for (var i = 0; i < 100; i++) { // each look names a bounded number
      events.add(attempts, Map.of(9L, "p"));
    }

    assertThat(events.events()).hasSize(GuardEvents.MOST + 1);
    assertThat(events.events().stream().mapToLong(GuardEvent::seen).sum())
        .isEqualTo(attempts.size());
    events.keep(Set.of());
    assertThat(events.events()).isEmpty();
  }

  @Test
  void names_newestFacts_areToldOnce() {
    var names = new DnsMemory();
    assertThat(names.heard("p", new DnsAnswer("a.example", List.of(FAR), 60))).isTrue();
    assertThat(names.heard("p", new DnsAnswer("a.example", List.of(FAR), 60))).isFalse();
    var other = new DnsAnswer("a.example", List.of(IpAddress.parse("198.18.1.2")), 60);
    assertThat(names.heard("p", other)).isTrue();
    names.heard("q", new DnsAnswer("b.example", List.of(FAR), 60));

    var all = names.after(0, 10);
    assertThat(all).hasSize(2);
    assertThat(all.getFirst().leftSeconds()).hasSize(2);
    assertThat(names.after(all.getLast().number(), 10)).isEmpty();
    assertThat(names.after(0, 1)).hasSize(1);

    for (var i = 0; i < 2 * DnsMemory.NAMES_PER_POD; i++) {
      names.heard("p", new DnsAnswer("n" + i + ".example", List.of(FAR), 60));
    }
    assertThat(names.size()).isEqualTo(DnsMemory.NAMES_PER_POD + 1);
    names.keep(Set.of("q"));
    assertThat(names.size()).isEqualTo(1);
  }

  @Test
  void names_ofAllPodsTooMany_thePodThatHasMostForgetsItsOldest() {
    var names = new DnsMemory();
    var perName = 2; // itself and its address
    names.heard("quiet", new DnsAnswer("quiet.example", List.of(FAR), 60));
    var pods = DnsMemory.MOST / perName / DnsMemory.NAMES_PER_POD + 1;
    fill(names, "p", pods);

    assertThat(names.size()).isEqualTo(DnsMemory.MOST / perName);
    var left = names.after(0, Integer.MAX_VALUE);
    assertThat(left.getFirst().pod()).isEqualTo("quiet");
    var byPod = left.stream().collect(groupingBy(DnsMemory.Fact::pod, counting()));
    assertThat(byPod).hasSize(1 + pods);
    byPod.remove("quiet");
    assertThat(Collections.max(byPod.values()) - Collections.min(byPod.values()))
        .isLessThanOrEqualTo(1);

    names.keep(Set.of("quiet"));
    assertThat(names.size()).isEqualTo(1);
    fill(names, "q", pods);
    assertThat(names.size()).isEqualTo(DnsMemory.MOST / perName);
    assertThat(names.after(0, 1).getFirst().pod()).isEqualTo("quiet");
  }

  /** They took the place of those that count. */
  @Test
  void names_ofAllPodsTooMany_thoseThatCountNoMoreAreForgottenFirst() {
    var now = new AtomicLong();
    var names = new DnsMemory(now::get);
    var perName = 2;
    names.heard("quiet", new DnsAnswer("quiet.example", List.of(FAR), 3 * 86_400));
    var pods = DnsMemory.MOST / perName / DnsMemory.NAMES_PER_POD;
    fill(names, "gone", pods / 2);
    now.addAndGet(TimeUnit.DAYS.toNanos(2));
    fill(names, "p", pods / 2);
    var half = pods / 2 * DnsMemory.NAMES_PER_POD;
    assertThat(names.size()).isEqualTo(1 + 2 * half);

    fill(names, "more", pods / 2);

    assertThat(names.size()).isEqualTo(1 + 2 * half);
    var byPod =
        names.after(0, Integer.MAX_VALUE).stream()
            .collect(groupingBy(DnsMemory.Fact::pod, counting()));
    assertThat(byPod).hasSize(1 + pods / 2 * 2).containsEntry("quiet", 1L);
    byPod.remove("quiet");
    assertThat(byPod.values()).containsOnly((long) DnsMemory.NAMES_PER_POD);
  }

  private static void fill(DnsMemory names, String pod, int pods) {
    for (var one = 0; one < pods; one++) {
      for (var i = 0; i < DnsMemory.NAMES_PER_POD; i++) {
        names.heard(pod + one, new DnsAnswer("n" + i + ".example", List.of(FAR), 60));
      }
    }
  }

  private static Map<IpAddress, Long> left(DnsMemory names) {
    return names.after(0, 10).getFirst().leftSeconds();
  }

  /** Who has an address that a name was given up for long ago is not believed to be that name. */
  @Test
  void names_addressToldDaysAgo_isForgottenThoughTheNameIsHeardAgain() {
    var now = new AtomicLong();
    var names = new DnsMemory(now::get);
    var near = IpAddress.parse("198.18.1.2");
    names.heard("p", new DnsAnswer("a.example", List.of(FAR), 60));

    now.addAndGet(TimeUnit.HOURS.toNanos(20));
    names.heard("p", new DnsAnswer("a.example", List.of(near), 60));
    assertThat(left(names)).isEqualTo(Map.of(FAR, 4 * 3_600L, near, 24 * 3_600L));

    now.addAndGet(TimeUnit.HOURS.toNanos(5));
    assertThat(left(names)).isEqualTo(Map.of(near, 19 * 3_600L));

    now.addAndGet(TimeUnit.HOURS.toNanos(43));
    assertThat(names.after(0, 10)).isEmpty();
    names.heard("p", new DnsAnswer("a.example", List.of(FAR), 60));
    assertThat(left(names)).isEqualTo(Map.of(FAR, 24 * 3_600L));
  }

  @Test
  void names_addressOfALongLifetime_countsForIt() {
    var now = new AtomicLong(Long.MAX_VALUE); // and then it overflows
    var names = new DnsMemory(now::get);
    names.heard("p", new DnsAnswer("a.example", List.of(FAR), 3 * 86_400));

    now.addAndGet(TimeUnit.DAYS.toNanos(2));
    assertThat(left(names)).isEqualTo(Map.of(FAR, 86_400L));

    names.heard("p", new DnsAnswer("a.example", List.of(IpAddress.parse("198.18.1.2")), 60));
    now.addAndGet(TimeUnit.DAYS.toNanos(1));
    assertThat(names.after(0, 10)).isEmpty();
  }

  private static Listed socket(long cookie) {
    return new Listed(2, new Tuple(FAR, 1, FAR, 2), 0, 1, 1, 0, cookie);
  }

  private static Revocation.Order nobodyWaits() {
    return new Revocation.Order(() -> {});
  }

  @Test
  void revocation_isBoundedAndSaysWhatWentWrong() {
    var revocation = new Revocation(2);
    for (var i = 0; i < 3; i++) {
      revocation.doom("p", socket(i), _ -> true, nobodyWaits());
    }
    revocation.run();
    assertThat(revocation.destroyed("p")).isEqualTo(2);
    revocation.run();
    assertThat(revocation.destroyed("p")).isEqualTo(3);
    assertThat(revocation.problem("p")).isEmpty();

    for (var i = 0; i < 10_000; i++) {
      assertThat(revocation.doom("p", socket(i), _ -> false, nobodyWaits())).isTrue();
    }
    assertThat(revocation.doom("p", socket(10_000), _ -> false, nobodyWaits()))
        .as("on a full list")
        .isFalse();
    assertThat(revocation.problem("p")).contains("10000 connections");
    revocation.keep(Set.of());
    assertThat(revocation.problem("p")).isEmpty();
  }

  @Test
  void revocation_thatTheKernelRefuses_isSaidInWords() throws Exception {
    var sockets = SockDiag.open();
    sockets.close();
    var revocation = new Revocation(2);
    revocation.doom("p", socket(1), sockets::destroy, nobodyWaits());
    revocation.run();
    assertThat(revocation.destroyed("p")).isZero();
    assertThat(revocation.problem("p"))
        .contains("stay open", "CONFIG_INET_DIAG_DESTROY", "maximum connection duration");
  }

  @Test
  void revocation_order_isDoneWhenTheLastOfItIsGone() {
    var done = new ArrayList<String>();
    var revocation = new Revocation(1);
    var order = new Revocation.Order(() -> done.add("order"));
    revocation.doom("p", socket(1), _ -> true, order);
    revocation.doom("p", socket(2), _ -> false, order); // it has closed by itself
    order.whole();

    revocation.run();
    assertThat(done).isEmpty();
    revocation.run();

    assertThat(done).containsExactly("order");
  }

  /** As when a server says on its next stream what still waits. */
  @Test
  void revocation_socketThatTwoOrdersHave_endsOnceForBoth() {
    var done = new ArrayList<String>();
    var revocation = new Revocation(10);
    for (var name : List.of("one", "two")) {
      var order = new Revocation.Order(() -> done.add(name));
      revocation.doom("p", socket(1), _ -> true, order);
      order.whole();
    }
    assertThat(revocation.waiting()).isEqualTo(1);

    revocation.run();

    assertThat(revocation.destroyed("p")).isEqualTo(1);
    assertThat(done).containsExactly("one", "two");
  }

  /** Its address can be gone for a moment. */
  @Test
  void revocation_orderOfAPodThatIsNotListed_isDoneWhenItHasEnded() {
    var done = new ArrayList<String>();
    var revocation = new Revocation(10);
    var order = new Revocation.Order(() -> done.add("order"));
    revocation.doom("p", socket(1), _ -> true, order);
    order.whole();

    revocation.keep(Set.of("q"));
    assertThat(done).isEmpty();
    revocation.run();

    assertThat(done).containsExactly("order");
    assertThat(revocation.all()).isEqualTo(1);
  }

  @Test
  void revocation_orderWithOneThatStaysOpen_isNeverDone() throws Exception {
    var sockets = SockDiag.open();
    sockets.close();
    var done = new ArrayList<String>();
    var revocation = new Revocation(10);
    var order = new Revocation.Order(() -> done.add("order"));
    revocation.doom("p", socket(1), sockets::destroy, order);
    revocation.doom("p", socket(2), _ -> true, order);
    order.whole();

    revocation.run();

    assertThat(revocation.waiting()).isZero();
    assertThat(done).isEmpty();
  }

  @Test
  void rawSockets_capabilities_areReadFromStatus() {
    var status = "Name:\tsh\nCapEff:\t0000000000002000\nCapBnd:\t0000000000000000\n";
    assertThat(RawSockets.has(status, "CapEff:")).isTrue();
    assertThat(RawSockets.has(status, "CapBnd:")).isFalse();
    assertThat(RawSockets.has("Name:\tsh\n", "CapEff:")).as("unreadable").isTrue();
  }

  @Test
  void lock_isHeldByOne(@TempDir Path folder) throws Exception {
    var path = folder.resolve("run/guard.lock");
    try (var _ = GuardLock.take(path)) {
      assertThat(GuardLock.take(path)).as("the second").isNull();
    }
    try (var again = GuardLock.take(path)) {
      assertThat(again).as("let go").isNotNull();
    }
  }
}
