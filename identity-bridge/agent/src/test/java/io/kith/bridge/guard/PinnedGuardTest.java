package io.kith.bridge.guard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.Bridge;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.identity.ProcessIdentities;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guard outlives its bridge, and the next bridge takes it over. */
@Tag("root")
@Timeout(600)
class PinnedGuardTest {
  private static final String ATTEMPT = "print udp('198.18.1.1', 443);";
  private static final Set<IpAddress> OWN = Set.of(IpAddress.parse(GuardedPod.ADDRESS));

  @TempDir private Path folder;

  private static KernelGuard open(Path pin, List<String> problems) throws Exception {
    return KernelGuard.open(pin, Btf.ofThisKernel(), problems);
  }

  private static void mount(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  private Path mountBpf() throws Exception {
    folder.toFile().setExecutable(true, false);
    var files = Files.createDirectory(folder.resolve("bpf"));
    mount("mount", "-t", "bpf", "bpf", files.toString());
    return files;
  }

  @Test
  void guard_bridgeGone_goesOnAndIsTakenOver() throws Exception {
    var files = mountBpf();
    var pin = files.resolve("kith");
    var problems = new ArrayList<String>();
    try (var pod = new GuardedPod(folder)) {
      var policy = KernelGuardTest.policy(Mode.ENFORCE);
      try (var first = open(pin, problems);
          var cgroup = pod.openCgroup()) {
        first.policy(pod.id(), policy, Mode.ENFORCE, pod.id("proxy"), OWN);
        first.attach(pod.id(), cgroup);
        assertThat(pod.app(ATTEMPT)).isEqualTo("EPERM");
      }
      assertThat(problems).isEmpty();
      var older = Files.createDirectory(pin.resolve("guard-v0"));
      Bpf.pin(Bpf.map(Bpf.MapKind.ARRAY, 4, 8, 1), older.resolve("policies"));
      var captures = Files.createDirectory(pin.resolve("v1-1"));
      assertThat(pod.app(ATTEMPT)).as("without a bridge").isEqualTo("EPERM");
      assertThat(pod.app("print tcp('198.18.1.1', 443);")).isEqualTo("proxy");

      try (var second = open(pin, problems);
          var cgroup = pod.openCgroup()) {
        assertThat(second.guarded()).containsExactly(pod.id());
        assertThat(older).as("of an older layout").doesNotExist();
        assertThat(captures).as("not the guard's").exists();
        assertThat(second.isAttached(pod.id())).isFalse();
        assertThat(second.totals(pod.id()).byReason())
            .hasEntrySatisfying(GuardReason.UDP, udp -> assertThat(udp.refused()).isEqualTo(2));
        second.attach(pod.id(), cgroup);
        assertThat(pod.app(ATTEMPT)).as("taken over").isEqualTo("EPERM");
        // Rules of the bridge before that this one does not want are gone.
        second.policy(pod.id(), GuardPolicy.unspoken(1_337), Mode.ENFORCE, pod.id("proxy"), OWN);
        assertThat(pod.app("print udp('198.18.7.1', 8125);")).isEqualTo("EPERM");

        var peers = pin.resolve("guard-v1/peers-" + pod.id());
        assertThat(peers).exists();
        second.detach(pod.id());
        assertThat(pod.app(ATTEMPT)).as("ended").isEqualTo("world");
        assertThat(second.guarded()).isEmpty();
        assertThat(peers).doesNotExist();
      }
      assertThat(problems).isEmpty();
    } finally {
      mount("umount", files.toString());
    }
  }

  /** A bridge that could not attach one program took away what the bridge before had attached. */
  @Test
  void guard_nextBridgeCannotAttach_goesOn() throws Exception {
    var files = mountBpf();
    var pin = files.resolve("kith");
    var problems = new ArrayList<String>();
    try (var pod = new GuardedPod(folder)) {
      try (var first = open(pin, problems);
          var cgroup = pod.openCgroup()) {
        first.policy(
            pod.id(), KernelGuardTest.policy(Mode.ENFORCE), Mode.ENFORCE, pod.id("proxy"), OWN);
        first.attach(pod.id(), cgroup);
      }
      // Of six programs one has to be attached anew, to what is no cgroup.
      var incoming = pin.resolve("guard-v1/packet-in-" + pod.id());
      Files.delete(incoming);

      try (var second = open(pin, problems);
          var noCgroup = Descriptor.open(folder.toString());
          var cgroup = pod.openCgroup()) {
        assertThatThrownBy(() -> second.attach(pod.id(), noCgroup))
            .isInstanceOf(KernelException.class);
        assertThat(second.isAttached(pod.id())).isFalse();
        assertThat(pod.app(ATTEMPT)).isEqualTo("EPERM");
        assertThat(second.guarded()).containsExactly(pod.id());
        assertThat(incoming).doesNotExist();

        second.attach(pod.id(), cgroup);
        assertThat(pod.app(ATTEMPT)).as("at the next look").isEqualTo("EPERM");
        assertThat(incoming).exists();

        second.detach(pod.id());
        assertThatThrownBy(() -> second.attach(pod.id(), noCgroup))
            .isInstanceOf(KernelException.class);
        assertThat(pin.resolve("guard-v1/peers-" + pod.id())).as("nobody's").doesNotExist();
      }
      assertThat(problems).isEmpty();
    } finally {
      mount("umount", files.toString());
    }
  }

  /** As after one of a version that does not know them, which ends what it guarded without them. */
  @Test
  void open_tablesOfCgroupsThatNobodyGuards_areForgotten() throws Exception {
    var files = mountBpf();
    var pin = files.resolve("kith");
    var problems = new ArrayList<String>();
    try (var pod = new GuardedPod(folder)) {
      try (var first = open(pin, problems);
          var cgroup = pod.openCgroup()) {
        first.attach(pod.id(), cgroup);
      }
      var peers = pin.resolve("guard-v1/peers-" + pod.id());
      open(pin, problems).close();
      assertThat(peers).as("of one that is guarded").exists();
      try (var names = Files.newDirectoryStream(pin.resolve("guard-v1"), "*-" + pod.id())) {
        for (var name : names) {
          if (!name.equals(peers)) {
            Files.delete(name);
          }
        }
      }

      open(pin, problems).close();

      assertThat(peers).doesNotExist();
      assertThat(pin.resolve("guard-v1/peers")).as("that of all").exists();
      assertThat(problems).isEmpty();
    } finally {
      mount("umount", files.toString());
    }
  }

  /** The second bridge once observed what the first enforced, until a server had spoken to it. */
  @Test
  void guard_nextBridge_enforcesBeforeAServerHasSpoken_andFollowsItThen() throws Exception {
    folder.toFile().setReadable(true, false);
    var files = mountBpf();
    var settings =
        KithConfig.parse(
                "kith.yaml",
                "bridge: {pin: %s/kith, status: %s/status.sock}".formatted(files, folder),
                Map.of())
            .bridge();
    try (var pod = new GuardedPod(folder)) {
      var enforce = KernelGuardTest.policy(Mode.ENFORCE);
      try (var first = Bridge.start(settings, ProcessIdentities.NONE)) {
        first.guard().said("server", Map.of(pod.podId(), enforce));
        await(first, pod, "enforce");
        assertThat(pod.app(ATTEMPT)).isEqualTo("EPERM");
        try (var second = Bridge.start(settings, ProcessIdentities.NONE)) {
          assertThat(second.guardProblems()).singleElement().asString().contains("another bridge");
        }
      }

      try (var next = Bridge.start(settings, ProcessIdentities.NONE)) {
        await(next, pod, "enforce, as the bridge before was told");
        assertThat(pod.app(ATTEMPT)).isEqualTo("EPERM");

        var observe = Map.of(pod.podId(), KernelGuardTest.policy(Mode.OBSERVE));
        next.guard().said("server", observe);
        await(next, pod, "observe");
        assertThat(pod.app(ATTEMPT)).isEqualTo("world");
      }
    } finally {
      mount("umount", files.toString());
    }
  }

  private static void await(Bridge bridge, GuardedPod pod, String words) throws Exception {
    var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    var id = pod.podId();
    while (bridge.guard().states().stream()
        .noneMatch(state -> state.pod().equals(id) && state.words().equals(words))) {
      assertThat(System.nanoTime()).as("%s: %s", words, bridge.guard().states()).isLessThan(end);
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }
}
