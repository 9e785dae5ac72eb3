package io.kith.bridge.ffm;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(600)
class HostCgroupsTest {
  private static final int SELF = (int) ProcessHandle.current().pid();

  @Test
  void of_ownProcess_isWhatTheKernelSays() throws Exception {
    try (var cgroups = HostCgroups.open()) {
      assertThat(cgroups.of(SELF)).isEqualTo(Files.readString(Path.of("/proc/self/cgroup")));
      assertThat(cgroups.problem()).isEmpty();
    }
  }

  @Test
  void of_processThatIsGone_isEmpty() throws Exception {
    var gone = new ProcessBuilder("true").start();
    gone.waitFor();
    try (var cgroups = HostCgroups.open()) {
      assertThat(cgroups.of((int) gone.pid())).isEmpty();
    }
  }

  /** In which the bridge is when it runs in a container: everything else seems to be elsewhere. */
  @Test
  @Tag("root")
  void of_anotherNamespace_isReadInIt() throws Exception {
    var folder = Files.createTempDirectory("kg");
    var script =
        """
        mount -t cgroup2 none %1$s && mkdir -p %1$s/kith-test && echo $$ > %1$s/kith-test/cgroup.procs &&
          exec unshare -C sh -c 'echo ready; exec sleep 1000'
        """
            .formatted(folder);
    var process = new ProcessBuilder("unshare", "-m", "sh", "-c", script).start();
    try (var reader = process.inputReader()) {
      assertThat(reader.readLine()).isEqualTo("ready");
      var pid = (int) process.pid();
      try (var hosts = HostCgroups.open();
          var others = HostCgroups.entered("/proc/" + pid + "/ns/cgroup")) {
        assertThat(hosts.of(pid)).contains("0::/kith-test");
        assertThat(others.of(pid)).contains("0::/\n");
        assertThat(others.of(SELF)).contains("0::/..");
        assertThat(others.problem()).isEmpty();
      }
    } finally {
      process.destroyForcibly().waitFor();
      new ProcessBuilder(
              "unshare",
              "-m",
              "sh",
              "-c",
              "mount -t cgroup2 none " + folder + " && rmdir " + folder + "/kith-test")
          .inheritIO()
          .start()
          .waitFor();
      Files.delete(folder);
    }
  }

  @Test
  void entered_whatIsNoNamespace_readsAsItIs_andSaysSo() {
    try (var cgroups = HostCgroups.entered("/proc/self/exe")) {
      assertThat(cgroups.problem()).startsWith("enter the host's cgroup namespace: ");
      assertThat(cgroups.of(SELF)).isNotEmpty();
    }
  }
}
