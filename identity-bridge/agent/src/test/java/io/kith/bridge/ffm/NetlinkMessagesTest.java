package io.kith.bridge.ffm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NetlinkMessagesTest {
  private static final Tuple REPLY =
      new Tuple(IpAddress.parse("127.0.0.1"), 15_001, IpAddress.parse("10.1.2.3"), 40_000);
  private static final Tuple REPLY6 =
      new Tuple(IpAddress.parse("::1"), 15_001, IpAddress.parse("fd00::3"), 40_000);

  @Test
  void conntrackRequest_v4_isTheReplyTuple() {
    assertThat(HexFormat.of().formatHex(Conntrack.request(REPLY)))
        .isEqualTo(
            "02000000" // family
                + "34000280" // CTA_TUPLE_REPLY, nested, 52 bytes
                + "14000180"
                + "08000100"
                + "7f000001"
                + "08000200"
                + "0a010203"
                + "1c000280"
                + "05000100"
                + "06000000"
                + "06000200"
                + "3a990000"
                + "06000300"
                + "9c400000");
  }

  @Test
  void conntrackAnswer_whatWasAsked_isReadBack() {
    for (var tuple : new Tuple[] {REPLY, REPLY6}) {
      var request = Conntrack.request(tuple);
      // The same tuple under the type of the original one (1 instead of 2).
      request[6] = 1;

      var answer = ByteBuffer.wrap(request).order(ByteOrder.nativeOrder());
      assertThat(Conntrack.originalOf(answer)).isEqualTo(tuple);
    }
  }

  @Test
  void conntrackChange_v4_isTheFlagOfTheOriginalDirection() {
    assertThat(HexFormat.of().formatHex(Conntrack.reopening(Conntrack.request(REPLY))))
        .isEqualTo(
            HexFormat.of().formatHex(Conntrack.request(REPLY))
                + "10000480" // CTA_PROTOINFO, nested, 16 bytes
                + "0c000180"
                + "06000400"
                + "04040000"); // CLOSE_INIT, of CLOSE_INIT
  }

  @Test
  void conntrackAnswer_garbage_isNothing() {
    var random = new Random(11);
    for (var i = 0; i < 20_000; i++) {
      var bytes = Conntrack.reopening(Conntrack.request(REPLY));
      bytes[6] = 1;
      for (var flips = 0; flips < 3; flips++) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      // Whatever comes out, nothing is thrown and nothing is read outside of the answer.
      Conntrack.originalOf(
          ByteBuffer.wrap(bytes, 0, random.nextInt(bytes.length))
              .slice()
              .order(ByteOrder.nativeOrder()));
    }
  }

  @Test
  void sockDiagRequest_isExactlyTheConnection() {
    var tuple = new Tuple(IpAddress.parse("10.1.2.3"), 40_000, IpAddress.parse("10.9.9.9"), 5_432);

    assertThat(HexFormat.of().formatHex(SockDiag.request(tuple)))
        .isEqualTo(
            "02060000ffffffff9c401538"
                + "0a010203000000000000000000000000"
                + "0a090909000000000000000000000000"
                + "00000000ffffffffffffffff");
  }

  @Test
  void sockDiagAnswer_connection_hasItsInodeAndUser() {
    assertThat(SockDiag.found(diagAnswer(1))).isEqualTo(new SockDiag.Found(0xffff_fff0L, 1000));
  }

  /** Where no connection is, the kernel answers with who listens on the near port. */
  @Test
  void sockDiagAnswer_listenerOrCutOff_isNothing() {
    assertThat(SockDiag.found(diagAnswer(10))).isNull();
    assertThat(SockDiag.found(diagAnswer(1).limit(71))).isNull();
  }

  private static ByteBuffer diagAnswer(int state) {
    var answer = ByteBuffer.allocate(72).order(ByteOrder.nativeOrder());
    return answer.put(1, (byte) state).putInt(64, 1000).putInt(68, 0xffff_fff0);
  }

  /** Its number may belong to another file by then. */
  @Test
  void find_closed_isRefused() throws Exception {
    var diag = SockDiag.open();
    diag.close();

    diag.close();

    assertThatThrownBy(() -> diag.find(REPLY))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("the network namespace is gone: EBADF");
  }
}
