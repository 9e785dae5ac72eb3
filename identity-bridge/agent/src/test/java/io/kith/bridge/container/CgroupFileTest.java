package io.kith.bridge.container;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.container.Placement.In;
import io.kith.bridge.container.Placement.Outside;
import io.kith.bridge.container.Placement.Unclear;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CgroupFileTest {
  private static final String ID =
      "845ede61c07488e915da31a3c2ff414dcf9446727a726e4029c9ba6c245d5815";
  private static final String OTHER = "f".repeat(64);
  private static final String UID = "2f0c1d3e-4a5b-6c7d-8e9f-0a1b2c3d4e5f";
  private static final String SLICE = UID.replace('-', '_');

  private static String filled(String path) {
    return path.replace("POD", UID)
        .replace("SLICE", SLICE)
        .replace("ID", ID)
        .replace("OTHER", OTHER);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/docker/ID",
        "/docker/ID (deleted)",
        "/docker/ID/init.scope",
        "/system.slice/docker-ID.scope",
        "/libpod_parent/libpod-ID",
        "/machine.slice/libpod-ID.scope/container",
        "/machine.slice/machine-libpod_pod_OTHER.slice/libpod-ID.scope",
        "/kubepods/podPOD/ID",
        "/kubepods/burstable/podPOD/ID",
        "/kubepods/besteffort/podPOD/crio-ID",
        "/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/ID",
        "/kubepods.slice/kubepods-podSLICE.slice/cri-containerd-ID.scope",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSLICE.slice/crio-ID.scope",
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podSLICE.slice/docker-ID.scope",
        "/kubelet/kubepods/besteffort/podPOD/ID",
        "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
            + "kubelet-kubepods-besteffort-podSLICE.slice/cri-containerd-ID.scope",
        "/system.slice/containerd.service/kubepods-burstable-podSLICE.slice:cri-containerd:ID",
        "/kubepods-podSLICE.slice:cri-containerd:ID",
        // kind within Docker: the host's runtime made the outer one
        "/docker/ID/kubelet/kubepods/besteffort/podPOD/OTHER",
        "/system.slice/docker-ID.scope/kubelet.slice/docker-OTHER.scope",
      })
  void placement_containerOfARuntime_isIt(String path) {
    assertThat(CgroupFile.placement("0::" + filled(path))).isEqualTo(new In(ID));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/",
        "/ID",
        "/docker/ID0",
        "/docker/abc",
        "/docker-ID.scope",
        "/user.slice/user-1000.slice/user@1000.service/docker-ID.scope",
        "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
        "/user.slice/user-1000.slice/user@1000.service/docker/ID",
        "/system.slice/evil.service/system.slice/docker-ID.scope",
        "/system.slice/evil.service/kubepods/podPOD/ID",
        "/kubepods.slice/kubepods-podSLICE.slice/crio-conmon-ID.scope",
        "/kubepods.slice/kubepods-podSLICE.slice/libpod-ID.scope",
        "/kubepods/podPOD",
        "/kubepods/podPOD/ID:x",
        "/kubepods/podnot-a-uid/ID",
        "/kubepods/pod2f0c1d3e-4a5b_6c7d-8e9f-0a1b2c3d4e5f/ID",
        "/machine.slice/libpod-conmon-ID.scope",
      })
  void placement_anythingElse_isOutside(String path) {
    assertThat(CgroupFile.placement("0::" + filled(path))).isEqualTo(new Outside());
  }

  @Test
  void placement_hierarchiesOfVersion1_mustAgree() {
    var hybrid = "3:cpuset:/\n2:cpu,cpuacct:/docker/" + ID + "\n1:memory:/docker/" + ID + "\n0::/";
    var torn = "2:cpu:/docker/" + ID + "\n1:memory:/docker/" + OTHER + "\n0::/";
    var forged = "1:name=systemd:/docker/" + OTHER + "\n0::/docker/" + ID;

    assertThat(CgroupFile.placement(hybrid)).isEqualTo(new In(ID));
    assertThat(CgroupFile.placement(torn)).isInstanceOf(Unclear.class);
    assertThat(CgroupFile.placement(forged)).isInstanceOf(Unclear.class);
  }

  @Test
  void placement_pathsOutOfOurNamespace_areUnclear() {
    assertThat(CgroupFile.placement("0::/../cri-containerd-" + ID + ".scope"))
        .isEqualTo(new Unclear("the bridge is not in the cgroup namespace of the host"));
  }

  @Test
  void placement_processThatIsGone_isOutside() {
    assertThat(CgroupFile.placement("")).isEqualTo(new Outside());
    assertThat(CgroupFile.placement("\n:\n0:")).isEqualTo(new Outside());
  }
}
