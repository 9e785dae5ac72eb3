package io.kith.baselines.yaml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
  @Test
  void write_anyOrder_isOneText() {
    var value = Map.of("b", List.of(1, 2L, true), "a", Map.of(), "c", List.of(), "ä", "x\"\\\n");

    assertThat(Json.write(value))
        .isEqualTo("{\"a\":{},\"b\":[1,2,true],\"c\":[],\"ä\":\"x\\\"\\\\\\u000a\"}");
  }

  /** What no Unicode knows yet was escaped, and the next one may know it. */
  @ParameterizedTest
  @ValueSource(ints = {0x10000, 0x1f525, 0x1fffe, 0x10ffff})
  void write_aboveTheBasicPlane_isAsItIs_inEveryEditionOfUnicode(int codePoint) {
    var c = Character.toString(codePoint);

    assertThat(Json.write(Map.of(c, "\"" + c))).isEqualTo("{\"" + c + "\":\"\\\"" + c + "\"}");
  }

  @ParameterizedTest
  @CsvSource({
    "'{\"a\":\"\\ud83f\\udffe\"}', \ud83f\udffe",
    "'{\"a\":\"x\\\\\\ud83f\\udffe\\u000a\"}', 'x\\\ud83f\udffe\n'",
    "'{\"a\":\"\\ud83f\"}', \ud83f"
  })
  void read_whatWasWrittenBefore_isTheSameValue(String before, String value) {
    assertThat(Json.read(before).text("a")).isEqualTo(value);
    assertThat(Json.asBefore(Json.write(Map.of("a", value)))).isEqualTo(before);
  }

  @Test
  void write_aFraction_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Json.write(List.of(1.5)))
        .withMessage(
            "class java.lang.Double (expected: text, a whole number, true, false, a list or a"
                + " map)");
  }

  @Test
  void read_whateverWasWritten_isTheSame() {
    var random = new Random(7);
    for (var i = 0; i < 2_000; i++) {
      var text = new StringBuilder();
      for (var n = random.nextInt(20); n > 0; n--) {
        text.appendCodePoint(
            switch (random.nextInt(4)) {
              case 0 -> random.nextInt(0x80);
              case 1 -> random.nextInt(0x10000); // lone surrogates too
              case 2 -> random.nextInt(0x110000);
              default ->
                  "\u0000\u0085\u2028\ufeff\uffff:#-?{}[],&*!|>'\"%@` \t"
                      .codePointAt(random.nextInt(10));
            });
      }
      var written = Json.write(Map.of("k", text.toString()));

      assertThat(Json.read(written).text("k")).as(written).isEqualTo(text.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "null",
        "{\"a\": 1}",
        "{\"a\":1} ",
        "{\"a\":1}\n",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1,\"a\":1}",
        "{a:1}",
        "a: 1",
        "{\"a\":null}",
        "{\"a\":1.0}",
        "{\"a\":01}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\\uD83F\\uDFFE\"}",
        "{\"a\":\"\\ud83f\udffe\"}",
        "{\"a\":\"\\ud83f\\udffe\\u0041\"}",
        "{\"a\":'x'}",
        "{\"a\":&x [1],\"b\":*x}",
        "{\"a\":!!str 1}",
        "{\"a\":1}\n---\n{\"b\":1}",
        "{\"a\":1} # more",
        "{\"a\":"
      })
  void read_anotherLayoutOrLanguage_isRefused(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> Json.read(text));
  }

  @Test
  void read_whateverIsAccepted_isAsItWouldBeWritten() {
    var random = new Random(11);
    var pieces = "ab\"\\u0041{}[],:-0129 \n\u0085ä\ud83d\ude00\u2028etrufals";
    var written =
        Json.write(
            Map.of(
                "a", "x\"\\\n\u0085ä🔥",
                "b", List.of(0, -1, Long.MIN_VALUE, true, false),
                "c", Map.of("d", "", "e", List.of(), "ä", Map.of())));
    var accepted = 0;
    for (var i = 0; i < 200_000; i++) {
      var text = new StringBuilder(written);
      for (var n = random.nextInt(3); n >= 0; n--) {
        var at = random.nextInt(text.length());
        var piece = random.nextInt(pieces.length());
        switch (random.nextInt(3)) {
          case 0 -> text.setCharAt(at, pieces.charAt(piece));
          case 1 -> text.insert(at, pieces.charAt(piece));
          default -> text.deleteCharAt(at);
        }
      }
      Object read;
      try {
        read = JsonReader.read(text.toString());
      } catch (IllegalArgumentException _) {
        continue;
      }
      accepted++;
      assertThat(Json.write(read)).isEqualTo(text.toString());
    }
    assertThat(accepted).isGreaterThan(1_000);
  }

  @Test
  void read_aMillionBrackets_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Json.read("{\"a\":" + "[".repeat(1_000_000)))
        .withMessage("nested too deep");
  }

  @Test
  void read_aTextOfMegabytes_isRead() {
    var text = "abcd".repeat(2_000_000);

    assertThat(Json.read(Json.write(Map.of("payload", text))).text("payload")).isEqualTo(text);
  }

  @Test
  void accessors_whatIsMissingOrAnother_nameTheKey() {
    var object = Json.read("{\"a\":{\"b\":[{\"c\":1}]},\"d\":\"x\"}");
    var inner = object.object("a").objects("b").getFirst();

    assertThat(inner.integer("c")).isEqualTo(1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> inner.text("c"))
        .withMessage("a.b[0].c: not text");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> inner.text("x"))
        .withMessage("a.b[0].x: missing (expected: text)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> object.only("a"))
        .withMessage("d: unknown (expected: one of [a])");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> object.value("d", Integer::valueOf))
        .withMessage("d: For input string: \"x\"");
  }
}
