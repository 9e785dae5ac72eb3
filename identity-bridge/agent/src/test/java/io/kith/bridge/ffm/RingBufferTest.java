package io.kith.bridge.ffm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a later reader has again, of a buffer in a file that is laid out as the kernel's. The
 * kernel's own is read in {@code SocketOwnersKernelTest}.
 */
class RingBufferTest {
  private static final int READ_WRITE = 2;
  private static final int DISCARDED = 1 << 30;
  private static final int EVENT_BYTES = 56;
  private static final int STEP = EVENT_BYTES + 8;
  private static final int SIZE = Libc.pageBytes();

  /** So many events fill a quarter. */
  private static final int QUARTER = SIZE / 4 / STEP;

  @TempDir private Path folder;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private FileChannel file;
  private long produced;
  private int events;

  @BeforeEach
  void make() throws IOException {
    file =
        FileChannel.open(
            folder.resolve("ring"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    put(4L * SIZE - 8, number(0));
  }

  @AfterEach
  void close() throws Exception {
    while (!open.isEmpty()) {
      open.pop().close();
    }
    file.close();
  }

  /** It was handed over for ever, and none behind it. */
  @Test
  void read_eventWhoseHandlingThrows_isPassedOver() throws Exception {
    produce(3, 0);
    var ring = reader();
    var mistake = new AssertionError("of an event");

    assertThatThrownBy(
            () -> {
              var _ =
                  ring.read(
                      0,
                      event -> {
                        throw mistake;
                      });
            })
        .isSameAs(mistake);

    assertThat(read(ring)).isEqualTo(numbers(1, 3));
  }

  @Test
  void readAgain_firstReader_hasNothing() throws Exception {
    produce(3, 0);

    assertThat(readAgain(reader())).isEmpty();
  }

  @Test
  void readAgain_nextReader_hasWhatTheFormerWasHanded_andReadsOn() throws Exception {
    produce(10, 0);
    assertThat(read(reader())).isEqualTo(numbers(0, 10));
    produce(2, 0);
    var next = reader();

    assertThat(readAgain(next)).isEqualTo(numbers(0, 10));
    assertThat(read(next)).isEqualTo(numbers(10, 12));
    assertThat(readAgain(reader())).isEqualTo(numbers(0, 12));
  }

  @Test
  void readAgain_afterManyEvents_hasTheLast() throws Exception {
    var former = reader();
    for (var i = 0; i < 50; i++) {
      produce(7, 0);
      assertThat(read(former)).hasSize(7);
    }

    var again = readAgain(reader());

    assertThat(again).isEqualTo(numbers(350 - again.size(), 350));
    assertThat(again).hasSizeBetween(QUARTER, 3 * QUARTER);
  }

  /** The next reader's own quarter begins where it was opened. */
  @Test
  void readAgain_afterReadersInTurn_hasTheLast() throws Exception {
    for (var i = 0; i < 50; i++) {
      produce(7, 0);
      assertThat(read(reader())).hasSize(7);
    }
    produce(2 * QUARTER, 0);
    var last = reader();
    assertThat(read(last)).hasSize(2 * QUARTER);

    var again = readAgain(reader());

    assertThat(again).isNotEmpty().isEqualTo(numbers(events - again.size(), events));
  }

  @Test
  void readAgain_placeTakenByNewerEvents_hasNothing_andNoneOfThemIsLost() throws Exception {
    produce(10, 0);
    assertThat(read(reader())).hasSize(10);
    produce(4 * QUARTER - 10, 0);
    var next = reader();

    assertThat(readAgain(next)).isEmpty();
    assertThat(read(next)).isEqualTo(numbers(10, 4 * QUARTER));
  }

  @Test
  void readAgain_discarded_isLeftOut() throws Exception {
    produce(1, 0);
    produce(1, DISCARDED);
    produce(1, 0);
    assertThat(read(reader())).containsExactly(0, 2);

    assertThat(readAgain(reader())).containsExactly(0, 2);
  }

  /** Those behind it were lost. */
  @Test
  void readAgain_eventWhoseHandlingThrows_isPassedOver() throws Exception {
    produce(3, 0);
    assertThat(read(reader())).hasSize(3);
    var ring = reader();
    var found = new ArrayList<Integer>();
    var mistake = new AssertionError("of an event");

    assertThatThrownBy(
            () -> {
              var _ =
                  ring.readAgain(
                      event -> {
                        if (numberOf(event) == 1) {
                          throw mistake;
                        }
                        found.add(numberOf(event));
                      });
            })
        .hasMessage("1 of 3 events were not taken")
        .hasCause(mistake);

    assertThat(found).containsExactly(0, 2);
  }

  /** A position that no reader wrote leads nowhere, and ends. */
  @Test
  void readAgain_whereNoEventBegins_hasNothing() throws Exception {
    produce(10, 0);
    assertThat(read(reader())).hasSize(10);
    put(2L * SIZE, number(SIZE));

    assertThat(readAgain(reader())).isEmpty();
  }

  private RingBuffer reader() throws KernelException {
    var map = new Descriptor(Libc.open(folder.resolve("ring").toString(), READ_WRITE));
    open.push(map);
    var ring = new RingBuffer(map, SIZE);
    open.push(ring);
    return ring;
  }

  /** The next events, as the kernel would write them. */
  private void produce(int count, int flags) throws IOException {
    for (var i = 0; i < count; i++) {
      var event = ByteBuffer.allocate(STEP).order(ByteOrder.LITTLE_ENDIAN);
      event.putInt(EVENT_BYTES | flags).putInt(0).put(Integer.toString(events++).getBytes(UTF_8));
      var at = produced % SIZE;
      put(2L * SIZE + at, event.clear());
      put(3L * SIZE + at, event.clear());
      produced += STEP;
      put(SIZE, number(produced));
    }
  }

  private static ByteBuffer number(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value);
  }

  private void put(long at, ByteBuffer bytes) throws IOException {
    for (var next = at; bytes.hasRemaining(); ) {
      next += file.write(bytes, next);
    }
  }

  private static List<Integer> read(RingBuffer ring) {
    var found = new ArrayList<Integer>();
    var _ = ring.read(0, event -> found.add(numberOf(event)));
    return found;
  }

  private static List<Integer> readAgain(RingBuffer ring) {
    var found = new ArrayList<Integer>();
    var count = ring.readAgain(event -> found.add(numberOf(event)));
    assertThat(found).hasSize(count);
    return found;
  }

  private static int numberOf(byte[] event) {
    return Integer.parseInt(new String(event, UTF_8).replace("\0", ""));
  }

  private static List<Integer> numbers(int from, int to) {
    return IntStream.range(from, to).boxed().toList();
  }
}
