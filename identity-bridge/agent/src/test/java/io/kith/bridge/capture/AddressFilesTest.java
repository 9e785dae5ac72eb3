package io.kith.bridge.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.IpAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AddressFilesTest {
  @Test
  void v4_localAddresses_withoutBroadcastNeighboursAndOtherTables_andLoopbackWhenAsked() {
    var file =
        """
        Main:
          +-- 0.0.0.0/0 3 0 5
             |-- 0.0.0.0
                /0 universe UNICAST
             +-- 10.88.0.0/16 2 0 2
                |-- 10.88.0.0
                   /24 link UNICAST
                |-- 10.88.0.7
                   /32 host LOCAL
                |-- 10.88.0.255
                   /32 link BROADCAST
             +-- 127.0.0.0/8 2 0 2
                |-- 127.0.0.1
                   /32 host LOCAL
        Local:
                |-- 10.88.0.7
                   /32 host LOCAL
        Id 99:
             |-- 203.0.113.9
                /32 host LOCAL
        """;

    assertThat(AddressFiles.v4(file, false)).containsExactly(IpAddress.parse("10.88.0.7"));
    assertThat(AddressFiles.v4(file, true))
        .containsExactlyInAnyOrder(IpAddress.parse("10.88.0.7"), IpAddress.parse("127.0.0.1"));
  }

  @Test
  void v6_globalAddressesOnly_andLoopbackWhenAsked() {
    var file =
        """
        00000000000000000000000000000001 01 80 10 80       lo
        fe80000000000000a8bb4efffe0d9c11 02 40 20 80     eth0
        fd880000000000000000000000000007 02 40 00 80     eth0
        """;

    assertThat(AddressFiles.v6(file, false)).containsExactly(IpAddress.parse("fd88::7"));
    assertThat(AddressFiles.v6(file, true))
        .containsExactlyInAnyOrder(IpAddress.parse("fd88::7"), IpAddress.parse("::1"));
  }

  @Test
  void v4AndV6_emptyOrBroken_areNothing() {
    assertThat(AddressFiles.v4("", true)).isEmpty();
    assertThat(AddressFiles.v4("/32 host LOCAL\n|--\n", true)).isEmpty();
    assertThat(AddressFiles.v4("  |-- 10.88.0.7\n     /32 host LOCAL\n", true)).isEmpty();
    assertThat(AddressFiles.v6("\nfd88 02\n", true)).isEmpty();
  }

  @Test
  void cgroupRoot_hybridHost_isTheUnifiedTree() throws Exception {
    var mounts =
        """
        tmpfs /sys/fs/cgroup tmpfs rw 0 0
        cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
        """;

    assertThat(CgroupRoot.of(mounts)).contains(Path.of("/sys/fs/cgroup/unified"));
  }

  @Test
  void cgroupRoot_noTree_isEmpty() {
    assertThat(CgroupRoot.of("proc /proc proc rw 0 0\n")).isEmpty();
  }

  @Test
  void cgroupRoot_folderThatIsNone_saysWhatToDo(@TempDir Path folder) {
    assertThatThrownBy(() -> CgroupRoot.open(folder))
        .hasMessage(
            folder
                + " is not a cgroup v2 tree (name its root: bridge.cgroup, or leave it at auto)");
  }

  @Test
  void cgroupRoot_partOfTheTree_isRefused(@TempDir Path folder) throws Exception {
    Files.createFile(folder.resolve("cgroup.procs"));
    Files.createFile(folder.resolve("cgroup.events"));

    assertThatThrownBy(() -> CgroupRoot.open(folder))
        .hasMessageContaining("is a part of the cgroup tree only")
        .hasMessageContaining("host's cgroup namespace");
  }
}
