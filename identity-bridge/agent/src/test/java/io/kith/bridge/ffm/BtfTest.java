package io.kith.bridge.ffm;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BtfTest {
  /*
   *  1 int
   *  2 struct { int b @32 }            (anonymous)
   *  3 struct task { int a @0; (2) @64; int c @128 }   24 bytes
   */
  private static byte[] types() {
    var names = "\0int\0a\0b\0c\0task\0".getBytes(US_ASCII);
    var types = ByteBuffer.allocate(16 + 24 + 48).order(ByteOrder.LITTLE_ENDIAN);
    types.putInt(1).putInt(1 << 24).putInt(4).putInt(32);
    types.putInt(0).putInt(4 << 24 | 1).putInt(8);
    types.putInt(7).putInt(1).putInt(32);
    types.putInt(11).putInt(4 << 24 | 3).putInt(24);
    types.putInt(5).putInt(1).putInt(0);
    types.putInt(0).putInt(2).putInt(64);
    types.putInt(9).putInt(1).putInt(128);
    var all = ByteBuffer.allocate(24 + 88 + names.length).order(ByteOrder.LITTLE_ENDIAN);
    all.putShort((short) 0xeb9f).put((byte) 1).put((byte) 0).putInt(24);
    all.putInt(0).putInt(88).putInt(88).putInt(names.length);
    return all.put(types.array()).put(names).array();
  }

  @Test
  void offsetOf_memberOfAnonymousStruct_isCounted() {
    var btf = Btf.of(types());

    assertThat(btf.offsetOf("task", "a")).isEqualTo(0);
    assertThat(btf.offsetOf("task", "b")).isEqualTo(8 + 4);
    assertThat(btf.offsetOf("task", "newer_name", "c")).isEqualTo(16);
    assertThat(btf.sizeOf("task")).isEqualTo(24);
    assertThat(btf.has("task", "d")).isFalse();
  }

  @Test
  void offsetOf_nothingThere_saysWhat() {
    var btf = Btf.of(types());

    assertThatThrownBy(() -> btf.offsetOf("task", "d", "e"))
        .hasMessage("this kernel's struct task has none of the members [d, e]");
    assertThatThrownBy(() -> btf.offsetOf("inode", "i_ino"))
        .hasMessage("this kernel has no struct inode");
  }

  @Test
  void functionId_nameOfAFunction_isItsNumber() {
    var names = "\0far\0farther\0".getBytes(US_ASCII);
    var all = ByteBuffer.allocate(24 + 36 + names.length).order(ByteOrder.LITTLE_ENDIAN);
    all.putShort((short) 0xeb9f).put((byte) 1).put((byte) 0).putInt(24);
    all.putInt(0).putInt(36).putInt(36).putInt(names.length);
    all.putInt(1).putInt(4 << 24).putInt(24); // struct far
    all.putInt(5).putInt(12 << 24).putInt(0); // the function farther
    all.putInt(1).putInt(12 << 24).putInt(0); // the function far
    var btf = Btf.of(all.put(names).array());

    assertThat(btf.functionId("far")).isEqualTo(3);
    assertThat(btf.functionId("farther")).isEqualTo(2);
    for (var other : new String[] {"fa", "farthe", "farther ", "farthest and longer than all"}) {
      assertThatThrownBy(() -> btf.functionId(other))
          .hasMessage("this kernel has no function " + other);
    }
  }

  @Test
  void of_cutAnywhere_isRefused() {
    var whole = types();

    for (var length = 0; length < whole.length; length++) {
      var cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> Btf.of(cut))
          .as("%d bytes", length)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void of_garbage_neverLoopsNorFailsInAnyOtherWay() {
    var random = new Random(7);
    for (var i = 0; i < 20_000; i++) {
      var bytes = types();
      for (var flips = 0; flips < 4; flips++) {
        bytes[4 + random.nextInt(bytes.length - 4)] = (byte) random.nextInt();
      }
      try {
        Btf.of(bytes).has("task", "zzz");
      } catch (IllegalArgumentException | IndexOutOfBoundsException expected) {
        assertThat(expected).isNotNull();
      }
    }
  }
}
