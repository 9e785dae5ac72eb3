package io.kith.bridge.capture;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The layout in which the exec program reports: an {@link OwnerRecord}, names and arguments. */
final class ExecRecord {
  /*
   *    0  as OwnerRecord
   *  168  length of the arguments      u64
   *  176  what was executed            256, ends with 0
   *  432  what runs                    256, ends with 0
   *  688  arguments, each ends with 0  512, or 4096 where they are longer
   * 1200, or 4784
   *
   * A reader that knows the short record only reads the first 512 of a long one.
   */
  static final int NAME_BYTES = 256;
  static final int SHORT_ARGUMENTS = 512;
  static final int LONG_ARGUMENTS = 4_096;
  static final int ARGUMENT_BYTES = OwnerRecord.BYTES;
  static final int FILENAME = ARGUMENT_BYTES + 8;
  static final int INTERPRETER = FILENAME + NAME_BYTES;
  static final int ARGUMENTS = INTERPRETER + NAME_BYTES;
  static final int SHORT = ARGUMENTS + SHORT_ARGUMENTS;
  static final int LONG = ARGUMENTS + LONG_ARGUMENTS;

  private ExecRecord() {}

  static Exec exec(byte[] record) {
    var length = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getLong(ARGUMENT_BYTES);
    var room = record.length - ARGUMENTS;
    var cut = length > room;
    return new Exec(
        OwnerRecord.owner(record, true),
        OwnerRecord.text(record, FILENAME, NAME_BYTES),
        OwnerRecord.text(record, INTERPRETER, NAME_BYTES),
        line(record, (int) Math.max(0, Math.min(room, length))),
        cut);
  }

  /** Without the zero behind the last. */
  private static String line(byte[] record, int length) {
    var ends = length > 0 && record[ARGUMENTS + length - 1] == 0;
    return new String(record, ARGUMENTS, ends ? length - 1 : length, UTF_8);
  }
}
