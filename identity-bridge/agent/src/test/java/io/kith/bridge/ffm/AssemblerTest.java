package io.kith.bridge.ffm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class AssemblerTest {
  /** Bytes as llvm-objdump shows them for the same instructions. */
  @Test
  void bytes_instructions_areThoseOfTheStandard() {
    var program =
        new Assembler()
            .move(6, 1) // r6 = r1
            .set(0, 1) // r0 = 1
            .add(2, -64) // r2 += -64
            .load32(1, 6, 24) // r1 = *(u32 *)(r6 + 24)
            .store64(10, -8, 1) // *(u64 *)(r10 - 8) = r1
            .bigEndian32(1) // r1 = be32 r1
            .call(14) // call 14
            .exit();

    assertThat(HexFormat.ofDelimiter(" ").formatHex(program.bytes()))
        .isEqualTo(
            "bf 16 00 00 00 00 00 00 "
                + "b7 00 00 00 01 00 00 00 "
                + "07 02 00 00 c0 ff ff ff "
                + "61 61 18 00 00 00 00 00 "
                + "7b 1a f8 ff 00 00 00 00 "
                + "dc 01 00 00 20 00 00 00 "
                + "85 00 00 00 0e 00 00 00 "
                + "95 00 00 00 00 00 00 00");
  }

  @Test
  void bytes_jump_countsInstructionsAndAMapTakesTwo() {
    var program = new Assembler().jumpIfEqual(0, 0, "out").map(1, 7).label("out").exit();

    assertThat(program.size()).isEqualTo(4);
    assertThat(HexFormat.of().formatHex(program.bytes(), 0, 16))
        .isEqualTo("1500020000000000" + "1811000007000000");
  }

  @Test
  void bytes_unknownLabel_isRefused() {
    assertThatThrownBy(() -> new Assembler().jump("nowhere").bytes())
        .hasMessage("no label nowhere");
  }

  @Test
  void bytes_jumpBackwards_isRefused() {
    assertThatThrownBy(() -> new Assembler().label("a").set(0, 0).jump("a").bytes())
        .hasMessageContaining("lies behind");
  }

  @Test
  void label_twice_isRefused() {
    assertThatThrownBy(() -> new Assembler().label("a").label("a")).hasMessageContaining("twice");
  }

  @Test
  void registersAndOffsets_outsideTheirRange_areRefused() {
    assertThatThrownBy(() -> new Assembler().move(11, 0)).hasMessageContaining("expected: 0 to 10");
    assertThatThrownBy(() -> new Assembler().load64(1, 1, 32_768))
        .hasMessageContaining("expected: -32768 to 32767");
  }
}
