package io.kith.bridge.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Tuple;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class OwnerRecordTest {
  @Test
  void key_v4_hasPortsInHostOrderAndZeroesBehindTheAddresses() {
    var tuple = new Tuple(IpAddress.parse("10.1.2.3"), 40_000, IpAddress.parse("10.9.9.9"), 5_432);

    assertThat(HexFormat.of().formatHex(OwnerRecord.key(0x0102, tuple)))
        .isEqualTo(
            "0201000000000000"
                + "0a010203000000000000000000000000"
                + "0a090909000000000000000000000000"
                + "409c"
                + "3815"
                + "06000000");
  }

  @Test
  void key_v6_isNeverThatOfAnIPv4Connection() {
    var v4 = new Tuple(IpAddress.parse("10.1.2.3"), 1, IpAddress.parse("10.1.2.3"), 65_535);
    var v6 = new Tuple(IpAddress.parse("a01:203::"), 1, IpAddress.parse("a01:203::"), 65_535);

    assertThat(OwnerRecord.key(7, v4)).isNotEqualTo(OwnerRecord.key(7, v6));
  }

  @Test
  void isOf_recordOfAnotherKey_isNot() {
    var tuple = new Tuple(IpAddress.parse("10.1.2.3"), 40_000, IpAddress.parse("10.9.9.9"), 5_432);
    var other = new Tuple(IpAddress.parse("10.1.2.3"), 40_000, IpAddress.parse("10.9.9.8"), 5_432);
    var key = OwnerRecord.key(7, tuple);
    var record = record();
    var fields = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
    fields.putLong(OwnerRecord.NETNS, 7);

    assertThat(OwnerRecord.isOf(record, key)).as("of a bridge before there was a check").isTrue();
    fields.putInt(OwnerRecord.CHECK, 0x9d861de3);
    assertThat(OwnerRecord.isOf(record, key)).isTrue();
    assertThat(OwnerRecord.isOf(record, OwnerRecord.key(7, other))).isFalse();
    assertThat(OwnerRecord.isOf(record, OwnerRecord.key(8, tuple))).isFalse();
  }

  @Test
  void owner_readsEachFieldFromItsPlace() {
    var record = record();

    assertThat(OwnerRecord.owner(record, true))
        .isEqualTo(
            new Owner(
                123,
                124,
                1000,
                1001,
                11,
                12,
                new ImageId(0x1000fe, 13, 14, 15, 16, 0, 0x794c7630L, true),
                "payments",
                17,
                18,
                0xf000_0001L,
                19,
                20,
                125));
  }

  @Test
  void number_isNotTheSender() {
    assertThat(OwnerRecord.number(record())).isEqualTo(126);
    assertThat(OwnerRecord.owner(record(), true).senderPid()).isEqualTo(125);
  }

  @Test
  void key_ofAnEarlierOwner_hasASlotOfItsOwn() {
    var tuple = new Tuple(IpAddress.parse("::1"), 1, IpAddress.parse("::2"), 2);
    var key = OwnerRecord.key(7, tuple);

    assertThat(OwnerRecord.key(key, 0)).isNotEqualTo(key).isNotEqualTo(OwnerRecord.key(key, 1));
    assertThat(OwnerRecord.key(key, OwnerRecord.SLOTS - 1)).isNotEqualTo(key);
    assertThat(OwnerRecord.key(key, OwnerRecord.SLOTS + 1)).isEqualTo(OwnerRecord.key(key, 1));
    assertThat(OwnerRecord.key(key, -1)).isEqualTo(OwnerRecord.key(key, OwnerRecord.SLOTS - 1));
  }

  @Test
  void owner_withoutTypesOfTheKernel_hasNoImage() {
    assertThat(OwnerRecord.owner(record(), false).image()).isNull();
  }

  @Test
  void owner_onAnotherFileSystem_isNeverInAnUpperLayer() {
    var record = record();
    ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).putLong(OwnerRecord.MAGIC, 0xef53);

    var image = OwnerRecord.owner(record, true).image();

    assertThat(image).isNotNull().extracting(ImageId::overlayUpper).isEqualTo(false);
  }

  @Test
  void execRecord_readsNamesAndArguments() {
    var record = new byte[ExecRecord.SHORT];
    System.arraycopy(record(), 0, record, 0, OwnerRecord.BYTES);
    put(record, ExecRecord.FILENAME, "./s.sh\0");
    put(record, ExecRecord.INTERPRETER, "/bin/bash\0");
    put(record, ExecRecord.ARGUMENTS, "/bin/bash\0./s.sh\0a b\0\0");
    ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).putLong(ExecRecord.ARGUMENT_BYTES, 22);

    var exec = ExecRecord.exec(record);

    assertThat(exec.filename()).isEqualTo("./s.sh");
    assertThat(exec.interpreter()).isEqualTo("/bin/bash");
    assertThat(exec.line()).isEqualTo("/bin/bash\0./s.sh\0a b\0");
    assertThat(exec.truncated()).isFalse();
  }

  @Test
  void forkRecord_ofAProgramOfBefore_hasNoStartOfTheParent() {
    var record =
        ByteBuffer.allocate(ForkRecord.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(1_000)
            .putLong(7)
            .putLong(500L << 32 | 501)
            .array();

    assertThat(ForkRecord.fork(record)).isEqualTo(new Fork(1_000, 7, 500, 0));
  }

  @Test
  void execRecord_thatIsLong_isReadToItsEnd() {
    var record = new byte[ExecRecord.LONG];
    put(record, ExecRecord.ARGUMENTS, "perl\0" + "a".repeat(1_000) + "\0/srv/app.pl\0");
    ByteBuffer.wrap(record)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(ExecRecord.ARGUMENT_BYTES, 5 + 1_001 + 12);

    var exec = ExecRecord.exec(record);

    assertThat(exec.line()).isEqualTo("perl\0" + "a".repeat(1_000) + "\0/srv/app.pl");
    assertThat(exec.truncated()).isFalse();
  }

  @Test
  void execRecord_longArguments_areCutAndSaySo() {
    var record = new byte[ExecRecord.SHORT];
    put(record, ExecRecord.ARGUMENTS, "a".repeat(ExecRecord.SHORT_ARGUMENTS));
    ByteBuffer.wrap(record)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(ExecRecord.ARGUMENT_BYTES, 1_000_000);

    var exec = ExecRecord.exec(record);

    assertThat(exec.truncated()).isTrue();
    assertThat(exec.line()).isEqualTo("a".repeat(512));
  }

  private static byte[] record() {
    var record = ByteBuffer.allocate(OwnerRecord.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(OwnerRecord.CONNECT, 19).putLong(OwnerRecord.COOKIE, 99);
    record.putLong(OwnerRecord.CGROUP, 17).putLong(OwnerRecord.START, 11);
    record.putLong(OwnerRecord.EXEC_ID, 12).putLong(OwnerRecord.INODE, 13);
    record.putInt(OwnerRecord.DEVICE, 0x1000fe).putInt(OwnerRecord.LINKS, 0);
    record.putLong(OwnerRecord.PID_TID, (123L << 32) | 124);
    record.putLong(OwnerRecord.UID_GID, (1001L << 32) | 1000);
    record.putLong(OwnerRecord.SENDER, (125L << 32) | 126).putLong(OwnerRecord.CLOSE, 20);
    record.putLong(OwnerRecord.CHANGE_SECONDS, 14);
    record.putInt(OwnerRecord.CHANGE_NANOS, 15 | 1 << 31).putInt(OwnerRecord.PARENT, 18);
    record.put(OwnerRecord.COMM, "payments".getBytes(StandardCharsets.US_ASCII));
    record.putLong(OwnerRecord.MAGIC, 0x794c7630L).putLong(OwnerRecord.OVERLAY_UPPER, 1);
    record.putLong(OwnerRecord.SIZE, 16).putInt(OwnerRecord.MOUNT_NAMESPACE, 0xf000_0001);
    return record.array();
  }

  private static void put(byte[] record, int at, String text) {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    System.arraycopy(bytes, 0, record, at, bytes.length);
  }
}
