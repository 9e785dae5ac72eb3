package io.kith.bridge.guard;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class DnsMessageTest {
  /** A message under construction. */
  static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private int answers;

    static Message about(String name) {
      var message = new Message();
      message.numbers(0x1234, 0x8180, 1, 0, 0, 0);
      message.name(name).numbers(1, 1);
      return message;
    }

    Message numbers(int... numbers) {
      for (var number : numbers) {
        out.write(number >> 8);
        out.write(number);
      }
      return this;
    }

    Message name(String name) {
      for (var label : name.isEmpty() ? new String[0] : name.split("\\.", -1)) {
        out.write(label.length());
        out.writeBytes(label.getBytes(US_ASCII));
      }
      out.write(0);
      return this;
    }

    /** A record that belongs to the name at the beginning of the question. */
    Message record(int type, int ttl, byte[] data) {
      answers++;
      return numbers(0xc00c, type, 1, ttl >> 16, ttl, data.length).bytes(data);
    }

    Message recordOf(String owner, int type, int ttl, byte[] data) {
      answers++;
      return name(owner).numbers(type, 1, ttl >> 16, ttl, data.length).bytes(data);
    }

    Message bytes(byte[] bytes) {
      out.writeBytes(bytes);
      return this;
    }

    byte[] done() {
      var bytes = out.toByteArray();
      bytes[7] = (byte) answers;
      return bytes;
    }
  }

  private static byte[] nameBytes(String name) {
    var message = new Message();
    message.name(name);
    return message.out.toByteArray();
  }

  private static @Nullable DnsAnswer read(byte[] message) {
    return DnsMessage.answer(message, 0, message.length);
  }

  private static byte[] v4(String address) {
    return IpAddress.parse(address).bytes();
  }

  @Test
  void answer_addressesOfBothFamilies_areRead() {
    var message =
        Message.about("API.Example.com")
            .record(1, 60, v4("198.18.1.1"))
            .record(28, 30, v4("2001:db8::1"))
            .done();

    assertThat(read(message))
        .isEqualTo(
            new DnsAnswer(
                "api.example.com",
                List.of(IpAddress.parse("198.18.1.1"), IpAddress.parse("2001:db8::1")),
                30));
  }

  @Test
  void answer_aliases_areFollowedInAnyOrder() {
    var message =
        Message.about("www.example.com")
            .recordOf("b.example.net", 1, 20, v4("198.18.1.3"))
            .recordOf("a.example.net", 5, 300, nameBytes("b.example.net"))
            .record(5, 300, nameBytes("a.example.net"))
            .done();

    var answer = requireNonNull(read(message));
    assertThat(answer.name()).isEqualTo("www.example.com");
    assertThat(answer.addresses()).containsExactly(IpAddress.parse("198.18.1.3"));
  }

  @Test
  void answer_addressOfAnotherName_isNotBelieved() {
    var message =
        Message.about("www.example.com")
            .recordOf("bank.example.com", 1, 60, v4("198.18.1.3"))
            .done();

    assertThat(read(message)).isNull();
  }

  @Test
  void answer_questionsErrorsAndOtherRecords_tellNothing() {
    var question = Message.about("a.example").record(1, 60, v4("198.18.1.1")).done();
    question[2] = 0x01;
    assertThat(read(question)).isNull();
    var refused = Message.about("a.example").record(1, 60, v4("198.18.1.1")).done();
    refused[3] = (byte) 0x83;
    assertThat(read(refused)).isNull();
    assertThat(read(Message.about("a.example").record(16, 60, new byte[4]).done())).isNull();
    assertThat(read(Message.about("a.example").record(1, 60, new byte[5]).done())).isNull();
    assertThat(read(Message.about("").record(1, 60, v4("198.18.1.1")).done())).isNull();
  }

  @Test
  void answer_pointersInACircle_areMalformed() {
    var message = Message.about("a.example").record(1, 60, v4("198.18.1.1")).done();
    message[12] = (byte) 0xc0;
    message[13] = 12;
    assertThat(read(message)).isNull();
  }

  @Test
  void answer_namesThatAreNone_areMalformed() {
    assertThat(read(Message.about("a b.example").record(1, 60, v4("198.18.1.1")).done())).isNull();
    assertThat(read(Message.about("\u001b[2J.example").record(1, 60, v4("198.18.1.1")).done()))
        .isNull();
    var labels = String.join(".", Collections.nCopies(64, "abcd"));
    assertThat(read(Message.about(labels).record(1, 60, v4("198.18.1.1")).done())).isNull();
  }

  @Test
  void answer_lifetimeWithItsHighestBit_isNone() {
    var answer =
        requireNonNull(read(Message.about("a.example").record(1, -1, v4("198.18.1.1")).done()));
    assertThat(answer.ttlSeconds()).isZero();
  }

  @Test
  void answer_cutAnywhere_isReadOrLeft() {
    var whole =
        Message.about("www.example.com")
            .record(5, 300, nameBytes("a.example.net"))
            .recordOf("a.example.net", 1, 20, v4("198.18.1.3"))
            .done();
    assertThat(read(whole)).isNotNull();
    for (var length = 0; length < whole.length; length++) {
      assertThat(read(Arrays.copyOf(whole, length))).as("%d bytes", length).isNull();
    }
  }

  @Test
  void answer_anyBytes_neverThrow() {
    var random = new Random(5);
    var whole =
        Message.about("www.example.com")
            .record(5, 300, nameBytes("a.example.net"))
            .recordOf("a.example.net", 1, 20, v4("198.18.1.3"))
            .done();
    for (var i = 0; i < 200_000; i++) {
      var bytes = i % 2 == 0 ? whole.clone() : new byte[random.nextInt(200)];
      if (i % 2 == 0) {
        for (var j = random.nextInt(6); j >= 0; j--) {
          bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
      } else {
        random.nextBytes(bytes);
      }
      var answer = read(bytes);
      if (answer != null) {
        assertThat(answer.name()).matches("[a-z0-9_.-]{1,253}");
      }
    }
  }
}
