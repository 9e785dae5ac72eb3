package io.kith.bridge.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.Tuple;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TablesTest {
  @TempDir private Path folder;

  /** With 64 processors the reserves of 110 pods took more memory than the bridge may. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 5, 8, 64, 128, 1_024})
  void reserve_ofTwoHundredFiftyPods_allHaveOneWithinTheBound(int processors) {
    var used = 0L;
    for (var pod = 1; pod <= 250; pod++) {
      var entries = Tables.reserve(processors, used);
      assertThat(entries).isBetween(1_024, 2_048);
      used += (long) entries * Tables.ENTRY_BYTES;
      if (pod == 100) {
        assertThat(entries).isEqualTo(Math.clamp(256L * processors, 1_024, 2_048));
      }
    }
    assertThat(used).isLessThanOrEqualTo(Tables.RESERVES_BYTES);
  }

  /** Networks are made by whoever runs in a pod, as many as he likes. */
  @Test
  void reserve_ofAnyNumber_staysWithinTheBound() {
    var used = 0L;
    while (Tables.reserve(128, used) > 0) {
      used += (long) Tables.reserve(128, used) * Tables.ENTRY_BYTES;
      assertThat(used).isLessThanOrEqualTo(Tables.RESERVES_BYTES);
    }
    assertThat(Tables.reserve(128, Tables.RESERVES_BYTES)).isZero();
  }

  /** Those that were made before the failure were filled and never read. */
  @Tag("root")
  @Test
  void reserveFor_oneIsRefused_theOthersAreRead() throws Exception {
    mount("mount", "-t", "bpf", "bpf", folder.toString());
    var problems = new ArrayList<String>();
    var pins = Pins.at(folder.resolve("kith"), "capture", "v", "1-1", problems);
    try (var tables = Tables.open(pins, 1_024)) {
      var names = folder.resolve("kith/v1-1");
      Files.createDirectory(names.resolve("reserve-6")); // which is no map
      var tuple =
          new Tuple(IpAddress.parse("10.0.0.1"), 40_000, IpAddress.parse("198.18.1.1"), 443);

      assertThatThrownBy(() -> tables.reserveFor(Set.of(5L, 6L, 7L)))
          .isInstanceOf(KernelException.class)
          .hasMessageContaining("reserve-6");

      for (var cookie : new long[] {5, 7}) {
        var key = OwnerRecord.key(cookie, tuple);
        try (var reserve = Objects.requireNonNull(Bpf.pinned(names.resolve("reserve-" + cookie)))) {
          Bpf.put(reserve, key, new byte[OwnerRecord.BYTES]);
        }
        assertThat(tables.owner(cookie, key)).as("%d", cookie).isNotNull();
      }
      tables.reserveFor(Set.of(7L));
      assertThat(tables.owner(5, OwnerRecord.key(5, tuple))).isNull();
      assertThat(tables.owner(7, OwnerRecord.key(7, tuple))).isNotNull();
      assertThat(problems).isEmpty();
    } finally {
      mount("umount", folder.toString());
    }
  }

  private static void mount(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }
}
