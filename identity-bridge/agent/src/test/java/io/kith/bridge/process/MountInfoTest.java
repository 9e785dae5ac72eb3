package io.kith.bridge.process;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class MountInfoTest {
  @Test
  void parse_overlay_hasItsWritableLayer() {
    var mounts =
        MountInfo.parse(
            """
            36 35 0:48 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/var/up,workdir=/w
            37 36 254:1 /vol /data\\040x rw master:1 shared:2 - ext4 /dev/vda1 rw
            """);

    var root = requireNonNull(mounts.root());
    assertThat(root.device()).isEqualTo(new Device(0, 48));
    assertThat(root.upper()).isEqualTo("/var/up");
    var data = requireNonNull(mounts.byId(37));
    assertThat(data.point()).isEqualTo("/data x");
    assertThat(data.inFileSystem("/data x/lib.so")).isEqualTo("/vol/lib.so");
    assertThat(data.covers("/data x/lib.so")).isTrue();
    assertThat(data.covers("/data xy")).isFalse();
  }

  @Test
  void root_mountedTwice_isTheLast() {
    var mounts =
        MountInfo.parse(
            """
            1 0 0:1 / / rw - rootfs rootfs rw
            36 1 0:48 / / rw - overlay overlay rw,upperdir=/up
            """);

    assertThat(mounts.root()).isNotNull().extracting(MountInfo.Mount::id).isEqualTo(36L);
  }

  @Test
  void parse_writableLayerWithStrangeName_isNotUsed() {
    var mounts =
        MountInfo.parse(
            """
            36 1 0:48 / / rw - overlay o rw,upperdir=relative/up
            37 1 0:49 / /b rw - overlay o rw,upperdir=/a\\134,b
            38 1 0:50 / /c rw - tmpfs o rw,upperdir=/up
            """);

    assertThat(mounts.mounts()).extracting(MountInfo.Mount::upper).containsOnlyNulls();
  }

  @Test
  void parse_layersBelow_areInTheirOrder() {
    var mounts =
        MountInfo.parse(
            """
            36 1 0:48 / / rw - overlay o rw,lowerdir=l/B:/a\\040b,upperdir=/up/1/diff
            37 1 0:49 / /b rw - overlay o rw,lowerdir+=/c,lowerdir+=/d,datadir+=/e,upperdir=/up
            38 1 0:50 / /c rw - overlay o rw,lowerdir=/f\\134:g:/h
            39 1 0:51 / /d rw - overlay o rw,lowerdir=/f::/h
            40 1 0:52 / /e rw - tmpfs o rw,lowerdir=/f
            """);

    assertThat(mounts.mounts())
        .extracting(MountInfo.Mount::lowers)
        .containsExactly(
            List.of("l/B", "/a b"), List.of("/c", "/d"), List.of(), List.of(), List.of());
  }

  @Test
  void parse_brokenLines_areLeftOut() {
    var mounts = MountInfo.parse("\n1 2\n1 2 x:y / / rw - t s o\n1 2 3 / / rw - t s o\nx - y\n");

    assertThat(mounts.mounts()).isEmpty();
  }

  @Test
  void unescaped_octal_isTheByte() {
    assertThat(MountInfo.unescaped("a\\012b\\134\\303\\251\\9\\01")).isEqualTo("a\nb\\é\\9\\01");
  }
}
