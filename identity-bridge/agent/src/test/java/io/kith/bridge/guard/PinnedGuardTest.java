package io.kith.bridge.guard;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Btf;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
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

  @Test
  void guard_bridgeGone_goesOnAndIsTakenOver() throws Exception {
    folder.toFile().setExecutable(true, false);
    var files = Files.createDirectory(folder.resolve("bpf"));
    var pin = files.resolve("kith");
    var problems = new ArrayList<String>();
    mount("mount", "-t", "bpf", "bpf", files.toString());
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

        second.detach(pod.id());
        assertThat(pod.app(ATTEMPT)).as("ended").isEqualTo("world");
        assertThat(second.guarded()).isEmpty();
      }
      assertThat(problems).isEmpty();
    } finally {
      mount("umount", files.toString());
    }
  }
}
